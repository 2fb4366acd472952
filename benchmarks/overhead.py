"""What the host adds to a training step: taking a batch from the loader, and starting the step.

    python -m benchmarks.overhead DIR [--model NAME] [--batch 32] [--steps 6]

DIR is a dataset prepared at 224 pixels. Input and dispatch are timed by themselves, and compared
with the step that follows them. Training overlaps them with the step before; this does not.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from benchmarks.train import SIZE, SPECS
from input_pipeline.loader import open_prepared, train_dataset
from jaxcxr.config import study_config
from jaxcxr.model import ViT, ViTSpec, flatten, split
from jaxcxr.run.mesh import make_mesh, put_batch, state_shardings
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import init_state, make_train_step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--model", choices=SPECS, default="vit_base_patch14_dinov2")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()

    prepared = open_prepared(options.prepared)
    if prepared.image_size != SIZE:
        parser.error(f"{options.prepared}: prepared at {prepared.image_size} pixels, not {SIZE}")
    labels = prepared.labels
    batches = iter(train_dataset(prepared, labels=None, batch_size=options.batch, seed=0))
    config, spec = study_config(), ViTSpec(**SPECS[options.model])
    model = ViT(spec, num_labels=len(labels), image_size=SIZE, rngs=nnx.Rngs(0))
    config.flip = False  # some labels have a side
    optimizer = make_optimizer(config, spec.depth, 1000)
    mesh = make_mesh(-1, 1, options.batch)
    state = init_state(config, flatten(split(model)[1]), optimizer)
    shardings = state_shardings(mesh, state)
    state = jax.device_put(state, shardings)
    pixels = np.zeros(3, np.float32), np.ones(3, np.float32)
    weights = np.ones(len(labels), np.float32)
    step = jax.jit(
        make_train_step(config, model, optimizer, labels, weights, pixels),
        donate_argnums=0,
        out_shardings=(shardings, None),
    )
    times = []
    for _ in range(options.steps + 2):  # the first two compile and settle
        moments = [time.perf_counter()]
        batch = next(batches)
        batch.pop("index")
        on_device = put_batch(mesh, batch)
        moments.append(time.perf_counter())
        state, metrics = step(state, on_device)
        moments.append(time.perf_counter())
        float(metrics["loss"])
        moments.append(time.perf_counter())
        times.append(np.diff(moments))
    taking, starting, computing = np.median(times[2:], axis=0)
    print(f"{options.model}, {SIZE} px, batch {options.batch}, median of {options.steps} steps on")
    print(f"{mesh.devices.size} x {jax.devices()[0].device_kind}\n")
    print(f"input    {1e3 * taking:10.2f} ms")
    print(f"dispatch {1e3 * starting:10.2f} ms")
    print(f"step     {1e3 * computing:10.2f} ms")
    print(f"host     {100 * (taking + starting) / computing:10.2f} % of the step")


if __name__ == "__main__":
    main()
