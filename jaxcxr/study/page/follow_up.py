"""Where a study differs from the follow-up paper (arXiv 2510.07191), told from its own runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.probing.floor import FLOOR, read_floor
from jaxcxr.results.predictions import read_predictions
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.page.answer import LEVEL
from jaxcxr.study.planning.asked_config import experiment_config, experiment_spec
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment, Plan

Records = list[dict[str, Any]]


def follow_up_table(study: Study, plan: Plan, tables: Sequence[Table]) -> Table:
    """Set the paper's weak points beside what was done here, and what that found.

    Args:
      study, plan: whose runs.
      tables: of the analyses; those of image sizes and of equivalence are read.
    """
    done = [one for one in plan.experiments.values() if one.job().is_done]
    header = ("topic", "paper", "here", "found here")
    found = {table.name: _records(table) for table in tables}
    sizes, differences = found.get("resolution", []), found.get("resolution_differences", [])
    rows = [
        (
            "test images",
            "features of frozen models were drawn once under a random flip and rotation, those of "
            "test images too",
            "flips and rotations are of training images alone; each training is measured against "
            "a logistic regression on its frozen initial features, without either",
            _floors(done),
        ),
        (
            "tests",
            "stars where two separate intervals do not overlap; one-sided p in the direction "
            "found; no correction for many tests",
            "differences of paired models, two-sided, adjusted within each question",
            _tests(sizes, differences),
        ),
        (
            "validation",
            "on VinDr-CXR and VinDr-PCXR the test images chose the epoch",
            "the epoch is chosen on images of the training set that are kept apart",
            _splits(done),
        ),
        (
            "patches",
            "DINOv2 has patches of 14 pixels: of 512 it drops 8",
            "the same where a study asks for it (partial_patches), and said so",
            _dropped(study, done),
        ),
        (
            "no difference",
            "'comparable at 224 px' and 'no benefit in children', without a test",
            "two one-sided tests against a margin set before",
            _equivalent(found.get("equivalence", []), differences),
        ),
    ]
    title = "Where this differs from the paper"
    return Table("differences_from_paper", title, header, rows, ("The paper: arXiv 2510.07191.",))


def _records(table: Table) -> Records:
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def _floors(done: Sequence[Experiment]) -> str:
    floors = [read_floor(one.directory / FLOOR) for one in done]
    both = [
        (one.kept["validation_auc"], one.validation_auc)
        for one in floors
        if one is not None and one.kept.get("validation_auc") is not None
    ]
    if not both:
        return "no floor was measured"
    above = sum(reached > floor for reached, floor in both)
    return f"{above} of {_trainings(len(both))} ended above that floor on validation images"


def _tests(sizes: Records, differences: Records) -> str:
    ends = {row["runs"]: row for row in sizes if row["label"] == AVERAGE and row["low"] is not None}
    decided = hidden = one_sided = total = 0
    for row in differences:
        runs = row["runs"].split()
        half = len(runs) // 2
        pair = [ends.get(" ".join(part)) for part in (runs[:half], runs[half:])]
        if row["label"] != AVERAGE or row["adjusted p"] is None or None in pair:
            continue
        first, second = pair
        assert first is not None and second is not None
        overlap = first["low"] <= second["high"] and second["low"] <= first["high"]
        total += 1
        decided += row["adjusted p"] < LEVEL
        hidden += row["adjusted p"] < LEVEL and overlap
        one_sided += row["adjusted p"] >= LEVEL and row["p"] / 2 < LEVEL
    return (
        f"of {total} differences of averages between two models {decided} are decided, {hidden} of "
        f"them with intervals that overlap; {one_sided} that are not have a one-sided p below "
        f"{LEVEL:g} in the direction found"
    )


def _splits(done: Sequence[Experiment]) -> str:
    first = {one.dataset: one for one in reversed(done) if one.dataset in PAPER_DATASETS}
    return "; ".join(_split(first[name]) for name in PAPER_DATASETS if name in first)


def _split(experiment: Experiment) -> str:
    read = read_predictions(experiment.directory / PREDICTIONS)
    title = PAPER_DATASETS[experiment.dataset]
    if not (read.has("validation") and read.has("test")):
        return f"{title}: no predictions of both splits"
    chosen, tested = (read.of_split(name) for name in ("validation", "test"))
    images = len(set(chosen.image_id.tolist()) & set(tested.image_id.tolist()))
    patients = set(chosen.patient_id.tolist()) & set(tested.patient_id.tolist()) - {""}
    named = any(tested.patient_id)
    return (
        f"{title}: {len(chosen.labels):,} validation and {len(tested.labels):,} test images, "
        f"{images} in both" + (f", {len(patients)} patients in both" if named else "")
    )


def _dropped(study: Study, done: Sequence[Experiment]) -> str:
    titles = {one.name: one.title for one in study.initializations}
    found = {}
    for experiment in done:
        spec, size = experiment_spec(experiment), experiment_config(experiment).image_size
        if spec is not None and experiment.initialization in titles:
            left = spec.dropped(size)
            found[titles[experiment.initialization], size] = left
    told = [f"{title} at {size} px drops {left}" for (title, size), left in found.items() if left]
    return "; ".join([*told, "all others none" if told else "no model drops a pixel"])


def _equivalent(rows: Records, differences: Records) -> str:
    if not rows:
        return "no margin was set"
    keys = ("trained on", "dataset", "label set", "kind", "compared", "at")
    adjusted = {
        tuple(row[key] for key in keys): row["adjusted p"]
        for row in differences
        if row["label"] == AVERAGE
    }
    same = [bool(row["same"]) for row in rows]
    decided = [(adjusted.get(tuple(row[key] for key in keys)) or 1) < LEVEL for row in rows]
    neither = sum(not one and not other for one, other in zip(same, decided, strict=True))
    return (
        f"of {len(rows)} differences {sum(same)} are shown to lie within the margin, "
        f"{sum(decided)} to differ from zero; {neither} are neither"
    )


def _trainings(count: int) -> str:
    return f"{count} training{'' if count == 1 else 's'}"
