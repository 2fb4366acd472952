"""A damaged checkpoint is named and passed over; nothing restores unnoticed wrong values."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcxr.errors import InputError
from jaxcxr.training import checkpoint, seal
from jaxcxr.training.seal import SEAL


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
    assert checkpoint.restore_newest(manager, _state(0), report=pytest.fail)[1] == {"window": [1.0]}
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
    assert checkpoint.restore_newest(manager, _state(0), report=pytest.fail) is None
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


def _steps(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_checkpoint_has_digests_of_all_its_items_files_from_the_moment_it_is_there(saved):
    _, directory = saved
    for step in ("20", "30"):
        listed = set(json.loads((directory / step / SEAL).read_text()))
        there = {p.relative_to(directory / step).as_posix() for p in _files(directory / step)}
        assert listed == {name for name in there if "/" in name}


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_not_damage_is_raised_with_its_cause_and_nothing_is_touched(saved, monkeypatch):
    manager, directory = saved
    before = {path: path.read_bytes() for path in _files(directory)}
    wider = _state(0) | {"params": {"blocks/0/kernel": jnp.zeros((64, 301))}}
    for _ in range(2):
        with pytest.raises(InputError, match=r"30: the checkpoint cannot be restored \(\w+"):
            checkpoint.restore_newest(manager, wider, report=pytest.fail)
    with monkeypatch.context() as patch:
        patch.setattr(seal, "sha256", _refused)
        with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); nothing was"):
            checkpoint.restore_newest(manager, _state(0), report=pytest.fail)
    assert {path: path.read_bytes() for path in _files(directory)} == before
    assert int(checkpoint.restore_newest(manager, _state(0), report=pytest.fail)[0]["step"]) == 30


def _refused(path):
    raise PermissionError(13, "Permission denied")


def test_all_damaged_is_said_at_every_call_and_nothing_is_deleted(saved):
    manager, directory = saved
    for step in (20, 30):
        _flip_bit(directory, step)
    before = sorted(path.read_bytes() for path in _files(directory / "30"))
    reports = []
    for _ in range(3):
        with pytest.raises(InputError, match=r"every checkpoint is damaged \(damaged-20, damaged"):
            checkpoint.restore_newest(manager, _state(0), report=reports.append)
    assert len(reports) == 2
    assert _steps(directory) == ["damaged-20", "damaged-30"]
    assert sorted(path.read_bytes() for path in _files(directory / "damaged-30")) == before


@pytest.mark.parametrize("sealed", [True, False])
def test_a_changed_place_in_the_training_is_damage(saved, sealed):
    manager, directory = saved
    progress = directory / "30" / "progress" / "metadata"
    progress.write_text(progress.read_text().replace('"epoch": 3', '"epoch": 2'))
    if not sealed:  # as checkpoints of before there were seals, or of a file system without
        (directory / "30" / SEAL).unlink()
    reports = []
    _, found = checkpoint.restore_newest(manager, _state(0), report=reports.append)
    assert found["epoch"] == 2 and found["window"] == [0.1, 1 / 3]
    assert "30 is damaged" in reports[0] and (directory / "damaged-30").is_dir()


def test_a_step_that_is_damaged_twice_keeps_both(saved):
    manager, directory = saved
    for _ in range(2):
        _flip_bit(directory, 30)
        checkpoint.restore_newest(manager, _state(0), report=lambda _: None)
        checkpoint.save(manager, 30, _state(30), {"epoch": 3})
        checkpoint.wait(manager)
    assert _steps(directory) == ["20", "30", "damaged-30", "damaged-30-2"]
    assert int(checkpoint.restore_newest(manager, _state(0), report=pytest.fail)[0]["step"]) == 30
