"""Draw phantom radiographs and write them in a publisher's image format, on all cores."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.phantom.exams import Exam
from jaxcxr.errors import InputError
from jaxcxr.interrupts import end_with_parent, held_back


@dataclass(frozen=True)
class Radiograph:
    """One picture to draw, and where in the release to write it.

    `encoding` is `png16` (12 bits in 16, as PadChest), `png8`, `rgba`, `jpeg`, or `dicom1` and
    `dicom2` (MONOCHROME1 and 2). `truncated` cuts the file off in the middle.
    """

    path: str
    findings: frozenset[str]
    view: str
    height: int
    width: int
    encoding: str
    seed: tuple[int, ...]
    truncated: bool = False
    age: int | None = None
    sex: str = ""


def planned(
    path: str, exam: Exam, view: str, *, encoding: str, size: int, seed: int, number: int
) -> Radiograph:
    """The radiograph of one view of an exam, around `size` pixels a side and seldom square."""
    height, width = np.random.default_rng((seed, 3, number)).uniform(0.9, 1.1, 2) * size
    return Radiograph(
        path=path,
        findings=exam.findings,
        view=view,
        height=int(height),
        width=int(width),
        encoding=encoding,
        seed=(seed, 4, number),
        age=exam.age,
        sex=exam.sex,
    )


def write_all(out_dir: Path, radiographs: Sequence[Radiograph], workers: int) -> None:
    """Draw and write every picture; the files do not depend on the number of workers."""
    for folder in {(out_dir / radiograph.path).parent for radiograph in radiographs}:
        folder.mkdir(parents=True, exist_ok=True)
    on_cores(partial(write, out_dir), radiographs, workers)


def on_cores(work: Callable[[Any], None], items: Iterable[Any], workers: int) -> None:
    """Do the work of each item in `workers` processes, or in this one if that is 1."""
    if workers == 1:
        for item in items:
            work(item)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        with held_back():
            found = pool.map(work, items, chunksize=8)
        for _ in found:
            pass


def _start() -> None:
    import cv2

    end_with_parent()
    # OpenCV's own threads would only fight with the other processes.
    cv2.setNumThreads(1)


def write(out_dir: Path, radiograph: Radiograph) -> None:
    """Draw one radiograph and write it."""
    from input_pipeline.phantom.anatomy import draw

    picture = draw(
        np.random.default_rng(radiograph.seed),
        radiograph.findings,
        view=radiograph.view,
        height=radiograph.height,
        width=radiograph.width,
    )
    encoded = _ENCODERS[radiograph.encoding](picture, radiograph)
    if radiograph.truncated:
        encoded = encoded[: len(encoded) // 2]
    (out_dir / radiograph.path).write_bytes(encoded)


def _image(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    import cv2

    done, encoded = cv2.imencode(suffix, pixels, list(options))
    if not done:
        raise InputError(f"OpenCV cannot encode {suffix} images here; reinstall opencv")
    return encoded.tobytes()


def _png16(picture: np.ndarray, _: Radiograph) -> bytes:
    import cv2

    return _image(".png", np.rint(picture * 4095).astype(np.uint16), cv2.IMWRITE_PNG_COMPRESSION, 1)


def _png8(picture: np.ndarray, _: Radiograph) -> bytes:
    import cv2

    return _image(".png", _eight_bits(picture), cv2.IMWRITE_PNG_COMPRESSION, 1)


def _rgba(picture: np.ndarray, _: Radiograph) -> bytes:
    gray = _eight_bits(picture)
    return _image(".png", np.dstack([gray, gray, gray, np.full_like(gray, 255)]))


def _jpeg(picture: np.ndarray, _: Radiograph) -> bytes:
    return _image(".jpg", _eight_bits(picture))


def _eight_bits(picture: np.ndarray) -> np.ndarray:
    return np.rint(picture * 255).astype(np.uint8)


def _dicom(picture: np.ndarray, radiograph: Radiograph) -> bytes:
    from input_pipeline.phantom.dicom import encode

    return encode(
        picture,
        inverted=radiograph.encoding == "dicom1",
        name=Path(radiograph.path).stem,
        age=radiograph.age,
        sex=radiograph.sex,
    )


_ENCODERS = {
    "png16": _png16,
    "png8": _png8,
    "rgba": _rgba,
    "jpeg": _jpeg,
    "dicom1": _dicom,
    "dicom2": _dicom,
}
