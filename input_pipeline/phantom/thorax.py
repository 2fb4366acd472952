"""A phantom person's sizes, and the layers of that person's radiograph that findings paint on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from input_pipeline.phantom.brushes import CANVAS, blank, blob, smooth, stroke


@dataclass(frozen=True)
class Person:
    """Sizes that differ from person to person, in units of the canvas side."""

    half_width: float  # midline to the outer wall of a lung
    apex: float
    domes: tuple[float, float]  # top of the right and of the left diaphragm
    dome_rise: float  # from the costophrenic angle up to the dome
    heart: float  # width
    aorta: float  # radius of the knob
    mediastinum: float  # half-width of the upper mediastinum
    shift: float  # of heart and trachea, to the image's right
    hila: float
    air: float
    spine: float  # amplitude of its curve, to the image's right in the middle
    stoop: float
    stomach: float
    soft_tissue: float
    breaks: tuple[tuple[int, int, float], ...] = ()  # side (0 right), rib (-1 clavicle), place

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Person:
        """A healthy person."""
        dome = rng.normal(0.70, 0.018)
        return cls(
            half_width=rng.normal(0.335, 0.012),
            apex=rng.normal(0.135, 0.012),
            domes=(dome, dome + rng.uniform(0.015, 0.035)),
            dome_rise=rng.uniform(0.085, 0.11),
            heart=rng.normal(0.29, 0.012),
            aorta=rng.normal(0.030, 0.003),
            mediastinum=rng.normal(0.062, 0.005),
            shift=rng.normal(0, 0.005),
            hila=rng.normal(1.0, 0.1),
            air=rng.normal(1.0, 0.05),
            spine=rng.normal(0, 0.004),
            stoop=max(0.0, rng.normal(0, 0.1)),
            stomach=rng.uniform(0.03, 0.06) if rng.random() < 0.5 else 0.0,
            soft_tissue=rng.normal(0.58, 0.025),
        )


@dataclass
class Lung:
    """One lung's place: `inner` and `outer` x, and y from the apex to the costophrenic angle."""

    side: str
    outline: np.ndarray
    inner: float
    outer: float
    apex: float
    dome: float
    angle: float
    hilum: tuple[float, float]

    @property
    def outward(self) -> int:
        """-1 if the outer wall is to the image's left, else 1."""
        return 1 if self.outer > self.inner else -1

    def at(self, across: float, down: float) -> tuple[float, float]:
        """The point `across` from the inner to the outer wall and `down` from apex to dome."""
        x = self.inner + across * (self.outer - self.inner)
        return x, self.apex + down * (self.dome - self.apex)

    def shrunk(self, amount: float) -> np.ndarray:
        """The outline drawn in from the outer wall and the apex, towards the hilum's foot."""
        anchor = np.array([self.inner, self.angle], np.float32)
        return anchor + (self.outline - anchor) * (1 - amount)


@dataclass
class Chest:
    """Layers of one radiograph, each float32 [CANVAS, CANVAS]."""

    view: str
    lungs: tuple[Lung, ...]
    tissue: np.ndarray  # soft tissue around and between the lungs
    air: np.ndarray  # 1 where aerated lung lies
    vessels: np.ndarray
    bones: np.ndarray
    heart: tuple[float, float]
    opacity: np.ndarray = field(default_factory=blank)  # 0 to 1, lung that holds no air
    bright: np.ndarray = field(default_factory=blank)  # density that findings add anywhere

    def density(self) -> np.ndarray:
        """All layers on top of each other."""
        open_air = self.air * (1 - np.clip(self.opacity, 0, 1))
        lines = np.minimum(self.vessels, 1.2) * open_air
        # Bones stand out less where the tissue around them is dense already.
        bones = 0.20 * self.bones * (0.6 + 0.4 * open_air)
        return self.tissue - 0.41 * open_air + 0.17 * lines + bones + self.bright


def vessels(lung: Lung, hila: float, rng: np.random.Generator) -> np.ndarray:
    """The vessels of one lung, forking from the hilum, 0 to 1."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    facing = 0.0 if lung.outward > 0 else np.pi
    reach = 0.8 * abs(lung.outer - lung.inner)
    fan = np.linspace(-1.45, 1.45, 13) + rng.normal(0, 0.07, 13)
    for turn in fan:
        length = reach * (1 + 0.35 * abs(turn)) * rng.uniform(0.75, 1.1)
        heading = facing + (turn if lung.outward > 0 else -turn)
        _branch(canvas, rng, lung.hilum, heading, length, 0.011 * hila, 0.85)
    field = smooth(canvas.astype(np.float32) / 255, 0.0022)
    x, y = lung.hilum
    core = blob(x, y, 0.032 * hila, 0.058 * hila, angle=-0.25 * lung.outward, edge=1.3)
    return np.maximum(field, 0.95 * core)


def _branch(
    canvas: np.ndarray,
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    length: float,
    width: float,
    value: float,
) -> None:
    """A vessel that thins out and forks on its way."""
    x, y = start
    bend = rng.normal(0, 0.06)
    for part in range(5):
        heading += bend
        x2, y2 = x + np.cos(heading) * length / 5, y + np.sin(heading) * length / 5
        stroke(canvas, [(x, y), (x2, y2)], width * (1 - 0.15 * part), value * (1 - 0.12 * part))
        x, y = x2, y2
        if width > 0.004 and part < 4:
            fork = heading + (-1) ** part * rng.uniform(0.3, 0.8)
            _branch(canvas, rng, (x, y), fork, length * 0.45, width * 0.5, value * 0.8)


def bone(canvas: np.ndarray, line: np.ndarray, width: float, value: float) -> None:
    """A bone, brighter at its edges: a tube."""
    stroke(canvas, line, width, value)
    stroke(canvas, line, width * 0.55, value * 0.72)
