"""Findings painted on the layers of a phantom chest, one lung at a time."""

from __future__ import annotations

import numpy as np

from input_pipeline.phantom.brushes import (
    blob,
    columns,
    curve,
    ellipse,
    fluff,
    net,
    polygon,
    rows,
    step,
    strokes,
)
from input_pipeline.phantom.thorax import Chest, Lung


def _across(lung: Lung) -> np.ndarray:
    """0 at the inner and 1 at the outer wall, [1, CANVAS]."""
    return (columns() - lung.inner) / (lung.outer - lung.inner)


def _down(lung: Lung) -> np.ndarray:
    """0 at the apex and 1 at the dome, [CANVAS, 1]."""
    return (rows() - lung.apex) / (lung.dome - lung.apex)


def _opaque(chest: Chest, lung: Lung, field: np.ndarray) -> None:
    """Take air from this lung, as layers of cloud do: never more than all of it."""
    own = _across(lung) > -0.25
    chest.opacity = 1 - (1 - chest.opacity) * (1 - np.clip(field, 0, 1) * own)


def _cloud(
    lung: Lung, rng: np.random.Generator, place: tuple[float, float], size: float, rough: float
) -> np.ndarray:
    """A fluffy patch of half-width `size`, 0 to 1, at `place` of the lung."""
    x, y = lung.at(*place)
    bell = blob(x, y, size, size * rng.uniform(0.8, 1.2), angle=rng.uniform(0, 3))
    ragged = bell + rough * (fluff(rng, 14) - 0.5)
    return np.clip(1.6 * ragged - 0.35, 0, 1)


