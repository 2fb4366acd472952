"""A training on wrong labels: what sees them, what never does, what is told."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stopped_run import assert_goes_on_exactly
from tiny import get_config

from input_pipeline.label_noise import noisy_labels
from input_pipeline.loader import open_prepared
from jaxcxr.errors import InputError
from jaxcxr.main import run_experiment
from jaxcxr.model import read_header
from jaxcxr.provenance import origin_of
from jaxcxr.reporting.data_facts import FACTS
from jaxcxr.reporting.run_record import read_run
from jaxcxr.results.notes import _disturbed
from jaxcxr.run.run_files import read_start
from jaxcxr.training import start as start_module
from jaxcxr.training import train as train_module
from jaxcxr.training.loss import positive_weights

LABELS = ["Cardiomegaly", "Nodule/Mass", "Rare"]
SAID = {"probability": 0.4, "seed": 42}


def _config(data, **changes):
    config = get_config()
    config.data, config.label_noise = str(data), SAID["probability"]
    config.update(changes)
    return config


def _watched(monkeypatch):
    """Collect what is learnt of each image, by row, and what else sees labels."""
    seen = {"learnt": {}, "floor": [], "pos_weight": []}
    put, add = train_module.put_batch, train_module.Losses.add
    make, floor = train_module.make_train_step, start_module.find_floor
    batches = []

    def putting(mesh, batch):
        batches.append(np.where(batch["mask"] > 0, batch["labels"], -1))
        return put(mesh, batch)

    def adding(losses, step, rows, *more):
        for row, labels in zip(rows.tolist(), batches[-1].tolist(), strict=True):
            assert seen["learnt"].setdefault(row, labels) == labels  # in each epoch the same
        add(losses, step, rows, *more)

    def making(config, model, optimizer, labels, pos_weight, *others):
        seen["pos_weight"].append(pos_weight)
        return make(config, model, optimizer, labels, pos_weight, *others)

    def finding(names, train, validation, start):
        seen["floor"].append((train.truth, validation.truth))
        return floor(names, train, validation, start)

    monkeypatch.setattr(train_module, "put_batch", putting)
    monkeypatch.setattr(train_module.Losses, "add", adding)
    monkeypatch.setattr(train_module, "make_train_step", making)
    monkeypatch.setattr(start_module, "find_floor", finding)
    return seen


def _true(data, split):
    records = open_prepared(data).records(split)
    return records, records[LABELS].to_numpy()


@pytest.mark.slow
def test_all_that_learns_sees_the_noise_and_nothing_that_measures_does(
    tiny_data, tmp_path, monkeypatch, capsys
):
    seen = _watched(monkeypatch)
    run_experiment(_config(tiny_data, epochs=2), tmp_path)
    records, truth = _true(tiny_data, "train")
    noisy = noisy_labels(records, LABELS, 0.4, 42)
    assert 20 < (noisy != truth).sum() < 120
    assert len(seen["learnt"]) > 110
    for row, labels in seen["learnt"].items():
        assert labels == noisy[row].tolist()
    np.testing.assert_array_equal(seen["pos_weight"][0], positive_weights(noisy))
    ((learnt, validated),) = seen["floor"]
    np.testing.assert_array_equal(learnt, noisy)
    np.testing.assert_array_equal(validated, _true(tiny_data, "validation")[1])

    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    for split, rows in predictions.groupby("split"):
        stored = rows[[f"label:{name}" for name in LABELS]].to_numpy()
        np.testing.assert_array_equal(stored, _true(tiny_data, split)[1])

    told = read_header(tmp_path / "model.safetensors").provenance["trained_on"]["label_noise"]
    assert {name: told[name] for name in SAID} == SAID
    for column, label in enumerate(LABELS):
        table = pd.crosstab(truth[:, column], noisy[:, column]).reindex(
            index=[0, 1], columns=[0, 1], fill_value=0
        )
        assert told["labels"][label] == {
            "positives": int((truth[:, column] == 1).sum()),
            "negatives": int((truth[:, column] == 0).sum()),
            "became_negative": table.loc[1, 0],
            "became_positive": table.loc[0, 1],
        }
    assert json.loads((tmp_path / "start.json").read_text())["label_noise"] == told
    assert origin_of(tmp_path / "predictions.parquet")["trained_on"]["label_noise"] == told
    flipped = told["labels"]["Cardiomegaly"]
    sentence = (
        f"Cardiomegaly {flipped['became_negative']} of {flipped['positives']} positives and "
        f"{flipped['became_positive']} of {flipped['negatives']} negatives"
    )
    out = " ".join(re.sub("[\u2502|]", " ", capsys.readouterr().out).split())
    assert sentence in out
    fact = FACTS["subset"](read_run(tmp_path)).text
    assert "made wrong on purpose" in fact and sentence in fact


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_same_labels(tiny_data, tmp_path, monkeypatch):
    assert_goes_on_exactly(_config(tiny_data), tmp_path, monkeypatch)


def test_a_probe_on_features_that_never_change_sees_the_noise(tiny_data, tmp_path, monkeypatch):
    seen = _watched(monkeypatch)
    changes = {"trainable": "head", "flip": False, "rotation_degrees": 0.0, "epochs": 1}
    config = _config(tiny_data, train_patients=0.5, **changes)
    config.model.head = "probe"
    train_module.train(config, tmp_path)
    noisy = noisy_labels(_true(tiny_data, "train")[0], LABELS, 0.4, 42)
    assert 20 < len(seen["learnt"]) < 100
    for row, labels in seen["learnt"].items():
        assert labels == noisy[row].tolist()
    told = read_header(tmp_path / "model.safetensors").provenance["trained_on"]
    counted = told["label_noise"]["labels"]["Cardiomegaly"]
    assert counted["positives"] + counted["negatives"] <= told["images"] < 100


@pytest.mark.parametrize(
    "noise",
    [3, {}, {**SAID, "labels": {"Edema": {"positives": -1}}}, {**SAID, "labels": [], "x": 1}],
)
def test_a_damaged_account_of_noise_is_refused(tmp_path, noise):
    table = pa.table({"image_id": ["a"]})
    told = json.dumps({"trained_on": {"label_noise": noise}}).encode()
    pq.write_table(table.replace_schema_metadata({b"jaxcxr": told}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"metadata: damaged \(trained_on.label_noise"):
        origin_of(tmp_path / "p.parquet")
    start = {"run": "r", "data": {}, "weights_sha256": None, "label_noise": noise}
    (tmp_path / "start.json").write_text(json.dumps(start))
    with pytest.raises(InputError, match=r"start.json: damaged \(label_noise"):
        read_start(tmp_path)


def test_the_notes_of_statistics_say_it():
    origin = {"trained_on": {"label_noise": SAID | {"labels": {}}}}
    (said,) = _disturbed({"origin": origin})
    assert "learnt from labels made wrong on purpose: positives with probability 0.4" in said
    assert list(_disturbed({"origin": {"trained_on": None}})) == []


def test_without_noise_nothing_is_told_of_it(tiny_data, tmp_path):
    train_module.train(_config(tiny_data, label_noise=0.0, epochs=1), tmp_path)
    assert "label_noise" not in json.loads((tmp_path / "start.json").read_text())
    told = read_header(tmp_path / "model.safetensors").provenance["trained_on"]
    assert set(told) == {"share_of_patients", "patients", "images"}
