"""Save and restore the whole of a training: state, place in the data, choice of the best epoch.

Orbax writes each checkpoint into a temporary directory and renames it, so that a kill at any
moment leaves the one before. What is damage is decided by digests alone, of the files before Orbax
reads them and of the values after: such a checkpoint is moved aside, and nothing is ever deleted.
Whatever else keeps a checkpoint from being read is raised.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from jaxcxr.errors import InputError
from jaxcxr.training.seal import agreed, broken_seal, digest_of, move_aside, moved_aside, seal

KEPT = 2  # the newest, and one to go back to should it turn out damaged


@dataclass(frozen=True)
class Kept:
    """Which checkpoints stay: the newest, and that of the chosen weights, should they get lost.

    Attributes:
      chosen: returns the step of the chosen weights.
    """

    chosen: Callable[[], int | None]

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Decide of each checkpoint, from the oldest to the newest; called by Orbax."""
        steps = [one.step for one in checkpoints]
        return [step in (*steps[-KEPT:], self.chosen()) for step in steps]


def open_checkpoints(
    directory: Path, chosen: Callable[[], int | None] = lambda: None
) -> ocp.CheckpointManager:
    """Open the checkpoints of a run; make their directory if there is none.

    Args:
      directory: of the checkpoints.
      chosen: returns the step whose checkpoint stays, however many are newer.

    Raises:
      InputError: they cannot be read.
    """
    # Orbax calls it when all files are written and before it renames their directory, so that there
    # is no checkpoint without its seal.
    sealing = ocp.AsyncOptions(post_finalization_callback=lambda: seal(directory))
    options = ocp.CheckpointManagerOptions(
        preservation_policy=Kept(chosen), create=True, async_options=sealing
    )
    try:
        return ocp.CheckpointManager(directory.absolute(), options=options)
    except OSError as error:
        raise InputError(
            f"{directory}: the checkpoints cannot be read ({error.strerror}); check permissions"
        ) from error


