"""The phantom's chest from the front: the person's right is on the image's left."""

from __future__ import annotations

import numpy as np

from input_pipeline.phantom.brushes import (
    CANVAS,
    columns,
    curve,
    ellipse,
    polygon,
    rows,
    smooth,
    step,
    stroke,
)
from input_pipeline.phantom.thorax import Chest, Lung, Person, bone, vessels


def spine_x(person: Person, y: np.ndarray) -> np.ndarray:
    """The x of the spine at `y`, seen from the front."""
    return 0.5 + person.spine * np.sin((np.asarray(y) - 0.12) * np.pi / 0.36)


def frontal(person: Person, rng: np.random.Generator) -> Chest:
    """The chest from the front."""
    lungs = (_frontal_lung(person, 0), _frontal_lung(person, 1))
    dome = max(person.domes)
    heart = polygon(_heart(person, dome), 0.005)
    knob = ellipse(
        0.5 + person.shift + person.mediastinum * 0.75,
        person.apex + 0.165,
        person.aorta,
        person.aorta * 1.25,
        0,
        0.005,
    )
    middle = _column(person, 0.08, 1.2)
    middle = polygon(middle, 0.006)
    lung_mask = np.maximum(*(polygon(lung.outline, 0.004) for lung in lungs))
    solid = 1 - (1 - heart) * (1 - knob) * (1 - middle)
    trachea = polygon(_band(person, person.apex - 0.10, person.apex + 0.15, 0.018), 0.006)
    abdomen = step(rows() - dome - 0.05, 45)
    body = _frontal_body(person)
    tissue = body * (
        person.soft_tissue
        + 0.12 * middle * (1 - 0.6 * abdomen)
        + 0.09 * heart
        + 0.08 * knob
        - 0.13 * trachea
        + 0.14 * abdomen
    )
    if person.stomach:
        x, y = 0.66, person.domes[1] + 0.075
        tissue -= 0.2 * ellipse(x, y, person.stomach * 1.5, person.stomach, -0.2, 0.008)
    markings = np.maximum.reduce([vessels(lung, person.hila, rng) for lung in lungs])
    air = person.air * lung_mask * (1 - 0.92 * solid)
    bones = _frontal_bones(person) * np.minimum(3 * body, 1)
    heart_at = (0.5 + person.shift + 0.13 * person.heart, dome - 0.06)
    return Chest("frontal", lungs, tissue, air, markings, bones, heart_at)


def _frontal_lung(person: Person, side: int) -> Lung:
    sign = (-1, 1)[side]
    dome = person.domes[side]
    angle = dome + person.dome_rise
    apex, half = person.apex, person.half_width

    def at(across: float, y: float) -> tuple[float, float]:
        return 0.5 + sign * across * half / 0.335, y

    tall = dome - apex
    outline = curve(
        [
            at(0.10, apex + 0.02),
            at(0.165, apex - 0.015),
            at(0.235, apex + 0.05),
            at(0.285, apex + 0.30 * tall),
            at(0.325, apex + 0.62 * tall),
            at(0.338, apex + 0.95 * tall),
            at(0.345, angle + 0.02),
            at(0.315, angle - 0.35 * person.dome_rise),
            at(0.245, dome),
            at(0.15, dome - 0.004),
            at(0.075, dome + 0.02),
            at(0.045, dome + 0.02),
            at(0.05, apex + 0.62 * tall),
            at(0.06, apex + 0.3 * tall),
        ],
        closed=True,
    )
    bow = float(spine_x(person, np.array(0.4)) - 0.5) * 0.4
    outline[:, 0] += bow
    hilum = (0.5 + person.shift + sign * 0.095, apex + 0.44 * tall)
    outer, inner = 0.5 + sign * half, 0.5 + sign * 0.06
    return Lung(("right", "left")[side], outline, inner, outer, apex, dome, angle, hilum)


def _heart(person: Person, dome: float) -> np.ndarray:
    """Heart and great vessels: two thirds of the width lie to the image's right."""
    middle = 0.5 + person.shift
    right, left = middle - 0.36 * person.heart, middle + 0.64 * person.heart
    waist = middle + 0.3 * person.heart
    outline = [
        (middle - 0.05, dome - 0.38),
        (middle + 0.05, dome - 0.38),
        (middle + 0.07, dome - 0.30),
        (waist - 0.01, dome - 0.25),
        (waist + 0.35 * (left - waist), dome - 0.19),
        (left - 0.01, dome - 0.09),
        (left + 0.012, dome - 0.01),
        (left - 0.03, dome + 0.05),
        (middle, dome + 0.07),
        (right + 0.015, dome + 0.02),
        (right - 0.008, dome - 0.06),
        (right + 0.012, dome - 0.16),
        (middle - 0.06, dome - 0.24),
    ]
    return curve(outline, closed=True)


