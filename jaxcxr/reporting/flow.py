"""The participants' flow as a figure: what each step left, and what it took out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.reporting.data_facts import dataset_name
from jaxcxr.reporting.document import Picture
from jaxcxr.reporting.fact import counted
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.results.plots import BLUE, GREY, STYLE, drawable, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CHARACTERS = 46  # of a line in a box


@dataclass(frozen=True)
class Step:
    """A box of the flow.

    Attributes:
      text: what was done, and what it left.
      dropped: what it took out; empty if nothing.
    """

    text: str
    dropped: str


def steps_of(run: RunRecord) -> list[Step]:
    """List the steps of a run's cohort, the last being what could be read; empty if unknown."""
    if run.prepared is None or not run.prepared.cohort.get("funnel"):
        return []
    steps, before = [], None
    for one in run.prepared.cohort["funnel"]:
        gone = 0 if before is None else before - one["images"]
        text = f"{one['step']}\n{_amount(one['images'], one['patients'])}"
        steps.append(Step(text, f"{counted(gone, 'image')} excluded" if gone else ""))
        before = one["images"]
    rejected = run.prepared.cohort.get("rejected")
    if rejected:
        left = sum(len(run.prepared.records(name)) for name in run.prepared.splits)
        excluded = f"{counted(rejected, 'image')} unreadable"
        steps.append(Step(f"readable images\n{counted(left, 'image')}", excluded))
    return steps


def partitions_of(run: RunRecord) -> list[str]:
    """Say what each partition holds."""
    found = []
    for name, part in run.partitions().items():
        named = part["patient_id"].fillna("").astype(str)
        patients = named.nunique() if len(named) and (named != "").all() else None
        found.append(f"{name}\n{_amount(len(part), patients)}")
    return found


def _amount(images: int, patients: int | None) -> str:
    text = counted(images, "image")
    return text if patients is None else f"{text} of {counted(patients, 'patient')}"


def write_flows(runs: Sequence[RunRecord], out: Path) -> tuple[Picture, ...]:
    """Draw each cohort once, beside the document `out`; nothing where no cohort is at hand."""
    import matplotlib as mpl

    pictures: dict[tuple[str, ...], Picture] = {}
    for run in runs:
        steps, parts = steps_of(run), partitions_of(run)
        key = (*(one.text for one in steps), *parts)
        if not steps or key in pictures:
            continue
        number = f"_{len(pictures) + 1}" if pictures else ""
        stem = out.with_name(f"{out.stem}_flow{number}")
        with mpl.rc_context(STYLE):
            save_figure(_drawn(steps, parts), stem)
        caption = f"Participants' flow, {dataset_name(run)}: images left after each step"
        pictures[key] = Picture(stem, f"{caption}, and the partitions ({run.name}).")
    return tuple(pictures.values())


def _drawn(steps: Sequence[Step], parts: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    texts = [_wrapped(step.text) for step in steps]
    heights = [0.17 + 0.16 * (text.count("\n") + 1) for text in texts]
    total = sum(heights) + 0.35 * len(steps) + 1.0
    figure = Figure(figsize=(7.5, total))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, 7.5)
    axes.set_ylim(0, total)
    top = total - 0.1
    for text, step, height in zip(texts, steps, heights, strict=True):
        if step is not steps[0]:
            _arrow(axes, (2.4, top + 0.35), (2.4, top))
        if step.dropped:
            _arrow(axes, (2.4, top + 0.175), (4.9, top + 0.175))
            axes.text(5.0, top + 0.175, drawable(step.dropped), va="center", color=GREY)
        _box(axes, 2.4, top - height / 2, text)
        top -= height + 0.35
    places = [7.5 * (number + 0.5) / len(parts) for number in range(len(parts))]
    for place, part in zip(places, parts, strict=True):
        _arrow(axes, (2.4, top + 0.35), (place, 0.75))
        _box(axes, place, 0.45, _wrapped(part))
    return figure


def _wrapped(text: str) -> str:
    lines = (textwrap.wrap(drawable(line), _CHARACTERS) for line in text.split("\n"))
    return "\n".join(part for parts in lines for part in parts)


def _box(axes: Axes, x: float, y: float, text: str) -> None:
    style = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": BLUE}
    axes.text(x, y, text, ha="center", va="center", bbox=style)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": GREY})