class Timer:
    """Says when the time for a checkpoint has come, and the one before it is written.

    Args:
      manager: of `open_checkpoints`.
      seconds: between two.
    """

    def __init__(self, manager: ocp.CheckpointManager, seconds: float):
        self._manager, self._seconds = manager, seconds
        self.restart()

    def restart(self) -> None:
        """Count from now."""
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether to save now; not while one is being written, which would stall the training."""
        late = time.monotonic() - self._saved >= self._seconds
        return late and not self._manager.is_saving_in_progress()


@jax.jit
def fingerprint(tree: Any) -> jax.Array:
    """Sum all bits of all arrays into one number, each weighted by an odd number for its place.

    Integer arithmetic modulo 2^32: the same on any device and any layout, and another one after
    any change of a single value.

    Returns:
      A uint32 scalar.
    """
    total = jnp.uint32(0)
    for number, leaf in enumerate(jax.tree.leaves(tree)):
        bits = jax.lax.bitcast_convert_type(leaf.reshape(-1), jnp.uint32)
        places = jax.lax.iota(jnp.uint32, bits.size) * 2 + 1
        total += jnp.sum(bits * places, dtype=jnp.uint32) * jnp.uint32(2 * number + 1)
    return total


def save(manager: ocp.CheckpointManager, step: int, state: Any, progress: dict[str, Any]) -> None:
    """Save the state after `step` steps; writing goes on while training does.

    Args:
      manager: of `open_checkpoints`.
      step: number of steps taken.
      state: tree of arrays.
      progress: JSON values.

    Raises:
      InputError: this or the checkpoint before could not be written, as on a full disk.
    """
    # Copied, since the caller goes on changing it while it is written.
    described = {
        "progress": deepcopy(progress),
        "progress_digest": digest_of(progress),
        "fingerprint": int(fingerprint(state)),
    }
    arguments = ocp.args.Composite(
        state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(described)
    )
    with _named_error(manager):
        manager.save(step, args=arguments)


def wait(manager: ocp.CheckpointManager) -> None:
    """Wait until every checkpoint asked for is on the disk.

    Raises:
      InputError: one could not be written.
    """
    with _named_error(manager):
        manager.wait_until_finished()


@contextmanager
def _named_error(manager: ocp.CheckpointManager) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        kept = manager.latest_step()
        full = "No space left" in str(error) or shutil.disk_usage(manager.directory).free < 2**20
        reason = "no space left on the device" if full else " ".join(str(error).split())[:200]
        before = "there is none yet" if kept is None else f"that of step {kept} is intact"
        raise InputError(
            f"{manager.directory}: a checkpoint could not be written ({reason}); {before}; make "
            "room or check permissions, then run the same command again to go on"
        ) from None


def restore_newest(
    manager: ocp.CheckpointManager, state: Any, report: Callable[[str], None]
) -> tuple[Any, dict[str, Any]] | None:
    """Restore the newest checkpoint that is whole; None if there has never been one.

    A damaged one is reported by name and moved aside, and the one before it is used.

    Args:
      manager: of `open_checkpoints`.
      state: a tree of arrays or `jax.ShapeDtypeStruct` with the shardings to restore to, which
        need not be those that were saved.
      report: called with one sentence for each damaged checkpoint.

    Raises:
      InputError: all are damaged, now or at an earlier call; or one cannot be read for another
        reason, and then nothing is touched.
    """
    directory = Path(manager.directory)

    def set_aside(step: int, reason: str) -> str:
        place = move_aside(directory, step)
        report(
            f"checkpoint {directory / str(step)} is damaged ({reason}); it is moved to {place.name}"
        )
        return reason

    def check_files(step: int) -> str:
        reason = broken_seal(directory / str(step))
        return set_aside(step, reason) if reason else ""

    for step in sorted(manager.all_steps(), reverse=True):
        if not agreed(partial(check_files, step)):
            found, described = _read(manager, step, state)
            reason = _changed(found, described)
            if not reason:
                return found, described["progress"]
            agreed(partial(set_aside, step, reason))
        manager.reload()
    if damaged := moved_aside(directory):
        raise InputError(
            f"{directory}: every checkpoint is damaged ({', '.join(damaged)}); remove the run's "
            "directory to start anew"
        )
    return None


def restore_at(manager: ocp.CheckpointManager, step: int, state: Any) -> Any:
    """Restore the state of one step, as `restore_newest` does that of the newest.

    Raises:
      InputError: there is no such checkpoint, as of a run of before it was kept, or it is damaged.
    """
    directory = Path(manager.directory)
    gone = "" if step in manager.all_steps() else "it was not kept"
    if not (gone or agreed(lambda: broken_seal(directory / str(step)))):
        found, described = _read(manager, step, state)
        if not _changed(found, described):
            return found
    raise InputError(
        f"{directory.parent}: the weights of the chosen epoch are gone, and so is their checkpoint "
        f"of step {step} ({gone or 'it is damaged'}); put the file of the weights back, or remove "
        "the run's directory and run the same command to train anew"
    )


def _read(manager: ocp.CheckpointManager, step: int, state: Any) -> tuple[Any, dict[str, Any]]:
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
    arguments = ocp.args.Composite(
        state=ocp.args.StandardRestore(target), progress=ocp.args.JsonRestore()
    )
    try:
        restored = manager.restore(step, args=arguments)
    except Exception as error:  # Orbax and TensorStore raise many kinds
        lines = str(error).strip().splitlines() or [""]
        raise InputError(
            f"{manager.directory / str(step)}: the checkpoint cannot be restored "
            f"({type(error).__name__}: {lines[0][:200]}); nothing was changed; undo what changed "
            "since it was saved (config, data, permissions), or use another --workdir"
        ) from error
    return restored.state, restored.progress


def _changed(state: Any, described: dict[str, Any]) -> str:
    """Why what was read is not what was saved; empty if it is."""
    if int(fingerprint(state)) != described["fingerprint"]:
        return "its values are not those that were saved"
    # Checkpoints of before there was this digest have none.
    if described.get("progress_digest") not in (None, digest_of(described["progress"])):
        return "its place in the training is not the one that was saved"
    return ""
