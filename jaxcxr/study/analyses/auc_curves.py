"""Curves of the average AUC: against patients learnt from, wrong labels, or the image size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxcxr.results.plots import STYLE, drawable, save_figure
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.figures import COLORS, Drawing
from jaxcxr.study.analyses.label_efficiency import EfficiencyRow
from jaxcxr.study.analyses.scaling import ScalingRow
from jaxcxr.study.analyses.wrong_labels import NoiseRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHES = {"Full": "-", "LoRA": "--", "Linear probe": ":"}
_COLORS = (*COLORS, "#2f8f5b", "#8d4aa8", "#5b6470")  # of initializations, two in most studies


def draw_efficiency(out: Path, rows: Sequence[EfficiencyRow]) -> list[Drawing]:
    """Draw `label_efficiency_LABELSET`: a panel a dataset, a curve an initialization."""
    against = _Against("share of training patients", "Training patients [%]", _patients, log=True)
    return _draw(out, "label_efficiency", rows, against)


def draw_noise(out: Path, rows: Sequence[NoiseRow]) -> list[Drawing]:
    """Draw `label_noise_LABELSET` in the same way."""
    axis = "Positives flipped in training [%]"
    against = _Against("share of wrong training labels", axis, _flipped, log=False)
    return _draw(out, "label_noise", rows, against)


def draw_sizes(
    out: Path, name: str, rows: Sequence[ScalingRow], words: str = "image size"
) -> list[Drawing]:
    """Draw `NAME_LABELSET` in the same way, the averages alone."""
    averages = [row for row in rows if row.label == AVERAGE]
    against = _Against(words, "Image size [pixels]", _pixels, log=True)
    return _draw(out, name, averages, against)


class _Against(NamedTuple):
    """What curves are drawn against: in a sentence, on the axis, and of a row."""

    words: str
    axis: str
    of: Callable[[Any], float]
    log: bool


def _patients(row: EfficiencyRow) -> float:
    return row.percent_of_patients


def _flipped(row: NoiseRow) -> float:
    return row.percent_of_positives


def _pixels(row: ScalingRow) -> float:
    return row.image_size


def _draw(out: Path, name: str, rows: Sequence[Any], against: _Against) -> list[Drawing]:
    import matplotlib as mpl

    drawn = []
    with mpl.rc_context(STYLE):
        for label_set in dict.fromkeys(row.label_set for row in rows):
            chosen = [row for row in rows if row.label_set == label_set and row.auc is not None]
            if not chosen:
                continue
            titles = list(dict.fromkeys(row.initialization for row in chosen))
            drawn.append(
                Drawing(
                    f"{name}_{label_set}",
                    f"AUC against the {against.words}, labels {label_set}",
                    f"Curves of the average AUC of {' and '.join(titles)} against the "
                    f"{against.words}, a panel a dataset, bands of 95 % intervals. The numbers "
                    "are in the table.",
                )
            )
            save_figure(_panels(chosen, titles, against), out / drawn[-1].name)
    return drawn


def _panels(rows: Sequence[Any], titles: Sequence[str], against: _Against) -> Figure:
    from matplotlib.figure import Figure

    datasets = list(dict.fromkeys(_panel(row) for row in rows))
    ticks = sorted({against.of(row) for row in rows})
    columns = min(3, len(datasets))
    lines = -(-len(datasets) // columns)
    figure = Figure(figsize=(max(3 * columns, 4), 2.6 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, dataset in zip(panels.ravel(), datasets, strict=False):
        for training in dict.fromkeys(_training(row) for row in rows):
            for title, color in zip(titles, cycle(_COLORS), strict=False):
                points = [
                    (against.of(row), row.auc, row.low, row.high)
                    for row in rows
                    if (_panel(row), _training(row), row.initialization)
                    == (dataset, training, title)
                ]
                if not points:
                    continue
                x, auc, low, high = np.array(sorted(points), float).T
                name = title if training == "Full" else f"{title}, {training}"
                axes.plot(
                    x, auc, _DASHES[training], marker="o", ms=3, color=color, label=drawable(name)
                )
                axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
        axes.set_xscale("log" if against.log else "linear")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set(xlabel=against.axis, ylabel="Average AUC [%]")
        axes.set_title(dataset, fontsize=9)
        axes.grid(axis="y", color="#e3e3e3", lw=0.6)
    for axes in panels.ravel()[len(datasets) :]:
        axes.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panel(row: Any) -> str:
    """Name the dataset, and that which was learnt from where it is another."""
    trained_on = getattr(row, "trained_on", None)
    return f"{trained_on} on {row.dataset}" if trained_on else row.dataset


def _training(row: Any) -> str:
    return getattr(row, "training", "Full")
