"""What each finding does to the phantom: some change the person, some are painted on the chest.

Every id of `labels.NAMES` but `no_finding` shows. Findings that the study only counts borrow the
picture of the nearest one it trains on, or a plain one of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from input_pipeline.labels import SIDES, without_side
from input_pipeline.phantom import midline
from input_pipeline.phantom import opacities as paints
from input_pipeline.phantom.thorax import Chest, Lung, Person

Reshape = Callable[[Person, np.random.Generator, str], Person]
Paint = Callable[[Chest, Lung, np.random.Generator], None]


def side_of(finding: str, rng: np.random.Generator) -> str:
    """`right` or `left`: the one in the id, else either."""
    drawn = SIDES[int(rng.integers(2))]
    return next((side for side in SIDES if finding.endswith(f"_{side}")), drawn)


def reshape(finding: str, side: str, person: Person, rng: np.random.Generator) -> Person:
    """The person with the sizes that `finding` changes; `rng` is the finding's own."""
    change = _RESHAPES.get(without_side(finding))
    return change(person, rng, side) if change else person


def paint(finding: str, side: str, chest: Chest, rng: np.random.Generator) -> None:
    """Paint `finding` on the layers of `chest`; `rng` is the finding's own."""
    kind = without_side(finding)
    for lung in chest.lungs:
        if kind in _PAINTS and (lung.side in (side, "both") or kind in _BILATERAL):
            _PAINTS[kind](chest, lung, rng)
    if kind in midline.MIDLINE:
        midline.MIDLINE[kind](chest, rng)


def _cardiomegaly(person: Person, rng: np.random.Generator, _: str) -> Person:
    return replace(person, heart=person.heart + rng.uniform(0.085, 0.15))


def _hyperinflated(person: Person, rng: np.random.Generator, _: str) -> Person:
    low = rng.uniform(0.055, 0.085)
    return replace(
        person,
        domes=(person.domes[0] + low, person.domes[1] + low),
        dome_rise=person.dome_rise * 0.4,
        half_width=person.half_width + rng.uniform(0.008, 0.02),
        heart=person.heart * 0.85,
        air=person.air + rng.uniform(0.08, 0.16),
    )


def _aorta(person: Person, rng: np.random.Generator, _: str) -> Person:
    return replace(
        person,
        aorta=person.aorta + rng.uniform(0.018, 0.032),
        mediastinum=person.mediastinum + rng.uniform(0.012, 0.025),
    )


def _wide_mediastinum(person: Person, rng: np.random.Generator, _: str) -> Person:
    return replace(
        person,
        mediastinum=person.mediastinum + rng.uniform(0.035, 0.06),
        heart=person.heart + rng.uniform(0.03, 0.07),
    )


def _scoliosis(person: Person, rng: np.random.Generator, side: str) -> Person:
    bend = rng.uniform(0.045, 0.075)
    return replace(person, spine=person.spine + (bend if side == "left" else -bend))


def _kyphosis(person: Person, rng: np.random.Generator, _: str) -> Person:
    stoop = rng.uniform(0.8, 1.2)
    return replace(person, stoop=person.stoop + stoop, apex=person.apex + 0.045 * stoop)


def _fracture(person: Person, rng: np.random.Generator, side: str) -> Person:
    number = SIDES.index(side)
    if rng.random() < 0.3:
        return replace(person, breaks=(*person.breaks, (number, -1, rng.uniform(0.4, 0.6))))
    first = int(rng.integers(3, 6))
    places = rng.uniform(0.5, 0.6) + rng.normal(0, 0.02, 3)
    breaks = tuple((number, first + rib, float(place)) for rib, place in enumerate(places))
    return replace(person, breaks=person.breaks + breaks)


def _volume_loss(person: Person, rng: np.random.Generator, side: str) -> Person:
    """The dome of the smaller lung rises and the heart is drawn towards it."""
    number = SIDES.index(side)
    domes = list(person.domes)
    domes[number] -= rng.uniform(0.045, 0.08)
    pull = rng.uniform(0.012, 0.03) * (-1, 1)[number]
    return replace(person, domes=(domes[0], domes[1]), shift=person.shift + pull)


