"""Averages over rare labels and several trainings, by the simulations of `benchmarks.coverage`.

The tables of `docs/statistics.md` are of 1,000 data sets a row; here are fewer, so bounds are wide.
"""

from __future__ import annotations

import pytest

from benchmarks.coverage import COMMON, LAYOUTS, average, several_trainings

pytestmark = pytest.mark.slow


def test_an_average_over_labels_of_one_patient_does_not_cover():
    cover, reject, *_ = average((*COMMON, *LAYOUTS["real: 4, 4, 3, 2, 1, 1, 1"]), 300)
    print("labels of one patient", cover, reject)
    assert cover < 0.8 and reject > 0.15


@pytest.mark.parametrize("rare", ["10 each", "left out"])
def test_averages_over_labels_of_ten_patients_cover(rare):
    cover, reject, closed_cover, closed_reject = average((*COMMON, *LAYOUTS[rare]), 500)
    print(rare, cover, reject, closed_cover, closed_reject)
    # Standard errors are 0.010.
    assert min(cover, closed_cover) > 0.91 and max(reject, closed_reject) < 0.08


def test_equal_models_of_several_trainings_rarely_differ():
    patients_only, reject, cover = several_trainings(800, counts=[3], sds=[0.0, 0.05])[0].T
    print("three trainings", patients_only, reject, cover)
    assert (reject < 0.075).all() and (cover > 0.91).all()
    assert patients_only[0] < 0.075 and patients_only[1] > 0.2
