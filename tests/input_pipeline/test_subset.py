"""Fewer patients: whole patients, nested, and a matter of id and seed alone."""

import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest

from input_pipeline.splits import assign
from input_pipeline.subset import patient_subset

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def records(patients=2000, images=3, named=True):
    """Several images of each patient, those of one patient far apart."""
    rows = np.arange(patients * images)
    return pd.DataFrame(
        {
            "image_id": [f"image{row}" for row in rows],
            "patient_id": [f"p{row % patients}" if named else "" for row in rows],
        }
    )


def patients_of(table, rows):
    return set(table["patient_id"].iloc[rows])


def test_subsets_are_of_whole_patients_and_nested():
    table = records()
    chosen = [patient_subset(table, share, 0) for share in SHARES]
    for rows in chosen:
        left_out = np.setdiff1d(np.arange(len(table)), rows)
        assert not patients_of(table, rows) & patients_of(table, left_out)
    for small, large in itertools.pairwise(chosen):
        assert set(small) < set(large)
    assert list(chosen[-1]) == list(range(len(table)))


@pytest.mark.parametrize("share", SHARES[:-1])
def test_the_share_is_about_that_of_the_patients(share):
    table = records()
    found = len(patients_of(table, patient_subset(table, share, 7)))
    spread = (2000 * share * (1 - share)) ** 0.5
    assert abs(found - 2000 * share) < 4 * spread


def test_who_is_in_follows_from_the_id_and_the_seed_by_sha_256():
    table = records()
    for seed in (0, 3):
        expected = {
            patient
            for patient in table["patient_id"]
            if int(
                hashlib.sha256(f"train_patients:{seed}\n{patient}".encode()).hexdigest()[:16], 16
            )
            < 0.1 * 2**64
        }
        assert patients_of(table, patient_subset(table, 0.1, seed)) == expected
    one, other = (patients_of(table, patient_subset(table, 0.1, seed)) for seed in (0, 1))
    assert len(one & other) < len(one) / 2


def test_neither_the_order_of_rows_nor_other_patients_matter():
    table = records()
    expected = patients_of(table, patient_subset(table, 0.1, 0))
    shuffled = table.sample(frac=1, random_state=0).reset_index(drop=True)
    assert patients_of(shuffled, patient_subset(shuffled, 0.1, 0)) == expected
    half = table[table["patient_id"].str[-1].isin(list("02468"))].reset_index(drop=True)
    assert patients_of(half, patient_subset(half, 0.1, 0)) == expected & set(half["patient_id"])


def test_where_no_patient_is_named_images_are_drawn():
    table = records(named=False)
    rows = patient_subset(table, 0.1, 0)
    assert 0.07 < len(rows) / len(table) < 0.13
    lone = records().assign(patient_id=lambda one: one["image_id"])
    assert list(patient_subset(lone, 0.1, 0)) == list(rows)


def test_the_draw_is_independent_of_the_split():
    table = records().assign(official_split="")
    split = assign(table, "patient", test_share=0.2, validation_share=0.1, seed=0)
    train = table[split.eq("train")].reset_index(drop=True)
    found = len(patients_of(train, patient_subset(train, 0.1, 0)))
    assert found / train["patient_id"].nunique() == pytest.approx(0.1, abs=0.03)


def test_an_image_without_a_patient_is_drawn_alone_among_named_ones():
    table = records(patients=500, images=2)
    for missing in (None, float("nan"), ""):
        some = table.assign(patient_id=table["patient_id"].where(table.index % 2 == 0, missing))
        rows = patient_subset(some, 0.3, 0)
        odd = [row for row in rows if row % 2]
        alone = table.assign(patient_id=table["image_id"])
        assert odd == [row for row in patient_subset(alone, 0.3, 0) if row % 2]
        assert 100 < len(odd) < 200
