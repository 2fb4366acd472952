"""What calls mean in use: predictive values from counts by hand, curves of the runs' statistics."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve
from study.synthetic_runs import study

from jaxcxr.run.directory import PREDICTIONS, STATISTICS
from jaxcxr.study.analyses.acting import draw_decisions, predictive_tables
from jaxcxr.study.analyses.gathering import read_paired
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.page.views import view
from jaxcxr.study.planning.grid import plan_study


@pytest.fixture(scope="module")
def acted(finished, tmp_path_factory):
    """The plan, the tables, the drawings and their folder."""
    chosen = study()
    plan = plan_study(chosen, finished)
    read = [read_paired(chosen, plan, chosen.grids[0], name) for name in ("uka_cxr", "padchest")]
    comparisons = [measure(one, 60) for one in read]
    folder = tmp_path_factory.mktemp("acting")
    drawn = draw_decisions(folder, plan, comparisons)
    return plan, predictive_tables(plan, comparisons), drawn, folder, comparisons


def test_predictive_values_follow_from_counts_by_bayes(acted, finished):
    (table,) = acted[1]
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert {row["prevalence"] for row in rows} == {"1 %", "5 %", "20 %"}
    assert {row["run"][-2:] for row in rows} == {"s0"}  # the first training of each model
    for row in rows[::17]:
        whole = pd.read_parquet(finished / "runs" / row["run"] / PREDICTIONS)
        y, s = whole[f"label:{row['label']}"], whole[f"logit:{row['label']}"]
        chosen, tested = whole["split"] == "validation", whole["split"] == "test"
        false_rate, true_rate, thresholds = roc_curve(y[chosen], s[chosen], drop_intermediate=False)
        threshold = thresholds[np.argmax(true_rate - false_rate)]
        called, sick = s[tested] >= threshold, y[tested] == 1
        sensitivity, false = called[sick].mean(), called[~sick].mean()
        prevalence = float(row["prevalence"].split()[0]) / 100
        acted_on = prevalence * sensitivity + (1 - prevalence) * false
        assert row["PPV"] == pytest.approx(100 * prevalence * sensitivity / acted_on)
        healthy = (1 - prevalence) * (1 - false) / (1 - acted_on)
        assert row["NPV"] == pytest.approx(100 * healthy)
        assert row["LR+"] == pytest.approx(sensitivity / false)
        assert row["LR-"] == pytest.approx((1 - sensitivity) / (1 - false))
        assert row["PPV low"] < row["PPV"] < row["PPV high"]


def test_the_page_shows_ends_together_and_filters_by_prevalence(acted):
    (table,) = acted[1]
    shown = view(table, {}, {})
    assert shown.header.count("95 % interval") == 4
    assert not any(name.endswith((" low", " high")) for name in shown.header)
    facets = {shown.header[at]: values for at, values in shown.facets}
    assert facets["prevalence"] == ("1 %", "5 %", "20 %")
    at = shown.header.index("PPV") + 1
    low, high = table.rows[0][table.header.index("PPV low") :][:2]
    assert shown.rows[0][at].text == f"[{low:.2f}, {high:.2f}]"


def test_each_dataset_has_its_decision_curves(acted):
    _, _, drawn, folder, comparisons = acted
    assert [one.name for one in drawn] == ["decision_paper_uka_cxr", "decision_paper_padchest"]
    for one, measured in zip(drawn, comparisons, strict=True):
        text = (folder / f"{one.name}.svg").read_text(encoding="utf-8")
        assert "after Platt" in text and "Treat all" in text
        for label, counted in zip(measured.paired.label_names, measured.averaged, strict=True):
            assert (f">{label}<" in text) == bool(counted), label


def test_statistics_without_thresholds_or_of_before_give_no_table(acted):
    plan, _, _, folder, comparisons = acted
    kept = {}
    try:
        for measured in comparisons:
            for runs in measured.paired.runs:
                path = plan.experiments[runs[0]].directory / STATISTICS
                kept[path] = path.read_text()
                old = json.loads(kept[path])
                for of in old["labels"]:
                    of["operating_points"] = None
                    of["calibration"].pop("decision_curve")
                path.write_text(json.dumps(old))
        assert predictive_tables(plan, comparisons) == []
        assert draw_decisions(folder, plan, comparisons) == []
    finally:
        for path, text in kept.items():
            path.write_text(text)
