"""Phantom chest radiographs: a person without findings, then the findings, then the exposure.

Densities add up as thickness does on a radiograph; the person's right is on the image's left.
Lines, masks and clouds are drawn on one canvas, which is then turned and scaled to the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from input_pipeline.labels import NAMES
from input_pipeline.phantom import findings as effects
from input_pipeline.phantom.brushes import CANVAS, fluff, step
from input_pipeline.phantom.front import frontal
from input_pipeline.phantom.side import lateral
from input_pipeline.phantom.thorax import Chest, Person
from jaxcxr.errors import InputError

VIEWS = {"frontal": frontal, "lateral": lateral}


def draw(
    rng: np.random.Generator,
    findings: Iterable[str],
    *,
    view: str = "frontal",
    height: int,
    width: int,
) -> np.ndarray:
    """A radiograph with `findings` (ids of `labels.NAMES`), float32 [height, width], 0 to 1.

    Bright is dense, as in MONOCHROME2. The person, the projection and the noise follow from `rng`
    alone, and so does each finding's own place and size: the same generator with one finding more
    gives the same person with that finding.

    Raises:
        InputError: if a finding or the view is unknown.
    """
    unknown = sorted(set(findings) - NAMES.keys())
    if unknown:
        raise InputError(f"unknown finding {unknown[0]!r}; use the ids of input_pipeline.labels")
    if view not in VIEWS:
        raise InputError(f"unknown view {view!r}; use {' or '.join(VIEWS)}")
    person_seed, finding_seed, exposure_seed = rng.integers(2**62, size=3).tolist()
    own = {
        finding: np.random.default_rng((finding_seed, number))
        for number, finding in enumerate(NAMES)
        if finding in findings
    }
    person = Person.sample(np.random.default_rng(person_seed))
    sides = {finding: effects.side_of(finding, generator) for finding, generator in own.items()}
    for finding, generator in own.items():
        person = effects.reshape(finding, sides[finding], person, generator)
    chest = VIEWS[view](person, np.random.default_rng((person_seed, 1)))
    for finding, generator in own.items():
        effects.paint(finding, sides[finding], chest, generator)
    return _exposed(chest, np.random.default_rng(exposure_seed), height, width)


def _exposed(chest: Chest, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    turn, scale = np.deg2rad(rng.normal(0, 1.5)), rng.uniform(1.0, 1.14)
    shift_x, shift_y = rng.normal(0, 0.015, 2)
    a, b = scale * np.cos(turn), scale * np.sin(turn)
    move = np.array([[a, -b, 0.5 - (a - b) / 2 + shift_x], [b, a, 0.5 - (a + b) / 2 + shift_y]])
    move[:, :2] /= CANVAS
    move *= [[width], [height]]
    density = chest.density() + 0.05 * (fluff(rng, 4) - 0.5)
    picture = cv2.warpAffine(
        density, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    grain = rng.standard_normal((height, width), np.float32)
    picture = picture + np.float32(rng.uniform(0.006, 0.018)) * grain
    picture = step(picture - rng.uniform(0.46, 0.54), rng.uniform(4.6, 6.0))
    if rng.random() < 0.6:
        _stamp_side(picture, rng)
    _collimate(picture, rng)
    return np.clip(picture, 0, 1).astype(np.float32)


def _stamp_side(picture: np.ndarray, rng: np.random.Generator) -> None:
    """The lead letter beside the patient's left shoulder."""
    height, width = picture.shape
    place = (round(width * rng.uniform(0.88, 0.92)), round(height * rng.uniform(0.08, 0.14)))
    size = width / 550
    weight = max(1, round(2 * size))
    letter = np.zeros((height, width), np.uint8)
    cv2.putText(letter, "L", place, cv2.FONT_HERSHEY_SIMPLEX, size, 247, weight, cv2.LINE_AA)
    np.maximum(picture, letter.astype(np.float32) / 255, out=picture)


def _collimate(picture: np.ndarray, rng: np.random.Generator) -> None:
    """Unexposed borders, of another width on each side."""
    height, width = picture.shape
    top, bottom, left, right = np.maximum(rng.normal(0.008, 0.012, 4), 0)
    picture[: round(top * height)] = 0.01
    picture[height - round(bottom * height) :] = 0.01
    picture[:, : round(left * width)] = 0.01
    picture[:, width - round(right * width) :] = 0.01
