"""Images a second out of a prepared dataset, beside a PyTorch DataLoader over image files.

    python -m benchmarks.loader DIR [--batch-size 64] [--batches 150]
    python -m benchmarks.loader DIR --alone [--threads 8] [--read-ahead 16] [--read-ms 1]

Ours: batches of `train_dataset` (training, as `jaxcxr.main` reads them) and of `eval_batches`. The
other side has the study's input: the same prepared pictures as PNG files, and its transforms (read
by OpenCV, PIL, flip, rotate by 7 degrees, ToTensor). Ours leaves flip and rotation to the
accelerator, as training does; so the DataLoader is measured without these two as well. Both run
in the same process, in turns, and the best of three turns counts. `--alone` leaves out the other
side; processor time an image is that of all threads of this process. `--read-ms` waits so long
before each image, as a slow disk would make it.
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

from input_pipeline.images import _Records
from input_pipeline.loader import Prepared, Reading, eval_batches, open_prepared, train_dataset

TURNS, MANY = 3, 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=150)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--threads", type=int, default=Reading.threads)
    parser.add_argument("--read-ahead", type=int, default=Reading.read_ahead)
    parser.add_argument("--processes", type=int, default=Reading.processes)
    parser.add_argument("--read-ms", type=float, default=0)
    parsed = parser.parse_args()
    how = Reading(parsed.threads, parsed.read_ahead, parsed.processes)
    prepared = open_prepared(parsed.prepared)
    size, count = parsed.batch_size, parsed.batches
    first_epoch = len(prepared.records("train")) // size + 2 + parsed.read_ahead
    with tempfile.TemporaryDirectory() as folder:
        files = [] if parsed.alone else _write_files(prepared, Path(folder))
        _wait_before_each_read(parsed.read_ms / 1000)
        sides: dict[str, tuple[int, Callable[[], Iterator[Any]]]] = {
            "jaxcxr, training": (count, partial(_train, prepared, size, how)),
            "jaxcxr, evaluation": (count, partial(_evaluate, prepared, size, how)),
        }
        kinds = (("the study's transforms", True), ("no flip, no rotation", False))
        for name, augment in () if parsed.alone else kinds:
            for workers in (0, 2):
                other = partial(_torch, files, size, workers, augment)
                sides[f"DataLoader, {workers} workers, {name}"] = (max(count // 10, 5), other)
        best = dict.fromkeys(sides, (0.0, float("inf")))
        for _ in range(TURNS):
            for name, (batches, start) in sides.items():
                # In its first epoch each picture is compared with its digest, once.
                warm = first_epoch if name.startswith("jaxcxr") else 1
                rate, seconds = _rate(start(), batches, size, warm)
                best[name] = max(best[name][0], rate), min(best[name][1], seconds)
    print(f"{prepared.path}: {prepared.image_size} x {prepared.image_size} pixels, batch {size}")
    print(f"{how}, {parsed.read_ms} ms before each read")
    for name, (rate, seconds) in best.items():
        print(f"{name:50} {rate:9,.0f} images/s {1e6 * seconds:7.0f} us of a core each")


def _rate(batches: Iterator[Any], count: int, size: int, warm: int) -> tuple[float, float]:
    """Images a second, and seconds of a core an image, after the first `warm` batches."""
    for _ in range(warm):
        next(batches)
    begun, used = time.perf_counter(), time.process_time()
    images = size * sum(1 for _ in islice(batches, count))
    return images / (time.perf_counter() - begun), (time.process_time() - used) / images


def _wait_before_each_read(seconds: float) -> None:
    read = _Records.features

    def waiting(records: _Records, row: int) -> Any:
        time.sleep(seconds)
        return read(records, row)

    if seconds:
        _Records.features = waiting  # type: ignore


def _train(prepared: Prepared, size: int, how: Reading) -> Iterator[Any]:
    return iter(train_dataset(prepared, labels=None, batch_size=size, seed=0, how=how))


def _evaluate(prepared: Prepared, size: int, how: Reading) -> Iterator[Any]:
    # One long pass: the start of a pass is not what is asked, and a small dataset has many.
    rows = np.resize(np.arange(len(prepared.records("train"))), MANY)
    return eval_batches(prepared, split="train", labels=None, batch_size=size, rows=rows, how=how)


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
