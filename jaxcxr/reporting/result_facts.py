"""What the files say of how well the model did, and where it fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jaxcxr.inference.rollout import read_rollout
from jaxcxr.reporting.data_facts import dataset_name
from jaxcxr.reporting.fact import Answer, Fact, Missing, counted
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.reporting.words import average_sentence, interval_sentence, listed
from jaxcxr.results.captions import images_and_patients
from jaxcxr.run.belongs import TEST_READ
from jaxcxr.stats.usable import LEAST_UNITS

STATISTICS_FILE = "statistics.json"
ROLLOUT = "attention.npz"


def _metrics(run: RunRecord) -> Answer:
    names = {
        "auc": "area under the ROC curve (AUC)",
        "average_precision": "average precision",
        "accuracy": "accuracy",
        "sensitivity": "sensitivity",
        "specificity": "specificity",
    }
    has = {name for row in run.statistics["labels"] for name in row["metrics"] or {}}
    text = f"Of each label: {listed([words for name, words in names.items() if name in has])}"
    if any(row.get("at_validation_threshold") for row in run.statistics["labels"]):
        text += ", the rates at a threshold chosen on the validation images as well"
    if any(row.get("calibration") for row in run.statistics["labels"]):
        text += "; calibration by Brier score, expected calibration error and reliability"
    if any(row.get("decision_curve") for row in run.statistics["labels"]):
        text += "; net benefit (decision curve)"
    return Fact(f"{text}.", f"{STATISTICS_FILE}: labels")


def _uncertainty(run: RunRecord) -> Answer:
    return Fact(
        f"{interval_sentence(run.statistics)} {average_sentence(run.statistics)}",
        f"{STATISTICS_FILE}: bootstrap, average",
    )


def _comparison(run: RunRecord) -> Answer:
    compared = run.statistics.get("comparison")
    if not compared:
        return Missing(
            "a comparison with another model",
            "python -m jaxcxr.evaluate PREDICTIONS --against PREDICTIONS, or a study",
        )
    return Fact("Compared with another model on the same images.", f"{STATISTICS_FILE}: comparison")


def _performance(run: RunRecord) -> Answer:
    text = f"{average_sentence(run.statistics)} Every label: see the table of performance."
    return Fact(text, f"{STATISTICS_FILE}: labels, average")


def _internal(run: RunRecord) -> Answer:
    of = images_and_patients(run.statistics)
    return Fact(
        f"Evaluated on the {run.split} partition of {dataset_name(run)}, {of}.",
        f"{STATISTICS_FILE}: split, images, patients",
    )


def _external(run: RunRecord) -> Answer:
    if not run.elsewhere:
        return Missing(
            "performance on data of another source",
            "python -m jaxcxr.predict --run RUN --data OTHER --out RUN/predictions_OTHER.parquet",
        )
    words = [
        f"{one.origin['predicted'].get('dataset', 'other data')} "
        f"({counted(len(one.labels), 'image')}, {counted(len(one.label_names), 'label')})"
        for one in run.elsewhere
    ]
    files = ", ".join(one.path.name for one in run.elsewhere)
    return Fact(f"Evaluated as well on {listed(words)}: see the tables.", files)


def _robustness(run: RunRecord) -> Answer:
    if run.robustness is None:
        return Missing(
            "AUC on disturbed images", "python -m jaxcxr.report --robustness, with the data at hand"
        )
    names = [one["name"] for one in run.robustness["disturbances"]]
    return Fact(
        f"AUC of each label on the {run.robustness['split']} images under {listed(names)}: see the "
        "table of disturbed images.",
        "robustness.json",
    )


def _explained(run: RunRecord) -> Answer:
    path = run.directory / ROLLOUT
    remedy = f"python -m jaxcxr.explain --run RUN --out RUN/{ROLLOUT}"
    if not path.is_file():
        return Missing("maps of what the model attends to", remedy)
    images = _maps(path, run.provenance["weights_sha256"])
    if images is None:
        return Missing("maps of what this model attends to: those there are not of it", remedy)
    return Fact(f"Attention rollout was computed of {counted(images, 'image')}.", ROLLOUT)


def _maps(path: Path, weights_sha256: str) -> int | None:
    maps = read_rollout(path)
    same = maps["origin"].get("weights_sha256") == weights_sha256
    return len(maps["image_id"]) if same else None


def _failures(run: RunRecord) -> Answer:
    called = [card.label for card in run.card if card.threshold is not None]
    if not called:
        return Missing(
            "errors by image: no label has a threshold, since none has both classes among the "
            "validation images",
            "a larger validation partition",
        )
    return Fact(
        f"The worst errors of {counted(len(called), 'label')}, by image: see the table.",
        "predictions.parquet: logits, labels",
    )


def _subgroups(run: RunRecord) -> Answer:
    rows = [row for row in run.statistics["subgroups"] if row["metrics"] is not None]
    if not rows:
        return Missing(
            "performance by sex, age or view: no attribute has two groups with both classes",
            "columns of sex, age and view in the publisher's table",
        )
    attributes = listed(list(dict.fromkeys(row["attribute"] for row in rows)))
    gaps = [
        f"{row['label']} ({row['attribute']} {row['subgroup']})"
        for row in rows
        if _excludes_zero((row["gap"] or {}).get("auc"))
    ]
    few = f"{len(gaps)} of {len(rows)} gaps in AUC have an interval that excludes zero"
    text = f"AUC by {attributes}: see the table. {few}" + (f": {listed(gaps, 8)}." if gaps else ".")
    return Fact(text, f"{STATISTICS_FILE}: subgroups")


def _excludes_zero(gap: dict[str, float | None] | None) -> bool:
    low, high = (gap or {}).get("low"), (gap or {}).get("high")
    return low is not None and high is not None and (low > 0 or high < 0)


def _sample_size(run: RunRecord) -> Answer:
    few = few_positives(run)
    text = f"Reached: {images_and_patients(run.statistics)} in the {run.split} partition."
    if few:
        text += (
            f" Fewer than {LEAST_UNITS} {run.statistics['bootstrap']['unit']}s with or without the "
            f"finding there: {listed(few)}; their intervals are wide or missing."
        )
    return Fact(text, f"{STATISTICS_FILE}: images, patients, labels")


def few_positives(run: RunRecord) -> list[str]:
    """Name the labels with few patients (or images) of a class among those evaluated."""
    return [
        row["label"]
        for row in run.statistics["labels"]
        if row.get("fewest_units", min(row["positives"], row["negatives"])) < LEAST_UNITS
    ]


def _output(run: RunRecord) -> Answer:
    chosen = [card.label for card in run.card if card.threshold is not None]
    without = [card.label for card in run.card if card.threshold is None]
    text = (
        "Of each label a logit, a probability after Platt's scaling fitted on the validation "
        "images, and a call where the logit reaches a threshold: the largest Youden's J on the "
        f"validation images ({listed(chosen) or 'no label'})."
    )
    if without:
        text += (
            f" Without both classes among them, so with neither scaling nor threshold: "
            f"{listed(without)}."
        )
    return Fact(text, "predictions.parquet: validation rows")


def _updating(run: RunRecord) -> Answer:
    if run.provenance.get(TEST_READ):
        return Fact(
            "The training went on after the test images had been read.",
            f"model.safetensors and start.json: {TEST_READ}",
        )
    return Fact(
        "The evaluated weights are those that the training kept, as far as the run's files say; "
        "probabilities are rescaled on the validation images alone.",
        "model.safetensors: sha256 in predictions.parquet; predictions.parquet: validation rows",
    )


def _limitations(run: RunRecord) -> Answer:
    found = list(limitations(run))
    if not found:
        return Missing("limitations that follow from the files", "the authors' judgement")
    return Fact(" ".join(found), f"{STATISTICS_FILE}; predictions.parquet; model.safetensors")


def limitations(run: RunRecord) -> list[str]:
    """Say what the files show to be weak; the authors know more."""
    found = []
    if few := few_positives(run):
        found.append(
            f"Too few {run.statistics['bootstrap']['unit']}s in the {run.split} partition to judge "
            f"{counted(len(few), 'label')}: {listed(few)}."
        )
    without = [card.label for card in run.card if card.threshold is None]
    if without:
        found.append(
            f"Without calibration and threshold, for want of validation images of both classes: "
            f"{listed(without)}."
        )
    if not run.elsewhere:
        found.append(f"Tested on {dataset_name(run)} alone, the dataset that it learnt from.")
    if seen := run.provenance.get("saw_before"):
        found.append(
            f"Its pre-training had seen images of {listed(seen)}, which ones is not known."
        )
    if run.provenance.get(TEST_READ):
        found.append("The training went on after the test images had been read.")
    if run.statistics["patients"] is None:
        found.append("Patients are not named, so that intervals take images for independent.")
    if run.provenance.get("label_rules") == "paper":
        found.append(
            "Labels are the publisher's as the study used them; whether somebody read the images "
            "anew is not recorded."
        )
    return found


FACTS: dict[str, Callable[[RunRecord], Answer]] = {
    "metrics": _metrics,
    "uncertainty": _uncertainty,
    "comparison": _comparison,
    "performance": _performance,
    "internal": _internal,
    "external": _external,
    "robustness": _robustness,
    "explained": _explained,
    "failures": _failures,
    "subgroups": _subgroups,
    "sample_size": _sample_size,
    "output": _output,
    "updating": _updating,
    "limitations": _limitations,
}
