"""Ours beside the paper's: with its AUCs there is agreement, with others it shows how much."""

import csv
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests
from study.synthetic_pair import paired

from input_pipeline import paper
from input_pipeline.labels import MIMIC_TRANSFER, PAPER_DATASETS, STUDIED
from jaxcxr.results.table_files import Table, tex, write_table
from jaxcxr.stats import compare, compare_trainings, trained
from jaxcxr.study.analyses.captions import average_words, drawn_words
from jaxcxr.study.analyses.contradictions import CONTRADICTIONS, notes_on
from jaxcxr.study.analyses.families import AVERAGE, family_words
from jaxcxr.study.analyses.figures import roc_points, write_figures
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.analyses.paper_tables import (
    ALL_LABELS,
    comparison_rows,
    metric_rows,
    printed,
    printed_averages,
)

REDRAWS = 100


def _auc_rows(measured, theirs):
    return metric_rows(measured, theirs, ("auc",))


@pytest.mark.parametrize("dataset", STUDIED)
def test_scores_with_the_papers_aucs_agree_with_tables_s1_to_s6_and_4(dataset):
    measured = measure(paired(dataset), REDRAWS)
    rows = _auc_rows(measured, printed("paper"))
    assert len(rows) == 2 * (len(measured.paired.label_names) + 1)
    for row in rows:
        assert row.value == pytest.approx(row.paper, abs=0.05), row
        assert row.difference == row.mean - row.paper
        assert abs(row.difference) < 0.6, row
        assert row.paper_inside, row
    averages = [r for r in _auc_rows(measured, printed_averages()) if r.label == AVERAGE]
    assert [row.paper_inside for row in averages] == [True, True]


@pytest.mark.parametrize("dataset", sorted(MIMIC_TRANSFER))
def test_scores_with_the_papers_aucs_agree_with_table_5(dataset):
    rows = _auc_rows(measure(paired(dataset, "mimic_transfer"), REDRAWS), printed("mimic_transfer"))
    assert all(row.paper_inside for row in rows)
    # The paper's average of a set is that of its labels, to its rounding.
    for row in rows:
        assert row.value == pytest.approx(row.paper, abs=0.06), row


def test_shifted_scores_are_shown_where_and_by_how_much():
    measured = measure(paired("chestxray14", shift=-8.0), REDRAWS)
    for row in _auc_rows(measured, printed("paper")):
        shifted = row.initialization == "DINOv2"
        expected = -8.0 if shifted else 0.0
        assert row.value - row.paper == pytest.approx(expected, abs=0.05)
        assert row.difference == pytest.approx(expected, abs=0.6)
        assert row.paper_inside is not shifted


def test_differences_are_those_of_the_statistics_for_one_seed():
    one = paired("padchest")
    theirs = compare(one.labels, one.scores[:, 0], resamples=REDRAWS, groups=one.patients)
    rows = comparison_rows([measure(one, REDRAWS)])
    np.testing.assert_allclose([row.difference for row in rows[:-1]], 100 * theirs.difference)
    np.testing.assert_allclose([row.low for row in rows[:-1]], 100 * theirs.interval[:, 0])
    np.testing.assert_allclose([row.p for row in rows[:-1]], theirs.p)
    assert rows[-1].p == theirs.average_p
    assert rows[-1].difference == pytest.approx(100 * theirs.average_difference)


def test_a_label_set_is_a_family_of_averages_and_one_of_labels():
    grids = [paired("vindr_cxr"), paired("uka_cxr"), paired("uka_cxr", "mimic_transfer")]
    rows = comparison_rows([measure(one, REDRAWS) for one in grids])
    for label_set, labels, averages in (("paper", 11 + 9, 2), ("mimic_transfer", 5, 1)):
        family = [row for row in rows if row.label_set == label_set]
        of_labels = [row for row in family if row.label != AVERAGE]
        of_averages = [row for row in family if row.label == AVERAGE]
        assert (len(of_labels), len(of_averages)) == (labels, averages)
        expected = false_discovery_control([row.p for row in of_labels])
        np.testing.assert_allclose([row.adjusted_p for row in of_labels], expected)
        expected = multipletests([row.p for row in of_averages], method="holm")[1]
        np.testing.assert_allclose([row.adjusted_p for row in of_averages], expected)
    assert family_words(rows) == (
        "p two-sided, adjusted within each question by Holm over 2 averages, by Benjamini-Hochberg "
        "over 20 labels (paper); by Holm over 1 average, by Benjamini-Hochberg over 5 labels "
        "(mimic_transfer)."
    )