def _frontal_body(person: Person) -> np.ndarray:
    wall = person.half_width + 0.075
    half = [(0.06, -0.1), (0.075, 0.03), (0.13, 0.075), (0.3, 0.10), (0.45, 0.17), (0.6, 0.3)]
    half += [(0.6, 0.42), (wall + 0.04, 0.40), (wall, 0.55), (wall + 0.01, 0.8), (wall + 0.02, 1.1)]
    outline = np.array([(0.5 + x, y) for x, y in half] + [(0.5 - x, y) for x, y in half[::-1]])
    body = polygon(curve(outline, closed=True), 0.006)
    # Thinner towards the skin, as a cylinder is.
    return body * (0.55 + 0.45 * smooth(body, 0.05))


def _band(person: Person, top: float, bottom: float, half: float) -> np.ndarray:
    y = np.linspace(top, bottom, 16)
    x = 0.5 + person.shift + 0.3 * (spine_x(person, y) - 0.5)
    return np.concatenate([np.stack([x - half, y], 1), np.stack([x + half, y], 1)[::-1]])


def _column(person: Person, top: float, bottom: float) -> np.ndarray:
    """The upper mediastinum, wider at the neck and at the diaphragm."""
    y = np.linspace(top, bottom, 24)
    down = (y - person.apex) / 0.56
    half = person.mediastinum * (0.95 + 0.5 * np.clip(down - 0.75, 0, 1))
    x = 0.5 + person.shift * 0.8 + 0.5 * (spine_x(person, y) - 0.5)
    return np.concatenate([np.stack([x - half, y], 1), np.stack([x + half, y], 1)[::-1]])


def _broken(line: np.ndarray, place: float) -> list[np.ndarray]:
    """The two fragments of a bone, the farther one sunk by about its own width."""
    cut = max(2, min(len(line) - 3, round(place * len(line))))
    return [line[:cut], line[cut + 1 :] + np.array([0.0, 0.045], np.float32)]


def _frontal_bones(person: Person) -> np.ndarray:
    bones = np.zeros((CANVAS, CANVAS), np.uint8)
    wide = person.half_width + 0.008
    step = 0.066 - 0.008 * person.stoop
    steep = 0.10 + 0.07 * person.stoop
    for front in (True, False):
        for side, sign in enumerate((-1, 1)):
            broken = {rib: place for where, rib, place in person.breaks if where == side}
            for rib in range(10):
                y = person.apex - 0.015 + rib * step
                across = wide * min(1.0, 0.52 + 0.16 * rib) if rib < 3 else wide
                start = 0.03 + float(spine_x(person, np.array(y)) - 0.5) * sign
                if front and 1 <= rib < 7:
                    edge = y + steep
                    line = [(across, edge), (across * 0.93, edge + 0.05)]
                    line += [(across * 0.65, edge + 0.10), (0.12, edge + 0.10)]
                elif not front:
                    line = [(start, y), (across * 0.45, y - 0.025), (across * 0.8, y + 0.02)]
                    line += [(across * 0.985, y + steep * 0.75), (across, y + steep * 1.2)]
                else:
                    continue
                points = curve([(0.5 + sign * x, yy) for x, yy in line])
                parts = _broken(points, broken[rib]) if rib in broken and not front else [points]
                if len(parts) == 2:  # callus around the ends
                    stroke(bones, parts[0][-2:], 0.034, 0.95)
                    stroke(bones, parts[1][:2], 0.034, 0.95)
                for part in parts:
                    bone(bones, part, 0.013 if front else 0.020, 0.34 if front else 0.78)
            drop = 0.03 * (1 - 0.4 * person.stoop)
            collar = [(0.035, 0.165 + drop), (0.11, 0.15 + drop), (0.2, 0.105 + drop)]
            clavicle = curve([(0.5 + sign * x, y) for x, y in [*collar, (0.34, 0.10 + drop)]])
            for part in _broken(clavicle, broken[-1]) if -1 in broken else [clavicle]:
                bone(bones, part, 0.026, 0.95)
            blade = [(0.40, 0.14), (0.31, 0.30), (0.345, 0.46), (0.44, 0.26)]
            stroke(bones, curve([(0.5 + sign * x, y) for x, y in blade]), 0.007, 0.55)
    field = smooth(bones.astype(np.float32) / 255, 0.0025)
    field += 0.7 * (ellipse(0.05, 0.235, 0.07, 0.075, 0, 0.006))
    field += 0.7 * (ellipse(0.95, 0.235, 0.07, 0.075, 0, 0.006))
    return field + _vertebrae(person)


def _vertebrae(person: Person) -> np.ndarray:
    """The spine from the front: bodies with discs between, and a row of spinous processes."""
    y = rows()
    x = columns() - spine_x(person, y).astype(np.float32)
    body = step(0.034 - np.abs(x), 300)
    discs = 0.5 + 0.5 * np.cos(2 * np.pi * y / 0.066)
    edge = np.exp(-(((np.abs(x) - 0.032) / 0.004) ** 2))
    strength = 0.55 + 0.3 * np.clip(y - 0.5, 0, 1)
    return (strength * body * (0.6 + 0.4 * discs) + 0.3 * edge).astype(np.float32)
