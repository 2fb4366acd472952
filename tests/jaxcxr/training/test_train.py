"""What a training does at which step: the ends of epochs, windows, checkpoints, signals.

The tiny dataset has 120 training images: 7 batches of 16 an epoch, and 8 images left over.
"""

import json
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny import get_config

from input_pipeline.loader import open_prepared
from input_pipeline.loader import train_dataset as real_dataset
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec, read_header
from jaxcxr.training import train as train_module
from jaxcxr.training.flops import training_flops
from jaxcxr.training.train import TrainingStoppedError, train

STEPS_AN_EPOCH = 7


def _config(data, **changes):
    config = get_config()
    config.data, config.selection, config.epochs = str(data), "last", 3
    config.update(changes)
    return config


def _records(directory, field):
    """The step and value of every record that has a field."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return {record["step"]: record[field] for record in records if field in record}


@pytest.fixture
def watched(monkeypatch):
    """Collect the steps that are saved, and the rows of the batches that are learnt from."""
    seen = {"saved": [], "rows": [], "first": None, "order": []}
    save, dataset = train_module.checkpoint.save, train_module.train_dataset
    create, restart = train_module.create_state, train_module.Losses.restart_clock

    def restarting(losses):
        seen["order"].append("clock")
        restart(losses)

    def saving(manager, step, state, progress):
        assert int(state["step"]) == step
        seen["saved"].append(step)
        seen["order"].append("saved")
        save(manager, step, state, progress)

    def creating(*arguments):
        seen["first"] = create(*arguments)
        return seen["first"]

    class Batches:
        """A dataset's iterator, listened to."""

        def __init__(self, iterator):
            self.get_state, self.set_state = iterator.get_state, iterator.set_state
            self.iterator = iterator

        def __iter__(self):
            return self

        def __next__(self):
            batch = next(self.iterator)
            seen["rows"].append(batch["index"])
            return batch

    monkeypatch.setattr(train_module.checkpoint, "save", saving)
    monkeypatch.setattr(train_module.Losses, "restart_clock", restarting)
    monkeypatch.setattr(train_module, "create_state", creating)
    monkeypatch.setattr(
        train_module, "train_dataset", lambda *a, **k: Batches(iter(dataset(*a, **k)))
    )
    return seen


@pytest.fixture(scope="module")
def every_step(tiny_data, tmp_path_factory):
    """A training that told of each of its steps."""
    directory = tmp_path_factory.mktemp("every")
    train(_config(tiny_data, log_every=1), directory)
    return directory


def test_epochs_windows_and_checkpoints_end_where_they_say(
    tiny_data, tmp_path, watched, every_step, monkeypatch, capsys
):
    monkeypatch.setattr(train_module, "peak_flops", lambda kind, dtype, precision: 1e9)
    timer, waits = train_module.checkpoint.Timer, []

    def timing(manager, seconds):
        waits.append(seconds)
        return timer(manager, seconds)

    monkeypatch.setattr(train_module.checkpoint, "Timer", timing)
    # log_every 3, checkpoint_every 4
    train(_config(tiny_data, seed=0, checkpoint_minutes=7.0), tmp_path)
    assert waits == [420]
    assert "test split was read" not in capsys.readouterr().out
    assert watched["saved"] == [4, 7, 8, 12, 14, 16, 20, 21]
    # The time of saving is none of the steps'.
    order = watched["order"]
    assert all(order[i + 1] == "clock" for i, what in enumerate(order) if what == "saved")
    # A step takes the memory of the state before it: a device holds one of them, not two.
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(watched["first"]))
    assert _records(tmp_path, "epoch") == {7: 1, 14: 2, 21: 3}
    assert list(_records(tmp_path, "validation_auc")) == [7, 14, 21]
    # Each record is the mean of the losses since the one before, across the end of an epoch too.
    losses, means = _records(every_step, "loss"), _records(tmp_path, "loss")
    assert list(losses) == list(range(1, 22))
    assert list(means) == [3, 6, 9, 12, 15, 18, 21]
    for step, mean in means.items():
        assert mean == pytest.approx(np.mean([losses[n] for n in range(step - 2, step + 1)]))
    norms, all_norms = (_records(run, "gradient_norm") for run in (tmp_path, every_step))
    assert norms == {step: all_norms[step] for step in norms}
    speeds, shares = _records(tmp_path, "images_per_second"), _records(tmp_path, "mfu")
    flops = training_flops(ViTSpec.from_dict(_config(tiny_data).model.spec.to_dict()), 28)
    for step, speed in speeds.items():
        assert 0 < speed < 1e6
        assert shares[step] == pytest.approx(speed * flops / 1e9)
    assert not _records(every_step, "mfu")  # the peak of a CPU is not known
    _assert_rows_are_those_of_the_seed(watched["rows"], tiny_data, seed=0)
    header = read_header(tmp_path / "model.safetensors")
    assert header.provenance["epoch"] == 3
    assert header.provenance["validation_auc"] == _records(tmp_path, "validation_auc")[21]
    kept, again = (load_file(run / "model.safetensors") for run in (tmp_path, every_step))
    for name, value in kept.items():
        np.testing.assert_array_equal(value, again[name])


