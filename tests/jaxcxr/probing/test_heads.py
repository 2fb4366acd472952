"""Heads on features against scikit-learn's own pipelines, and the choice of their settings."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jaxcxr.inference.forward import mean_loss
from jaxcxr.probing.examples import Examples, choose, mean_auc
from jaxcxr.probing.linear import STRENGTHS, choose_linear, fit_linear
from jaxcxr.probing.neighbours import fit_neighbours
from jaxcxr.probing.perceptron import fit_perceptron


def _examples(images, seed, labels=3, width=12):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(images, width)).astype(np.float32)
    truth = (features[:, :labels] + rng.normal(size=(images, labels)) > 0).astype(np.int8)
    return Examples(features * 5 + 3, truth, [f"p{row // 2}" for row in range(images)])


TRAIN, OTHERS = _examples(200, 0), _examples(150, 1)


def test_the_linear_head_is_scikit_learns_pipeline():
    head = fit_linear(TRAIN, 0.01)
    for label in range(3):
        theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
        theirs.fit(TRAIN.features, TRAIN.truth[:, label])
        expected = theirs.decision_function(OTHERS.features)
        np.testing.assert_allclose(head(OTHERS.features)[:, label], expected, atol=1e-3)


def test_unknown_labels_teach_nothing():
    truth = TRAIN.truth.copy()
    truth[100:, 0] = -1
    masked = Examples(TRAIN.features, truth, TRAIN.patients)
    theirs = make_pipeline(StandardScaler().fit(TRAIN.features)).transform(TRAIN.features[:100])
    expected = LogisticRegression(C=0.1).fit(theirs, truth[:100, 0])
    others = StandardScaler().fit(TRAIN.features).transform(OTHERS.features)
    found = fit_linear(masked, 0.1)(OTHERS.features)[:, 0]
    np.testing.assert_allclose(found, expected.decision_function(others), atol=1e-3)


def test_a_label_of_one_class_and_a_constant_feature_do_no_harm():
    features, truth = TRAIN.features.copy(), TRAIN.truth.copy()
    features[:, 5], truth[:, 2] = 7.0, 0
    head = fit_linear(Examples(features, truth, TRAIN.patients), 1.0)
    moved = features.copy()
    moved[:, 5] += 100
    np.testing.assert_array_equal(head(moved)[:, :2], head(features)[:, :2])
    assert np.ptp(head(features)[:, 2]) == 0
    assert np.isfinite(head(features)).all()


def _log_loss(truth, logits):
    return np.mean([log_loss(truth[:, i], 1 / (1 + np.exp(-logits[:, i]))) for i in range(3)])


def test_the_strength_is_that_of_the_lowest_loss_on_validation_patients():
    choice = choose_linear(TRAIN, OTHERS)
    by_hand = [_log_loss(OTHERS.truth, fit_linear(TRAIN, c)(OTHERS.features)) for c in STRENGTHS]
    np.testing.assert_allclose(choice.losses, by_hand, atol=1e-9)
    assert choice.setting == STRENGTHS[int(np.argmin(by_hand))]
    assert choice.chosen_on == "validation"


def test_one_positive_patient_does_not_choose_the_strength():
    """In a mean of AUCs the one positive image of a label decides; in the loss it does not."""
    learnt = _examples(200, 2, labels=2)
    learnt.truth[5:, 1] = 0
    logits = [fit_linear(learnt, c)(OTHERS.features) for c in STRENGTHS]
    ranks = np.argsort(np.argsort([one[:, 1] for one in logits], axis=1), axis=1)
    by_auc, by_loss = set(), set()
    # The image that the weakest penalty ranks higher than the others do, and the opposite.
    for image in (np.argmax(ranks[-1] - ranks[0]), np.argmax(ranks[0] - ranks[-1])):
        truth = np.stack([OTHERS.truth[:, 0], np.arange(150) == image], axis=1).astype(int)
        judged = Examples(OTHERS.features, truth, OTHERS.patients)
        by_auc.add(int(np.argmax([mean_auc(judged, one) for one in logits])))
        by_loss.add(choose_linear(learnt, judged).setting)
    assert len(by_auc) == 2
    assert len(by_loss) == 1


def test_the_loss_is_scikit_learns_over_known_labels_with_pytorchs_weights():
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(scale=3, size=(50, 3))
    truth, weights = OTHERS.truth[:50].copy(), np.array([1.0, 4.0, 0.5])
    assert mean_loss(truth, logits) == pytest.approx(_log_loss(truth, logits))
    truth[:20, 1] = -1
    known = truth >= 0
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        *(torch.tensor(logits), torch.tensor(np.maximum(truth, 0), dtype=torch.float64)),
        pos_weight=torch.tensor(weights),
        reduction="none",
    ).numpy()
    assert mean_loss(truth, logits, weights) == pytest.approx(theirs[known].mean())
    assert np.isnan(mean_loss(np.full((2, 3), -1), logits[:2]))


def test_where_validation_cannot_decide_no_patient_is_on_both_sides_of_a_fold():
    nobody = OTHERS.at(np.zeros(0, np.int64))
    seen = []

    def fit(part, setting):
        def head(features):
            held = [row for row in range(200) if (TRAIN.features[row] == features[0]).all()]
            seen.append((set(part.patients), TRAIN.patients[held[0]]))
            return features[:, :3] * setting

        return head

    choice = choose((-1.0, 1.0), fit, TRAIN, nobody)
    assert choice.chosen_on == "training"
    assert choice.setting == 1.0
    assert seen
    assert all(held not in learnt for learnt, held in seen)


def test_one_neighbour_gives_scikit_learns_ranks():
    head = fit_neighbours(TRAIN, 1)(OTHERS.features)
    centre = TRAIN.features.mean(axis=0)
    theirs = KNeighborsClassifier(1, metric="cosine", algorithm="brute")
    theirs.fit(TRAIN.features - centre, TRAIN.truth)
    np.testing.assert_array_equal(
        head > (head.min(0) + head.max(0)) / 2, theirs.predict(OTHERS.features - centre)
    )


@pytest.mark.parametrize(
    "fit", [lambda t: fit_neighbours(t, 20), lambda t: fit_perceptron(t, 150, 0)]
)
def test_the_other_heads_rank_better_than_chance_and_skip_unknown_labels(fit):
    truth = TRAIN.truth.copy()
    truth[:100] = -1
    masked = fit(Examples(TRAIN.features, truth, TRAIN.patients))
    assert mean_auc(OTHERS, masked(OTHERS.features)) > 0.6
    flipped = np.where(truth < 0, -1, 1 - truth)
    against = fit(Examples(TRAIN.features, flipped, TRAIN.patients))
    assert mean_auc(OTHERS, against(OTHERS.features)) < 0.4
