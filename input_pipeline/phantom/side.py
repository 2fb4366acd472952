"""The phantom's chest from the side, facing the image's left; its lungs lie over each other."""

from __future__ import annotations

import numpy as np

from input_pipeline.phantom.brushes import (
    CANVAS,
    curve,
    ellipse,
    polygon,
    rows,
    smooth,
    step,
    stroke,
)
from input_pipeline.phantom.thorax import Chest, Lung, Person, bone, vessels


def lateral(person: Person, rng: np.random.Generator) -> Chest:
    """The chest from the side."""
    spine = _spine(person)
    dome = sum(person.domes) / 2
    lung = _lung(person, spine, dome)
    mask = polygon(lung.outline, 0.005)
    heart_at = (0.37, dome - 0.09)
    heart = polygon(_heart(person, dome), 0.009)
    knob = ellipse(0.55, person.apex + 0.18, person.aorta * 1.5, person.aorta * 1.3, 0, 0.008)
    shoulder = ellipse(0.55, 0.06, 0.26, 0.17, 0, 0.04)
    abdomen = step(rows() - dome - 0.06, 40)
    trachea = polygon([(0.47, 0.05), (0.51, 0.05), (0.535, 0.42), (0.50, 0.42)], 0.006)
    tissue = _body(person, spine) * (
        person.soft_tissue + 0.13 * abdomen + 0.10 * shoulder + 0.10 * heart + 0.05 * knob
    )
    tissue -= 0.09 * trachea
    if person.stomach:
        gas = ellipse(0.42, dome + 0.085, person.stomach * 1.4, person.stomach, 0, 0.008)
        tissue -= 0.17 * gas
    air = person.air * mask * (1 - 0.7 * heart) * (1 - 0.5 * knob) * (1 - 0.55 * shoulder)
    markings = vessels(lung, person.hila, rng)
    return Chest("lateral", (lung,), tissue, air, markings, _bones(person, spine), heart_at)


def _heart(person: Person, dome: float) -> np.ndarray:
    """The heart on the dome behind the sternum, its great vessels rising to the back."""
    back, top = 0.27 + 0.8 * person.heart, dome - 0.22 - 0.5 * (person.heart - 0.29)
    outline = [
        (0.23, dome + 0.03),
        (0.24, dome - 0.08),
        (0.30, top + 0.03),
        (0.42, top - 0.07),
        (0.50, top - 0.12),
        (0.53, top - 0.03),
        (back, dome - 0.13),
        (back + 0.005, dome - 0.05),
        (back - 0.05, dome + 0.04),
    ]
    return curve(outline, closed=True)


def _spine(person: Person) -> np.ndarray:
    """The line of the vertebral bodies from the neck down, bowed by the stoop."""
    bow = 0.03 + 0.07 * person.stoop
    y = np.linspace(-0.02, 1.02, 27)
    x = (
        0.66
        + bow * np.sin(np.clip((y - 0.02) / 0.95, 0, 1) * np.pi)
        - 0.09 * person.stoop * (np.clip(0.3 - y, 0, 1))
    )
    return np.stack([x, y], 1).astype(np.float32)


def _lung(person: Person, spine: np.ndarray, dome: float) -> Lung:
    back = float(np.interp(0.45, spine[:, 1], spine[:, 0])) + 0.09
    angle = dome + person.dome_rise * 1.25
    front = 0.215 - 0.6 * (person.half_width - 0.335)
    apex = person.apex
    top = float(np.interp(apex + 0.05, spine[:, 1], spine[:, 0]))
    low = float(np.interp(angle, spine[:, 1], spine[:, 0])) + 0.07
    outline = curve(
        [
            (top - 0.12, apex),
            (top - 0.02, apex + 0.005),
            (top + 0.05, apex + 0.08),
            (back - 0.01, 0.38),
            (back, 0.55),
            (low + 0.01, angle - 0.03),
            (low, angle + 0.02),
            (low - 0.09, angle - 0.35 * person.dome_rise),
            (0.52, dome),
            (0.37, dome - 0.015),
            (0.24, dome + 0.02),
            (front, dome + 0.015),
            (front + 0.005, 0.5),
            (front + 0.06, 0.32),
            (0.42, apex + 0.06),
        ],
        closed=True,
    )
    hilum = (0.50, apex + 0.47 * (dome - apex))
    return Lung("both", outline, front, back, apex, dome, angle, hilum)


def _body(person: Person, spine: np.ndarray) -> np.ndarray:
    behind = [(float(x) + 0.19, float(y)) for x, y in spine[6::4]]
    front = [(0.11, 1.1), (0.12, 0.8), (0.125, 0.55), (0.17, 0.36), (0.27, 0.2), (0.40, 0.06)]
    outline = [*front, (0.44, -0.1), (0.8, -0.1), (0.86, 0.12), *behind, (0.9, 1.1)]
    body = polygon(curve(outline, closed=True), 0.006)
    return body * (0.5 + 0.5 * smooth(body, 0.05))


def _bones(person: Person, spine: np.ndarray) -> np.ndarray:
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    broken = {rib: place for _, rib, place in person.breaks}
    for pair in range(9):
        y = person.apex + 0.01 + 0.068 * pair
        x = float(np.interp(y, spine[:, 1], spine[:, 0]))
        for gap, value in ((0.0, 0.55), (0.022, 0.35)):
            start = (x + 0.03, y + gap)
            line = [start, (x + 0.11, y + 0.045 + gap), (x - 0.12, y + 0.13 + gap)]
            line += [(0.33, y + 0.19 + gap), (0.235, y + 0.17 + gap)]
            rib = curve(line)
            if pair in broken and not gap:
                cut = round(len(rib) * broken[pair])
                bone(canvas, rib[:cut], 0.018, value)
                stroke(canvas, rib[cut - 2 : cut], 0.034, 0.95)
                rib = rib[cut + 1 :] + np.array([0.0, 0.045], np.float32)
            bone(canvas, rib, 0.018, value)
    sternum = curve([(0.31, 0.24), (0.235, 0.36), (0.185, 0.5), (0.175, 0.62)])
    bone(canvas, sternum, 0.024, 0.85)
    ribs = smooth(canvas.astype(np.float32) / 255, 0.003)
    return ribs + _vertebrae(person, spine)


def _vertebrae(person: Person, spine: np.ndarray) -> np.ndarray:
    """Bodies as bright-edged blocks; a stoop wedges them together in front."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    for upper, lower in zip(spine[1:-1:2], spine[3::2], strict=False):
        along = lower - upper
        across = np.array([along[1], -along[0]]) / np.hypot(*along) * 0.036
        block = np.array(
            [
                upper + 0.12 * along + across,
                lower - 0.12 * along + across,
                lower - (0.12 + 0.1 * person.stoop) * along - across,
                upper + (0.12 + 0.1 * person.stoop) * along - across,
            ]
        )
        stroke(canvas, np.concatenate([block, block[:1]]), 0.007, 0.8)
    edges = smooth(canvas.astype(np.float32) / 255, 0.002)
    half = np.array([0.036, 0.0], np.float32)
    column = np.concatenate([spine - half, (spine + half)[::-1]])
    return 0.55 * polygon(column, 0.006) + 0.5 * edges
