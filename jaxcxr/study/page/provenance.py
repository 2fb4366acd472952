"""What each run's numbers come from, for the page: files, digests, versions, commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from input_pipeline.cohort_file import read_cohort
from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.errors import InputError
from jaxcxr.probing.floor import FLOOR, read_floor
from jaxcxr.provenance import origin_of
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS
from jaxcxr.run.run_files import read_environment
from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.page.commands import below_out, evaluate_command, printed, run_path
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan


@dataclass(frozen=True)
class Entry:
    """Something with an origin.

    Attributes:
      id: of a run or a prepared dataset.
      title: what it is.
      anchor: its place on the page.
      facts: headings and texts.
      commands: what each does, and the command.
      warnings: sentences on what does not fit together.
    """

    id: str
    title: str
    anchor: str
    facts: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


def run_entries(
    study: Study, plan: Plan, out: Path, comparisons: Sequence[Measured]
) -> dict[str, Entry]:
    """Describe every finished run, by experiment id, in the plan's order."""
    done = [experiment for experiment in plan.experiments.values() if experiment.job().is_done]
    origins = {experiment.id: origin_of(experiment.directory / PREDICTIONS) for experiment in done}
    by_weights = {
        origin["weights_sha256"]: name
        for name, origin in origins.items()
        if "weights_sha256" in origin
    }
    rivals = _rivals(comparisons)
    left_out = {
        name: Entry(
            name,
            _title(study, plan.experiments[name]),
            f"run-{name}",
            (),
            (),
            (f"Left out of this report: {why}.",),
        )
        for name, why in plan.left_out().items()
    }
    return left_out | {
        experiment.id: _run(
            study,
            experiment,
            out,
            origins[experiment.id],
            by_weights,
            rivals.get(experiment.id, ()),
        )
        for experiment in done
    }


def _rivals(comparisons: Sequence[Measured]) -> dict[str, tuple[str, ...]]:
    """For each run of the first initialization, the run of the second with the same seed."""
    found: dict[str, tuple[str, ...]] = {}
    for one in comparisons:
        first, second = one.paired.runs[:2]
        found |= {a: (*found.get(a, ()), b) for a, b in zip(first, second, strict=True)}
    return found


def _run(
    study: Study,
    experiment: Experiment,
    out: Path,
    origin: dict[str, Any],
    by_weights: Mapping[str, str],
    rivals: Sequence[str],
) -> Entry:
    environment = read_environment(experiment.directory)
    facts = (
        (
            "Dataset",
            f"{PAPER_DATASETS.get(experiment.dataset, experiment.dataset)}, "
            f"{len(experiment.labels)} labels",
        ),
        ("Labels", ", ".join(experiment.labels)),
        ("Seed of training", str(experiment.seed)),
        ("Config file", experiment.config),
        ("Changes to it", "\n".join(_overrides(experiment, out))),
        ("Weights, sha256", origin.get("weights_sha256", "not recorded")),
        ("Started from", _start(origin, by_weights)),
        ("Which had seen, images not known", ", ".join(origin.get("saw_before") or [])),
        ("Floor", _floor(experiment)),
        ("Data", _data(experiment, origin, out)),
        ("Code", _code(origin, environment)),
        ("Ran on", _machine(environment)),
    )
    commands = [
        ("Train it, predict, evaluate", printed(experiment.job().command, out)),
        (
            "Recompute its numbers: labels.csv, curves.csv (shares, not percent)",
            _evaluate(study, experiment),
        ),
        *(
            (
                f"Recompute its differences to {rival}: comparison.csv",
                _evaluate(study, experiment, rival),
            )
            for rival in rivals
        ),
        ("Check its weights", f'sha256sum "{run_path(experiment.id, WEIGHTS)}"'),
    ]
    kept = tuple((name, text) for name, text in facts if text)
    return Entry(
        experiment.id,
        _title(study, experiment),
        f"run-{experiment.id}",
        kept,
        tuple(commands),
    )


def _evaluate(study: Study, experiment: Experiment, *rival: str) -> str:
    """Recompute the numbers of one run, over as many redraws as the report's."""
    grids = [grid for grid in study.grids if grid.label_set == experiment.label_set]
    resamples = redraws_of(study, grids[0]) if grids else study.resamples
    return evaluate_command([experiment.id], resamples, rival, least_patients=study.least_patients)


def _title(study: Study, experiment: Experiment) -> str:
    titles = {one.name: one.title for one in study.initializations}
    start = titles.get(experiment.initialization, "pre-training")
    dataset = PAPER_DATASETS.get(experiment.dataset, experiment.dataset)
    return ", ".join(
        part for part in (dataset, start, experiment.variant, f"seed {experiment.seed}") if part
    )


