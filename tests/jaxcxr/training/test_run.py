"""Whole experiments on a tiny dataset: what comes out, what stops them, what resumes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score
from tiny import get_config

from jaxcxr.errors import InputError
from jaxcxr.main import run_experiment
from jaxcxr.model import ViTSpec, flatten, load, read_header, split, write_weights
from jaxcxr.training import train as train_module

HERE = Path(__file__).parents[1]


def _config(data, **changes):
    config = get_config()
    config.data = str(data)
    config.update(changes)
    return config


def _losses(directory, *leave_out):
    """The records of a run, without what the clock decides."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    clock = {"images_per_second", *leave_out}
    return [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]


def _load(config):
    return load(config.model.weights, image_size=config.image_size)


def _command(data, directory, *overrides):
    arguments = [f"--config={HERE / 'tiny.py'}", f"--workdir={directory}", f"--config.data={data}"]
    return [sys.executable, "-m", "jaxcxr.main", *arguments, *overrides]


@pytest.fixture(scope="module")
def finished(tiny_data, tmp_path_factory):
    """The directory of a run that was never stopped."""
    directory = tmp_path_factory.mktemp("run")
    run_experiment(_config(tiny_data), directory)
    return directory


def test_a_run_learns_and_its_statistics_are_scikit_learns(finished):
    predictions = pd.read_parquet(finished / "predictions.parquet")
    test = predictions[predictions["split"] == "test"]
    assert len(test) == 50
    statistics = json.loads((finished / "statistics.json").read_text())
    by_label = {label["label"]: label for label in statistics["labels"]}
    for name in ("Cardiomegaly", "Nodule/Mass"):
        known = test[test[f"label:{name}"] >= 0]
        expected = roc_auc_score(known[f"label:{name}"], known[f"logit:{name}"])
        found = by_label[name]["metrics"]["auc"]["value"]
        assert found == pytest.approx(expected, abs=1e-6)
    assert by_label["Cardiomegaly"]["metrics"]["auc"]["value"] > 0.9
    assert not by_label["Rare"]["estimable"]


def test_the_kept_weights_give_the_predictions_and_say_where_they_come_from(finished, tiny_data):
    header = read_header(finished / "model.safetensors")
    assert header.provenance["labels"] == ["Cardiomegaly", "Nodule/Mass", "Rare"]
    assert header.provenance["dataset"] == "padchest"
    assert header.provenance["config"]["data"] == str(tiny_data)
    chosen = header.provenance["epoch"]
    aucs = {r["epoch"]: r["validation_auc"] for r in _losses(finished) if "epoch" in r}
    assert aucs[chosen] == max(aucs.values())


def test_running_again_trains_nothing_and_gives_the_same(finished, tiny_data, monkeypatch):
    before = (finished / "model.safetensors").read_bytes(), _losses(finished)
    monkeypatch.setattr(
        train_module, "put_batch", lambda *_: pytest.fail("a finished run trained on")
    )
    run_experiment(_config(tiny_data), finished)
    assert ((finished / "model.safetensors").read_bytes(), _losses(finished)) == before


def test_training_never_opens_the_test_split(tiny_data, tmp_path, monkeypatch):
    opened = []
    images = train_module.train_dataset.__globals__["_Images"]
    original = images.__init__

    def watch(self, prepared, split, labels):
        opened.append(split)
        original(self, prepared, split, labels)

    monkeypatch.setattr(images, "__init__", watch)
    train_module.train(_config(tiny_data, epochs=1), tmp_path)
    assert set(opened) == {"train", "validation"}


