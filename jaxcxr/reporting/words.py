"""Numbers with intervals, and settings, as a report says them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcxr.results.captions import interval_words


def with_interval(estimate: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    """Write "0.842 (0.810 to 0.871)", "0.842 (no interval)", or a hyphen."""
    if estimate is None or estimate.get("value") is None:
        return "-"
    form = "{:+.3f}" if signed else "{:.3f}"
    value = form.format(estimate["value"])
    low, high = estimate.get("low"), estimate.get("high")
    if low is None or high is None:
        return f"{value} (no interval)"
    return f"{value} ({form.format(low)} to {form.format(high)})"


def level_words(level: float) -> str:
    """Write "95 %"."""
    return f"{100 * level:g} %"


def listed(names: Sequence[object], most: int | None = None) -> str:
    """Join names by commas, at `most` so many of them."""
    shown = [str(name) for name in names[:most]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def interval_sentence(statistics: dict[str, Any]) -> str:
    """Say how the intervals of `statistics.json` were made."""
    words = interval_words(statistics).removeprefix("percent, with ")
    return f"Intervals: {words}."


def average_sentence(statistics: dict[str, Any]) -> str:
    """Say the average AUC and which labels it is over; why there is none if so."""
    average = statistics["average"]
    if not average["metrics"]:
        return (
            "No average with an interval: no label has enough "
            f"{statistics['bootstrap']['unit']}s in its smaller class."
        )
    least = average.get("least_patients")
    rule = (
        ""
        if least is None
        else (
            f", those with at least {least} {statistics['bootstrap']['unit']}s in the smaller class"
        )
    )
    auc = with_interval(average["metrics"]["auc"])
    over = f"{len(average['labels'])} labels" if len(average["labels"]) != 1 else "1 label"
    return f"Average AUC over {over}{rule}: {auc} ({listed(average['labels'])})."
