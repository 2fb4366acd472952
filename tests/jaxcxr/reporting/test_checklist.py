"""Checklists say what the files say, and name as open what they do not."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from reporting.conftest import FUNNEL, LABELS, START, make_run
from sklearn.metrics import roc_auc_score

from jaxcxr import report
from jaxcxr.errors import InputError
from jaxcxr.reporting.checklist import FACTS, QUESTION, STATES, answers, state_of, study_question
from jaxcxr.reporting.fact import AUTHOR, NOT_RECORDED, Fact, Missing, merged
from jaxcxr.reporting.guideline import GUIDELINES, coverage_table, read_guideline
from jaxcxr.reporting.result_tables import elsewhere, failures, performance
from jaxcxr.reporting.run_record import _elsewhere, read_run

ROOT = Path(__file__).parents[3]
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
PARTS |= {20: "abc", 23: "ab", 27: "abc"}
NUMBERS = {
    "claim": [str(number) for number in range(1, 45)],
    # As the statement numbers them: 27 items, 52 with their parts.
    "tripod-ai": [
        f"{number}{part}" for number in range(1, 28) for part in PARTS.get(number, ("",))
    ],
}


@pytest.fixture(scope="module")
def record(nasty_run):
    return read_run(nasty_run)


@pytest.fixture(scope="module")
def known(record):
    return answers([record], study_question(None))


def test_the_command_offers_the_guidelines():
    assert set(report._CHECKLISTS) == set(GUIDELINES) == set(NUMBERS)


@pytest.mark.parametrize("name", GUIDELINES)
def test_items_are_numbered_as_the_guideline_numbers_them(name):
    assert [item.number for item in read_guideline(name).items] == NUMBERS[name]


def test_every_item_asks_for_known_facts_or_for_the_author():
    used = set()
    for name in GUIDELINES:
        for item in read_guideline(name).items:
            assert item.facts or item.author, item
            used |= set(item.facts)
    assert used == set(FACTS) | {QUESTION}


@pytest.mark.parametrize("name", GUIDELINES)
def test_the_page_of_the_docs_agrees(name):
    """`docs/reporting.md` has a row for each item, with who answers it."""
    text = (ROOT / "docs" / "reporting.md").read_text(encoding="utf-8")
    part = text.split(f"### {read_guideline(name).name}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (\w+) \| (.+) \| ([a-z ]+) \|$", part, flags=re.MULTILINE)
    assert rows[1:] == coverage_table(name)  # below the heading
    shares = pd.Series([coverage for _, _, coverage in rows[1:]]).value_counts()
    told = {
        what: int(n) for n, what in re.findall(r"(\d+) (files and author|files|author)\b", part)
    }
    assert told == shares.to_dict()


def test_numbers_are_those_of_the_run(record, nasty_run, known):
    statistics = json.loads((nasty_run / "statistics.json").read_text())
    auc = statistics["labels"][1]["metrics"]["auc"]
    row = performance(record).rows[1]
    assert row[0] == "Nodule/Mass"
    assert row[2] == f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
    average = statistics["average"]["metrics"]["auc"]
    (said,) = known["performance"]
    assert f"{average['value']:.3f} ({average['low']:.3f} to {average['high']:.3f})" in said.text
    config = json.loads((nasty_run / "config.json").read_text())
    (trained,) = known["training"]
    assert f"learning rate {config['learning_rate']:g} " in trained.text
    assert f"batches of {config['batch_size']}" in trained.text
    (funnel,) = known["eligibility"]
    assert "frontal: 201 images of 101 patients" in funnel.text
    assert "1 image could not be read" in funnel.text


def test_the_worst_errors_are_the_worst(record, nasty_run):
    table = pd.read_parquet(nasty_run / "predictions.parquet")
    test, label = table[table["split"] == "test"], "Nodule/Mass"
    card = record.card[1]
    called = test[f"logit:{label}"] >= card.threshold
    missed = test[(test[f"label:{label}"] == 1) & ~called].sort_values(f"logit:{label}")
    alarms = test[(test[f"label:{label}"] == 0) & called].sort_values(f"logit:{label}")
    rows = [row for row in failures(record).rows if row[0] == label]
    wanted = [*missed["image_id"][:3], *alarms["image_id"][::-1][:3]]
    assert wanted and [row[2] for row in rows] == wanted


def test_partitions_that_share_patients_are_not_called_disjoint(record, monkeypatch):
    (said,) = [FACTS["disjoint"](record)]
    # Of `mixed.prepared_data` the patients of consecutive images are the same.
    parts = record.partitions()
    shared = set(parts["train"]["patient_id"]) & set(parts["test"]["patient_id"])
    assert ("no patient is in two" in said.text) == (not shared)
    doubled = {name: part.assign(patient_id="one") for name, part in parts.items()}
    monkeypatch.setattr(type(record), "partitions", lambda self: doubled)
    assert "not disjoint: train and validation share 1 patient" in FACTS["disjoint"](record).text


def test_what_no_file_says_is_not_claimed(known):
    for name, item in ((n, i) for n in GUIDELINES for i in read_guideline(n).items):
        state = state_of(item, known)
        assert state in STATES
        if not item.facts:
            assert state == "author alone", (name, item)
    assert isinstance(known["external"][0], Missing)
    assert isinstance(known["robustness"][0], Missing)
    assert isinstance(known["clusters"][0], Missing)
    assert isinstance(known[QUESTION][0], Missing)


def test_without_the_data_the_funnel_is_open(nasty_run):
    alone = answers([read_run(nasty_run, alone=True)], study_question(None))
    for name in ("eligibility", "assignment", "flow"):
        (said,) = alone[name]
        assert isinstance(said, Missing) and "--data" in said.remedy
    (of,) = alone["demographics"]
    assert "lack the training images" in of.text


def test_other_data_are_refused(nasty_run, tmp_path, nasty_data):
    shutil.copytree(nasty_data, tmp_path / "other")
    described = json.loads((tmp_path / "other" / "cohort.json").read_text())
    described["identity"]["split"] = "0"
    (tmp_path / "other" / "cohort.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"cohort\.json and records\.parquet are not of one"):
        read_run(nasty_run, tmp_path / "other").partitions()


@pytest.mark.parametrize("name", GUIDELINES)
def test_the_command_writes_every_item(nasty_run, tmp_path, name, capsys):
    out = tmp_path / "list.md"
    report.main(["--run", str(nasty_run), "--checklist", name, "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    for number in NUMBERS[name]:
        assert len(re.findall(rf"^\| {number} \| ", text, flags=re.MULTILINE)) == 1
    assert AUTHOR in text and NOT_RECORDED in text
    assert "](list_flow.svg)" in text
    assert {"list_flow.svg", "list_flow.png"} <= {path.name for path in tmp_path.iterdir()}
    assert str(tmp_path) not in text and str(nasty_run.parent) not in text
    assert "wrote" in capsys.readouterr().out


def test_the_flow_is_the_funnel(nasty_run, tmp_path):
    report.main(["--run", str(nasty_run), "--checklist", "claim", "--out", str(tmp_path / "a.md")])
    drawn = (tmp_path / "a_flow.svg").read_text(encoding="utf-8")
    for words in ("201 images of 101 patients", "59 images excluded", "1 image unreadable"):
        assert words in drawn
    assert FUNNEL[0]["step"] not in drawn  # as XML, not as it is


@pytest.mark.slow
def test_a_study_says_once_what_its_runs_share(nasty_run, nasty_data, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(nasty_run, study / "runs" / "run_a")
    make_run(nasty_data, study / "runs" / "run_b", START, learning_rate=1e-3)
    out = tmp_path / "s.md"
    report.main(["--study", str(study), "--checklist", "claim", "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    training = next(line for line in text.splitlines() if line.startswith("| 25 |"))
    assert "run\\_a: All parameters" in training and "run\\_b: All parameters" in training
    model = next(line for line in text.splitlines() if line.startswith("| 22 |"))
    assert "run\\_a" not in model and model.count("vision transformer") == 1
    assert text.count("**Performance on the test images: run") == 2
    assert "1 image of" not in text and "_flow_2" not in text  # one cohort, one figure


def test_a_study_tells_its_question(tmp_path):
    (tmp_path / "report").mkdir()
    path = tmp_path / "report" / "provenance.json"
    path.write_text(json.dumps({"question": "Does it help?", "runs": {}}))
    assert study_question(tmp_path) == Fact(
        "The study asks: Does it help?", "report/provenance.json: question"
    )
    path.write_text("[]")
    with pytest.raises(InputError, match="damaged"):
        study_question(tmp_path)


def test_merging_names_the_runs_where_they_differ():
    same, other = Fact("x", "f"), Fact("y", "f")
    assert merged([("a", same), ("b", same)]) == [same]
    found = merged([("a", same), ("b", other), ("c", same)])
    assert [one.text for one in found] == ["a, c: x", "b: y"]


def test_statistics_of_other_predictions_are_refused(nasty_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(nasty_run, run)
    statistics = json.loads((run / "statistics.json").read_text())
    statistics["predictions_sha256"] = "0"
    (run / "statistics.json").write_text(json.dumps(statistics))
    with pytest.raises(InputError, match="of other predictions"):
        read_run(run)
    (run / "statistics.json").unlink()
    with pytest.raises(InputError, match=r"jaxcxr\.evaluate"):
        read_run(run)


def test_unknown_labels_and_classes_are_counted(record):
    """Against the table itself."""
    records = pd.concat(
        [record.prepared.records(name) for name in record.prepared.splits], ignore_index=True
    )
    from jaxcxr.reporting.cohort_tables import findings

    rows = {row[0]: row[1:] for row in findings(record).rows}
    for label in LABELS:
        for split, cell in zip(record.partitions(), rows[label], strict=True):
            truth = records.loc[records["split"] == split, label]
            assert cell == f"{np.sum(truth == 1)} / {np.sum(truth == 0)}"


def test_predictions_of_other_data_are_external(nasty_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(nasty_run, run)
    table = pq.read_table(run / "predictions.parquet")
    told = json.loads(table.schema.metadata[b"jaxcxr"])

    def write(**changes):
        metadata = {b"jaxcxr": json.dumps(told | changes).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), run / "predictions_x.parquet")

    write(predicted={"dataset": "elsewhere"})
    record = read_run(run, alone=True)
    said = FACTS["external"](record)
    assert isinstance(said, Fact) and f"elsewhere ({len(table)} images, 3 labels)" in said.text
    (grid,) = elsewhere(record)
    rows = {row[0]: row[2] for row in grid.rows}
    frame = table.to_pandas()
    auc = roc_auc_score(frame["label:Nodule/Mass"], frame["logit:Nodule/Mass"])
    assert rows["Nodule/Mass"].startswith(f"{auc:.3f} (")
    write(predicted={"dataset": "elsewhere"}, weights_sha256="0")
    assert isinstance(FACTS["external"](read_run(run, alone=True)), Missing)


def test_what_a_kill_left_of_predictions_is_not_read_as_such(tmp_path):
    (tmp_path / f".{'a' * 32}.parquet").write_bytes(b"half")
    assert _elsewhere(tmp_path, "digest") == ()
