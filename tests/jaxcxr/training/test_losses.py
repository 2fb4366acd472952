"""Losses looked at one step late: windows, speed, and what stops a training; no model, no data."""

import numpy as np
import pytest

from jaxcxr.errors import InputError
from jaxcxr.training import losses as losses_module
from jaxcxr.training.losses import Losses


class Written:
    """Stands in for the monitor and remembers what it was told."""

    def __init__(self):
        self.advanced, self.records = [], {}

    def advance(self, step):
        self.advanced.append(step)

    def record(self, step, metrics):
        assert step not in self.records
        self.records[step] = metrics


@pytest.fixture
def clock(monkeypatch):
    """The seconds that have passed; a test moves them on."""
    seconds = [100.0]
    monkeypatch.setattr(losses_module.time, "perf_counter", lambda: seconds[0])
    return seconds


def _losses(written, **changes):
    asked = {"log_every": 3, "batch_size": 16, "peak": None, "window": []} | changes
    return Losses(written, **asked)


def _named(rows):
    return f"(images {rows})"


def _add(losses, step, loss, norm=1.0):
    losses.add(step, [step], {"loss": loss, "gradient_norm": norm}, _named)


def test_a_step_is_looked_at_when_the_next_is_on_its_way(clock):
    written = Written()
    losses = _losses(written)
    _add(losses, 1, 0.5)
    assert written.advanced == [] and losses.window == []
    _add(losses, 2, 0.25)
    assert written.advanced == [1] and losses.window == [0.5]
    losses.settle(_named)
    assert written.advanced == [1, 2] and losses.window == [0.5, 0.25]
    assert written.records == {}


def test_each_record_is_of_its_own_window(clock):
    written = Written()
    losses = _losses(written)
    for step in range(1, 8):
        clock[0] += 2.0
        _add(losses, step, float(step), norm=step / 10)
    losses.settle(_named)
    assert written.advanced == list(range(1, 8)) and list(written.records) == [3, 6]
    assert written.records[3]["loss"] == 2.0 and written.records[6]["loss"] == 5.0
    assert written.records[3]["gradient_norm"] == 0.3
    assert written.records[6]["gradient_norm"] == 0.6
    # The first three were looked at with the fourth, after eight seconds; then six for three.
    assert written.records[3]["images_per_second"] == pytest.approx(3 * 16 / 8)
    assert written.records[6]["images_per_second"] == pytest.approx(3 * 16 / 6)
    assert losses.window == [7.0]
    assert "mfu" not in written.records[3]


def test_a_window_of_before_goes_on_and_its_speed_does_not(clock):
    written = Written()
    losses = _losses(written, window=[8.0, 10.0], peak=64.0)
    _add(losses, 3, 3.0)
    clock[0] += 1.0
    losses.settle(_named)
    assert written.records[3]["loss"] == 7.0
    assert written.records[3]["images_per_second"] == 16.0
    assert written.records[3]["mfu"] == 0.25


def test_what_is_no_training_is_left_out_of_the_speed(clock):
    written = Written()
    losses = _losses(written)
    for step in (1, 2):
        clock[0] += 1.0
        _add(losses, step, 0.5)
    losses.settle(_named)
    clock[0] += 1000.0  # a validation
    losses.restart_clock()
    clock[0] += 4.0
    _add(losses, 3, 0.5)
    losses.settle(_named)
    assert written.records[3]["images_per_second"] == pytest.approx(16 / 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_names_its_own_step_and_images(clock, bad):
    losses = _losses(Written())
    _add(losses, 1, 0.5)
    _add(losses, 2, bad)
    with pytest.raises(InputError, match=rf"the loss is {bad} at step 2 \(images \[2\]\)"):
        _add(losses, 3, 0.5)
