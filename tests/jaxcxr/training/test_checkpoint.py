"""A damaged checkpoint is named and passed over; nothing restores unnoticed wrong values."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcxr.errors import InputError
from jaxcxr.training import checkpoint


def _state(step):
    rng = np.random.default_rng(step)
    kernel = jnp.asarray(rng.normal(size=(64, 300)).astype("float32"))
    return {"step": jnp.int32(step), "params": {"blocks/0/kernel": kernel}, "opt": (kernel * 2,)}


@pytest.fixture
def saved(tmp_path):
    manager = checkpoint.open_checkpoints(tmp_path)
    for step in (10, 20, 30):
        checkpoint.save(manager, step, _state(step), {"epoch": step // 10, "window": [0.1, 1 / 3]})
    checkpoint.wait(manager)
    yield manager, tmp_path
    manager.close()


def _flip_bit(directory, step):
    files = (p for p in (directory / str(step) / "state").rglob("*") if p.is_file())
    largest = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)


def test_restores_the_newest_bit_for_bit(saved):
    manager, _ = saved
    state, progress = checkpoint.restore_newest(manager, _state(0), report=pytest.fail)
    np.testing.assert_array_equal(
        state["params"]["blocks/0/kernel"], _state(30)["params"]["blocks/0/kernel"]
    )
    assert int(state["step"]) == 30
    assert progress == {"epoch": 3, "window": [0.1, 1 / 3]}


def test_progress_is_what_it_was_when_it_was_saved(tmp_path):
    manager, progress = checkpoint.open_checkpoints(tmp_path), {"window": [1.0]}
    checkpoint.save(manager, 1, _state(1), progress)
    progress["window"].append(2.0)  # as training does while the checkpoint is being written
    checkpoint.wait(manager)
    assert checkpoint.restore_newest(manager, _state(0))[1] == {"window": [1.0]}
    manager.close()


def test_one_flipped_bit_is_reported_by_name_and_the_one_before_is_used(saved):
    manager, directory = saved
    _flip_bit(directory, 30)
    reports = []
    state, progress = checkpoint.restore_newest(manager, _state(0), report=reports.append)
    assert int(state["step"]) == 20
    assert progress["epoch"] == 2
    assert len(reports) == 1
    assert f"{directory}/30 is damaged" in reports[0]
    assert manager.latest_step() == 20  # so that step 30 can be saved again


def test_a_missing_file_counts_as_damage_and_all_damaged_stops(saved):
    manager, directory = saved
    for step in (20, 30):
        for file in (directory / str(step) / "state").rglob("*"):
            if file.is_file() and file.stat().st_size > 10_000:
                file.unlink()
    with pytest.raises(InputError, match="every checkpoint is damaged"):
        checkpoint.restore_newest(manager, _state(0), report=lambda _: None)


def test_without_checkpoints_there_is_nothing_to_restore(tmp_path):
    manager = checkpoint.open_checkpoints(tmp_path / "new")
    assert checkpoint.restore_newest(manager, _state(0)) is None
    manager.close()


def test_fingerprint_notices_any_single_change_and_an_exchange():
    state = _state(1)
    before = int(checkpoint.fingerprint(state))
    kernel = state["params"]["blocks/0/kernel"]
    changed = kernel.at[3, 7].set(jnp.nextafter(kernel[3, 7], 9.0))
    assert int(checkpoint.fingerprint(state | {"params": {"blocks/0/kernel": changed}})) != before
    exchanged = kernel.at[0, 0].set(kernel[0, 1]).at[0, 1].set(kernel[0, 0])
    assert int(checkpoint.fingerprint(state | {"params": {"blocks/0/kernel": exchanged}})) != before
    assert int(checkpoint.fingerprint(_state(1))) == before
