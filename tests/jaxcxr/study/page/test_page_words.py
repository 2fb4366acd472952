"""The answer in a sentence, the drawing of differences, and tables as the page shows them."""

import pytest

from jaxcxr.results.table_files import Table
from jaxcxr.study.analyses.families import adjusted
from jaxcxr.study.analyses.paper_tables import Difference
from jaxcxr.study.page.answer import answers
from jaxcxr.study.page.forest import scale
from jaxcxr.study.page.views import view

MINUS = "\N{MINUS SIGN}"


def _average(dataset, difference, low, high, p, label="Average", trainings=3):
    names = (dataset, "paper", label, "DINOv2", "ImageNet-21K")
    return Difference(*names, difference, low, high, p, None, None, None, "", trainings)


def _answer(*rows):
    (found,) = answers(adjusted(rows))
    return found


def _sentence(*rows):
    return _answer(*rows).sentence.replace("\N{NO-BREAK SPACE}", " ")


def test_undecided_is_said_with_what_came_nearest():
    said = _sentence(
        _average("PadChest", 0.4, -0.5, 1.2, 0.30), _average("CheXpert", -0.9, -1.9, 0.1, 0.08)
    )
    assert said == (
        "Undecided between DINOv2 and ImageNet-21K: on none of two datasets do their average AUCs "
        "differ by more than the choice of test images and of trainings explains; the nearest to "
        f"it is {MINUS}0.90 percentage points on CheXpert (95 % interval {MINUS}1.90 to +0.10, "
        "p = 0.08, adjusted p = 0.16)."
    )


def test_undecided_is_not_said_to_be_equal():
    found = _answer(_average("PadChest", 13.1, -1.0, 27.2, 0.06))
    assert found.bears.startswith(
        "Undecided does not mean equal: on PadChest these data agree with anything from "
        "ImageNet-21K being 1.00 percentage points better to DINOv2 being 27.20 percentage points "
        "better. Each was trained three times"
    )


def test_one_training_gives_no_verdict_on_initializations():
    found = _answer(_average("PadChest", 2.0, 1.0, 3.0, 0.001, trainings=1))
    assert found.sentence.startswith(
        "The one model trained from DINOv2 has a higher average AUC than the one model trained "
        "from ImageNet-21K by 2.00"
    )
    assert (
        "Each model was trained once. Whether DINOv2 or ImageNet-21K is the better" in found.bears
    )
    said = _answer(_average("PadChest", 2.0, -1.0, 3.0, 0.5, trainings=1)).sentence
    assert said.startswith("Undecided between the one model trained from DINOv2 and the one")
    assert "no more than the choice of test images explains" in said


def test_a_small_p_among_many_does_not_decide():
    rows = [_average(f"D{at}", 0.1, -1, 1, 0.9) for at in range(9)]
    assert "Undecided" in _sentence(*rows, _average("E", 1.0, 0.1, 2.0, 0.03))
    assert "Undecided" not in _sentence(*rows, _average("E", 1.0, 0.1, 2.0, 0.001))


def test_winners_are_told_by_how_much_they_are_ahead():
    said = _sentence(
        _average("PadChest", 2.0, 1.0, 3.0, 0.001),
        _average("CheXpert", -1.5, -2.5, -0.5, 0.002),
        _average("UKA-CXR", 0.1, -1.0, 1.0, 0.8),
    )
    assert said == (
        "DINOv2 has a higher average AUC than ImageNet-21K on one of three datasets, by 2.00 "
        "percentage points on PadChest (95 % interval 1.00 to 3.00, p = 0.001, adjusted p = 0.003);"
        " a lower one on one of three datasets, by 1.50 percentage points on CheXpert (95 % "
        "interval 0.50 to 2.50, p = 0.002, adjusted p = 0.004); undecided on UKA-CXR."
    )
    said = _sentence(_average("PadChest", -2.0, -3.0, -1.0, 0.00001))
    assert said == (
        "ImageNet-21K has a higher average AUC than DINOv2 by 2.00 percentage points on PadChest "
        "(95 % interval 1.00 to 3.00, p < 0.0001)."
    )