def _shifted(person: Person, rng: np.random.Generator, side: str) -> Person:
    pull = rng.uniform(0.04, 0.06)
    return replace(person, shift=person.shift + (pull if side == "left" else -pull))


def _wide_hila(person: Person, rng: np.random.Generator, _: str) -> Person:
    return replace(person, hila=person.hila * rng.uniform(1.3, 1.55))


def _large_hila(person: Person, rng: np.random.Generator, _: str) -> Person:
    return replace(person, hila=person.hila * rng.uniform(1.6, 1.9))


def _small_lungs(person: Person, rng: np.random.Generator, _: str) -> Person:
    up = rng.uniform(0.03, 0.055)
    return replace(person, domes=(person.domes[0] - up, person.domes[1] - up))


_RESHAPES: dict[str, Reshape] = {
    "cardiomegaly": _cardiomegaly,
    "emphysema": _hyperinflated,
    "copd": _hyperinflated,
    "air_trapping": _hyperinflated,
    "aortic_elongation": _aorta,
    "aortic_enlargement": _aorta,
    "enlarged_cardiomediastinum": _wide_mediastinum,
    "scoliosis": _scoliosis,
    "kyphosis": _kyphosis,
    "fracture": _fracture,
    "atelectasis": _volume_loss,
    "volume_loss": _volume_loss,
    "mediastinal_shift": _shifted,
    "edema": _wide_hila,
    "congestion": _wide_hila,
    "enlarged_pulmonary_artery": _large_hila,
    "pulmonary_fibrosis": _small_lungs,
    "congenital_emphysema": _hyperinflated,
    "mediastinal_tumor": _wide_mediastinum,
    "situs_inversus": _shifted,
}

_BILATERAL = {
    "copd",
    "infiltrates",
    "pulmonary_fibrosis",
    "interstitial_lung_disease",
    "chronic_changes",
    "edema",
    "congestion",
    "emphysema",
    "bronchiectasis",
    "bronchitis",
    "bronchiolitis",
    "bronchitis_bronchiolitis",
    "hyaline_membrane_disease",
}

_PAINTS: dict[str, Paint] = {
    "pleural_effusion": paints.effusion,
    "pneumonia": paints.pneumonia,
    "consolidation": paints.consolidation,
    "atelectasis": paints.atelectasis,
    "volume_loss": paints.atelectasis,
    "pneumothorax": paints.pneumothorax,
    "pleural_thickening": paints.pleural_thickening,
    "pleural_other": paints.pleural_thickening,
    "lung_opacity": paints.lung_opacity,
    "infiltrates": paints.infiltrates,
    "pulmonary_fibrosis": paints.fibrosis,
    "interstitial_lung_disease": paints.interstitial,
    "chronic_changes": paints.interstitial,
    "bronchiectasis": paints.bronchiectasis,
    "copd": paints.thick_airways,
    "emphysema": paints.sparse_vessels,
    "edema": paints.edema,
    "congestion": paints.congestion,
    "nodule": paints.nodule,
    "mass": paints.mass,
    "nodule_mass": paints.nodule_or_mass,
    "lung_lesion": paints.lesion,
    "lung_tumor": paints.mass,
    "calcification": paints.calcification,
    "cavitation": paints.cavity,
    "lung_cavity": paints.cavity,
    "lung_cyst": paints.cyst,
    "tuberculosis": paints.tuberculosis,
    "bronchitis": paints.thick_airways,
    "bronchiolitis": paints.infiltrates,
    "bronchitis_bronchiolitis": paints.thick_airways,
    "bronchopneumonia": paints.pneumonia,
    "pleuropneumonia": paints.pneumonia,
    "cpam": paints.cyst,
    "hyaline_membrane_disease": paints.infiltrates,
}