def pneumonia(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Patches with ragged edges in the lower half."""
    across, down = rng.uniform(0.4, 0.6), rng.uniform(0.6, 0.85)
    size = rng.uniform(0.10, 0.135)
    _opaque(chest, lung, 0.75 * _cloud(lung, rng, (across, down), size, 0.9))
    _opaque(chest, lung, 0.55 * _cloud(lung, rng, (across + 0.2, down - 0.25), size * 0.6, 0.9))


def consolidation(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """An upper or middle lobe that is white down to a sharp fissure, with black airways in it."""
    floor = rng.uniform(0.45, 0.60)
    depth = rng.uniform(0.30, 0.40)
    down, across = _down(lung), _across(lung)
    tilt = rng.uniform(-0.08, 0.08)
    below = step(floor + tilt * (across - 0.5) - down, 90)
    above = step(down - floor + depth, 16)
    lobe = below * above
    lobe *= 0.96 + 0.3 * (fluff(rng, 10) - 0.5)
    airways = []
    for end in rng.uniform(0.15, 0.95, 5):
        start = lung.at(0.12, floor - 0.04)
        knee = lung.at(0.4, floor - 0.02 - 0.5 * end * depth)
        airways.append(curve([start, knee, lung.at(0.8, floor - end * depth)]))
    _opaque(chest, lung, lobe * (1 - 0.55 * strokes(airways, 0.008, 0.002)))


def lung_opacity(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """One wide haze with soft edges, through which the vessels still show."""
    x, y = lung.at(rng.uniform(0.45, 0.65), rng.uniform(0.35, 0.8))
    haze = blob(x, y, rng.uniform(0.12, 0.15), rng.uniform(0.13, 0.18), edge=1.2)
    _opaque(chest, lung, 0.5 * haze * (0.9 + 0.3 * (fluff(rng, 6) - 0.5)))


def infiltrates(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Many small patches over both lungs."""
    spots = np.clip(4 * (fluff(rng, 13) - 0.60), 0, 1)
    field = spots * blob(*lung.at(0.5, 0.6), 0.24, 0.30, edge=2)
    _opaque(chest, lung, 0.6 * field)


def tuberculosis(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Patches below the clavicle around a cavity."""
    place = (rng.uniform(0.45, 0.6), rng.uniform(0.18, 0.28))
    _opaque(chest, lung, 0.7 * _cloud(lung, rng, place, 0.09, 1.0))
    _ring(chest, lung.at(*place), rng.uniform(0.025, 0.035), 0.010)


def effusion(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Fluid that fills the costophrenic angle and climbs the outer wall."""
    level = 1 - rng.uniform(0.02, 0.30)
    across = np.clip(_across(lung), 0, 1.1)
    surface = level + 0.04 - rng.uniform(0.15, 0.22) * across**3
    fluid = step(_down(lung) - surface, 55)
    _opaque(chest, lung, 0.97 * fluid)
    chest.bright += 0.06 * fluid * chest.air


def atelectasis(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Plates of airless lung above a raised dome, and a dense base."""
    x, y = lung.at(0.35, 1.0)
    field = 0.85 * blob(x, y, 0.16, 0.075, edge=1.5)
    for number in range(int(rng.integers(1, 4))):
        level = rng.uniform(0.74, 0.84) - 0.12 * number
        tilt = rng.normal(0, 0.05)
        first, last = rng.uniform(0.1, 0.35), rng.uniform(0.65, 0.95)
        middle = lung.at((first + last) / 2, level - 0.02)
        plate = curve([lung.at(first, level + tilt), middle, lung.at(last, level - tilt)])
        field = np.maximum(field, 0.9 * strokes([plate], rng.uniform(0.009, 0.016), 0.004))
    _opaque(chest, lung, field)


def pneumothorax(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A black rim without vessels between the wall and the line of the pleura."""
    collapsed = lung.shrunk(rng.uniform(0.13, 0.26))
    inside = polygon(lung.outline, 0.004)
    rim = inside * (1 - polygon(collapsed, 0.0025))
    chest.vessels *= 1 - rim
    chest.opacity *= 1 - rim
    chest.air = chest.air + 0.24 * rim * (chest.air > 0.3)
    _opaque(chest, lung, 0.15 * polygon(collapsed))
    line = np.concatenate([collapsed, collapsed[:1]])
    chest.bright += 0.16 * strokes([line], 0.004, 0.0012) * inside * (_across(lung) > 0.3)


def pleural_thickening(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A dense rind along the outer wall and a blunted angle."""
    rind = 1 - polygon(lung.shrunk(rng.uniform(0.05, 0.085)), 0.004)
    rind *= 0.8 + 0.6 * (fluff(rng, 14) - 0.5)
    _opaque(chest, lung, 0.85 * rind * np.clip(3 * _across(lung) - 1, 0, 1))
    x, y = lung.outer, lung.angle
    _opaque(chest, lung, 0.9 * blob(x, y, 0.06, 0.07))


def fibrosis(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A coarse net, densest at the base and the outer wall of small lungs."""
    weight = np.clip(1.5 * _down(lung) - 0.45, 0, 1) * (0.65 + 0.35 * np.clip(_across(lung), 0, 1))
    chest.bright += 0.22 * net(rng, 38) * weight * chest.air * (_across(lung) > -0.25)
    _opaque(chest, lung, 0.28 * weight)


def interstitial(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A fine net over the whole lung."""
    mesh = net(rng, 60) * chest.air * (_across(lung) > -0.25)
    chest.bright += rng.uniform(0.09, 0.14) * mesh


def bronchiectasis(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Clusters of small rings near the base."""
    for _ in range(14):
        place = lung.at(rng.uniform(0.15, 0.65), rng.uniform(0.55, 0.92))
        _ring(chest, place, rng.uniform(0.007, 0.012), 0.004, 0.16)


def thick_airways(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Heavy markings around the hilum."""
    x, y = lung.hilum
    chest.vessels += 0.6 * chest.vessels * blob(x, y, 0.14, 0.2)


def sparse_vessels(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Markings thinned out at the periphery, and bullae in the upper lobe."""
    chest.vessels *= 1 - 0.7 * np.clip(_across(lung) * 1.6 - 0.3, 0, 1) * polygon(lung.outline)
    for _ in range(2):
        x, y = lung.at(rng.uniform(0.45, 0.7), rng.uniform(0.15, 0.4))
        bulla = ellipse(x, y, rng.uniform(0.03, 0.05), rng.uniform(0.035, 0.06), 0, 0.004)
        chest.vessels *= 1 - bulla
        chest.air += 0.12 * bulla


def edema(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A bat's wing of haze around the hilum, and septal lines at the angle."""
    x, y = lung.hilum
    wing = blob(x + 0.07 * lung.outward, y + 0.03, 0.14, 0.19, edge=1.2)
    _opaque(chest, lung, rng.uniform(0.6, 0.78) * wing * (0.9 + 0.7 * (fluff(rng, 16) - 0.5)))
    lines = []
    for down in np.arange(0.76, 1.0, 0.035):
        lines.append(np.array([lung.at(0.86, down), lung.at(0.99, down + 0.005)]))
    chest.bright += 0.11 * strokes(lines, 0.003, 0.001) * polygon(lung.outline)


def congestion(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """Heavy vessels up to the apex, and a slight haze around the wide hilum and at the base."""
    upper = blob(*lung.at(0.4, 0.3), 0.18, 0.22, edge=1.5)
    chest.vessels += 0.8 * chest.vessels * upper
    x, y = lung.hilum
    haze = blob(x + 0.02 * lung.outward, y, 0.085, 0.13)
    _opaque(chest, lung, rng.uniform(0.4, 0.5) * haze + 0.16)


def _round(
    chest: Chest, lung: Lung, rng: np.random.Generator, radius: float, density: float
) -> None:
    x, y = lung.at(rng.uniform(0.38, 0.75), rng.uniform(0.22, 0.82))
    turn = np.arange(24) * 2 * np.pi / 24
    lobed = radius * (1 + 0.06 * np.cos(turn * rng.integers(2, 5) + rng.uniform(0, 6)))
    outline = np.stack([x + lobed * np.cos(turn), y + lobed * np.sin(turn)], 1)
    disc = polygon(curve(outline, closed=True), 0.004 + 0.03 * radius)
    _opaque(chest, lung, density * disc)
    chest.bright += 0.05 * disc


def nodule(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A round density under three centimetres."""
    _round(chest, lung, rng, rng.uniform(0.022, 0.033), 0.85)


def mass(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A round density well over three centimetres."""
    _round(chest, lung, rng, rng.uniform(0.058, 0.082), 0.95)


def nodule_or_mass(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """One or the other."""
    (nodule if rng.random() < 0.5 else mass)(chest, lung, rng)


def lesion(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A round density of any size."""
    _round(chest, lung, rng, rng.uniform(0.03, 0.07), 0.9)


def _ring(
    chest: Chest, place: tuple[float, float], radius: float, wall: float, density: float = 0.24
) -> None:
    outer = ellipse(*place, radius + wall, radius + wall, 0, 0.002)
    inner = ellipse(*place, radius, radius, 0, 0.002)
    chest.bright += density * (outer - inner)
    chest.opacity *= 1 - inner
    chest.vessels *= 1 - inner


def cavity(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A black hole with a thick wall in the upper lung."""
    place = lung.at(rng.uniform(0.4, 0.7), rng.uniform(0.2, 0.5))
    _ring(chest, place, rng.uniform(0.03, 0.045), 0.018)


def cyst(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A black hole with a thin wall."""
    place = lung.at(rng.uniform(0.4, 0.7), rng.uniform(0.3, 0.75))
    _ring(chest, place, rng.uniform(0.045, 0.06), 0.006)


def calcification(chest: Chest, lung: Lung, rng: np.random.Generator) -> None:
    """A few small, very dense grains."""
    for _ in range(6):
        x, y = lung.at(rng.uniform(0.3, 0.8), rng.uniform(0.15, 0.6))
        grain = rng.uniform(0.007, 0.013)
        chest.bright += 0.4 * ellipse(x, y, grain, grain * rng.uniform(0.7, 1), 0, 0.002)
