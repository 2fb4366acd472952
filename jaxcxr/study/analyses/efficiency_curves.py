"""The label-efficiency curves: average AUC against the share of training patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxcxr.results.plots import STYLE, drawable, save_figure
from jaxcxr.study.analyses.figures import COLORS, Drawing
from jaxcxr.study.analyses.label_efficiency import EfficiencyRow

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHES = {"Full": "-", "LoRA": "--", "Linear probe": ":"}


def draw_efficiency(out: Path, rows: Sequence[EfficiencyRow]) -> list[Drawing]:
    """Draw `label_efficiency_LABELSET`: a panel a dataset, a curve an initialization."""
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
                    f"label_efficiency_{label_set}",
                    f"AUC against the share of training patients, labels {label_set}",
                    f"Curves of the average AUC of {' and '.join(titles)} against the share of "
                    "training patients, a panel a dataset, bands of 95 % intervals. The numbers "
                    "are in the table.",
                )
            )
            save_figure(_panels(chosen, titles), out / drawn[-1].name)
    return drawn


def _panels(rows: Sequence[EfficiencyRow], titles: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure

    datasets = list(dict.fromkeys(row.dataset for row in rows))
    ticks = sorted({row.percent_of_patients for row in rows})
    columns = min(3, len(datasets))
    lines = -(-len(datasets) // columns)
    figure = Figure(figsize=(max(3 * columns, 4), 2.6 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, dataset in zip(panels.ravel(), datasets, strict=False):
        for training in dict.fromkeys(row.training for row in rows):
            for title, color in zip(titles, COLORS, strict=False):
                points = [
                    (row.percent_of_patients, row.auc, row.low, row.high)
                    for row in rows
                    if (row.dataset, row.training, row.initialization) == (dataset, training, title)
                ]
                if not points:
                    continue
                x, auc, low, high = np.array(sorted(points), float).T
                name = title if training == "Full" else f"{title}, {training}"
                axes.plot(
                    x, auc, _DASHES[training], marker="o", ms=3, color=color, label=drawable(name)
                )
                axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set(xlabel="Training patients [%]", ylabel="Average AUC [%]")
        axes.set_title(dataset, fontsize=9)
        axes.grid(axis="y", color="#e3e3e3", lw=0.6)
    for axes in panels.ravel()[len(datasets) :]:
        axes.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure
