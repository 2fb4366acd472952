"""Decoders compared, format by format, and what a whole recipe costs.

    python -m benchmarks.prepare [--image FILE ...]

Without files it takes a random texture of 1024 x 1024 pixels, encoded in each format; real
radiographs (PNG, JPEG, DICOM) tell more. A decoder counts only if its pixels equal the majority's.
Ours includes the checks that find truncated and damaged files. All decoders take turns in one
process, and the best of the turns counts.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from input_pipeline.decoding import dicom
from input_pipeline.decoding.decode import decode_full_depth
from input_pipeline.decoding.recipes import RECIPES

TURNS, SIZE = 7, 224
Decoder = Callable[[bytes], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, nargs="*", default=[])
    parsed = parser.parse_args()
    named = {path.name: path.read_bytes() for path in parsed.image}
    for name, content in (named or dict(_textures())).items():
        print(f"{name} ({len(content):,} bytes)")
        _compare(content)


def _compare(content: bytes) -> None:
    sides = dict(_dicom_decoders(content) if dicom.is_dicom(content) else _decoders())
    pixels = {name: decode(content) for name, decode in sides.items()}
    # More than one gray level apart is wrong; one is the rounding of a lossy JPEG.
    middle = np.median(np.stack([np.asarray(p, np.float64) for p in pixels.values()]), axis=0)
    wrong = {name for name, p in pixels.items() if np.abs(p - middle).max() > 1}
    best = dict.fromkeys(sides, np.inf)
    for _ in range(TURNS):
        for name, decode in sides.items():
            begun = time.perf_counter()
            decode(content)
            best[name] = min(best[name], time.perf_counter() - begun)
    fastest = min(seconds for name, seconds in best.items() if name not in wrong)
    for name, seconds in best.items():
        note = "  WRONG" if name in wrong else ""
        share = fastest / seconds
        print(f"  {name:36} {seconds * 1e3:8.2f} ms  {share:5.0%} of the fastest{note}")
    for name, recipe in RECIPES.items():
        begun = time.perf_counter()
        recipe(content, SIZE)
        print(f"  whole recipe {name:23} {(time.perf_counter() - begun) * 1e3:8.2f} ms")


def _decoders() -> Iterator[tuple[str, Decoder]]:
    yield "ours", decode_full_depth
    flags = {"unchanged": cv2.IMREAD_UNCHANGED, "colour, then gray": cv2.IMREAD_ANYDEPTH | 1}
    for name, flag in flags.items():
        yield f"OpenCV, {name}", partial(_opencv, flag)
    yield "Pillow", lambda content: _gray(np.asarray(Image.open(io.BytesIO(content))), rgb=True)


def _opencv(flag: int, content: bytes) -> np.ndarray:
    return _gray(cv2.imdecode(np.frombuffer(content, np.uint8), flag))


def _gray(image: Any, rgb: bool = False) -> np.ndarray:
    if image.ndim == 2:
        return np.asarray(image)
    return cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY if rgb else cv2.COLOR_BGR2GRAY)


def _dicom_decoders(content: bytes) -> Iterator[tuple[str, Decoder]]:
    yield "ours", lambda content: dicom.stored(content)[0]
    syntax = dcmread(io.BytesIO(content), stop_before_pixels=True).file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        yield "pydicom", lambda content: dcmread(io.BytesIO(content)).pixel_array
        return
    for plugin in get_decoder(syntax).available_plugins:

        def decode(content: bytes, plugin: str = plugin) -> np.ndarray:
            dataset = dcmread(io.BytesIO(content))
            dataset.pixel_array_options(decoding_plugin=plugin)
            return dataset.pixel_array

        yield f"pydicom with {plugin}", decode


def _textures() -> Iterator[tuple[str, bytes]]:
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.random((64, 64)), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    levels = ((smooth + rng.normal(0, 0.01, smooth.shape)).clip(0, 1) * 4095).astype(np.uint16)
    eight = (levels >> 4).astype(np.uint8)
    yield "8-bit PNG", cv2.imencode(".png", eight)[1].tobytes()
    yield "16-bit PNG", cv2.imencode(".png", levels)[1].tobytes()
    yield "JPEG", cv2.imencode(".jpg", eight)[1].tobytes()
    from input_pipeline.decoding.recipe_hash import _dicom

    plain = _dicom(levels, levels.tobytes(), ExplicitVRLittleEndian)
    yield "DICOM, uncompressed", plain
    for syntax in (RLELossless, JPEG2000Lossless):
        dataset = dcmread(io.BytesIO(plain))
        dataset.compress(syntax, generate_instance_uid=False)
        file = io.BytesIO()
        dataset.save_as(file)
        yield f"DICOM, {syntax.name}", file.getvalue()


if __name__ == "__main__":
    main()
