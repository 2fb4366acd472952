"""What the numbers of a table are, in words: labels of an average, what brackets hold."""

from __future__ import annotations

from typing import Any


def average_name(average: dict[str, Any]) -> str:
    """Name an average after how many labels it is over."""
    return f"Average of {len(average['labels'])}"


def all_labels_name(average: dict[str, Any]) -> str:
    """Name the value of all labels, of which no interval can be trusted."""
    return f"All {len(average['labels']) + len(average['left_out'])} labels"


def average_words(statistics: dict[str, Any]) -> str:
    """Say which labels an average is over, and which are left out of it."""
    average = statistics["average"]
    unit, least = statistics["bootstrap"]["unit"], average["least_patients"]
    rule = f"at least {least} {unit}s in the smaller class"
    if not average["labels"]:
        return f"No average with an interval: no label has {rule}."
    named = ", ".join(average["labels"])
    words = f"Averages are over labels with {rule}: {named}."
    if average["left_out"]:
        words += f" Too few: {', '.join(average['left_out'])}."
    return words


def comparison_words(statistics: dict[str, Any]) -> str:
    """Say what the brackets and p-values of a comparison are, and over how many trainings."""
    comparison = statistics["comparison"]
    first, second = comparison["trainings"]
    family = "q by Benjamini-Hochberg over the labels that the average counts"
    if first == second == 1:
        return (
            f"{interval_words(statistics, 'percentile')}; two trained models, p two-sided from the "
            "paired redraws, or DeLong's with Student's t (with its interval) where a class has "
            f"fewer than 20 {statistics['bootstrap']['unit']}s, {family}; detectable: the smallest "
            "true difference found with a power of 80%"
        )
    level = f"{100 * statistics['bootstrap']['level']:g}%"
    unit = statistics["bootstrap"]["unit"]
    return (
        f"percent, with {level} interval over {unit}s and trainings ({first} against {second}; "
        f"Obuchowski-Rockette, Hillis); p two-sided, {family}"
    )


def images_and_patients(statistics: dict[str, Any]) -> str:
    """Say how many images there are, and of how many patients where that is known."""
    images = f"{statistics['images']:,} images"
    patients = statistics["patients"]
    return images if patients is None else f"{images} of {patients:,} patients"


def interval_words(statistics: dict[str, Any], interval: str | None = None) -> str:
    """Say what the brackets hold."""
    settings = statistics["bootstrap"]
    if "trainings" in statistics and interval is None:
        return (
            f"percent, mean of {len(statistics['trainings'])} trainings with "
            f"{100 * settings['level']:g}% interval over {settings['unit']}s and trainings"
        )
    kind = interval or settings["interval"]
    kinds = {
        "bca": "BCa (AUC, AP) or percentile",
        "delong": "DeLong t (AUC of a label), logit (its AP) or percentile",
    }
    kind = kinds.get(kind, kind)
    return (
        f"percent, with {100 * settings['level']:g}% {kind} interval; "
        f"{settings['resamples']:,} redraws by {settings['unit']}, seed {settings['seed']}"
    )
