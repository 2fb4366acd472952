"""Phantom natural-like pictures: a background, things in front of it, light, and their labels.

Backgrounds have the spectrum of natural scenes, amplitude about 1/f: clouds of noise, or dead
leaves, ovals of all sizes that hide each other (Lee, Mumford, Huang: Occlusion models for natural
images, IJCV 2001). Coordinates are (x, y) in units of the picture's side, y down.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

SHAPES = ("disc", "square", "triangle", "ring")
STRIPES = ("", "upright", "level")
MANY = 4
# Objects lie in the cells of a grid, so that none hides another and they can be counted.
GRID = 3
OVERSAMPLING = 2
_SHIFT = 4  # OpenCV's fixed-point coordinates: fractional bits


@dataclass(frozen=True)
class Object:
    """A flat shape: of `SHAPES`, centre, radius of its outer circle, angle in radians."""

    shape: str
    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True)
class Scene:
    """What a picture shows.

    Attributes:
      objects: in front of everything.
      leaves: the background is dead leaves, otherwise clouds.
      symmetric: the left half mirrors the right, but for light and grain.
      stripes: of `STRIPES`; the way their lines run.
      horizon: y where the ground begins; 1 for none.
      tree: whether a tree stands there.
      light_left: whether the light comes from the left, otherwise from the right.
      blur: standard deviation, in units of the side; 0 for none.
    """

    objects: tuple[Object, ...]
    leaves: bool
    symmetric: bool
    stripes: str
    horizon: float
    tree: bool
    light_left: bool
    blur: float

    def labels(self) -> dict[str, bool]:
        """Say what is there, by the names of the labels."""
        shapes = {thing.shape for thing in self.objects}
        return {
            **{shape.capitalize(): shape in shapes for shape in SHAPES},
            f"More than {MANY} objects": len(self.objects) > MANY,
            "Symmetric": self.symmetric,
            "Upright stripes": self.stripes == "upright",
            "Level stripes": self.stripes == "level",
            "Leaves": self.leaves,
            "Horizon": self.horizon < 1,
            "Tree": self.tree,
            "Light from the left": self.light_left,
            "Out of focus": self.blur > 0,
        }


def imagine(rng: np.random.Generator) -> Scene:
    """Think of a scene: each property on its own, about as often there as not."""
    symmetric = bool(rng.random() < 0.4)
    return Scene(
        objects=_objects(rng, symmetric),
        leaves=bool(rng.random() < 0.5),
        symmetric=symmetric,
        stripes=str(rng.choice(STRIPES)),
        horizon=float(rng.uniform(0.4, 0.75)) if rng.random() < 0.4 else 1.0,
        tree=bool(rng.random() < 0.4),
        light_left=bool(rng.random() < 0.5),
        blur=float(rng.uniform(0.010, 0.016)) if rng.random() < 0.4 else 0.0,
    )


def _objects(rng: np.random.Generator, symmetric: bool) -> tuple[Object, ...]:
    count = int(rng.integers(MANY + 1, 8) if rng.random() < 0.5 else rng.integers(1, MANY + 1))
    kinds = rng.choice(SHAPES, size=min(count, int(rng.integers(1, 4))), replace=False)
    shapes = [str(kinds[number % len(kinds)]) for number in range(count)]
    if not symmetric:
        cells = rng.choice(GRID * GRID, size=count, replace=False)
        return tuple(
            _object(rng, shape, cell % GRID, cell // GRID)
            for shape, cell in zip(shapes, cells.tolist(), strict=True)
        )
    # Two of one shape face each other, one in each row; what is left over stands in the middle.
    paired = [shape for shape in kinds.tolist() for _ in range(shapes.count(shape) // 2)]
    alone = [shape for shape in kinds.tolist() if shapes.count(shape) % 2]
    rows, middle_rows = rng.permutation(GRID).tolist(), rng.permutation(GRID).tolist()
    pairs = [_object(rng, shape, 0, row) for shape, row in zip(paired, rows, strict=False)]
    middle = [_object(rng, shape, 1, row) for shape, row in zip(alone, middle_rows, strict=False)]
    mirrored = (replace(one, x=1 - one.x, angle=-one.angle) for one in pairs)
    return (*pairs, *mirrored, *(replace(one, x=0.5, angle=0.0) for one in middle))


def _object(rng: np.random.Generator, shape: str, column: int, row: int) -> Object:
    radius = rng.uniform(0.08, 0.125)
    x, y = (np.array([column, row]) + 0.5) / GRID + rng.uniform(-0.03, 0.03, 2)
    return Object(shape, float(x), float(y), float(radius), float(rng.uniform(0, 2 * np.pi)))


def draw(scene: Scene, rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a scene, float32 `[size, size]`, 0 to 1; what it leaves open follows from `rng`."""
    side = OVERSAMPLING * size
    picture = _leaves(rng, side) if scene.leaves else _clouds(rng, side)
    if scene.horizon < 1:
        _ground(picture, scene.horizon, rng)
    if scene.stripes:
        _stripes(picture, scene.stripes, rng)
    if scene.tree:
        _tree(picture, 0.5 if scene.symmetric else rng.uniform(0.25, 0.75), rng)
    for thing in scene.objects:
        _paint(picture, thing, rng)
    if scene.symmetric:
        picture[:, side // 2 :] = picture[:, side // 2 - 1 :: -1]
    across = np.linspace(0.5, -0.5, side, dtype=np.float32)[None, :]
    picture += rng.uniform(0.35, 0.6) * (across if scene.light_left else -across)
    if scene.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), scene.blur * side)
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    grain = rng.standard_normal((size, size), np.float32)
    return np.clip(0.15 + 0.7 * picture + np.float32(0.01) * grain, 0, 1).astype(np.float32)