def _two_seeds(one, other):
    return replace(one, scores=np.concatenate([one.scores, other.scores], axis=1))


def test_several_seeds_are_compared_over_seeds_as_well():
    rng = np.random.default_rng(3)
    one = paired("uka_cxr")
    moved = replace(one, scores=one.scores + rng.normal(size=one.scores.shape))
    both = _two_seeds(one, moved)
    theirs = compare_trainings(both.labels, *both.scores, groups=both.patients)
    rows = comparison_rows([measure(both, REDRAWS)])
    np.testing.assert_allclose([row.p for row in rows[:-1]], [of.p for of in theirs.labels])
    np.testing.assert_allclose(
        [row.low for row in rows[:-1]], [100 * of.low for of in theirs.labels]
    )
    assert rows[-1].p == theirs.average.p and rows[-1].trainings == 2
    assert rows[-1].high == pytest.approx(100 * theirs.average.high)
    alone = trained(both.labels, list(both.scores), groups=both.patients).judged((1, 0))
    row = next(r for r in _auc_rows(measure(both, REDRAWS), {}) if r.label == AVERAGE)
    assert (row.low, row.high) == pytest.approx((100 * alone.low, 100 * alone.high))
    of_others = metric_rows(measure(both, REDRAWS), {}, ("sensitivity",))
    assert all(0 <= r.low <= r.value <= r.high <= 100 for r in of_others)


def test_labels_of_few_patients_are_in_no_average_and_no_family():
    one = paired("uka_cxr")
    few = one.labels.copy()
    few[:, 0] = np.arange(len(few)) < 4
    measured = measure(replace(one, labels=few), REDRAWS)
    rows = metric_rows(measured, printed("paper"), ("auc",))
    by_label = {(r.label, r.initialization): r for r in rows}
    values = [by_label[name, "DINOv2"].value for name in one.label_names]
    average, every = by_label[AVERAGE, "DINOv2"], by_label[ALL_LABELS, "DINOv2"]
    assert average.value == pytest.approx(np.mean(values[1:])) and average.low is not None
    assert every.value == pytest.approx(np.mean(values)) and every.low is None
    # The paper's average is of all labels.
    assert average.paper is None
    tests = comparison_rows([measured])
    assert tests[0].low is not None and tests[0].p is tests[0].adjusted_p is None
    assert [row.label for row in tests[-2:]] == [AVERAGE, ALL_LABELS]
    assert tests[-1].difference is not None and tests[-1].low is tests[-1].p is None
    assert measured.drawn > measured.resamples == REDRAWS
    (words,) = drawn_words([measured])
    assert f"{measured.drawn} for {REDRAWS} usable ones on UKA-CXR (paper)" in words
    words = average_words([measured])
    assert "at least 10 patients" in words and f"too few patients: {one.label_names[0]})" in words


def test_seeds_are_averaged_within_each_redraw_and_their_spread_is_told():
    one = paired("uka_cxr")
    other = paired("uka_cxr", shift=-4.0)
    both = type(one)(**{**vars(one), "scores": np.concatenate([one.scores, other.scores], axis=1)})
    row = next(r for r in _auc_rows(measure(both, REDRAWS), {}) if r.initialization == "DINOv2")
    separate = [
        next(r for r in _auc_rows(measure(c, REDRAWS), {}) if r.initialization == "DINOv2")
        for c in (one, other)
    ]
    assert row.value == pytest.approx(np.mean([r.value for r in separate]))
    assert row.mean == pytest.approx(np.mean([r.mean for r in separate]))
    assert row.seed_sd == pytest.approx(np.std([r.value for r in separate], ddof=1))
    assert separate[0].seed_sd is None


def test_a_label_without_positives_is_blank_and_in_no_average():
    one = paired("uka_cxr")
    one.labels[:, 0] = 0
    measured = measure(one, REDRAWS)
    rows = _auc_rows(measured, printed("paper"))
    assert rows[0].value is None and rows[0].paper_inside is None and rows[0].paper is not None
    average = next(row for row in rows if row.label == AVERAGE)
    others = [r.value for r in rows if r.initialization == "DINOv2" and r.label != AVERAGE][1:]
    assert average.value == pytest.approx(np.mean(others))
    assert comparison_rows([measured])[0].p is None


