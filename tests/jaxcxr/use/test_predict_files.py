"""Image files are predicted whatever lies among them, and a kill loses one batch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from finished_run import finish_run, opened_here
from scipy.special import expit

from jaxcxr import predict
from jaxcxr.errors import InputError
from jaxcxr.results.predictions import read_predictions
from jaxcxr.stats import auc_interval, fit_platt
from jaxcxr.use import predicting
from jaxcxr.use.predicting import predict_files

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def other(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture
def in_here(monkeypatch):
    monkeypatch.setattr(predicting, "in_processes", opened_here)


def _write(folder, count, seed=0):
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = random.integers(0, 256, (40, 50)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:04}.{('png', 'jpg')[number % 2]}"), image)
    return folder


def _damage(folder, into, seed=1):
    """A damaged copy of each file: cut off, or bytes changed, or nothing, or another kind."""
    random = np.random.default_rng(seed)
    into.mkdir(exist_ok=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        content = bytearray(path.read_bytes())
        way = number % 4
        if way == 0:
            content = content[: int(random.integers(1, len(content) - 20))]
        elif way == 1:
            content = content[: len(content) // 2] + b"\xff\xd9" + content[len(content) // 2 + 9 :]
        elif way == 2:
            content = bytearray()
        else:
            content = bytearray(random.bytes(500))
        (into / f"bad_{path.name}").write_bytes(content)


def _damaged_ones_change_nothing(run, tmp_path, count):
    good = _write(tmp_path / "good", count)
    predict_files([run], tmp_path / "alone.parquet", [good], 2)
    mixed = _write(tmp_path / "mixed", count)
    _damage(good, mixed)
    predict_files([run], tmp_path / "mixed.parquet", [mixed], 2)
    alone, among = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("alone", "mixed"))
    assert len(alone) == count
    pd.testing.assert_frame_equal(among, alone, rtol=1e-6, atol=1e-6)
    rejects = pd.read_csv(tmp_path / "mixed.parquet.rejects.csv")
    assert sorted(rejects["image_id"]) == sorted(f"bad_{path.name}" for path in good.iterdir())
    assert (rejects["reason"].str.len() > 5).all()


def test_damaged_files_change_no_prediction_and_are_each_listed(run, tmp_path):
    _damaged_ones_change_nothing(run, tmp_path, 100)


@pytest.mark.slow
def test_a_thousand_damaged_files_do_not_either(run, tmp_path):
    _damaged_ones_change_nothing(run, tmp_path, 1000)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_each_format_holds_the_numbers_and_what_they_mean(run, tmp_path, in_here, suffix):
    folder, out = _write(tmp_path / "f", 6), tmp_path / f"p{suffix}"
    (folder / "9.png").write_bytes(b"nothing")
    predict.main(["--run", str(run), "--images", str(folder), "--out", str(out)])
    if suffix == ".json":
        told = json.loads(out.read_text())
        about, table = told["about"], pd.DataFrame(told["images"])
        assert [one["image_id"] for one in told["rejects"]] == ["9.png"]
    else:
        again = read_predictions(out)
        assert again.image_id.tolist() == [path.name for path in sorted(folder.iterdir())][:-1]
        table = {".parquet": pd.read_parquet, ".csv": pd.read_csv}[suffix](out)
        beside = tmp_path / "p.csv.about.json"
        about = json.loads(beside.read_text()) if suffix == ".csv" else again.origin
    statistics = json.loads((run / "statistics.json").read_text())
    row, card = statistics["labels"][0], about["cards"][0]
    logits = table["logit:Cardiomegaly"].to_numpy(np.float64)
    platt = row["calibration"]["platt"]
    expected = expit(platt["slope"] * logits + platt["offset"])
    np.testing.assert_allclose(table["probability:Cardiomegaly"], expected, atol=1e-4)
    called = logits >= row["at_validation_threshold"]["threshold"]
    assert table["decision:Cardiomegaly"].tolist() == called.astype(int).tolist()
    assert card["test_auc"]["low"] == row["metrics"]["auc"]["low"]
    assert card["threshold_source"].startswith("the largest Youden's J on 19 positive")
    assert table["decision:Rare"].isna().all()
    assert about["rejected"] == 1
    for place in (run, tmp_path, ROOT):
        assert str(place) not in json.dumps(about) + table.to_csv()
    assert not list(tmp_path.glob("*.partial"))


def test_several_runs_are_the_mean_of_their_logits_judged_on_it(run, other, tmp_path, in_here):
    folder = _write(tmp_path / "f", 3)
    outs = [tmp_path / f"{name}.parquet" for name in ("a", "b", "both")]
    for runs, out in zip(([run], [other], [run, other]), outs, strict=True):
        predict_files(runs, out, [folder], 1)
    a, b, both = (read_predictions(out) for out in outs)
    np.testing.assert_allclose(both.scores, (a.scores + b.scores) / 2, rtol=1e-6)
    members = [read_predictions(one / "predictions.parquet") for one in (run, other)]
    mean = (members[0].scores + members[1].scores) / 2
    truth = members[0].labels[:, 0]
    card = both.origin["cards"][0]
    test, validation = (members[0].split == name for name in ("test", "validation"))
    found = auc_interval(truth[test], mean[test, 0], members[0].patients[test])
    np.testing.assert_allclose(card["test_auc"]["low"], found.low, rtol=1e-6)
    platt = fit_platt(truth[validation], mean[validation, 0])
    np.testing.assert_allclose(card["slope"], platt.slope, rtol=1e-3)
    assert [one["run"] for one in both.origin["ensemble"]] == [one.origin["run"] for one in members]
    with pytest.raises(InputError, match="its weights are given twice"):
        predict_files([run, run], outs[0], [folder], 1)


@pytest.mark.slow
def test_runs_of_other_labels_are_no_ensemble(run, tiny_data, tmp_path):
    fewer = finish_run(tiny_data, tmp_path / "fewer", labels=("Cardiomegaly",))
    with pytest.raises(InputError, match=r"its labels \['Cardiomegaly'\] are not those of"):
        predict_files([run, fewer], tmp_path / "p.parquet", [_write(tmp_path / "f", 1)], 1)


@pytest.mark.slow
def test_the_same_command_goes_on_after_a_kill(run, tmp_path):
    folder, out = _write(tmp_path / "f", 120), tmp_path / "p.parquet"
    command = [sys.executable, "-m", "jaxcxr.predict", "--run", str(run)]
    command += ["--images", str(folder), "--out", str(out), "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    partial = tmp_path / "p.parquet.partial"
    while process.poll() is None and not (partial.is_file() and partial.stat().st_size > 2000):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    before = len(partial.read_bytes().splitlines()) - 1
    assert 4 <= before < 120
    with partial.open("ab") as file:
        file.write(b'{"image_id": "torn')
    predicted = []
    real = predicting._lines

    def counted(ensemble, names, opened, states):
        predicted.extend(names)
        return real(ensemble, names, opened, states)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "_lines", counted)
        predict_files([run], out, [folder], 1)
    assert 120 - before - 4 <= len(predicted) <= 120 - before + 1
    predict_files([run], tmp_path / "whole.parquet", [folder], 1)
    whole = pd.read_parquet(tmp_path / "whole.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(out), whole, rtol=1e-6, atol=1e-6)
    assert not partial.exists()


def test_an_image_that_was_replaced_meanwhile_is_predicted_again(run, tmp_path, in_here):
    folder, out = _write(tmp_path / "f", 5), tmp_path / "p.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "write_files", _stop)
        with pytest.raises(KeyboardInterrupt):
            predict_files([run], out, [folder], 1)
    (folder / "0000.png").write_bytes((folder / "0002.png").read_bytes())
    predict_files([run], out, [folder], 1)
    logits = pd.read_parquet(out).set_index("image_id")["logit:Cardiomegaly"]
    assert logits["0000.png"] == pytest.approx(logits["0002.png"], abs=1e-6)


def test_links_are_followed_and_those_that_lead_nowhere_are_listed(run, tmp_path, in_here):
    real, folder = _write(tmp_path / "real", 1), tmp_path / "links"
    folder.mkdir()
    (folder / "good.png").symlink_to(real / "0000.png")
    (folder / "gone.png").symlink_to(real / "gone.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    predict_files([run], tmp_path / "p.csv", [folder], 1)
    assert pd.read_csv(tmp_path / "p.csv")["image_id"].tolist() == ["good.png"]
    rejects = pd.read_csv(tmp_path / "p.csv.rejects.csv").set_index("image_id")["reason"]
    assert rejects["gone.png"] == "no such file"
    assert rejects["loop.png"].startswith("cannot be read") and str(tmp_path) not in str(rejects)


def _stop(*_):
    raise KeyboardInterrupt


def test_a_parquets_header_can_be_read_by_others(run, tmp_path, in_here):
    predict_files([run], tmp_path / "p.parquet", [_write(tmp_path / "f", 1)], 1)
    metadata = pq.read_schema(tmp_path / "p.parquet").metadata
    assert json.loads(metadata[b"jaxcxr"])["cards"][0]["label"] == "Cardiomegaly"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "p.xlsx"], "name it NAME.parquet, NAME.csv, NAME.json"),
        (["--out", "p.csv", "--workers", "0"], "--workers 0: give at least 1"),
        (["--out", "p.csv", "q.csv"], "--out names 2 files; give one"),
    ],
)
def test_mistakes_end_in_a_sentence(run, tmp_path, capsys, options, message):
    folder = _write(tmp_path / "f", 1)
    with pytest.raises(SystemExit):
        predict.main(["--run", str(run), "--images", str(folder), *options])
    assert message in capsys.readouterr().err
