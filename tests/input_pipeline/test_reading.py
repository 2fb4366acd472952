"""However batches are read, they are the same ones, and a training goes on among them."""

import itertools
import time

import numpy as np
import pytest

from input_pipeline.images import Images
from input_pipeline.loader import Reading, eval_batches, open_prepared, train_dataset
from jaxcxr.errors import InputError


def _batches(prepared, how, done=0, count=5):
    iterator = iter(train_dataset(prepared, labels=None, batch_size=8, seed=5, how=how))
    iterator.set_state({"next_index": done})
    return list(itertools.islice(iterator, count)), iterator.get_state()


WAYS = [Reading(1, 1), Reading(8, 16), pytest.param(Reading(1, 1, 2), marks=pytest.mark.slow)]


@pytest.mark.parametrize("how", WAYS)
def test_threads_and_processes_give_the_same_batches(prepared, how):
    whole, _ = _batches(prepared, Reading())
    first, state = _batches(prepared, how, count=2)
    rest, _ = _batches(prepared, Reading(), done=state["next_index"], count=3)
    for expected, found in zip(whole, first + rest, strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)


@pytest.mark.slow
def test_a_mistake_in_a_process_that_reads_is_said_in_a_sentence(prepared):
    fresh = open_prepared(prepared.path)
    fresh.records("train").loc[3, "image_id"] = "another"
    with pytest.raises(InputError, match="not of one preparation"):
        _batches(fresh, Reading(1, 1, 2))


def test_threads_hide_a_slow_disk(prepared, monkeypatch):
    def slow(images, rows):
        time.sleep(0.02)
        return {"index": rows}

    monkeypatch.setattr(Images, "batch", slow)
    spent = {}
    for threads in (1, 16):
        how = Reading(threads, 2 * threads)
        begun = time.perf_counter()
        found = list(eval_batches(prepared, split="train", labels=None, batch_size=1, how=how))
        spent[threads] = time.perf_counter() - begun
        np.testing.assert_array_equal(np.concatenate([b["index"] for b in found]), np.arange(23))
    assert spent[16] < 0.6 * spent[1]
