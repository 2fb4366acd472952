"""Training on a share of the patients: what is learnt from, what stays whole, what is told."""

import numpy as np
import pandas as pd
import pytest
from stopped_run import assert_goes_on_exactly
from tiny import get_config

from input_pipeline.splits import fraction
from jaxcxr.errors import InputError
from jaxcxr.main import run_experiment
from jaxcxr.model import read_header
from jaxcxr.training import train as train_module
from jaxcxr.training.loss import positive_weights

SHARE = 0.5


def _config(data, **changes):
    config = get_config()
    config.data, config.train_patients = str(data), SHARE
    config.update(changes)
    return config


def _learnt(data, seed=0):
    records = pd.read_parquet(data / "records.parquet")
    train = records[records["split"] == "train"].reset_index(drop=True)
    kept = [fraction(patient, f"train_patients:{seed}") < SHARE for patient in train["patient_id"]]
    return train[kept]


def _watched(monkeypatch):
    """Collect the rows of every batch, and the weights of the loss."""
    seen = {"rows": [], "pos_weight": []}
    make = train_module.make_train_step
    add = train_module.Losses.add

    def watched(losses, step, rows, *more):
        seen["rows"].append(rows)
        add(losses, step, rows, *more)

    def step(config, model, optimizer, labels, pos_weight, *others):
        seen["pos_weight"].append(pos_weight)
        return make(config, model, optimizer, labels, pos_weight, *others)

    monkeypatch.setattr(train_module.Losses, "add", watched)
    monkeypatch.setattr(train_module, "make_train_step", step)
    return seen


@pytest.mark.slow
def test_only_its_patients_are_learnt_from_and_the_rest_stays_whole(
    tiny_data, tmp_path, monkeypatch, capsys
):
    seen = _watched(monkeypatch)
    run_experiment(_config(tiny_data, epochs=2), tmp_path)
    learnt = _learnt(tiny_data)
    assert 20 < len(learnt) < 100
    assert set(np.concatenate(seen["rows"])) <= set(learnt.index)
    labels = ["Cardiomegaly", "Nodule/Mass", "Rare"]
    np.testing.assert_array_equal(
        seen["pos_weight"][0], positive_weights(learnt[labels].to_numpy())
    )
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    assert predictions["split"].value_counts().to_dict() == {"test": 50, "validation": 40}
    told = read_header(tmp_path / "model.safetensors").provenance
    assert told["trained_on"] == {
        "share_of_patients": SHARE,
        "patients": learnt["patient_id"].nunique(),
        "images": len(learnt),
    }
    said = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    assert f"{len(learnt)} training images in" in said
    assert f"of {learnt['patient_id'].nunique()} patients, drawn as 0.5 of all (120" in said


@pytest.mark.slow
def test_the_trained_parameters_are_told(tiny_data, tmp_path):
    run_experiment(_config(tiny_data, epochs=1, trainable="head"), tmp_path)
    # A linear probe on a width of 32: weights and bias of 3 labels.
    assert read_header(tmp_path / "model.safetensors").provenance["trained_parameters"] == 3 * 33


@pytest.mark.slow
def test_a_stopped_run_goes_on_exactly(tiny_data, tmp_path, monkeypatch):
    assert_goes_on_exactly(_config(tiny_data), tmp_path, monkeypatch)


def test_too_few_images_for_a_batch_is_one_sentence(tiny_data, tmp_path):
    with pytest.raises(InputError, match=r"fewer than one batch of 16; .*raise config.train_pat"):
        train_module.train(_config(tiny_data, train_patients=0.02), tmp_path)
