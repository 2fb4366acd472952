"""Whether what lies in a run's directory is of one run, and of the one that the study asks for.

Each function returns a sentence that says what does not fit, empty if all does. Such a run counts
as not done: the report leaves it out and names it, and the runner tries to mend it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from input_pipeline.cohort_file import read_cohort
from input_pipeline.identity import differences
from jaxcxr.errors import InputError, reading
from jaxcxr.provenance import origin_of
from jaxcxr.run.directory import CONFIG, PREDICTIONS, STATISTICS, WEIGHTS
from jaxcxr.run.run_files import Begun, read_environment, read_start, read_statistics
from jaxcxr.small_files import read_json

if TYPE_CHECKING:
    from jaxcxr.study.planning.jobs import Experiment

REMEDY = "run its command again"

# Fields that a study leaves to the machine, or that name places whose content is compared.
_FREE = (
    "data",
    "model.weights",
    "checkpoint_every",
    "checkpoint_minutes",
    "log_every",
    "mesh.data",
    "mesh.fsdp",
    "reading.processes",
    "reading.read_ahead",
    "reading.threads",
    "wandb",
)


class Made(TypedDict):
    """The note on a job's files."""

    command: str


def note_made(out: Path, job: str, command: tuple[str, ...]) -> None:
    """Note below the study's directory by what command a job's files were made."""
    from jaxcxr.files import write_json

    write_json(out / "made" / f"{job}.json", {"command": _below(out, command)})


def made_misfit(out: Path, job: str, command: tuple[str, ...]) -> str:
    """Look at data that the study made: by the command that it would make them by now?"""
    path = out / "made" / f"{job}.json"
    if not path.is_file():  # made before that was noted
        return ""
    try:
        before = read_json(path, Made, "a note", "remove it")["command"]
    except InputError as error:
        return str(error)
    now = _below(out, command)
    return "" if before == now else f"was made by {before}, and the study now asks for {now}"


def _below(out: Path, command: tuple[str, ...]) -> str:
    """The command without the interpreter, the same wherever the study's directory lies."""
    return " ".join(command[1:]).replace(str(out.resolve()), "OUT")


def run_misfit(experiment: Experiment) -> str:
    """Look at a run that has left all its files."""
    directory = experiment.directory
    try:
        origin = origin_of(directory / PREDICTIONS)
        if origin.get("weights_sha256") != _sha256(directory / WEIGHTS):
            return f"{PREDICTIONS} is not of the weights beside it"
        if read_statistics(directory).get("predictions_sha256") != _sha256(directory / PREDICTIONS):
            return f"{STATISTICS} is not of the predictions beside it"
        read_environment(directory)  # the page shows it
        start = read_start(directory, Begun) or {}
        if start.get("run") != origin.get("run") and not (
            start.get("adopted") and "run" not in origin
        ):
            return f"{PREDICTIONS} is of another run than the one that was begun there"
        if origin.get("test_read_before"):
            return "it was trained on after its test split had been read"
        return (
            experiment.data_misfit()
            or _config_misfit(experiment, origin)
            or _weights_misfit(experiment, origin)
            or _data_misfit(experiment, origin)
        )
    except InputError as error:
        return str(error)


def cross_misfit(predictions: Path, directory: Path, data: str) -> str:
    """Look at predictions of another dataset: of the weights in `directory`, and of that data?"""
    try:
        origin = origin_of(predictions)
        if origin.get("weights_sha256") != _sha256(directory / WEIGHTS):
            return f"{predictions.name} is not of the weights beside it"
        return data_misfit(origin.get("predicted", {}).get("data"), Path(data), {})
    except InputError as error:
        return str(error)


def _config_misfit(experiment: Experiment, origin: dict[str, Any]) -> str:
    from jaxcxr.config import changed_fields, flat_fields

    path, told = experiment.directory / CONFIG, origin.get("config", {})
    config = told
    if path.is_file():
        config = read_json(path, dict[str, Any], "a run's config", REMEDY)
    if told and (changed := changed_fields(told, config)):
        return f"{PREDICTIONS} is of another config than {CONFIG} ({'; '.join(changed)})"
    trained = flat_fields(config)
    if list(origin.get("labels", experiment.labels)) != list(experiment.labels):
        return f"it is of the labels {', '.join(origin['labels'])}"
    asked = _asked(experiment)
    differing = [
        f"{name} {asked.get(name)!r}, but this run was trained with {trained.get(name)!r}"
        for name in sorted(set(asked) | set(trained))
        if name not in _FREE and asked.get(name) != trained.get(name)
    ]
    return f"the study says {'; '.join(differing)}" if differing else ""


@lru_cache(maxsize=4096)
def _asked(experiment: Experiment) -> dict[str, Any]:
    """All fields of the config that the study asks for."""
    from jaxcxr.config import flat_fields
    from jaxcxr.study.planning.asked_config import experiment_config

    return flat_fields(json.loads(experiment_config(experiment).to_json()))


def _weights_misfit(experiment: Experiment, origin: dict[str, Any]) -> str:
    asked = _asked(experiment)["model.weights"]
    began = (origin.get("initialized_from") or {}).get("sha256")
    if bool(asked) != bool(began):
        return f"it started from {'weights' if began else 'none'}, not from {asked or 'none'}"
    if not asked:
        return ""
    if Path(asked).is_file():
        same = _sha256(Path(asked)) == began
        return "" if same else f"it did not start from {asked} as it now is"
    used = origin.get("config", {}).get("model", {}).get("weights", "")
    return _place_misfit("weights", used, asked)


def _place_misfit(what: str, used: str, asked: str) -> str:
    """Compare the ends of two places, where what lay there is gone; the study may have moved."""
    same = Path(used).parts[-2:] == Path(asked).parts[-2:]
    return "" if same else f"its {what} are {used}, and {asked} is not there to compare"


def _data_misfit(experiment: Experiment, origin: dict[str, Any]) -> str:
    dataset = origin.get("dataset", experiment.dataset)
    if dataset != experiment.dataset:
        return f"it is of the dataset {dataset}"
    if (Path(experiment.data) / "cohort.json").is_file():
        return data_misfit(origin.get("data"), Path(experiment.data), origin)
    return _place_misfit("data", origin.get("config", {}).get("data", ""), experiment.data)


def data_misfit(identity: Any, data: Path, origin: dict[str, Any]) -> str:
    """Compare with prepared data, where these are still there.

    Args:
      identity: of the data that a file was made of; None where it does not say.
      data: the prepared dataset.
      origin: what else the file says, compared where there is no identity.
    """
    path = data / "cohort.json"
    if not path.is_file():
        return ""
    if identity is not None:
        changed = differences(identity, _identity(data, path.stat().st_mtime_ns))
        return f"it is of other data than {data} holds now, which differs in {changed}" * bool(
            changed
        )
    cohort = read_cohort(data)
    for name in ("dataset", "label_rules", "recipe_hash"):
        if name in origin and origin[name] != cohort.get(name):
            return f"it is of data with {name} {origin[name]}, but {data} has {cohort.get(name)}"
    return ""


def _sha256(path: Path) -> str:
    from jaxcxr.files import sha256

    with reading(path, "a file of a run", "run its command again"):
        about = path.stat()
        return _digest(sha256, path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(sha256: Any, path: Path, size: int, changed: int) -> str:
    """Digest a file once, as long as it does not change."""
    return str(sha256(path))


@lru_cache(maxsize=256)
def _identity(data: Path, changed: int) -> dict[str, str]:
    from input_pipeline.prepared import open_prepared

    return open_prepared(data).identity
