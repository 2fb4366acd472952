"""What flipping and rotating an image costs by its size, in processor time of a CPU.

    python -m benchmarks.augmentation [--sizes 224 512 1024] [--batch 8]

The augmentation of training: a flip with probability 1/2, a rotation by up to 7 degrees. The least
of several rounds counts, summed over all threads. What it is of an accelerator's step is in the
files of `benchmarks.large_images`, as a share of all bytes that are read and written.
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

from benchmarks.processor import describe_processor
from jaxcxr.training.augment import augment

ROUNDS = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", type=int, default=[224, 512, 1024])
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    print(f"batches of {options.batch} on {describe_processor()}\n")
    print("| side | an image |\n|---|---|")
    for side in options.sizes:
        print(f"| {side} | {1e3 * seconds_an_image(side, options.batch):.2f} ms |", flush=True)


def seconds_an_image(side: int, batch: int) -> float:
    """Processor seconds that one image takes."""
    images = jax.device_put(
        np.random.default_rng(0).integers(0, 256, (batch, side, side), dtype=np.uint8)
    )
    run = jax.jit(lambda key, images: augment(key, images, flip=True, rotation_degrees=7.0))
    jax.block_until_ready(run(jax.random.key(0), images))
    spent = []
    for number in range(ROUNDS):
        key, begun = jax.random.key(number), time.process_time()
        jax.block_until_ready(run(key, images))
        spent.append(time.process_time() - begun)
    return min(spent) / batch


if __name__ == "__main__":
    main()
