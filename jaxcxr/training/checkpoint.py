"""Save and restore the whole of a training: state, place in the data, choice of the best epoch.

Orbax writes each checkpoint into a temporary directory and renames it, so that a kill at any
moment leaves the one before. It does not notice a byte that changed on the disk afterwards;
the fingerprint saved with each checkpoint does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from jaxcxr.errors import InputError

KEPT = 2  # the newest, and one to go back to should it turn out damaged


def open_checkpoints(directory: Path) -> ocp.CheckpointManager:
    """Open the checkpoints of a run; make their directory if there is none."""
    options = ocp.CheckpointManagerOptions(max_to_keep=KEPT, create=True)
    return ocp.CheckpointManager(directory.absolute(), options=options)


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
    described = {"progress": deepcopy(progress), "fingerprint": int(fingerprint(state))}
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
        raise InputError(
            f"{manager.directory}: a checkpoint could not be written ({reason}); "
            f"{f'that of step {kept} is intact' if kept else 'there is none yet'}; make room or "
            "check permissions, then run the same command again to go on"
        ) from None


def restore_newest(
    manager: ocp.CheckpointManager, state: Any, report: Any = print
) -> tuple[Any, dict[str, Any]] | None:
    """Restore the newest checkpoint that is whole; None if there is none at all.

    A damaged one is reported by name and removed, and the one before it is used.

    Args:
      manager: of `open_checkpoints`.
      state: a tree of arrays or `jax.ShapeDtypeStruct` with the shardings to restore to, which
        need not be those that were saved.
      report: called with one sentence for each damaged checkpoint.

    Raises:
      InputError: there are checkpoints, and all are damaged.
    """
    target = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
    arguments = ocp.args.Composite(
        state=ocp.args.StandardRestore(target), progress=ocp.args.JsonRestore()
    )
    steps = sorted(manager.all_steps(), reverse=True)
    for step in steps:
        try:
            restored = manager.restore(step, args=arguments)
            described = restored.progress
            whole = int(fingerprint(restored.state)) == described["fingerprint"]
            reason = "its values are not those that were saved"
        except Exception as error:  # Orbax and TensorStore raise many kinds for a damaged file
            whole, reason = False, str(error).strip().splitlines()[0][:200]
        if whole:
            return restored.state, described["progress"]
        report(f"checkpoint {manager.directory / str(step)} is damaged ({reason}); it is removed")
        manager.delete(step)
    if steps:
        raise InputError(
            f"{manager.directory}: every checkpoint is damaged; remove the run's directory to "
            "start anew"
        )
    return None
