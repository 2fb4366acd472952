"""Images a second out of a prepared dataset, beside a PyTorch DataLoader over image files.

    python -m benchmarks.loader DIR [--batch-size 64] [--batches 150]

Ours: batches of `train_dataset` (training, as `jaxcxr.main` reads them) and of `eval_batches`. The
other side has the study's input: the same prepared pictures as PNG files, and its transforms (read
by OpenCV, PIL, flip, rotate by 7 degrees, ToTensor). Ours leaves flip and rotation to the
accelerator, as training does; so the DataLoader is measured without these two as well. Both run
in the same process, in turns, and the best of three turns counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from input_pipeline.loader import Prepared, eval_batches, open_prepared, train_dataset

TURNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=150)
    parsed = parser.parse_args()
    prepared = open_prepared(parsed.prepared)
    size, count = parsed.batch_size, parsed.batches
    with tempfile.TemporaryDirectory() as folder:
        files = _write_files(prepared, Path(folder))
        sides: dict[str, tuple[int, Callable[[], Iterator[Any]]]] = {
            "jaxcxr, training": (count, partial(_train, prepared, size)),
            "jaxcxr, evaluation": (count, partial(_evaluate, prepared, size)),
        }
        for name, augment in (("the study's transforms", True), ("no flip, no rotation", False)):
            for workers in (0, 2):
                other = partial(_torch, files, size, workers, augment)
                sides[f"DataLoader, {workers} workers, {name}"] = (max(count // 10, 5), other)
        best = dict.fromkeys(sides, 0.0)
        for _ in range(TURNS):
            for name, (batches, start) in sides.items():
                best[name] = max(best[name], _rate(start(), batches, size))
    print(f"{prepared.path}: {prepared.image_size} x {prepared.image_size} pixels, batch {size}")
    for name, rate in best.items():
        print(f"{name:50} {rate:9,.0f} images/s")


def _rate(batches: Iterator[Any], count: int, size: int) -> float:
    """Measure after the first batch, which waits for processes and threads to start."""
    next(batches)
    begun = time.perf_counter()
    read = sum(1 for _ in islice(batches, count))
    return read * size / (time.perf_counter() - begun)


def _train(prepared: Prepared, size: int) -> Iterator[Any]:
    return iter(train_dataset(prepared, labels=None, batch_size=size, seed=0))


def _evaluate(prepared: Prepared, size: int) -> Iterator[Any]:
    while True:
        yield from eval_batches(prepared, split="train", labels=None, batch_size=size)


def _write_files(prepared: Prepared, folder: Path) -> list[Path]:
    files: list[Path] = []
    for batch in eval_batches(prepared, split="train", labels=None, batch_size=1):
        files.append(folder / f"{len(files)}.png")
        cv2.imwrite(str(files[-1]), batch["image"][0])
    return files


def _torch(files: list[Path], size: int, workers: int, augment: bool) -> Iterator[Any]:
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    class Files(Dataset[Any]):
        def __len__(self) -> int:
            return len(files) * 1000  # epochs would restart the workers

        def __getitem__(self, index: int) -> Any:
            levels = np.asarray(cv2.imread(str(files[index % len(files)])), np.uint8)
            image = Image.fromarray(levels)
            if augment:
                if torch.rand(1) < 0.5:
                    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                image = image.rotate(float(torch.empty(1).uniform_(-7, 7)))
            # ToTensor, written out
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
            return pixels.to(torch.float32).div(255)

    yield from DataLoader(Files(), batch_size=size, shuffle=True, num_workers=workers)


if __name__ == "__main__":
    main()
