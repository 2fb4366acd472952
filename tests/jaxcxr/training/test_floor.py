"""The floor of a training, what starts from it, and that it disturbs nothing."""

import json

import numpy as np
import pytest
from ml_collections import ConfigDict
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from tiny import get_config

from input_pipeline.loader import images_at, open_prepared
from jaxcxr.config import study_config
from jaxcxr.model import split
from jaxcxr.probing.floor import Floor, read_floor
from jaxcxr.run.inputs import make_model
from jaxcxr.run.mesh import make_mesh
from jaxcxr.training import start as start_module
from jaxcxr.training import train as train_module
from jaxcxr.training.loss import positive_weights
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.reach import head_reach, too_few_steps
from jaxcxr.training.train import train


def _config(data, **changes):
    config = get_config()
    config.data = str(data)
    config.update_from_flattened_dict(changes)
    return config


def _records(directory):
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    clock = {"images_per_second", "floor_auc"}
    return [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]


def _said(capsys):
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.fixture(scope="module")
def usual(tiny_data, tmp_path_factory):
    """The directory of an ordinary training, and what it said."""
    directory = tmp_path_factory.mktemp("usual")
    train(_config(tiny_data, rotation_degrees=5.0), directory)
    return directory


def test_a_floor_leaves_the_training_as_it_was_bit_for_bit(usual, tiny_data, tmp_path, capsys):
    train(_config(tiny_data, rotation_degrees=5.0, floor=False), tmp_path)
    first, second = (load_file(run / "model.safetensors") for run in (usual, tmp_path))
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert _records(usual) == _records(tmp_path)
    assert not (tmp_path / "floor.json").exists()
    assert "floor left out (config.floor)" in _said(capsys)


@pytest.mark.slow
def test_the_floor_is_scikit_learns_on_the_initial_class_tokens(usual, tiny_data):
    floor = json.loads((usual / "floor.json").read_text())
    config = _config(tiny_data)
    prepared = open_prepared(tiny_data)
    names = ("Cardiomegaly", "Nodule/Mass", "Rare")
    model, params = make_model(config, names, make_mesh(-1, 1, batch_size=16))
    apply, _ = split(model)
    features = {}
    for name in ("train", "validation"):
        images = images_at(prepared, name, np.arange(len(prepared.records(name))))
        pixels = np.repeat(images[..., None], 3, axis=-1).astype("float32") / 255
        features[name] = np.asarray(apply(params, pixels)[1]["pooled"], np.float64)
    scaler = StandardScaler().fit(features["train"])
    truth = prepared.records("train")["Nodule/Mass"]
    theirs = LogisticRegression(C=floor["strength"], max_iter=500)
    theirs.fit(scaler.transform(features["train"]), truth)
    scores = theirs.decision_function(scaler.transform(features["validation"]))
    expected = roc_auc_score(prepared.records("validation")["Nodule/Mass"], scores)
    assert floor["labels"]["Nodule/Mass"] == pytest.approx(expected, abs=0.01)
    known = [value for value in floor["labels"].values() if value is not None]
    assert floor["validation_auc"] == pytest.approx(np.mean(known))
    assert floor["labels"]["Rare"] is None
    shown = [json.loads(line) for line in (usual / "metrics.jsonl").read_text().splitlines()]
    assert {r["floor_auc"] for r in shown if "epoch" in r} == {floor["validation_auc"]}


@pytest.mark.slow
def test_a_training_that_learns_nothing_is_told(tiny_data, tmp_path, capsys):
    train(_config(tiny_data, learning_rate=1e-7), tmp_path)
    said = _said(capsys)
    assert "steps are too few for this learning rate" in said
    assert "this training learnt nothing" in said


def test_a_finished_training_says_its_verdict_again(usual, tiny_data, capsys):
    said = json.loads((usual / "floor.json").read_text())
    train(_config(tiny_data, rotation_degrees=5.0), usual)
    again = _said(capsys)
    assert f"{said['kept']['validation_auc']:.4f}, is below the floor of" in again
    assert json.loads((usual / "floor.json").read_text()) == said


@pytest.mark.parametrize(
    ("floor", "start", "kept", "verdict"),
    [
        (0.7, 0.5, 0.8, "0.1000 above the floor of 0.7000"),
        (0.7, 0.5, 0.6, "learnt nothing beyond its start: epoch 3, validation AUC 0.6000"),
        (0.7, 0.601, 0.6, "this training learnt nothing: epoch 3"),
        (np.nan, np.nan, np.nan, "not known: no label has both classes"),
    ],
)
def test_the_verdict(floor, start, kept, verdict, tmp_path):
    named = {"a": None if np.isnan(start) else start, "b": None}
    known = {"a": None if np.isnan(floor) else floor, "b": None}
    found = Floor(floor, known, 0.1, "validation", {"train": 9}, named)
    # Ten images of each class; every positive is above `10 * kept` of the negatives.
    truth = np.array([[1, 0]] * 10 + [[0, 0]] * 10) if kept == kept else np.zeros((20, 2), int)
    scores = np.zeros((20, 2))
    scores[10:, 0] = np.arange(10)
    scores[:10, 0] = 10 * np.nan_to_num(kept) - 0.5
    found.keep(tmp_path / "floor.json", 3, truth, scores)
    assert verdict in found.verdict()
    assert verdict in read_floor(tmp_path / "floor.json").verdict()