def _clouds(rng: np.random.Generator, side: int) -> np.ndarray:
    """Noise of amplitude 1/f."""
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(rng.standard_normal((side, side), np.float32)) / frequency
    field = np.fft.irfft2(noise, (side, side))
    return np.clip(0.5 + 0.18 * field / field.std(), 0, 1).astype(np.float32)


def _leaves(rng: np.random.Generator, side: int) -> np.ndarray:
    """Ovals whose number falls with the cube of their size, each in front of those before."""
    picture = _clouds(rng, side)
    count = 700
    # Inverse of the distribution function of r^-3 between the smallest and the largest.
    small, large = 0.02, 0.3
    sizes = (small**-2 - rng.random(count) * (small**-2 - large**-2)) ** -0.5
    places, turns = rng.uniform(-0.1, 1.1, (count, 2)), rng.uniform(0, 180, count)
    slimness, grays = rng.uniform(0.35, 0.65, count), rng.beta(2, 2, count)
    for place, size, slim, turn, gray in zip(places, sizes, slimness, turns, grays, strict=True):
        axes = _fixed((size, slim * size), side)
        cv2.ellipse(picture, _fixed(place, side), axes, turn, 0, 360, float(gray), **_FILL)
    return picture


_FILL = {"thickness": -1, "lineType": cv2.LINE_8, "shift": _SHIFT}


def _fixed(point: Iterable[float], side: int) -> tuple[int, ...]:
    return tuple(round(float(value) * side * 2**_SHIFT) for value in point)


def _ground(picture: np.ndarray, horizon: float, rng: np.random.Generator) -> None:
    """A lighter sky above a darker ground, or the reverse."""
    edge = round(horizon * len(picture))
    change = rng.uniform(0.2, 0.3) * rng.choice([-1, 1])
    picture[:edge] = 0.75 * picture[:edge] + 0.125 + change
    picture[edge:] = 0.75 * picture[edge:] + 0.125 - change


def _stripes(picture: np.ndarray, run: str, rng: np.random.Generator) -> None:
    """A band of waves over a third to the whole of the picture, up to 15 degrees aslant."""
    side = len(picture)
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = line[None, :], line[:, None]
    tilt = rng.uniform(-np.pi / 12, np.pi / 12)
    along = x * np.cos(tilt) + y * np.sin(tilt)
    if run == "level":
        along = y * np.cos(tilt) + x * np.sin(tilt)
    wave = np.sin(2 * np.pi * rng.uniform(6, 10) * along + rng.uniform(0, 2 * np.pi))
    centre, width = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.5)
    where = np.exp(-(((y - centre) / width) ** 4)) * np.exp(-(((x - centre) / width) ** 4))
    picture += 0.3 * (where * wave).astype(np.float32)


def _tree(picture: np.ndarray, foot: float, rng: np.random.Generator) -> None:
    """A trunk that forks into ever thinner branches, all of one gray."""
    gray = float(rng.choice([0.0, 1.0]))
    tips = [(foot, 1.0, -np.pi / 2, rng.uniform(0.22, 0.3), 0.04)]
    side = len(picture)
    for _ in range(6):
        grown = []
        for x, y, heading, length, width in tips:
            end = (x + length * np.cos(heading), y + length * np.sin(heading))
            thick = max(1, round(width * side))
            start = _fixed((x, y), side)
            cv2.line(picture, start, _fixed(end, side), gray, thick, cv2.LINE_8, _SHIFT)
            for fork in (-1, 1):
                turn = heading + fork * rng.uniform(0.3, 0.6)
                grown.append((*end, turn, length * rng.uniform(0.65, 0.8), 0.68 * width))
        tips = grown


def outline(thing: Object) -> np.ndarray:
    """Corners of a square or triangle, `[corners, 2]`; angle 0 stands upright."""
    corners = {"square": 4, "triangle": 3}[thing.shape]
    start = np.pi / 4 if corners == 4 else 0.0
    turns = thing.angle + start + 2 * np.pi * np.arange(corners) / corners
    centre = np.array([thing.x, thing.y])
    return centre + thing.radius * np.stack([np.sin(turns), -np.cos(turns)], 1)


def _paint(picture: np.ndarray, thing: Object, rng: np.random.Generator) -> None:
    """Fill the shape with one gray, far from what lies around it."""
    side = len(picture)
    row, column = int(thing.y * side), int(thing.x * side)
    reach = int(thing.radius * side)
    around = picture[max(0, row - reach) : row + reach, max(0, column - reach) : column + reach]
    behind = float(around.mean())
    gray = behind + rng.uniform(0.4, 0.6) * (1 if behind < 0.5 else -1)
    centre, radius = _fixed((thing.x, thing.y), side), _fixed((thing.radius,), side)[0]
    if thing.shape == "disc":
        cv2.circle(picture, centre, radius, gray, **_FILL)
    elif thing.shape == "ring":
        width = round(0.35 * thing.radius * side)
        cv2.circle(picture, centre, round(0.825 * radius), gray, width, cv2.LINE_8, _SHIFT)
    else:
        corners = np.rint(outline(thing) * side * 2**_SHIFT).astype(np.int32)
        cv2.fillPoly(picture, [corners], gray, cv2.LINE_8, _SHIFT)
