"""Fine-tune one model on one dataset, from config to the chosen weights; read it top to bottom."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from ml_collections import ConfigDict

from input_pipeline.loader import Prepared, Reading, train_dataset
from jaxcxr.inference.forward import make_predictor, mean_auc, mean_loss
from jaxcxr.model import ModelSpec, write_weights
from jaxcxr.model.lora import SCALE, adapted, merge_lora
from jaxcxr.probing.floor import FLOOR
from jaxcxr.run import belongs, inputs
from jaxcxr.run.directory import CHECKPOINTS, WEIGHTS
from jaxcxr.run.learnt import to_tensors
from jaxcxr.run.learnt_labels import LABEL_NOISE, describe_noise
from jaxcxr.run.mesh import make_mesh, put_batch, put_state, to_host
from jaxcxr.run.pixels import describe_pixels, pixel_statistics
from jaxcxr.training import checkpoint
from jaxcxr.training.flops import peak_flops, training_flops
from jaxcxr.training.lessons import Lessons, find_lessons
from jaxcxr.training.losses import Losses
from jaxcxr.training.monitor import Monitor, say, summary
from jaxcxr.training.optimizer import is_trainable, make_optimizer
from jaxcxr.training.reach import too_few_steps
from jaxcxr.training.seal import agreed
from jaxcxr.training.selection import Selection
from jaxcxr.training.start import find_start
from jaxcxr.training.step import create_state, make_train_step, shapes_of_state, with_lora
from jaxcxr.training.stopping import TrainingStoppedError, all_agree, stop_signals


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
    start = belongs.check_start(directory, config, belongs.start_of(config, prepared, labels))
    lessons = find_lessons(config, prepared, labels)
    learnt = inputs.learn_from(config, prepared, lessons.rows)
    batches = _batches(config, prepared, labels, lessons)

    # ---- Mesh, model, optimizer -----------------------------------------------------------------
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.batch_size)
    pixels = pixel_statistics(config)
    model, params = inputs.make_model(config, labels, mesh)
    if config.trainable == "lora":
        params = put_state(mesh, with_lora(config, params))
    resumed = any((directory / CHECKPOINTS).glob("[0-9]*"))
    first = find_start(
        *(config, directory, model, pixels, mesh, params),
        *(prepared, labels, lessons.rows, lessons.truth, lessons.pos_weight),
        resumed=resumed,
    )
    floor, cache = first.floor, first.cache
    optimizer = make_optimizer(config, model.spec.depth, lessons.total_steps)
    selection = Selection(config, prepared, labels)
    reading = inputs.reading_here(config)
    predict = make_predictor(model, pixels, mesh, config.eval_batch_size, reading)
    if cache is not None:
        predict = cache.predictor(mesh)

    # ---- State: new, or that of the newest checkpoint -------------------------------------------
    def chosen_step() -> int | None:
        chosen = selection.chosen()
        return chosen["epoch"] * lessons.steps_per_epoch if chosen else None

    shapes = shapes_of_state(config, first.params, optimizer, mesh)
    checkpoints = checkpoint.open_checkpoints(directory / CHECKPOINTS, chosen_step)
    window: list[float] = []
    restored = checkpoint.restore_newest(checkpoints, shapes, report=say)
    if restored is None:
        state = create_state(config, first.params, optimizer, shapes)
    else:
        state, progress = restored
        belongs.check_checkpoints(directory, start, progress)
        batches.set_state(progress["batches"])
        selection.restore(progress["selection"])
        window = progress["window"]
        _say_if_another_mesh(progress["mesh"], dict(mesh.shape))
    first_step = int(state["step"])
    goes_on_from = None if restored is None else first_step
    del params, first, restored  # or what the steps do not reuse would stay on the devices
    if belongs.TEST_READ in start:
        say("its test split was read before this training ended; all numbers from it will say so")
    if jax.process_index() == 0 and belongs.claim(directory, config, start):
        say(
            f"{directory} was begun before runs kept what they learn from: it is taken to be "
            f"{config.data} as it lies there now"
        )
    train_step = jax.jit(
        make_train_step(config, model, optimizer, labels, lessons.pos_weight, pixels, mesh),
        donate_argnums=0,
        out_shardings=(jax.tree.map(lambda leaf: leaf.sharding, shapes), None),
    )

    # ---- Say what is about to happen ------------------------------------------------------------
    origin = inputs.provenance(config, prepared, labels, start, learnt)
    sizes = {path: leaf.size for path, leaf in shapes["params"].items() if path != SCALE}
    learning = sum(size for path, size in sizes.items() if is_trainable(path, config.trainable))
    summary(
        f"Training in {directory}",
        {
            "data": inputs.describe_data(config, prepared, origin["trained_on"]),
            "labels": ", ".join(
                f"{name} (x{weight:.3g})"
                for name, weight in zip(labels, lessons.pos_weight, strict=True)
            ),
            **({"label noise": describe_noise(noise)} if (noise := start.get(LABEL_NOISE)) else {}),
            "weights": inputs.describe_weights(config),
            "pixels": describe_pixels(config),
            "parameters": f"{sum(sizes.values()):,}, of which learn {learning:,}",
            **({"LoRA": f"of {maps}"} if (maps := ", ".join(adapted(sizes))) else {}),
            "devices": f"{mesh.devices.size} x {jax.devices()[0].device_kind}, "
            f"mesh data={mesh.shape['data']} fsdp={mesh.shape['fsdp']}",
            "steps": f"{lessons.total_steps} of {config.batch_size} images, "
            f"{lessons.steps_per_epoch} an epoch",
            "floor": floor.describe() if floor else "left out (config.floor)",
            "starts": f"goes on after step {first_step}" if first_step else "at the beginning",
        },
    )

    if warning := too_few_steps(config, model.spec.width, lessons.total_steps):
        say(warning)

    # ---- Loop -----------------------------------------------------------------------------------
    with (
        stop_signals() as stop,
        Monitor(directory, lessons.total_steps, goes_on_from, config.wandb) as monitor,
    ):
        losses = Losses(
            monitor,
            log_every=config.log_every,
            batch_size=config.batch_size,
            peak=_peak_images(config, model.spec, mesh.devices.size),
            window=window,
        )
        named = _names(lessons.records, checkpoints)
        step = first_step
        timer = checkpoint.Timer(checkpoints, 60 * config.checkpoint_minutes)

        def keep(params: Any, validated: dict[str, Any]) -> None:
            tensors = to_host(mesh, merge_lora(params))
            if jax.process_index() == 0:
                chosen = origin | validated | {"trained_parameters": learning}
                write_weights(directory / WEIGHTS, model.spec, tensors | to_tensors(learnt), chosen)

        def validate(epoch: int) -> None:
            logits = predict(state["params"], prepared, "validation", labels)
            truth = prepared.records("validation")[list(labels)].to_numpy()
            auc = mean_auc(prepared, "validation", labels, logits)
            loss = mean_loss(truth, logits, lessons.pos_weight)
            measured = {"validation_auc": auc, "validation_loss": loss}
            validated = {"epoch": epoch} | {k: v for k, v in measured.items() if not np.isnan(v)}
            monitor.record(step, validated | (floor.beside if floor else {}))
            if selection.choose(epoch, auc, loss):
                keep(state["params"], validated)
                if jax.process_index() == 0 and floor:
                    floor.keep(directory / FLOOR, epoch, truth, logits)

        def save() -> None:
            progress = {
                "run": start["run"],
                "batches": batches.get_state(),
                "selection": selection.to_dict(),
                "window": losses.window,
                "mesh": dict(mesh.shape),
            }
            checkpoint.save(checkpoints, step, state, progress)
            timer.restart()
            losses.restart_clock()

        weights = (directory / WEIGHTS, (directory / WEIGHTS).with_suffix(".json"))
        lost = agreed(lambda: "" if all(path.is_file() for path in weights) else "gone")
        if lost and (at := chosen_step()) is not None:
            kept = state if at == step else checkpoint.restore_at(checkpoints, at, shapes)
            keep(kept["params"], selection.chosen())
            del kept  # as what the state began from
            say(f"{WEIGHTS} was gone; it is written again from the checkpoint of step {at}")
        if config.model.head == "probe" and goes_on_from is None:
            validate(0)
            save()
        while step < lessons.total_steps and not selection.finished:
            batch = next(batches)
            rows = batch.pop("index")
            if cache is not None:
                batch = cache.batch(batch, rows)
            state, metrics = train_step(state, put_batch(mesh, batch))
            step += 1
            losses.add(step, rows, metrics, named)
            end_of_epoch = step % lessons.steps_per_epoch == 0
            stopping, due = all_agree(bool(stop), timer.due(), step, config.log_every)
            due |= bool(config.checkpoint_every) and step % config.checkpoint_every == 0
            if not (end_of_epoch or due or stopping):
                continue
            losses.settle(named)
            if end_of_epoch:
                validate(step // lessons.steps_per_epoch)
            save()
            if stopping and step < lessons.total_steps and not selection.finished:
                checkpoint.wait(checkpoints)
                raise TrainingStoppedError(stop[0] if stop else signal.SIGTERM, step)
    checkpoint.wait(checkpoints)
    say(selection.verdict())
    if floor:
        say(floor.verdict())


def _batches(
    config: ConfigDict, prepared: Prepared, labels: tuple[str, ...], lessons: Lessons
) -> Any:
    """Return the iterator over this process's share of each batch, for ever."""
    return iter(
        train_dataset(
            prepared,
            labels=labels,
            batch_size=config.batch_size,
            seed=config.seed,
            rows=lessons.rows,
            truth=lessons.truth,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
            how=Reading(**config.reading),
        )
    )


def _say_if_another_mesh(saved: dict[str, int], now: dict[str, int]) -> None:
    if saved != now:
        say(
            f"the checkpoint was saved on a mesh of {saved}, this is {now}: the run goes on equal "
            "to rounding, not bit for bit"
        )


def _peak_images(config: ConfigDict, spec: ModelSpec, devices: int) -> float | None:
    """Images a second of which all devices would be busy at their peak; None if it is unknown."""
    kind = jax.devices()[0].device_kind
    peak = peak_flops(kind, config.dtype, config.matmul_precision)
    return peak and peak * devices / training_flops(spec, config.image_size)


def _names(records: pd.DataFrame, checkpoints: Any) -> Callable[[np.ndarray], str]:
    def named(rows: np.ndarray) -> str:
        kept = checkpoints.latest_step()
        return (
            f"(images {', '.join(records['image_id'].iloc[rows])}); the last good checkpoint is "
            f"that of step {'none' if kept is None else kept}; lower config.learning_rate or "
            "set config.clip_norm, and look at these images"
        )

    return named