@pytest.mark.slow
def test_sigterm_and_sigkill_lose_nothing(finished, tiny_data, tmp_path):
    for number in (signal.SIGTERM, signal.SIGKILL):
        _stop_midway(tiny_data, tmp_path, number)
    done = subprocess.run(_command(tiny_data, tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "goes on after step" in done.stdout
    _assert_same_run(finished, tmp_path)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(tiny_data, tmp_path):
    """SIGKILL and SIGTERM during steps, saves and evaluation, until the run has ended."""
    overrides = ("--config.epochs=40", "--config.checkpoint_every=2", "--config.patience=40")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(_command(tiny_data, whole, *overrides), check=True, capture_output=True)
    rng = np.random.default_rng(0)
    kills = 0
    while kills < 20:
        process = subprocess.Popen(
            _command(tiny_data, killed, *overrides), stdout=subprocess.PIPE, text=True
        )
        _wait_for(process, "starts")
        time.sleep(rng.uniform(0, 2.5))
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
        kills += process.wait() != 0
        process.stdout.close()
        if process.returncode == 0:
            break
    subprocess.run(_command(tiny_data, killed, *overrides), check=True, capture_output=True)
    assert kills >= 20, f"the run ended after {kills} kills; make it longer"
    _assert_same_run(whole, killed)


def _stop_midway(data, directory, number):
    process = subprocess.Popen(_command(data, directory), stdout=subprocess.PIPE, text=True)
    _wait_for(process, "validation_auc")
    process.send_signal(number)
    assert process.wait() in (128 + number, -number)
    process.stdout.close()


def _wait_for(process, word):
    for line in process.stdout:
        if word in line:
            return
    pytest.fail(f"the process ended before {word!r}")


def _assert_same_run(expected, directory):
    first, second = (load_file(run / "model.safetensors") for run in (expected, directory))
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert _losses(expected) == _losses(directory)
    frames = [pd.read_parquet(run / "predictions.parquet") for run in (expected, directory)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


@pytest.mark.slow
def test_a_second_process_is_refused(tiny_data, tmp_path):
    first = subprocess.Popen(_command(tiny_data, tmp_path), stdout=subprocess.PIPE, text=True)
    _wait_for(first, "starts")
    second = subprocess.run(_command(tiny_data, tmp_path), capture_output=True, text=True)
    first.kill()
    first.wait()
    first.stdout.close()
    assert second.returncode == 2
    assert "another process is training here" in second.stderr


def test_another_experiment_is_refused_in_the_same_directory(tiny_data, finished):
    with pytest.raises(InputError, match=r"learning_rate: 0.005 before, 0.5 now"):
        run_experiment(_config(tiny_data, learning_rate=0.5), finished)


def test_a_loss_that_is_not_finite_names_step_images_and_checkpoint(tiny_data, tmp_path):
    config = _config(tiny_data, learning_rate=1e30, checkpoint_every=1)
    with pytest.raises(InputError, match=r"the loss is nan at step \d+ \(images train\d+.png, "):
        run_experiment(config, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_a_full_disk_ends_in_a_sentence_and_goes_on_when_there_is_room(tiny_data, tmp_path):
    # As a user's: what is compiled goes to the run's directory and takes room there.
    own = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    told = {"capture_output": True, "text": True, "env": own}
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted: run as root, with the right to mount")
    try:
        full = subprocess.run(_command(tiny_data, tmp_path), **told)
        assert full.returncode == 2
        # Orbax's and TensorBoard's threads may add tracebacks of what they could not write.
        said = [line for line in full.stderr.splitlines() if line.startswith("error: ")]
        assert len(said) == 1, full.stderr
        # A checkpoint's own sentence, or the boundary's where another file met it first.
        assert re.search("(?i)no space left on (the )?device", said[0])
        subprocess.run(["mount", "-o", "remount,size=50m", str(tmp_path)], check=True)
        again = subprocess.run(_command(tiny_data, tmp_path), **told)
        assert again.returncode == 0, again.stderr
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("Cardiomegalie",)}, "no label 'Cardiomegalie' .did you mean 'Cardiomegaly'"),
        ({"image_size": 35}, "images of 28 pixels, but config.image_size is 35"),
        ({"batch_size": 500}, "120 training images are fewer than one batch of 500"),
        ({"labels": ("Rare",)}, "no label has both positives and negatives among the 40 valid"),
    ],
)
def test_what_does_not_fit_together_is_named(tiny_data, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        run_experiment(_config(tiny_data, **changes), tmp_path)


def test_weights_of_another_width_are_refused(tiny_data, tmp_path, finished):
    config = _config(tiny_data)
    config.model.weights = str(finished / "model.safetensors")
    config.model.spec.width = 48
    with pytest.raises(InputError, match=r"has width 32, not 48 as config.model.spec says"):
        run_experiment(config, tmp_path)


@pytest.mark.slow
def test_transfer_keeps_outputs_by_name_and_not_by_place(tiny_data, tmp_path, finished, capsys):
    config = _config(tiny_data, labels=("Nodule/Mass", "Cardiomegaly"), epochs=1)
    config.learning_rate = 1e-12
    config.model.init, config.model.head = "pretrained", "keep"
    config.model.weights = str(finished / "model.safetensors")
    run_experiment(config, tmp_path)
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "(fine-tuned by jaxcxr, padchest)" in said
    old, new = (pd.read_parquet(d / "predictions.parquet") for d in (finished, tmp_path))
    for name in ("Nodule/Mass", "Cardiomegaly"):
        np.testing.assert_allclose(old[f"logit:{name}"], new[f"logit:{name}"], atol=1e-4)
    config.labels = ("Cardiomegaly", "Rare", "Nodule/Mass")
    tensors = {k: np.asarray(v) for k, v in flatten(split(_load(config))[1]).items()}
    write_weights(
        tmp_path / "nameless.safetensors",
        ViTSpec.from_dict(read_header(config.model.weights).spec.to_dict()),
        tensors,
        {},
    )
    config.model.weights = str(tmp_path / "nameless.safetensors")
    with pytest.raises(InputError, match="has no head with named outputs to keep"):
        run_experiment(config, tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["head", "lora"])
def test_probe_and_lora_leave_an_ordinary_weights_file(tiny_data, tmp_path, trainable):
    run_experiment(_config(tiny_data, trainable=trainable, epochs=1), tmp_path)
    assert not [key for key in load_file(tmp_path / "model.safetensors") if "lora" in key]
    assert (tmp_path / "statistics.json").is_file()
