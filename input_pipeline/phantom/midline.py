"""Findings painted on the middle of the phantom, and the hardware of care."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from input_pipeline.phantom.brushes import curve, ellipse, rows, strokes
from input_pipeline.phantom.thorax import Chest


def hernia(chest: Chest, rng: np.random.Generator) -> None:
    """Stomach behind the heart: a round wall around gas above a level of fluid."""
    x, y = chest.heart
    x += rng.uniform(-0.03, 0.02)
    y += rng.uniform(0.0, 0.03)
    radius = rng.uniform(0.07, 0.095)
    bag = ellipse(x, y, radius, radius * 0.85, 0, 0.003)
    gas = bag * (rows() < y + 0.2 * radius)
    hollow = ellipse(x, y, radius - 0.012, (radius - 0.012) * 0.85, 0, 0.003)
    chest.bright += 0.13 * (bag - hollow) + 0.05 * bag - 0.27 * hollow * gas


def pacemaker(chest: Chest, rng: np.random.Generator) -> None:
    """A box below the left clavicle with a lead to the heart."""
    lung = chest.lungs[-1]
    x, y = lung.at(0.75, 0.16)
    box = ellipse(x, y, 0.05, 0.038, rng.normal(0, 0.2), 0.002)
    hx, hy = chest.heart
    lead = curve([(x, y), lung.at(0.3, 0.08), lung.at(0.0, 0.3), (hx - 0.06, hy), (hx, hy + 0.08)])
    chest.bright += np.maximum(0.55 * box, 0.4 * strokes([lead], 0.005, 0.001))


def sternotomy(chest: Chest, rng: np.random.Generator) -> None:
    """A column of wire loops."""
    x = 0.5 if chest.view == "frontal" else chest.lungs[0].inner
    turn = np.linspace(0, 2 * np.pi, 20)
    loops = []
    for y in np.linspace(0.26, 0.62, 6):
        tilt = rng.normal(0, 0.006)
        loops.append(np.stack([x + 0.017 * np.cos(turn), y + tilt + 0.009 * np.sin(turn)], 1))
    chest.bright += 0.4 * strokes(loops, 0.004, 0.001)


def support_devices(chest: Chest, rng: np.random.Generator) -> None:
    """A tracheal tube, a central line and electrodes with their leads."""
    low = rng.uniform(0.24, 0.28)
    tube = np.array([(0.5, 0.0), (0.5, low)])
    catheter = curve([(0.36, 0.0), (0.43, 0.12), (0.455, 0.25), (0.46, rng.uniform(0.40, 0.46))])
    discs = [ellipse(x + rng.normal(0, 0.02), y, 0.016, 0.016) for x, y in _ELECTRODES]
    leads = [curve([(x, y), (x * 0.6 + 0.2, y - 0.08), (0.5, 0.98)]) for x, y in _ELECTRODES[1:]]
    chest.bright += 0.3 * strokes([tube], 0.012, 0.001) + 0.35 * strokes([catheter], 0.005, 0.001)
    chest.bright += 0.4 * np.maximum.reduce(discs) + 0.3 * strokes(leads, 0.004, 0.001)


_ELECTRODES = ((0.24, 0.22), (0.76, 0.22), (0.78, 0.62))

MIDLINE: dict[str, Callable[[Chest, np.random.Generator], None]] = {
    "hernia": hernia,
    "diaphragmatic_hernia": hernia,
    "pacemaker": pacemaker,
    "sternotomy": sternotomy,
    "support_devices": support_devices,
}