def _overrides(experiment: Experiment, out: Path) -> Iterator[str]:
    for name, value in experiment.overrides:
        if name != "labels":
            yield below_out(f"{name} = {value!r}", out)


def _start(origin: dict[str, Any], by_weights: Mapping[str, str]) -> str:
    before = origin.get("initialized_from")
    if not before:
        known = origin.get("initialization")
        return "random parameters, drawn with the seed" if known == "random" else "not recorded"
    digest = before.get("sha256", "")
    run = f"run {by_weights[digest]}, " if digest in by_weights else ""
    source = before.get("provenance", {}).get("source", "")
    described = f" ({source})" if source and not run else ""
    return f"{run}{before.get('file', 'a weights file')}{described}, sha256 {digest or 'unknown'}"


def _floor(experiment: Experiment) -> str:
    """Say whether the training ended above what its frozen start knew."""
    floor = read_floor(experiment.directory / FLOOR)
    if floor is None:
        return "not measured"
    verdict = floor.verdict()
    return f"{verdict[0].upper()}{verdict[1:]}."


def _data(experiment: Experiment, origin: dict[str, Any], out: Path) -> str:
    where = below_out(experiment.data, out)
    recipe = (
        f"recipe {origin.get('recipe', 'unknown')}, hash {origin.get('recipe_hash', 'unknown')}"
    )
    return f"{where}; {recipe}; label rules {origin.get('label_rules', 'unknown')}"


def _code(origin: dict[str, Any], environment: dict[str, Any]) -> str:
    version = f"jaxcxr {origin.get('tool_version', 'unknown')}"
    commit = environment.get("git_commit")
    if not commit:
        return f"{version}, no git commit recorded"
    changed = commit.endswith("+changes")
    return f"{version}, git commit {commit.removesuffix('+changes')}" + (
        ", with changes that are not committed" if changed else ""
    )


def _machine(environment: dict[str, Any]) -> str:
    if not environment:
        return ""
    packages = ", ".join(f"{name} {at}" for name, at in environment.get("packages", {}).items())
    devices = ", ".join(environment.get("devices", []))
    return f"{devices}; Python {environment.get('python', 'unknown')}, {packages}"


def data_entries(plan: Plan, out: Path) -> dict[str, Entry]:
    """Describe the prepared datasets that are still there, by their directories."""
    commands = {
        str(job.done[0].parent): tuple(
            (f"Make it: {needed}", printed(plan.data[needed].command, out))
            for needed in (*job.needs, job.id)
        )
        for job in plan.data.values()
        if job.done[0].name == "cohort.json"
    }
    found: dict[str, Entry] = {}
    for where in dict.fromkeys(experiment.data for experiment in plan.experiments.values()):
        path = Path(where) / "cohort.json"
        if path.is_file():
            title = "cannot be read"
            facts: list[tuple[str, str]] = []
            warnings: list[str] = []
            try:
                described = read_cohort(path.parent)
            except InputError as error:
                warnings.append(f"{error}.")
            else:
                title = PAPER_DATASETS.get(described["dataset"], described["dataset"])
                facts += _cohort_facts(described)
            anchor, made = f"data-{len(found) + 1}", commands.get(where, ())
            found[where] = Entry(
                below_out(where, out), title, anchor, tuple(facts), made, tuple(warnings)
            )
    return found


def _cohort_facts(described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Dataset", PAPER_DATASETS.get(described["dataset"], described["dataset"])
    counts = described.get("prepared") or described.get("images") or {}
    patients = described.get("patients") or {}
    splits = [
        f"{split} {images:,}" + (f" of {patients[split]:,} patients" if split in patients else "")
        for split, images in counts.items()
    ]
    yield "Images", ", ".join(splits)
    recipe = described.get("recipe", "unknown")
    yield "Recipe", f"{recipe}, hash {described.get('recipe_hash', 'unknown')}"
    yield "Label rules", str(described.get("label_rules", "unknown"))
    yield "Cohort, hash", str(described.get("cohort", "unknown"))
    if described.get("rejected"):
        yield "Left out as unreadable", f"{described['rejected']:,} images"
    steps = described.get("funnel") or []
    if steps:
        yield "Who is in", "; ".join(f"{one['step']}: {one['images']:,} images" for one in steps)
    settings = described.get("settings", {})
    for note in settings.get("notes") or ():
        yield "Taken so", f"{note}."
    for name, digest in settings.get("tables", {}).items():
        yield f"{name}, sha256", str(digest)
