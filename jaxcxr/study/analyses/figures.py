"""Figure 3, how the labels' AUCs spread, and Figure 4, the ROC curves, after the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.plots import BLUE, GREY, ORANGE, STYLE, drawable, save_figure
from jaxcxr.stats import curve
from jaxcxr.study.analyses.captions import titled
from jaxcxr.study.analyses.families import AVERAGE
from jaxcxr.study.analyses.paired import Measured, Paired
from jaxcxr.study.analyses.paper_tables import Difference
from jaxcxr.study.planning.definition import FIRST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE)
STYLES = ("-", ":")


@dataclass(frozen=True)
class Drawing:
    """A figure of the report, drawn as `NAME.svg` and `NAME.png`.

    Attributes:
      name: of its files, without suffix.
      title: its caption.
      alt: what it shows, for who cannot see it.
    """

    name: str
    title: str
    alt: str


def write_figures(
    out: Path, comparisons: Sequence[Measured], tests: Sequence[Difference], beside: str = FIRST
) -> list[Drawing]:
    """Draw `figure3_QUESTION` and `figure4_QUESTION_DATASET`, each `.svg` and `.png`.

    A question is the label set, and the pair where a grid has several. `beside` is the paper whose
    numbers figures have.
    """
    import matplotlib as mpl

    drawn = []
    with mpl.rc_context(STYLE):
        for question in dict.fromkeys(one.paired.question for one in comparisons):
            chosen = [one for one in comparisons if one.paired.question == question]
            first, second = chosen[0].paired.titles
            drawn.append(
                Drawing(
                    f"figure3_{question}",
                    titled(beside, "Figure 3", f"AUC of each label, {first} against {second}"),
                    f"Box plots of the AUCs of all labels, one pair of boxes a dataset: {first} "
                    f"and {second}. The numbers are in the tables.",
                )
            )
            save_figure(_boxes(chosen, tests), out / drawn[-1].name)
            for one in chosen:
                if not one.estimable.any():
                    continue
                dataset = PAPER_DATASETS[one.paired.dataset]
                drawn.append(
                    Drawing(
                        f"figure4_{question}_{one.paired.dataset}",
                        titled(
                            beside, "Figure 4", f"ROC curves on {dataset}, {first} against {second}"
                        ),
                        f"ROC curves of every label of {dataset}, {first} solid and {second} "
                        "dotted, each with its AUC. The numbers are in the tables.",
                    )
                )
                save_figure(_curves(one), out / drawn[-1].name)
    return drawn


def _boxes(comparisons: Sequence[Measured], tests: Sequence[Difference]) -> Figure:
    """One pair of boxes a dataset: quartiles, median, mean, labels beyond 1.5 box lengths."""
    from matplotlib.figure import Figure

    # One dataset's boxes are narrower than the sentence above them.
    width = max(1.3 + 1.35 * len(comparisons), 5.4)
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    axes: Axes = figure.subplots()
    averages = {
        (row.dataset, row.label_set, row.first, row.second): row.adjusted_p
        for row in tests
        if row.label == AVERAGE
    }
    for place, measured in enumerate(comparisons):
        paired = measured.paired
        auc = 100 * measured.values["auc"][:, measured.estimable]
        if not auc.size:
            continue
        for which, color in enumerate(COLORS):
            at = place + (-0.2, 0.2)[which]
            drawn = axes.boxplot(
                auc[which],
                positions=[at],
                widths=0.32,
                showmeans=True,
                medianprops={"color": color},
                boxprops={"color": color},
                whiskerprops={"color": color},
                capprops={"color": color},
                flierprops={"markeredgecolor": color, "markersize": 4},
                meanprops={"markerfacecolor": color, "markeredgecolor": color, "markersize": 5},
            )
            if place == 0:
                drawn["boxes"][0].set_label(drawable(paired.titles[which]))
        first, second = paired.titles
        p = averages.get((PAPER_DATASETS[paired.dataset], paired.label_set, first, second))
        words = "p -" if p is None else f"p {'<' if p < 0.001 else '='} {max(p, 0.001):.3f}"
        axes.annotate(words, (place, auc.max()), (0, 10), textcoords="offset points", ha="center")
    names = [PAPER_DATASETS[one.paired.dataset] for one in comparisons]
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set(ylabel="AUC of each label [%]", xlim=(-0.6, len(names) - 0.4))
    axes.margins(y=0.12)
    axes.grid(axis="y", color="#e3e3e3", lw=0.6)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    # In lines that fit beside a single dataset.
    figure.suptitle(
        "Triangle: mean over all labels. p: of the average over\n"
        "labels with enough patients, two-sided, by Holm",
        fontsize=8,
    )
    return figure


def _curves(measured: Measured) -> Figure:
    """One panel a label; the first initialization solid, the second dotted."""
    from matplotlib.figure import Figure

    paired = measured.paired
    shown = np.flatnonzero(measured.estimable)
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(max(2.6 * columns, 3.6), 2.8 * lines + 0.5), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, label in zip(panels.ravel(), shown, strict=False):
        _panel(axes, measured, int(label))
    for axes in panels.ravel()[len(shown) :]:
        axes.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    seeds = paired.scores.shape[1]
    of_seed = f"; curves of {paired.runs[0][0]} and its pair" if seeds > 1 else ""
    figure.suptitle(f"{PAPER_DATASETS[paired.dataset]}: AUC, mean ± sd [95% CI], %{of_seed}")
    return figure


def roc_points(paired: Paired, which: int, label: int) -> tuple[np.ndarray, np.ndarray]:
    """1 - specificity and sensitivity of one curve, of the first seed."""
    points = curve(paired.labels[:, label], paired.scores[which, 0, :, label])
    return 1 - points.specificity, points.sensitivity


def _panel(axes: Axes, measured: Measured, label: int) -> None:
    paired = measured.paired
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.6)
    words = []
    for which, (color, style) in enumerate(zip(COLORS, STYLES, strict=True)):
        x, y = roc_points(paired, which, label)
        axes.plot(x, y, style, color=color, lw=1.5, label=drawable(paired.titles[which]))
        found, sd = measured.column("auc", which, label)
        numbers = [100 * float(value) for value in (found.mean, sd, found.low, found.high)]
        spread = "{:.1f} ± {:.1f} [{:.1f}, {:.1f}]".format(*numbers)
        alone = f"{100 * float(found.value):.1f}, no interval"  # a class is one patient
        words.append(spread if measured.spread_known[label] else alone)
    for line, (text, color) in enumerate(zip(words, COLORS, strict=True)):
        axes.text(0.98, 0.13 - 0.1 * line, text, color=color, ha="right", fontsize=7)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity")
    axes.set_title(drawable(paired.label_names[label]), fontsize=9)
