"""What a call of each model means in use: likelihood ratios, predictive values, net benefit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.plots import GREY, STYLE, save_figure
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import STATISTICS
from jaxcxr.study.analyses.figures import COLORS, STYLES, Drawing
from jaxcxr.study.analyses.paired import Measured
from jaxcxr.study.analyses.row_table import Ends, row_table
from jaxcxr.study.planning.jobs import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RULES = {
    "youden": "Youden's J",
    "sensitivity": "the fixed sensitivity",
    "specificity": "the fixed specificity",
}
_COLUMNS = 4


@dataclass(frozen=True)
class PredictiveRow:
    """What the calls of one label of one run mean where so many have the finding.

    Attributes:
      dataset, label_set, initialization, label: what it is of.
      prevalence: where the model would be used.
      ppv, ppv_low, ppv_high, npv, ...: in percent, with 95 % interval.
      lr_positive, ... lr_negative, ...: likelihood ratios, the same at every prevalence; None
        where one is infinite.
      run: id of the experiment.
    """

    dataset: str
    label_set: str
    initialization: str
    label: str
    prevalence: str
    ppv: float | None
    ppv_low: float | None
    ppv_high: float | None
    npv: float | None
    npv_low: float | None
    npv_high: float | None
    lr_positive: float | None
    lr_positive_low: float | None
    lr_positive_high: float | None
    lr_negative: float | None
    lr_negative_low: float | None
    lr_negative_high: float | None
    run: str


def predictive_tables(plan: Plan, comparisons: Sequence[Measured]) -> list[Table]:
    """Collect what `statistics.json` says of the first training of each model; none without.

    Statistics without a validation split have no threshold, and old ones no such values.
    """
    rows, rules = [], set()
    for measured in comparisons:
        for which, title in enumerate(measured.paired.titles):
            run, statistics = _statistics(plan, measured, which)
            rule = statistics.get("operating_point", "")
            for of in statistics.get("labels", ()):
                at = (of.get("operating_points") or {}).get(rule)
                if at is None or "at_prevalence" not in at:
                    continue
                rules.add(_RULES[rule])
                ratios = *_ends(at["lr_positive"]), *_ends(at["lr_negative"])
                known = PAPER_DATASETS[measured.paired.dataset], measured.paired.label_set, title
                rows += [
                    PredictiveRow(
                        *(*known, of["label"], f"{100 * elsewhere['prevalence']:g} %"),
                        *_ends(elsewhere["ppv"], 100),
                        *_ends(elsewhere["npv"], 100),
                        *ratios,
                        run,
                    )
                    for elsewhere in at["at_prevalence"]
                ]
    if not rows:
        return []
    notes = [
        "PPV and NPV in percent, the shares of positive and of negative calls that are right, at "
        "prevalences of a clinic; from the likelihood ratios (LR), sensitivity / (1 - specificity) "
        "and (1 - sensitivity) / specificity, which do not depend on it. 95 % intervals are "
        "Koopman's. They take the prevalence as known, and the kind of patients as here.",
        f"At the threshold that the validation split chose by {' or '.join(sorted(rules))}; of "
        "the first training of each model. An infinite ratio has no number.",
    ]
    title = "Predictive values and likelihood ratios where the model would be used"
    return [row_table("predictive_values", title, PredictiveRow, rows, notes)]


def draw_decisions(out: Path, plan: Plan, comparisons: Sequence[Measured]) -> list[Drawing]:
    """Draw `decision_QUESTION_DATASET` of the labels with enough patients, where known."""
    import matplotlib as mpl

    drawn = []
    with mpl.rc_context(STYLE):
        for measured in comparisons:
            curves = [_curves(plan, measured, which) for which in (0, 1)]
            paired = measured.paired
            averaged = np.flatnonzero(measured.averaged)
            shown = [
                name
                for name in (paired.label_names[label] for label in averaged)
                if any(name in of_model for of_model in curves)
            ]
            if not shown:
                continue
            dataset, (first, second) = PAPER_DATASETS[paired.dataset], paired.titles
            drawn.append(
                Drawing(
                    f"decision_{paired.question}_{paired.dataset}",
                    f"Decision curves on {dataset}, {first} against {second}",
                    f"Net benefit against threshold probability with 95 % bands, a panel a label "
                    f"of {dataset}: {first} solid, {second} dotted, between treating all and none.",
                )
            )
            save_figure(_figure(measured, shown, curves), out / drawn[-1].name)
    return drawn


def _statistics(plan: Plan, measured: Measured, which: int) -> tuple[str, dict[str, Any]]:
    """Give the id and the statistics of the first training of a model."""
    run = measured.paired.runs[which][0]
    path = plan.experiments[run].directory / STATISTICS
    return run, json.loads(path.read_text(encoding="utf-8"))


def _ends(entry: dict[str, Any], times: float = 1) -> Ends:
    value, low, high = (
        None if entry[name] is None else times * entry[name] for name in ("value", "low", "high")
    )
    return value, low, high


def _curves(plan: Plan, measured: Measured, which: int) -> dict[str, dict[str, Any]]:
    """Give the decision curves of a model's first training, by label."""
    statistics = _statistics(plan, measured, which)[1]
    found = {
        of["label"]: (of.get("calibration") or {}).get("decision_curve")
        for of in statistics.get("labels", ())
    }
    return {name: curve for name, curve in found.items() if curve}


def _figure(
    measured: Measured, shown: Sequence[str], curves: Sequence[dict[str, dict[str, Any]]]
) -> Figure:
    """One panel a label: both models with bands, and treating all."""
    from matplotlib.figure import Figure

    columns = min(_COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(max(2.6 * columns, 4.6), 2.4 * lines + 0.9), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, name in zip(panels.ravel(), shown, strict=False):
        _panel(axes, measured, name, [of_model.get(name) for of_model in curves])
    for axes in panels.ravel()[len(shown) :]:
        axes.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    after = {curve["after"] for of_model in curves for curve in of_model.values()}
    told = {"platt": "after Platt's scaling", "nothing": "of the model's own probabilities"}
    words = " or ".join(told[one] for one in sorted(after, reverse=True))
    figure.suptitle(f"Net benefit {words},\nwith pointwise 95 % bands", fontsize=8)
    return figure


def _panel(
    axes: Axes, measured: Measured, name: str, curves: Sequence[dict[str, Any] | None]
) -> None:
    label = measured.paired.label_names.index(name)
    positives, negatives = (int(of[label]) for of in (measured.positives, measured.negatives))
    prevalence = positives / (positives + negatives)
    axes.axhline(0, color=GREY, lw=0.7, ls=":")
    models = zip(curves, measured.paired.titles, COLORS, STYLES, strict=True)
    for number, (curve, title, color, style) in enumerate(models):
        if curve is None:
            continue
        names = "threshold", "net_benefit", "low", "high", "treat_all"
        at, value, low, high, everyone = (np.array(curve[one], float) for one in names)
        if number == 0 or curves[0] is None:
            axes.plot(at, everyone, color=GREY, lw=0.9, label="Treat all")
        axes.fill_between(at, low, high, color=color, alpha=0.15, lw=0)
        axes.plot(at, value, style, color=color, lw=1.4, label=title)
    # Beyond, net benefit of treating all falls without end.
    axes.set(ylim=(-0.35 * prevalence, 1.1 * prevalence), xlim=(0, 1))
    axes.set_yticks([0, prevalence], ["0", f"{prevalence:.2g}"])
    axes.set(xlabel="Threshold probability", ylabel="Net benefit")
    axes.set_title(name, fontsize=9)
