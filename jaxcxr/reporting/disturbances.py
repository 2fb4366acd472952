"""Small changes of a prepared radiograph, such as another device or an export would make.

They act on the gray levels that a model is given, after the recipe, and are the same whenever they
are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

Change = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Disturbance:
    """A change.

    Attributes:
      name: with its amount.
      change: `[side, side]` uint8 and the image's number -> the same, changed.
    """

    name: str
    change: Change


def _noise(image: np.ndarray, number: int, sd: float) -> np.ndarray:
    drawn = np.random.default_rng([number, round(sd)]).normal(0, sd, image.shape)
    return np.clip(np.rint(image + drawn), 0, 255).astype(np.uint8)


def _blur(image: np.ndarray, number: int, sigma: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _gamma(image: np.ndarray, number: int, gamma: float) -> np.ndarray:
    return np.rint(255 * (image / 255) ** gamma).astype(np.uint8)


def _jpeg(image: np.ndarray, number: int, quality: int) -> np.ndarray:
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)


def _rotated(image: np.ndarray, number: int, degrees: float) -> np.ndarray:
    side = image.shape[0]
    middle = ((side - 1) / 2, (side - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
    # Black comes in at the corners, as in training.
    return np.asarray(cv2.warpAffine(image, matrix, (side, side)), np.uint8)


DISTURBANCES = (
    *(
        Disturbance(f"Gaussian noise, sd {sd} of 255 levels", partial(_noise, sd=sd))
        for sd in (5, 15)
    ),
    *(
        Disturbance(f"Gaussian blur, sigma {sigma} pixels", partial(_blur, sigma=sigma))
        for sigma in (1, 2)
    ),
    *(Disturbance(f"gamma {gamma}", partial(_gamma, gamma=gamma)) for gamma in (0.7, 1.4)),
    *(
        Disturbance(f"JPEG, quality {quality}", partial(_jpeg, quality=quality))
        for quality in (75, 30)
    ),
    *(
        Disturbance(f"rotation by {degrees} degrees", partial(_rotated, degrees=degrees))
        for degrees in (-5, 5)
    ),
)
