"""Checkpoints come by time; batches of an evaluation are on their way while others are computed."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcxr.inference.forward import IN_FLIGHT, in_flight
from jaxcxr.training import checkpoint


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock.now)
    return clock


def test_a_checkpoint_is_due_after_its_time_and_counts_anew(clock):
    manager = SimpleNamespace(is_saving_in_progress=lambda: False)
    timer = checkpoint.Timer(manager, 300)
    for later, due in ((0, False), (299, False), (1, True), (50, True)):
        clock.now += later
        assert timer.due() is due
    timer.restart()
    assert not timer.due()
    clock.now += 300
    assert timer.due()


def test_none_is_due_while_one_is_being_written(clock):
    writing = [True]
    timer = checkpoint.Timer(SimpleNamespace(is_saving_in_progress=lambda: writing[0]), 300)
    clock.now += 1000
    assert not timer.due()
    writing[0] = False
    assert timer.due()


@pytest.mark.parametrize("count", [0, 1, IN_FLIGHT, 7])
def test_results_come_in_order_beside_their_batches_and_later_ones_are_begun(count):
    begun = []

    def compute(images):
        begun.append(int(images[0]))
        return jnp.asarray(images) * 2

    batches = ({"image": np.full(3, n)} for n in range(count))
    for place, (batch, found) in enumerate(in_flight(compute, batches)):
        assert batch["image"][0] == place
        np.testing.assert_array_equal(found, np.full(3, 2 * place))
        assert begun == list(range(min(place + IN_FLIGHT + 1, count)))
    assert len(begun) == count
