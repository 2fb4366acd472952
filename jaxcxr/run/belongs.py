"""What belongs to a run: the data it learns from, the weights it starts from, what it leaves.

`start.json` says so from before the first step on. Whatever joins a run to something else compares
the two here, by content: a moved folder or file goes on, another one under the same name is
refused.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from input_pipeline.identity import differences
from input_pipeline.loader import Prepared
from jaxcxr.config import changed_fields, experiment_fields
from jaxcxr.errors import InputError
from jaxcxr.files import sha256, write_json
from jaxcxr.model import read_header
from jaxcxr.parquet import read_parquet
from jaxcxr.run.directory import (
    CONFIG,
    ENVIRONMENT,
    PREDICTIONS,
    START,
    WEIGHTS,
    read_config,
)
from jaxcxr.run.inputs import open_data, trained_on, training_rows
from jaxcxr.run.learnt_labels import label_noise
from jaxcxr.run.run_files import read_start

Start = dict[str, Any]

# In `start.json` and in all that a run predicts: the stopping rule with which the test split had
# been read before the training went on beyond it.
TEST_READ = "test_read_before"


def start_of(config: ConfigDict, prepared: Prepared, labels: tuple[str, ...]) -> Start:
    """Describe what a run starts from.

    Returns:
      `data`, its identity; `weights_sha256`, None without a file; `labels`; and `run`, a digest of
      these and of the experiment's config, which names the run in all that it leaves; with noise
      in the labels also what it changed, see `jaxcxr.run.learnt_labels`.
    """
    weights = config.model.weights
    if weights:
        read_header(weights)  # says so where there is none, or it is none
    start: Start = {
        "data": prepared.identity,
        "weights_sha256": sha256(weights) if weights else None,
        "labels": list(labels),
    }
    experiment = experiment_fields(json.loads(config.to_json()))
    text = json.dumps([start, experiment], sort_keys=True)
    noise = label_noise(config, prepared, labels, training_rows(config, prepared))
    return start | {"run": hashlib.sha256(text.encode()).hexdigest()[:32]} | noise


def check_start(directory: Path, config: ConfigDict, start: Start) -> Start:
    """Stop unless the run in `directory`, if there is one, started from just this.

    Returns:
      What is recorded there, or `start` where nothing is yet.

    Raises:
      InputError: it says what differs, and how to go on.
    """
    recorded = read_start(directory)
    if recorded is not None:
        if changed := differences(recorded["data"], start["data"]):
            raise InputError(
                f"{directory}: the run learnt from other data than {config.data} holds now, which "
                f"differs in {changed}; give the data that it began with, wherever they lie, or "
                "use another --workdir"
            )
        if recorded["weights_sha256"] != start["weights_sha256"]:
            raise InputError(
                f"{directory}: the run began with the weights of sha256 "
                f"{recorded['weights_sha256']}, but {config.model.weights or 'no file'} has "
                f"{start['weights_sha256']}; give those weights, or use another --workdir"
            )
    elif (directory / CONFIG).is_file():
        _check_old(directory, config, start)
    return (recorded or start) | _test_read_before(directory, config, recorded)


def _check_old(directory: Path, config: ConfigDict, start: Start) -> None:
    """Compare what can be compared for a run that was begun before starts were kept."""
    old = read_config(directory)
    for name, before, now in (
        ("data", old.data, config.data),
        ("model.weights", old.model.weights, config.model.weights),
    ):
        if before and Path(before).resolve() != Path(now).resolve():
            raise InputError(
                f"{directory}: the run was begun before runs kept the identity of what they learn "
                f"from, so that another {name} cannot be told from the one it began with; go on "
                f"once with --config.{name}={before}, or use another --workdir"
            )
    if not (directory / WEIGHTS).is_file():
        return
    kept = read_header(directory / WEIGHTS).provenance
    check_counts(directory, kept, config, open_data(config)[0])
    began = kept.get("initialized_from", {}).get("sha256")
    if began and began != start["weights_sha256"]:
        raise InputError(
            f"{directory}: the run began with the weights of sha256 {began}, but "
            f"{config.model.weights} has {start['weights_sha256']}; give those weights, or use "
            "another --workdir"
        )


def check_counts(
    directory: Path, provenance: dict[str, Any], config: ConfigDict, prepared: Prepared
) -> None:
    """Compare the little that weights of before data had an identity say of theirs.

    Raises:
      InputError: it is not what the data hold now.
    """
    before = {
        "dataset": provenance.get("dataset"),
        "label_rules": provenance.get("label_rules"),
        "recipe_hash": provenance.get("recipe_hash"),
        "trained_on": provenance.get("trained_on"),
    }
    now = {name: prepared.cohort.get(name) for name in before} | {
        "trained_on": trained_on(config, prepared)
    }
    differing = [
        f"{name} {value} before, {now[name]} now"
        for name, value in before.items()
        if value is not None and value != now[name]
    ]
    if differing:
        raise InputError(
            f"{directory}: the run learnt from other data than {config.data} holds now "
            f"({'; '.join(differing)}); put back the data that it began with, or use another "
            "--workdir"
        )
    if (directory / PREDICTIONS).is_file():
        _check_predicted(directory, prepared)


def _check_predicted(directory: Path, prepared: Prepared) -> None:
    """Compare the images and labels that a run has predicted with what the data hold now."""
    path = directory / PREDICTIONS
    predicted = read_parquet(path, "predictions", "remove it, and predict again").to_pandas()
    for split, rows in predicted.groupby("split"):
        records = prepared.records(str(split))
        names = [name for name in prepared.labels if f"label:{name}" in rows]
        same = (
            rows["image_id"].tolist() == records["image_id"].tolist()
            and (
                rows[[f"label:{name}" for name in names]].to_numpy() == records[names].to_numpy()
            ).all()
        )
        if not same:
            raise InputError(
                f"{directory}: the run learnt from other data than {prepared.path} holds now: its "
                f"{split} images or their labels are not those that it predicted; put back the "
                "data that it began with, or use another --workdir"
            )


def _test_read_before(directory: Path, config: ConfigDict, recorded: Start | None) -> Start:
    """Mark a run that is to train longer once its test split has told how well it went."""
    recorded = recorded or {}
    read = (directory / PREDICTIONS).is_file() or bool(recorded.get("test_read"))
    if TEST_READ in recorded or not read or not (directory / CONFIG).is_file():
        return {}
    old = read_config(directory)
    longer = config.epochs > old.epochs or config.patience > old.patience
    return {TEST_READ: {"epochs": old.epochs, "patience": old.patience}} if longer else {}


def claim(directory: Path, config: ConfigDict, start: Start) -> bool:
    """Record the run in its directory, once everything is known to fit together.

    Returns:
      Whether it is one that was begun before starts were kept.
    """
    from jaxcxr.run.environment import environment

    recorded = read_start(directory)
    adopted = recorded is None and (directory / CONFIG).is_file()
    if recorded != start:
        write_json(directory / START, start | ({"adopted": True} if adopted else {}))
    write_json(directory / CONFIG, json.loads(config.to_json()))
    write_json(directory / ENVIRONMENT, environment())
    return adopted


def note_test_read(directory: Path) -> None:
    """Note in the run that its test split has been read, where one may write there."""
    start = read_start(directory)
    if start is not None and not start.get("test_read"):
        with suppress(PermissionError):  # somebody else's run, who has not read it
            write_json(directory / START, start | {"test_read": True})


def check_checkpoints(directory: Path, start: Start, progress: dict[str, Any]) -> None:
    """Stop where checkpoints that lie with a run are of another.

    Raises:
      InputError: they are.
    """
    recorded = read_start(directory)
    old = (directory / CONFIG).is_file() if recorded is None else bool(recorded.get("adopted"))
    _check_same_run(directory, "the checkpoints", progress.get("run"), start["run"], old)


def _check_same_run(directory: Path, what: str, run: str | None, own: str, old: bool) -> None:
    """Compare ids of runs; what says none was made before there were any, as `old` runs are."""
    if run != own and not (run is None and old):
        raise InputError(
            f"{directory}: {what} there are of another run ({run or 'it is not named'}) than "
            f"this one ({own}); put back what belongs there, or use another --workdir"
        )


def check_weights(directory: Path, provenance: dict[str, Any]) -> None:
    """Stop where the kept weights are not of the run that they lie with.

    Raises:
      InputError: they are of another.
    """
    start = read_start(directory)
    if start is not None:
        old = bool(start.get("adopted"))
        _check_same_run(
            directory, f"the weights {WEIGHTS}", provenance.get("run"), start["run"], old
        )
    config = json.loads(read_config(directory).to_json())
    changed = changed_fields(provenance.get("config", config), config)
    if changed:
        raise InputError(
            f"{directory / WEIGHTS}: was trained with another config than {CONFIG} beside it says "
            f"({'; '.join(changed)}); put back what belongs there, or train in another --workdir"
        )


def check_predictions(directory: Path, origin: dict[str, Any]) -> None:
    """Stop where the predictions that lie with a run are not of its weights.

    Raises:
      InputError: they are not.
    """
    if origin.get("weights_sha256") != sha256(directory / WEIGHTS):
        raise InputError(
            f"{directory / PREDICTIONS}: is not of {WEIGHTS} beside it; run the command of the "
            "run again, which predicts again"
        )


def open_run_data(directory: Path, origin: dict[str, Any], data: Path | None = None) -> Prepared:
    """Open the prepared dataset that a run learnt from.

    Args:
      directory: of the run.
      origin: the provenance of its weights.
      data: where it lies, if not where the config says.

    Raises:
      InputError: there is none at the place that the config names, or it is another now.
    """
    config = read_config(directory)
    if data is not None:
        config.data = str(data)
    prepared, _ = open_data(config)
    if origin.get("data") is None:
        check_counts(directory, origin, config, prepared)
    elif changed := differences(origin["data"], prepared.identity):
        raise InputError(
            f"{directory}: the run learnt from other data than {config.data} holds now, which "
            f"differs in {changed}; put back the data that it learnt from, or name other data "
            "with --data"
        )
    return prepared
