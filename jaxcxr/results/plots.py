"""ROC, precision-recall, reliability and forest plots, each as SVG and PNG."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.files import atomic_path
from jaxcxr.results.captions import average_name, interval_words
from jaxcxr.results.predictions import Predictions
from jaxcxr.terminal import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by most colour-blind readers, and in grey print by their lightness.
BLUE, ORANGE, GREY = "#1f5fa8", "#d9782d", "#8a8a8a"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "jaxcxr",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold dollar signs
    "figure.dpi": 150,
}


def write_plots(
    out_dir: Path, statistics: dict[str, Any], models: Sequence[tuple[str, Predictions]]
) -> None:
    """Draw what the statistics and the predictions hold.

    Args:
      out_dir: gets `roc`, `precision_recall`, `reliability`, `decision` and `forest`, `.svg` and
        `.png`.
      statistics: of the first model, with its comparison if there are two. Of several trainings
        only the forest is drawn: a curve is of one.
      models: one or two names with the predictions of the reported split, on the same images.
    """
    import matplotlib as mpl

    rows = [row for row in statistics["labels"] if row["estimable"]]
    if not rows:
        return
    models = [(drawable(name), predictions) for name, predictions in models]
    with mpl.rc_context(STYLE):
        save_figure(_forest(statistics, models), out_dir / "forest")
        if "trainings" in statistics:
            return
        save_figure(_grid(rows, lambda axes, row: _roc(axes, row, models), models), out_dir / "roc")
        save_figure(
            _grid(rows, lambda axes, row: _precision_recall(axes, row, models), models),
            out_dir / "precision_recall",
        )
        if rows[0]["calibration"]:
            save_figure(_grid(rows, _reliability, models[:1]), out_dir / "reliability")
            save_figure(_grid(rows, _net_benefit, models[:1]), out_dir / "decision")


def save_figure(figure: Figure, stem: Path) -> None:
    """Write a figure as `stem.svg` and `stem.png`; the same numbers give the same files."""
    for suffix, metadata in ((".svg", {"Date": None}), (".png", {})):
        with atomic_path(stem.with_suffix(suffix)) as temporary, warnings.catch_warnings():
            # What the font lacks is drawn as a box in the PNG; the SVG has the character.
            warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
            figure.savefig(temporary, metadata=metadata)
        # Laying out takes a third of the time, and the first has done it.
        figure.set_layout_engine("none")


def drawable(name: str) -> str:
    """Return a name from outside as a figure may draw it: in XML, and in a legend."""
    # Of a legend matplotlib leaves out what begins with an underscore.
    return " " * name.startswith("_") + plain(name)


def _grid(
    rows: Sequence[dict[str, Any]],
    draw: Callable[[Axes, dict[str, Any]], None],
    models: Sequence[tuple[str, Predictions]],
) -> Figure:
    """Give each label a square panel."""
    from matplotlib.figure import Figure

    columns = min(4, len(rows))
    lines = -(-len(rows) // columns)
    legend = len(models) > 1
    width, height = max(2.5 * columns, 3.4), 2.65 * lines + 0.35 * legend
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    for panel, row in zip(panels.ravel(), rows, strict=False):
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        draw(panel, row)
    for panel in panels.ravel()[len(rows) :]:
        panel.set_axis_off()
    if legend:
        handles, names = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _curves(row: dict[str, Any], models: Sequence[tuple[str, Predictions]]) -> Any:
    from jaxcxr.stats import curve

    for (name, predictions), color in zip(models, (BLUE, ORANGE), strict=False):
        if row["label"] in predictions.label_names:
            column = predictions.label_names.index(row["label"])
            points = curve(predictions.labels[:, column], predictions.scores[:, column])
            yield name, color, points


def _title(axes: Axes, row: dict[str, Any], metric: str, short: str) -> None:
    found = row["metrics"][metric]
    interval = "" if found["low"] is None else f" [{found['low']:.3f}, {found['high']:.3f}]"
    axes.set_title(
        f"{drawable(row['label'])}\n{short} {found['value']:.3f}{interval}", fontsize=8.5
    )


def _roc(axes: Axes, row: dict[str, Any], models: Sequence[tuple[str, Predictions]]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls=":")
    for name, color, points in _curves(row, models):
        axes.plot(1 - points.specificity, points.sensitivity, color=color, lw=1.4, label=name)
    at = row["metrics"]
    axes.plot(1 - at["specificity"]["value"], at["sensitivity"]["value"], "o", ms=4, color=BLUE)
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity")
    _title(axes, row, "auc", "AUC")


def _precision_recall(
    axes: Axes, row: dict[str, Any], models: Sequence[tuple[str, Predictions]]
) -> None:
    prevalence = row["positives"] / (row["positives"] + row["negatives"])
    axes.axhline(prevalence, color=GREY, lw=0.7, ls=":")
    for name, color, points in _curves(row, models):
        # Before the first positive is found precision is 0, which is a line up the axis.
        seen = points.true_positives > 0
        recall, precision = points.sensitivity[seen], points.precision[seen]
        axes.plot(recall, precision, color=color, lw=1.4, label=name)
    axes.set(xlabel="Recall (sensitivity)", ylabel="Precision")
    _title(axes, row, "average_precision", "AP")


def _reliability(axes: Axes, row: dict[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls=":")
    curve = row["calibration"]["curve"]
    if row["calibration"]["ici"] is not None:
        at = np.array(curve["predicted"], float)
        low, high = (np.array(curve[end], float) for end in ("low", "high"))
        axes.fill_between(at, low, high, color=ORANGE, alpha=0.25, lw=0)
        axes.plot(at, np.array(curve["observed"], float), color=ORANGE, lw=1.2)
    bins = [b for b in row["calibration"]["bins"] if b["images"] and b["low"] is not None]
    x = np.array([b["predicted"] for b in bins])
    y = np.array([b["observed"] for b in bins])
    spread = [y - np.array([b["low"] for b in bins]), np.array([b["high"] for b in bins]) - y]
    axes.errorbar(x, y, spread, fmt="o", ms=3.5, elinewidth=0.9, color=BLUE)
    axes.set(xlabel="Predicted probability", ylabel="Observed share")
    ece = row["calibration"]["ece"]
    axes.set_title(
        f"{drawable(row['label'])}\nECE {ece['value']:.3f} (by chance {ece['floor']:.3f})",
        fontsize=8.5,
    )


def _net_benefit(axes: Axes, row: dict[str, Any]) -> None:
    """Draw a decision curve between acting on none and on all, up to where acting is of no use."""
    curve = {
        name: np.array(values, float)
        for name, values in row["calibration"]["decision_curve"].items()
        if name != "after"
    }
    at, prevalence = curve["threshold"], row["positives"] / (row["positives"] + row["negatives"])
    axes.axhline(0, color=GREY, lw=0.7, ls=":")
    axes.plot(at, curve["treat_all"], color=GREY, lw=0.9)
    axes.fill_between(at, curve["low"], curve["high"], color=BLUE, alpha=0.2, lw=0)
    axes.plot(at, curve["net_benefit"], color=BLUE, lw=1.4)
    axes.set(
        xlabel="Threshold probability", ylabel="Net benefit", ylim=(-0.3 * prevalence, prevalence)
    )
    axes.set_aspect("auto")
    axes.set_yticks([0, prevalence], ["0", f"{prevalence:.2g}"])
    scaled = {"platt": "after Platt's scaling", "nothing": "not scaled"}
    after = scaled[row["calibration"]["decision_curve"]["after"]]
    axes.set_title(f"{drawable(row['label'])}\n{after}", fontsize=8.5)


def _forest(statistics: dict[str, Any], models: Sequence[tuple[str, Predictions]]) -> Figure:
    """AUC of each label and the average; with a second model, the differences beside it."""
    from matplotlib.figure import Figure

    rows = [row for row in statistics["labels"] if row["estimable"]]
    names = [f"{drawable(row['label'])} ({row['positives']:,})" for row in rows]
    lines = [row["metrics"]["auc"] for row in rows]
    if statistics["average"]["metrics"]:
        names.append(average_name(statistics["average"]))
        lines.append(statistics["average"]["metrics"]["auc"])
    compared = statistics.get("comparison")
    height = 1.5 + 0.28 * len(names)
    figure = Figure(figsize=(9.2 if compared else 5.8, height), layout="constrained")
    panels = figure.subplots(1, 2 if compared else 1, squeeze=False, sharey=True)[0]
    place = np.arange(len(names))
    _intervals(panels[0], place, lines, BLUE)
    panels[0].set_yticks(place, names)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    panels[0].set_xlabel(f"AUC of {models[0][0]}" if compared else "AUC")
    if compared:
        found = {row["label"]: row for row in compared["labels"]} | {"Average": compared["average"]}
        wanted = [*(row["label"] for row in rows), "Average"][: len(names)]
        differences = [
            found[name] | {"value": found[name]["difference"]} if name in found else None
            for name in wanted
        ]
        panels[1].axvline(0, color=GREY, lw=0.8, ls=":")
        _intervals(panels[1], place, differences, ORANGE)
        panels[1].set_xlabel(f"Difference to {models[1][0]}")
        panels[1].tick_params(axis="y", length=0)
    figure.supxlabel(interval_words(statistics).replace("percent, with ", ""), fontsize=7)
    return figure


def _intervals(axes: Axes, place: np.ndarray, lines: Sequence[Any], color: str) -> None:
    for y, line in zip(place, lines, strict=True):
        if line is None or line["value"] is None:
            continue
        if line["low"] is not None:
            axes.plot([line["low"], line["high"]], [y, y], color=color, lw=1.4)
        axes.plot(line["value"], y, "s", color=color, ms=4.5)
    axes.grid(axis="x", color="#e3e3e3", lw=0.6)
    axes.set_axisbelow(True)