@pytest.mark.slow
def test_a_head_that_starts_from_the_probe_starts_at_the_floor(tiny_data, tmp_path, capsys):
    train(_config(tiny_data, **{"model.head": "probe", "learning_rate": 1e-9}), tmp_path)
    floor = json.loads((tmp_path / "floor.json").read_text())
    epochs = [r for r in _records(tmp_path) if "epoch" in r]
    assert epochs[0]["epoch"] == 0
    assert epochs[0]["validation_auc"] == pytest.approx(floor["validation_auc"], abs=1e-4)
    assert floor["kept"]["validation_auc"] >= floor["validation_auc"] - 1e-4
    assert "this training learnt nothing" in _said(capsys)


@pytest.mark.slow
@pytest.mark.parametrize("pos_weight", ["none", "study"])
def test_the_start_is_kept_where_every_epoch_is_worse(tiny_data, tmp_path, capsys, pos_weight):
    """Epoch 0 is the probe: its ranks to rounding, and the one to keep if training only harms."""
    changes = {"model.head": "probe", "selection": "validation_loss", "learning_rate": 0.3}
    train(_config(tiny_data, pos_weight=pos_weight, **changes), tmp_path)
    floor = json.loads((tmp_path / "floor.json").read_text())
    assert floor["kept"]["epoch"] == 0
    for name, value in floor["labels"].items():
        assert floor["kept"]["labels"][name] == (value and pytest.approx(value, abs=1e-4))
    assert "no epoch was better than its start, which is kept" in _said(capsys)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["new", "probe"])
def test_a_linear_probe_runs_the_backbone_once_and_ends_where_it_did(
    tiny_data, tmp_path, monkeypatch, head
):
    changes = {"trainable": "head", "rotation_degrees": 0.0, "epochs": 2, "model.head": head}
    train(_config(tiny_data, **changes), tmp_path / "cached")
    monkeypatch.setattr(start_module, "learns_from_cache", lambda config: False)
    train(_config(tiny_data, **changes), tmp_path / "images")
    first, second = (
        load_file(tmp_path / one / "model.safetensors") for one in ("cached", "images")
    )
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], atol=1e-5)
    aucs = [
        [r["validation_auc"] for r in _records(tmp_path / one) if "epoch" in r]
        for one in ("cached", "images")
    ]
    np.testing.assert_allclose(*aucs, atol=1e-3)


def test_only_a_probe_without_augmentation_learns_from_the_cache(tiny_data, tmp_path, monkeypatch):
    assert not start_module.learns_from_cache(study_config())
    config = _config(tiny_data, trainable="head", rotation_degrees=0.0, epochs=1)
    assert start_module.learns_from_cache(config)
    monkeypatch.setattr(
        train_module, "make_predictor", lambda *_: lambda *_: pytest.fail("ran the backbone")
    )
    train(config, tmp_path)


def test_the_head_has_a_learning_rate_of_its_own():
    config = study_config()
    config.learning_rate, config.head_learning_rate = 1e-4, 1e-2
    optimizer = make_optimizer(config, 2, 10)
    params = {name: np.ones(3, np.float32) for name in ("head/kernel", "norm/scale")}
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    np.testing.assert_allclose(updates["head/kernel"], -1e-2, rtol=1e-4)
    np.testing.assert_allclose(updates["norm/scale"], -1e-4, rtol=1e-4)


def test_reach_is_the_sum_of_the_learning_rates():
    config = ConfigDict(study_config())
    config.learning_rate, config.schedule, config.warmup_steps = 1e-2, "cosine", 4
    assert head_reach(config, 12) == pytest.approx(
        1e-2 * (0 + 0.25 + 0.5 + 0.75 + sum((1 + np.cos(np.pi * t / 8)) / 2 for t in range(8))),
        rel=1e-5,
    )
    # The paper's training passes; four epochs of 44 steps do not.
    assert too_few_steps(study_config(), 768, 100 * 2700) is None
    short = study_config()
    short.learning_rate = 3e-5
    assert "176 steps are too few" in too_few_steps(short, 768, 176)
    short.warmup_steps = 1
    assert "1 step of a learning rate that starts from zero" in too_few_steps(short, 768, 1)
    short.warmup_steps = 0
    short.model.head = "probe"
    assert too_few_steps(short, 768, 176) is None


def test_rules_of_positive_weights():
    labels = np.array([[1, 0, -1]] * 5 + [[0, 0, 1]] * 95)
    for rule, expected in {
        "study": (19, 1, 0),
        "capped": (10, 1, 0),
        "sqrt": (19**0.5, 1, 0),
        "effective": ((1 - 0.999**95) / (1 - 0.999**5), 1, 0),
        "none": (1, 1, 1),
    }.items():
        np.testing.assert_allclose(positive_weights(labels, rule), expected, rtol=1e-5)