def _assert_rows_are_those_of_the_seed(rows, data, seed):
    assert len(rows) == 21
    for epoch in range(3):
        of_epoch = np.concatenate(rows[STEPS_AN_EPOCH * epoch : STEPS_AN_EPOCH * (epoch + 1)])
        assert len(set(of_epoch.tolist())) == 112  # no image twice
    expected = iter(real_dataset(open_prepared(data), labels=None, batch_size=16, seed=seed))
    for found in rows:
        np.testing.assert_array_equal(found, next(expected)["index"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_its_step_and_the_run_goes_on_as_if_nothing_was(
    tiny_data, tmp_path, watched, every_step, number, capsys
):
    config = _config(tiny_data, checkpoint_every=100)
    handler, put = signal.getsignal(number), train_module.put_batch

    def send(mesh, batch):
        if len(watched["rows"]) == 9:  # in the second epoch, and between two records
            os.kill(os.getpid(), number)
        return put(mesh, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "put_batch", send)
        with pytest.raises(TrainingStoppedError, match=f"stopped by {number.name} after step 9"):
            train(config, tmp_path)
    assert signal.getsignal(number) is handler
    assert watched["saved"] == [7, 9]
    train(config, tmp_path)
    assert "goes on after step 9" in capsys.readouterr().out
    assert watched["saved"] == [7, 9, 14, 21]
    _assert_rows_are_those_of_the_seed(watched["rows"], tiny_data, seed=0)
    losses, means = _records(every_step, "loss"), _records(tmp_path, "loss")
    assert list(means) == [3, 6, 9, 12, 15, 18, 21]
    for step, mean in means.items():
        assert mean == pytest.approx(np.mean([losses[n] for n in range(step - 2, step + 1)]))


def test_a_signal_within_the_last_step_is_too_late_to_stop(tiny_data, tmp_path, watched):
    put = train_module.put_batch

    def send(mesh, batch):
        if len(watched["rows"]) == STEPS_AN_EPOCH:
            os.kill(os.getpid(), signal.SIGTERM)
        return put(mesh, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "put_batch", send)
        train(_config(tiny_data, epochs=1), tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


@pytest.mark.slow
def test_more_epochs_go_on_from_the_end_of_the_last(tiny_data, tmp_path, every_step):
    """Stopped at the end of an epoch by its config: the next begins with the next order."""
    for epochs in (1, 3):
        train(_config(tiny_data, log_every=1, epochs=epochs), tmp_path)
    assert _records(tmp_path, "loss") == _records(every_step, "loss")
    assert _records(tmp_path, "validation_auc") == _records(every_step, "validation_auc")


@pytest.mark.parametrize(("step", "kept"), [(5, "4"), (7, "4"), (1, "none")])
def test_a_loss_that_is_no_number_names_its_step_and_images(
    tiny_data, tmp_path, watched, monkeypatch, step, kept
):
    make = train_module.make_train_step

    def spoilt(*args):
        right = make(*args)

        def train_step(state, batch):
            after, metrics = right(state, batch)
            bad = after["step"] == step
            return after, metrics | {"loss": jnp.where(bad, jnp.nan, metrics["loss"])}

        return train_step

    monkeypatch.setattr(train_module, "make_train_step", spoilt)
    with pytest.raises(InputError, match=rf"nan at step {step} .*that of step {kept};") as raised:
        train(_config(tiny_data), tmp_path)
    ids = open_prepared(tiny_data).records("train")["image_id"].iloc[watched["rows"][step - 1]]
    assert f"(images {', '.join(ids)})" in str(raised.value)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_training_stops_when_patience_runs_out_and_keeps_the_best(tiny_data, tmp_path, monkeypatch):
    aucs = iter([0.6, 0.8, 0.7, 0.8, 0.9])
    monkeypatch.setattr(train_module, "mean_auc", lambda *_: next(aucs))
    config = _config(tiny_data, epochs=10, patience=2, selection="validation_auc", batch_size=60)
    train(config, tmp_path)
    assert list(_records(tmp_path, "validation_auc").values()) == [0.6, 0.8, 0.7, 0.8]
    assert read_header(tmp_path / "model.safetensors").provenance["epoch"] == 2


def test_a_head_of_the_probe_is_validated_before_it_learns_and_never_again(
    tiny_data, tmp_path, capsys, watched
):
    def run(epochs):
        config = _config(tiny_data, epochs=epochs)
        config.model.head = "probe"
        train(config, tmp_path)
        return capsys.readouterr().out, (tmp_path / "floor.json").read_text()

    said, floor = run(1)
    assert "initial features of 160 " in said
    assert watched["saved"] == [0, 4, 7]
    assert _records(tmp_path, "epoch") == {0: 0, 7: 1}
    assert (tmp_path / "start.json").is_file()  # what this run belongs to, from its start on
    weights = tmp_path / "model.safetensors"
    kept = weights.read_bytes()
    weights.unlink()
    again, same = run(1)
    assert "initial features of" not in again and same == floor
    assert "it is written again from the checkpoint of step 7" in " ".join(again.split())
    assert weights.read_bytes() == kept
    run(2)
    assert _records(tmp_path, "epoch") == {0: 0, 7: 1, 14: 2}


def test_the_lowest_validation_loss_chooses_where_it_is_asked_to(tiny_data, tmp_path, monkeypatch):
    aucs, losses = iter([0.6, 0.5, 0.9, 0.9]), iter([0.3, 0.2, 0.2, 0.4])
    monkeypatch.setattr(train_module, "mean_auc", lambda *_: next(aucs))
    monkeypatch.setattr(train_module, "mean_loss", lambda *_: next(losses))
    config = _config(tiny_data, epochs=10, patience=2, selection="validation_loss", batch_size=60)
    train(config, tmp_path)
    assert list(_records(tmp_path, "validation_loss").values()) == [0.3, 0.2, 0.2, 0.4]
    kept = read_header(tmp_path / "model.safetensors").provenance
    assert (kept["epoch"], kept["validation_auc"], kept["validation_loss"]) == (2, 0.5, 0.2)


def test_an_auc_that_no_label_gives_is_left_out(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "mean_auc", lambda *_: np.nan)
    train(_config(tiny_data, epochs=1, batch_size=120), tmp_path)
    assert _records(tmp_path, "epoch") == {1: 1}  # all images are one batch
    assert not _records(tmp_path, "validation_auc")
    assert "validation_auc" not in read_header(tmp_path / "model.safetensors").provenance


def test_one_batch_is_the_least(tiny_data, tmp_path):
    with pytest.raises(InputError, match=r"fewer than one batch of 121; lower config.batch_size$"):
        train(_config(tiny_data, batch_size=121), tmp_path)


@pytest.mark.slow
def test_lora_trains_its_updates_and_merges_them(tiny_data, tmp_path, capsys):
    train(_config(tiny_data, epochs=1, trainable="lora", lora_rank=3), tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    assert not [name for name in kept if "lora" in name]
    head = 3 * 33
    learnt = read_header(tmp_path / "model.safetensors").provenance["trained_parameters"]
    assert learnt > head and (learnt - head) % 3 == 0  # updates of rank 3
    said = " ".join(capsys.readouterr().out.replace("\u2502", " ").split())
    assert f"of which learn {learnt:,}" in said and "7 of 16 images, 7 an epoch" in said
    assert "starts at the beginning" in said
