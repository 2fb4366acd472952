"""Sentences on what a reader of the statistics has to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jaxcxr.results.captions import average_words


def notes(statistics: dict[str, Any]) -> list[str]:
    """Say what was left out, what could not be estimated and what contradicts."""
    said = [
        *_read_before(statistics),
        *_seen(statistics),
        *_disturbed(statistics),
        *(f"{note}." for note in statistics.get("notes", [])),
        *_labels(statistics),
        *_average(statistics),
        *_validation(statistics),
        *_micro(statistics),
        *_subgroups(statistics),
        *_comparison(statistics),
    ]
    return list(dict.fromkeys(said))  # several trainings have the same to say


def _read_before(statistics: dict[str, Any]) -> Iterator[str]:
    for which, origin in _models(statistics):
        rule = origin.get("test_read_before")
        if rule:
            yield (
                f"The model{which} was trained on after its test split had been read, when "
                f"training was to end after {rule['epochs']} epochs, with a patience of "
                f"{rule['patience']}: its numbers there are no longer those of an unseen test."
            )


def _models(statistics: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each training's predictions say of their making, with words that tell models apart."""
    own = statistics.get("trainings") or [statistics]
    yield from (("", one["origin"]) for one in own)
    against = (statistics.get("comparison") or {}).get("against_origin", {})
    others = against if isinstance(against, list) else [against]
    yield from ((" compared with", one) for one in others)


def _seen(statistics: dict[str, Any]) -> Iterator[str]:
    for which, origin in _models(statistics):
        datasets = origin.get("saw_before") or []
        if datasets:
            yield (
                f"The weights that the model{which} started from were, or may have been, trained "
                f"on {', '.join(datasets)}, on which images is not known: reported ones of these "
                "may be among them."
            )


def _disturbed(statistics: dict[str, Any]) -> Iterator[str]:
    """What was done on purpose to the labels or the images, as follow-up studies do."""
    for which, origin in _models(statistics):
        if noise := (origin.get("trained_on") or {}).get("label_noise"):
            yield (
                f"The model{which} learnt from labels made wrong on purpose: positives with "
                f"probability {noise['probability']:g}, negatives with a quarter of it. Labels of "
                "validation and test images are as they were."
            )
        if once := (origin.get("embeddings") or {}).get("augmented_once"):
            yield (
                f"The model{which} learnt from, and is tested on, images that were flipped and "
                f"turned by up to {once['rotation_degrees']:g} degrees, once, before they were "
                "embedded."
            )


# Below this number of images or patients in a class, bootstrap intervals are known to be too short.
FEW = 10
# A threshold from fewer validation positives than this is mostly chance.
FEW_VALIDATION = 20


def _labels(statistics: dict[str, Any]) -> Iterator[str]:
    unit = statistics["bootstrap"]["unit"]
    for row in statistics["labels"]:
        if not row["estimable"]:
            yield (
                f"{row['label']}: not estimable, {row['positives']:,} positive and "
                f"{row['negatives']:,} negative images."
            )
        if row["unknown"]:
            yield f"{row['label']}: {row['unknown']:,} images of unknown label left out."
        if row["fewest_units"] == 1:
            yield f"{row['label']}: a class comes from one {unit} only, so there is no interval."
        elif 1 < row["fewest_units"] < FEW:
            yield (
                f"{row['label']}: a class comes from {row['fewest_units']} {unit}s only; "
                f"{_too_short(statistics)}."
            )
        if row["fewest_units"] > 1 and row["unusable_redraws"]:
            yield (
                f"{row['label']}: {row['unusable_redraws']:,} redraws had one class only and are "
                f"left out{_others(statistics)}."
            )


def _too_short(statistics: dict[str, Any]) -> str:
    """Say which intervals of few patients are too short."""
    if statistics["bootstrap"]["interval"] == "delong":
        return "intervals over redraws (of refitted thresholds and their rates) are too short"
    return "intervals are probably too short"


def _others(statistics: dict[str, Any]) -> str:
    """Say that others were drawn in the place of unusable redraws, as the study did not."""
    resamples = statistics["bootstrap"]["resamples"]
    return "" if "paper" in statistics else f"; others were drawn, up to {resamples:,} usable ones"


def _average(statistics: dict[str, Any]) -> Iterator[str]:
    average = statistics["average"]
    yield average_words(statistics)
    if average["least_patients"] < FEW and average["labels"]:
        yield (
            f"Average: labels with fewer than {FEW} {statistics['bootstrap']['unit']}s in a class "
            "may count, and intervals of such averages tend to be too short."
        )
    if average["metrics"] and average["unusable_redraws"]:
        yield (
            f"Average: {average['unusable_redraws']:,} redraws lacked a class of some label and "
            f"are left out{_others(statistics)}."
        )


