"""The phantom population: patients, their visits, and what each visit shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

HEALTHY_SHARE = 0.25
# Most patients come once or twice, a few often, as in the real releases.
VISITS = (1, 1, 1, 1, 1, 2, 2, 4)
STAYS = 0.8  # share of a patient's findings that a visit still, or already, shows


@dataclass(frozen=True)
class Exam:
    """One visit of one phantom patient; patients count from 1, visits from 0."""

    patient: int
    visit: int
    age: int
    sex: str
    findings: frozenset[str]


def pictures(
    images: int, findings: Sequence[str], seed: int, *, lateral_share: float = 0.0
) -> list[tuple[Exam, str]]:
    """`images` pairs of an exam and a view; some exams have a `lateral` after the `frontal`."""
    rng = np.random.default_rng((seed, 1))

    def views() -> Iterator[tuple[Exam, str]]:
        for exam in _exams(seed, findings):
            yield exam, "frontal"
            if rng.random() < lateral_share:
                yield exam, "lateral"

    return list(islice(views(), images))


def _exams(seed: int, findings: Sequence[str], per_patient: float = 3.0) -> Iterator[Exam]:
    """Visits without end, patient after patient.

    A quarter of the patients show `no_finding`. The others have about three of the findings each,
    far more than real patients, so that a few hundred radiographs teach every finding.
    """
    rng = np.random.default_rng((seed, 0))
    possible = np.array([finding for finding in findings if finding != "no_finding"])
    share = min(per_patient / len(possible), 0.5)
    patient = 0
    while True:
        patient += 1
        age, sex = int(rng.integers(18, 86)), str(rng.choice(["F", "M"]))
        has = rng.random(len(possible)) < share
        has[rng.integers(len(possible))] = True
        if rng.random() < HEALTHY_SHARE:
            has[:] = False
        for visit in range(int(rng.choice(VISITS))):
            shown = possible[has & (rng.random(len(possible)) < STAYS)]
            findings_shown = frozenset(shown.tolist()) or frozenset({"no_finding"})
            yield Exam(patient, visit, age + visit, sex, findings_shown)