def test_many_winners_are_told_by_the_least_and_the_most():
    rows = [_average(f"D{at}", 1.0 + at, 0.5 + at, 1.5 + at, 0.002) for at in range(3)]
    assert _sentence(*rows) == (
        "DINOv2 has a higher average AUC than ImageNet-21K on all three datasets, by 1.00 "
        "percentage points on D0 (95 % interval 0.50 to 1.50) up to 3.00 on D2 (2.50 to 3.50), "
        "each with adjusted p ≤ 0.006."
    )
    rows = [_average(f"D{at}", -1.0 - at, -1.5 - at, -0.5 - at, 0.002) for at in range(3)]
    said = _sentence(*rows, _average("E", 0.0, -1.0, 1.0, 1.0))
    assert said.startswith("ImageNet-21K has a higher average AUC than DINOv2 on three of four ")
    assert "up to 3.00 on D2 (2.50 to 3.50)" in said and said.endswith("; undecided on E.")


def test_labels_and_what_has_no_p_are_not_averages():
    rows = [
        _average("PadChest", 9.0, 8.0, 10.0, 0.001, label="Hernia"),
        _average("PadChest", 9.0, None, None, None, label="All labels"),
        _average("PadChest", 0.1, -1.0, 1.0, 0.8),
        _average("CheXpert", None, None, None, None),
    ]
    found = _answer(*rows)
    assert [one.dataset for one in found.verdicts] == ["PadChest"]
    assert "Undecided" in found.sentence and answers(adjusted(rows[:2])) == []


def test_the_axis_holds_zero_and_every_interval():
    axis = scale([_answer(_average("PadChest", 3.0, 2.0, 4.0, 0.001))])
    assert axis.low < 0 < 4 < axis.high and 0 in axis.ticks
    assert all(axis.low <= tick <= axis.high for tick in axis.ticks)
    assert axis.place(axis.low) == 0 and axis.place(axis.high) == 100
    assert scale([]).ticks


RUNS = {"one-s0": "#run-one-s0", "two-s0": "#run-two-s0"}


def _view(header, *rows):
    return view(Table("name", "Title", header, [*rows], ("note",)), RUNS, {"PadChest": "#data-1"})


def test_columns_that_belong_together_are_one_and_sort_by_the_first():
    found = _view(
        ("dataset", "mean of redraws", "sd", "low", "high", "paper", "runs"),
        ("PadChest", 71.23456, 2.0, 68.0, 75.0, None, "one-s0 two-s0"),
        ("CheXpert", -0.5, 0.25, None, None, None, "one-s0"),
    )
    assert found.header == ("dataset", "mean ± sd of redraws", "95 % interval", "runs")
    first, second = found.rows
    assert (first[1].text, first[1].value) == ("71.23 ± 2.00", "71.23456")
    assert first[2].text == "[68.00, 75.00]" and second[2].text == "-"
    assert second[1].text == f"{MINUS}0.50 ± 0.25"
    assert first[3].links == (("one-s0", "#run-one-s0"), ("two-s0", "#run-two-s0"))
    assert found.kinds == ("short", "number", "number", "short")
    assert found.notes == ("note", "Empty here, and so not shown: paper.")
    # Its runs tell of the data.
    assert not first[0].links


def test_a_dataset_in_the_title_is_not_repeated():
    table = Table("table_s6", "Table S6: PadChest", ("dataset", "value"), [("PadChest", 1.0)])
    assert view(table, RUNS, {}).header == ("value",)
    table = Table("table1", "Table 1: cohorts", ("dataset", "value"), [("PadChest", 1.0)])
    assert view(table, RUNS, {}).header == ("dataset", "value")


def test_rows_without_runs_lead_to_their_data():
    found = _view(("dataset", "ours", "paper"), ("PadChest", 12, "18,000"), ("Other", 7, "N/A"))
    assert found.rows[0][0].links == (("PadChest", "#data-1"),) and not found.rows[1][0].links
    assert found.rows[0][2].value == "18000" and found.rows[1][2].value is None
    assert found.kinds == ("short", "number", "short")


def test_what_stands_often_is_there_to_choose_by():
    rows = [(f"D{at % 2}", f"L{at}", "auc", at / 10, at) for at in range(24)]
    found = _view(("label", "free", "metric", "p", "count"), *rows)
    assert found.facets == ((0, ("D0", "D1")),)
    rows = [(f"A{at % 3}", f"D{at % 4}") for at in range(24)]
    facets = _view(("metric", "dataset"), *rows).facets
    assert [at for at, _ in facets] == [1, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00001, "<0.0001"), (0.0421, "0.042"), (0.5, "0.50"), (None, "-")],
)
def test_p_values_keep_the_digits_that_matter(value, text):
    assert _view(("name", "p"), ("a", value), ("b", 0.1)).rows[0][1].text == text


def test_an_empty_table_is_a_table():
    found = _view(("dataset", "value"))
    assert found.rows == [] and found.header == ("dataset", "value") and found.facets == ()