def test_a_class_of_one_patient_has_a_value_and_no_interval(tmp_path):
    one = paired("uka_cxr")
    patients = np.where(one.labels[:, 0] == 1, "p0", one.patients)
    measured = measure(replace(one, patients=patients), REDRAWS)
    row, other = (
        next(r for r in metric_rows(measured, {}, ("auc",)) if r.label == name)
        for name in one.label_names[:2]
    )
    assert row.value is not None and other.low is not None
    assert (row.mean, row.sd, row.low, row.high) == (None,) * 4
    tested = comparison_rows([measured])[0]
    assert tested.difference is not None
    assert (tested.low, tested.high, tested.p, tested.adjusted_p) == (None,) * 4
    write_figures(tmp_path, [measured], [tested])
    drawn = (tmp_path / "figure4_paper_uka_cxr.svg").read_text()
    assert f"{row.value:.1f}, no interval" in drawn and "nan" not in drawn.lower()


def test_the_average_row_of_table_s4_has_its_columns_swapped():
    """What is said of MIMIC-CXR, from the shipped numbers themselves."""
    table = paper.table("per_label")
    mine = table[table["dataset"].eq("MIMIC-CXR") & table["pretraining"].eq("DINOv2")]
    mine = mine.assign(mean=mine["mean_percent"].astype(float))
    average = mine[mine["label"].eq(AVERAGE)].set_index("metric")["mean"]
    of_labels = mine[mine["label"].ne(AVERAGE)].groupby("metric")["mean"].mean()
    assert of_labels["sensitivity"] == pytest.approx(average["specificity"], abs=0.01)
    assert of_labels["specificity"] == pytest.approx(average["sensitivity"], abs=0.01)
    assert any("swapped" in note for note in notes_on("table_s4"))


def test_every_contradiction_is_told_somewhere():
    told = {note for one in CONTRADICTIONS for table in one.tables for note in notes_on(table)}
    assert len(told) == sum(bool(one.tables) for one in CONTRADICTIONS)


class _Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.values = [], []

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.values.append(dict(attributes).get("data-value"))

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")


def test_a_table_is_written_three_ways(tmp_path):
    rows = [("A & B <b>", 1 / 3, True, None), ("50 %", -2.0, False, 7)]
    write_table(tmp_path, Table("t", "T_1", ("label", "x", "ok", "n"), rows, ("a note",)))
    with (tmp_path / "t.csv").open(newline="") as file:
        read = list(csv.reader(file))
    assert read[1] == ["A & B <b>", str(1 / 3), "True", ""]
    page = _Cells()
    page.feed((tmp_path / "t.html").read_text())
    assert page.rows[1] == ["A & B <b>", "0.33", "yes", "-"]
    assert repr(1 / 3) in page.values
    latex = (tmp_path / "t.tex").read_text()
    assert r"A \& B $<$b$>$ & 0.33 & yes & - \\" in latex
    assert r"50 \% & -2.00 & no & 7 \\" in latex
    assert tex("x_1\\~") == r"x\_1\textbackslash{}\textasciitilde{}"


def test_figures_are_drawn_and_curves_are_those_of_scikit_learn(tmp_path):
    from sklearn.metrics import roc_curve

    one = paired("uka_cxr")
    measured = measure(one, REDRAWS)
    drawn = write_figures(tmp_path, [measured], comparison_rows([measured]))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{one.name}{suffix}" for one in drawn for suffix in (".svg", ".png")}
    assert {"figure3_paper.svg", "figure4_paper_uka_cxr.svg", "figure4_paper_uka_cxr.png"} <= names
    text = (tmp_path / "figure4_paper_uka_cxr.svg").read_text()
    row = metric_rows(measured, {}, ("auc",))[0]
    words = f"{row.mean:.1f} ± {row.sd:.1f} [{row.low:.1f}, {row.high:.1f}]"
    assert words in text and PAPER_DATASETS["uka_cxr"] in text
    assert "stroke-dasharray" in text
    x, y = roc_points(one, 0, 0)
    false_positives, true_positives, _ = roc_curve(
        one.labels[:, 0], one.scores[0, 0, :, 0], drop_intermediate=False
    )
    theirs = np.stack([false_positives, true_positives], axis=1)
    ours = np.unique(np.stack([x, y], axis=1).round(9), axis=0)
    np.testing.assert_allclose(ours, np.unique(theirs.round(9), axis=0))