def _validation(statistics: dict[str, Any]) -> Iterator[str]:
    if "trainings" in statistics:
        yield (
            "Numbers are means over trainings. Thresholds, calibration and subgroups belong to one "
            "trained model: those of each are in the folders training_1, training_2, ..."
        )
    elif statistics["validation"] is None:
        yield (
            "No validation split in the file: sensitivity, specificity and accuracy are at "
            "thresholds chosen on the reported images themselves, which flatters them."
        )
    else:
        yield from _thresholds(statistics)
        if statistics["validation"]["shared_patients"]:
            yield (
                f"{statistics['validation']['shared_patients']:,} patients are in both the "
                "reported and the validation split: thresholds and calibration from it are not "
                "independent."
            )


def _thresholds(statistics: dict[str, Any]) -> Iterator[str]:
    points = {row["label"]: row["at_validation_threshold"] for row in statistics["labels"]}
    few = [
        f"{label} ({point['validation_positives']})"
        for label, point in points.items()
        if point and point["validation_positives"] < FEW_VALIDATION
    ]
    if few:
        yield (
            f"Thresholds chosen on fewer than {FEW_VALIDATION} positives of the "
            f"{statistics['validation']['split']} split are mostly chance, which is not in the "
            f"intervals of the rates: {', '.join(few)}."
        )


def _micro(statistics: dict[str, Any]) -> Iterator[str]:
    micro = statistics.get("micro")
    if micro is not None and len(micro["labels"]) > 1:
        auc = micro["auc"]
        ends = "-" if auc["low"] is None else f"{100 * auc['low']:.1f}, {100 * auc['high']:.1f}"
        yield (
            f"Micro average over {micro['cells']:,} cells: AUC {100 * auc['value']:.1f} [{ends}]. "
            f"{micro['warning']}"
        )


def _subgroups(statistics: dict[str, Any]) -> Iterator[str]:
    lacking = [row for row in statistics["subgroups"] if not row["estimable"]]
    if lacking:
        named = [f"{row['label']} in {row['attribute']} {row['subgroup']}" for row in lacking]
        shown = ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")
        yield f"Subgroups without both classes, not estimable: {shown}."
    few = sum(0 < row["fewest_units"] < FEW for row in statistics["subgroups"])
    if few:
        yield (
            f"{few} of {len(statistics['subgroups'])} subgroups have a class from fewer than {FEW} "
            f"{statistics['bootstrap']['unit']}s; {_too_short(statistics)}, as are those of gaps."
        )


def _comparison(statistics: dict[str, Any]) -> Iterator[str]:
    comparison = statistics.get("comparison")
    if comparison is None:
        return
    if comparison["labels_not_in_both"]:
        yield f"Not compared, in one file only: {', '.join(comparison['labels_not_in_both'])}."
    yield from _trainings(comparison)
    few = [row["label"] for row in comparison["labels"] if row["estimable"] and row["p"] is None]
    if few:
        yield f"Too few {statistics['bootstrap']['unit']}s for a test: {', '.join(few)}."
    smallest = comparison["smallest_p"]
    rows = [*comparison["labels"], comparison["average"]]
    rows = [row for row in rows if row.get("test") != "delong-t"]
    if smallest and any(row["p"] is not None and row["p"] <= smallest for row in rows):
        yield (
            f"p = {smallest:.2g} is the smallest that so many redraws can give, marked "
            "\N{LESS-THAN OR EQUAL TO}: more redraws (--resamples) may give a smaller one."
        )
    yield from _detectable(comparison, statistics["bootstrap"]["unit"])
    for row in comparison["labels"]:
        if row["disagree"]:
            yield (
                f"{row['label']}: the paired bootstrap (p {row['p']:.2g}) and DeLong's test "
                f"(p {row['delong_p']:.2g}) disagree; look at the number of positives before "
                "relying on either."
            )


def _detectable(comparison: dict[str, Any], unit: str) -> Iterator[str]:
    average = comparison["average"]
    if average["detectable"] is not None:
        words = (
            f"A true difference of the average of {100 * average['detectable']:.1f} points is "
            f"found with a power of {100 * average['power']:g}%"
        )
        needed = [
            f"{one['units']:,} {unit}s for {100 * one['difference']:g}" for one in average["needed"]
        ]
        yield words + (f"; smaller ones need {', '.join(needed)}." if needed else ".")
    tested = average["equivalence"]
    if tested and tested["equivalent_p"] is not None:
        verdicts = [
            f"{'' if tested[name] < tested['alpha'] else 'not shown to be '}{words}"
            for name, words in (("noninferior_p", "not worse"), ("equivalent_p", "the same"))
        ]
        yield (
            f"By a margin of {100 * tested['margin']:g} points the first model's average is "
            f"{' and '.join(verdicts)} ({100 * (1 - 2 * tested['alpha']):g}% interval "
            f"[{100 * tested['low']:+.1f}, {100 * tested['high']:+.1f}]). This holds only if the "
            "margin was set before the results were seen."
        )


def _trainings(comparison: dict[str, Any]) -> Iterator[str]:
    first, second = comparison["trainings"]
    if first == second == 1:
        yield (
            "This compares two trained models, not two ways to train: another training of either "
            "may give another difference. Give several trainings a side to compare these."
        )
    elif not comparison["of_initializations"]:
        single = "first" if first == 1 else "second"
        yield (
            f"The {single} model was trained once: this is about that trained model, not about the "
            "way it was trained."
        )
