"""Label noise against its definition, counted by itself."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from input_pipeline.label_noise import count_flips, noisy_labels

NO_FINDING = "No finding (healthy)"
FINDINGS = ("Cardiomegaly", "Edema", "Mass")
LABELS = (*FINDINGS[:1], NO_FINDING, *FINDINGS[1:])


def _records(images=20000, seed=0, unknown=0.1):
    rng = np.random.default_rng(seed)
    truth = (rng.random((images, 3)) < (0.5, 0.2, 0.05)).astype(int)
    healthy = (truth == 0).all(1).astype(int)
    truth[rng.random(truth.shape) < unknown] = -1
    healthy[rng.random(images) < unknown] = -1
    found = pd.DataFrame(truth, columns=FINDINGS)
    found[NO_FINDING] = healthy
    return found.assign(image_id=[f"i{row}" for row in range(images)])


def _within(count, of, probability):
    """Whether a count lies where all but a millionth of its distribution does."""
    low, high = binom.ppf([5e-7, 1 - 5e-7], of, probability)
    return low <= count <= high


@pytest.mark.parametrize("probability", [0.1, 0.4, 1.0])
def test_positives_flip_with_p_and_negatives_with_a_quarter(probability):
    records = _records()
    noisy = noisy_labels(records, LABELS, probability, seed=42)
    for label in FINDINGS:
        before, after = records[label].to_numpy(), noisy[:, LABELS.index(label)]
        positive, negative = before == 1, before == 0
        assert _within((after[positive] == 0).sum(), positive.sum(), probability), label
        assert _within((after[negative] == 1).sum(), negative.sum(), probability / 4), label
        assert (after[before == -1] == -1).all() and (before == -1).sum() > 1000
        assert set(after[positive | negative]) <= {0, 1}
    # Labels flip independently of each other.
    both = (records["Cardiomegaly"] == 1) & (records["Edema"] == 1)
    together = (noisy[both, 0] == 0) & (noisy[both, LABELS.index("Edema")] == 0)
    assert _within(together.sum(), both.sum(), probability**2)


def test_each_flip_can_be_recomputed_with_sha256_alone():
    records = _records(200)
    noisy = noisy_labels(records, LABELS, 0.3, seed=7)
    for label in FINDINGS:
        for image, before, after in zip(
            records["image_id"], records[label], noisy[:, LABELS.index(label)], strict=True
        ):
            digest = hashlib.sha256(f"label_noise:7:{label}\n{image}".encode()).digest()
            drawn = int.from_bytes(digest[:8], "big") / 2**64
            flips = before >= 0 and drawn < (0.3 if before else 0.075)
            assert after == (1 - before if flips else before)


def test_no_finding_follows_the_others():
    records = _records()
    noisy = noisy_labels(records, LABELS, 0.3, seed=42)
    changed = 0
    for before, row in zip(records[NO_FINDING], noisy, strict=True):
        others = [row[LABELS.index(name)] for name in FINDINGS]
        if before == -1:
            expected = -1
        elif 1 in others:
            expected = 0
        elif -1 in others:  # nobody can tell
            expected = before
        else:
            expected = 1
        assert row[LABELS.index(NO_FINDING)] == expected
        changed += expected != before
    assert changed > 1000


def test_it_depends_on_seed_label_and_image_alone():
    records = _records(3000)
    whole = noisy_labels(records, LABELS, 0.3, seed=42)
    order = np.random.default_rng(1).permutation(3000)[:500]
    np.testing.assert_array_equal(
        noisy_labels(records.iloc[order], LABELS, 0.3, seed=42), whole[order]
    )
    fewer = noisy_labels(records, ("Mass", "Cardiomegaly"), 0.3, seed=42)
    np.testing.assert_array_equal(fewer, whole[:, [3, 0]])
    assert (noisy_labels(records, LABELS, 0.3, seed=43) != whole).mean() > 0.1
    # What flips with little noise flips with more.
    truth = records[list(LABELS)].to_numpy()
    little = noisy_labels(records, FINDINGS, 0.1, seed=42) != records[list(FINDINGS)]
    more = noisy_labels(records, FINDINGS, 0.3, seed=42) != records[list(FINDINGS)]
    assert (more | ~little).all(axis=None) and more.sum().sum() > 2 * little.sum().sum() > 0
    np.testing.assert_array_equal(noisy_labels(records, LABELS, 0.0, seed=42), truth)


def test_no_finding_alone_is_a_label_like_others():
    records = _records(2000)
    noisy = noisy_labels(records, (NO_FINDING,), 1.0, seed=42)[:, 0]
    assert (noisy[records[NO_FINDING] == 1] == 0).all()


def test_the_counts_are_those_of_the_tables():
    records = _records()
    # As where the release's own "No finding" knows of findings that are not among the labels.
    records.loc[records.index % 5 == 0, NO_FINDING] = 0
    truth = records[list(LABELS)].to_numpy(np.int8)
    noisy = noisy_labels(records, LABELS, 0.2, seed=42)
    counted = count_flips(truth, noisy, LABELS)
    for column, label in enumerate(LABELS):
        table = pd.crosstab(truth[:, column], noisy[:, column])
        of = counted[label]
        assert (of["positives"], of["negatives"]) == (table.loc[1].sum(), table.loc[0].sum())
        assert (of["became_negative"], of["became_positive"]) == (table.loc[1, 0], table.loc[0, 1])
    untouched = (truth == noisy)[:, [0, 2, 3]].all(1)
    alone = counted[NO_FINDING]["without_a_flip"]
    assert alone == (untouched & (truth[:, 1] != noisy[:, 1])).sum() > 100
    assert "without_a_flip" not in counted["Mass"]
