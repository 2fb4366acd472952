"""Fine-tune one model on one dataset, from config to the chosen weights; read it top to bottom."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from ml_collections import ConfigDict

from input_pipeline.loader import train_dataset
from jaxcxr.errors import InputError
from jaxcxr.inference.forward import make_predictor, mean_auc
from jaxcxr.model import flatten, split, write_weights
from jaxcxr.model.lora import add_lora, merge_lora
from jaxcxr.run import inputs
from jaxcxr.run.directory import CHECKPOINTS, WEIGHTS
from jaxcxr.run.mesh import make_mesh, put_batch, state_shardings, to_host
from jaxcxr.run.pixels import describe_pixels, pixel_statistics
from jaxcxr.training import checkpoint
from jaxcxr.training.flops import peak_flops, training_flops
from jaxcxr.training.loss import positive_weights
from jaxcxr.training.monitor import Monitor, say, summary
from jaxcxr.training.optimizer import is_trainable, make_optimizer
from jaxcxr.training.selection import Selection
from jaxcxr.training.step import init_state, make_train_step


class TrainingStoppedError(Exception):
    """A signal asked the training to stop; it is saved and goes on with the same command."""

    def __init__(self, signum: int, step: int):
        super().__init__(f"stopped by {signal.Signals(signum).name} after step {step}; saved")
        self.signum = signum


def train(config: ConfigDict, directory: Path) -> None:
    """Train until the config's end and leave the chosen weights in `directory`.

    Goes on from the newest checkpoint there, if there is one.

    Args:
      config: checked by `check_config`.
      directory: of the run, held by `open_run`.

    Raises:
      InputError: data, weights and config do not fit together, the loss is not finite, or a
        checkpoint cannot be written.
      TrainingStoppedError: on SIGTERM or SIGINT, after saving.
    """
    # ---- Data -----------------------------------------------------------------------------------
    prepared, labels = inputs.open_data(config)
    records = prepared.records("train")
    subset = inputs.training_rows(config, prepared)
    known_labels = records[list(labels)].to_numpy()[subset]
    pos_weight = positive_weights(known_labels)
    steps_per_epoch = len(known_labels) // config.batch_size
    total_steps = steps_per_epoch * config.epochs
    if not steps_per_epoch:
        raise InputError(
            f"{config.data}: {len(known_labels)} training images are fewer than one batch of "
            f"{config.batch_size}; lower config.batch_size"
            + (" or raise config.train_patients" if config.train_patients < 1 else "")
        )
    batches = iter(
        train_dataset(
            prepared,
            labels=labels,
            batch_size=config.batch_size,
            seed=config.seed,
            rows=subset,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
    )

    # ---- Mesh, model, optimizer -----------------------------------------------------------------
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.batch_size)
    pixels = pixel_statistics(config)
    model = inputs.make_model(config, labels)
    params = flatten(split(model)[1])
    if config.trainable == "lora":
        params = add_lora(params, config.lora_rank, config.seed)
    optimizer = make_optimizer(config, model.spec.depth, total_steps)
    selection = Selection(config, prepared, labels)
    predict = make_predictor(model, pixels, mesh, config.eval_batch_size)

    # ---- State: new, or that of the newest checkpoint -------------------------------------------
    state = init_state(config, params, optimizer)
    shardings = state_shardings(mesh, state)
    state = jax.device_put(state, shardings)
    checkpoints = checkpoint.open_checkpoints(directory / CHECKPOINTS)
    window: list[float] = []
    restored = checkpoint.restore_newest(checkpoints, state, report=say)
    if restored is not None:
        state, progress = restored
        batches.set_state(progress["batches"])
        selection.restore(progress["selection"])
        window = progress["window"]
        if progress["mesh"] != dict(mesh.shape):
            say(
                f"the checkpoint was saved on a mesh of {progress['mesh']}, this is "
                f"{dict(mesh.shape)}: the run goes on equal to rounding, not bit for bit"
            )
    first_step = int(state["step"])
    train_step = jax.jit(
        make_train_step(config, model, optimizer, labels, pos_weight, pixels),
        donate_argnums=0,
        out_shardings=(shardings, None),
    )

    def save(step: int) -> None:
        progress = {
            "batches": batches.get_state(),
            "selection": selection.to_dict(),
            "window": window,
            "mesh": dict(mesh.shape),
        }
        checkpoint.save(checkpoints, step, state, progress)

    # ---- Say what is about to happen ------------------------------------------------------------
    origin = inputs.provenance(config, prepared, labels)
    learning = sum(v.size for k, v in params.items() if is_trainable(k, config.trainable))
    summary(
        f"Training in {directory}",
        {
            "data": inputs.describe_data(config, prepared, origin["trained_on"]),
            "labels": ", ".join(
                f"{name} (x{weight:.3g})" for name, weight in zip(labels, pos_weight, strict=True)
            ),
            "weights": inputs.describe_weights(config),
            "pixels": describe_pixels(config),
            "parameters": f"{sum(v.size for v in params.values()):,}, of which learn {learning:,}",
            "devices": f"{mesh.devices.size} x {jax.devices()[0].device_kind}, "
            f"mesh data={mesh.shape['data']} fsdp={mesh.shape['fsdp']}",
            "steps": f"{total_steps} of {config.batch_size} images, {steps_per_epoch} an epoch",
            "starts": f"goes on after step {first_step}" if first_step else "at the beginning",
        },
    )

    # ---- Loop -----------------------------------------------------------------------------------
    one = peak_flops(jax.devices()[0].device_kind, config.dtype)
    peak = one and one * mesh.devices.size
    unsettled: list[tuple[int, np.ndarray, dict[str, Any]]] = []
    clock, timed = time.perf_counter(), 0

    def settle(monitor: Monitor) -> None:
        """Fetch the metrics of the oldest step not yet looked at, and act on them."""
        nonlocal clock, timed
        step, rows, metrics = unsettled.pop(0)
        loss = float(metrics["loss"])
        if not np.isfinite(loss):
            ids = records["image_id"].iloc[rows]
            raise InputError(
                f"the loss is {loss} at step {step} (images {', '.join(ids)}); the last good "
                f"checkpoint is that of step {checkpoints.latest_step() or 'none'}; lower "
                "config.learning_rate or set config.clip_norm, and look at these images"
            )
        window.append(loss)
        timed += 1
        monitor.advance(step)
        if step % config.log_every == 0:
            now = time.perf_counter()
            speed = timed * config.batch_size / (now - clock)
            record = {"loss": float(np.mean(window)), "images_per_second": speed}
            if peak is not None:
                record["mfu"] = speed * training_flops(model.spec, config.image_size) / peak
            monitor.record(step, record | {"gradient_norm": float(metrics["gradient_norm"])})
            window.clear()
            clock, timed = now, 0

    with (
        _stop_signal() as stop,
        Monitor(directory, total_steps, first_step, config.wandb) as monitor,
    ):
        step = first_step
        while step < total_steps and not selection.finished:
            batch = next(batches)
            rows = batch.pop("index")
            state, metrics = train_step(state, put_batch(mesh, batch))
            step += 1
            unsettled.append((step, rows, metrics))
            # One step late, so that the device computes while the host looks.
            if len(unsettled) > 1:
                settle(monitor)
            end_of_epoch = step % steps_per_epoch == 0
            stopping = _all_agree(stop, step, config.log_every)
            if not (end_of_epoch or step % config.checkpoint_every == 0 or stopping):
                continue
            settle(monitor)
            if end_of_epoch:
                epoch = step // steps_per_epoch
                logits = predict(state["params"], prepared, "validation", labels)
                auc = mean_auc(prepared, "validation", labels, logits)
                validated = {"epoch": epoch} | ({} if np.isnan(auc) else {"validation_auc": auc})
                monitor.record(step, validated)
                if selection.choose(epoch, auc):
                    tensors = to_host(mesh, merge_lora(state["params"]))
                    if jax.process_index() == 0:
                        chosen = origin | validated | {"trained_parameters": learning}
                        write_weights(directory / WEIGHTS, model.spec, tensors, chosen)
            save(step)
            clock, timed = time.perf_counter(), 0  # neither validation nor saving is training
            if stopping and step < total_steps and not selection.finished:
                checkpoint.wait(checkpoints)
                raise TrainingStoppedError(stop[0] if stop else signal.SIGTERM, step)
    checkpoint.wait(checkpoints)
    say(selection.verdict())


@contextmanager
def _stop_signal() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in a list instead of dying from them."""
    received: list[int] = []
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda n, _: received.append(n)) for number in signals]
    try:
        yield received
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _all_agree(stop: list[int], step: int, every: int) -> bool:
    """Whether to stop now: all processes must, after the same step, if any was told to."""
    if jax.process_count() == 1:
        return bool(stop)
    return step % every == 0 and bool(multihost_utils.process_allgather(np.array(bool(stop))).any())
