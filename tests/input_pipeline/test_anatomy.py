"""The phantom's pictures: where each finding shows, on which side, and that it can be learned."""

from functools import cache

import cv2
import numpy as np
import pytest

from input_pipeline.labels import NAMES
from input_pipeline.phantom.anatomy import draw
from jaxcxr.errors import InputError

SIZE = 128
SIDED = ("pleural_effusion", "pneumonia", "atelectasis", "pneumothorax")


@cache
def pictured(seed, *findings, view="frontal", size=SIZE):
    rng = np.random.default_rng((5, seed))
    return draw(rng, frozenset(findings), view=view, height=size, width=size)


def added(seed, *findings, view="frontal"):
    """What the findings add to the same person's picture."""
    return pictured(seed, *findings, view=view) - pictured(seed, "no_finding", view=view)


def mean_added(*findings, people=4, view="frontal"):
    return np.mean([added(seed, *findings, view=view) for seed in range(people)], axis=0)


@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_shape_range_and_determinism(view):
    pictures = [
        draw(np.random.default_rng(3), frozenset({"mass"}), view=view, height=140, width=97)
        for _ in range(2)
    ]
    assert pictures[0].shape == (140, 97)
    assert pictures[0].dtype == np.float32
    assert pictures[0].min() >= 0
    assert pictures[0].max() <= 1
    np.testing.assert_array_equal(*pictures)
    assert np.ptp(pictures[0]) > 0.8
    other = draw(np.random.default_rng(4), frozenset({"mass"}), view=view, height=140, width=97)
    assert np.abs(other - pictures[0]).mean() > 0.01


def test_the_order_of_the_findings_does_not_matter():
    first = pictured(1, "cardiomegaly", "nodule", "edema")
    np.testing.assert_array_equal(first, pictured(1, "edema", "nodule", "cardiomegaly"))


def test_no_finding_changes_nothing():
    np.testing.assert_array_equal(pictured(1, "no_finding"), pictured(1))


# A sideways curve or shift cannot be seen from the side.
SHOWN = [
    (finding, view)
    for finding in NAMES
    for view in ("frontal", "lateral")
    if finding != "no_finding"
    and not (view == "lateral" and finding in {"scoliosis", "mediastinal_shift", "situs_inversus"})
]


@pytest.mark.parametrize(("finding", "view"), SHOWN)
def test_every_finding_shows(finding, view):
    # The person, the noise and the exposure stay the same, so any change is the finding's.
    change = np.abs(mean_added(finding, people=1, view=view))
    assert change.max() > 0.05


@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_air_is_dark_lungs_are_darker_than_the_middle_and_the_abdomen(view):
    picture = np.mean([pictured(seed, view=view) for seed in range(8)], axis=0)
    outside = picture[-40:-5, :6].mean()
    lung = picture[45:70, 28:40].mean() if view == "frontal" else picture[60:80, 80:90].mean()
    abdomen = picture[118:124, 50:80].mean()
    assert outside < lung < abdomen
    assert abdomen - lung > 0.3


def test_the_views_differ():
    front, side = (
        np.mean([pictured(seed, view=view) for seed in range(8)], axis=0)
        for view in ("frontal", "lateral")
    )
    assert np.abs(front - side).mean() > 0.1


def test_the_heart_lies_to_the_right_of_the_image_and_the_right_dome_is_higher():
    picture = np.mean([pictured(seed) for seed in range(12)], axis=0)
    low = picture[70:84]
    assert low[:, 68:88].mean() > low[:, 40:60].mean() + 0.1
    lung_then_abdomen = picture[60:115] > 0.55
    right_dome = lung_then_abdomen[:, 36:40].mean()
    left_dome = lung_then_abdomen[:, 90:94].mean()
    assert right_dome > left_dome


@pytest.mark.parametrize("finding", SIDED)
@pytest.mark.parametrize(("side", "columns"), [("right", slice(64)), ("left", slice(64, None))])
def test_the_patients_right_is_the_left_of_the_image(finding, side, columns):
    change = np.abs(mean_added(f"{finding}_{side}"))
    other = slice(64, None) if columns == slice(64) else slice(64)
    # Volume loss also draws the heart over, and so moves its far border.
    factor = 2 if finding == "atelectasis" else 3
    assert change[:, columns].sum() > factor * change[:, other].sum()


def test_a_right_effusion_whitens_the_lower_left_of_the_image():
    change = mean_added("pleural_effusion_right")
    assert change[80:110, 12:45].mean() > 0.1
    assert np.abs(change[15:50]).mean() < 0.01


def test_a_pneumothorax_blackens_the_outer_upper_lung():
    change = mean_added("pneumothorax_left")
    assert change[20:60, 85:112].min() < -0.08


def test_a_wide_heart_widens_the_bright_middle_low_down():
    change = mean_added("cardiomegaly")
    assert change[70:90, 85:100].mean() > 0.1
    assert np.abs(change[20:40]).max() < 0.1


def test_hyperinflation_lowers_the_domes():
    for finding in ("emphysema", "copd"):
        change = mean_added(finding)
        assert change[93:99, 30:48].mean() < -0.1


def test_fibrosis_lies_at_the_base_and_lesions_keep_their_sizes():
    change = np.abs(mean_added("pulmonary_fibrosis"))
    assert change[65:95].mean() > 3 * change[10:45].mean()
    areas = [
        np.mean([(added(seed, name) > 0.1).sum() for seed in range(6)])
        for name in ("nodule", "lung_lesion", "mass")
    ]
    assert areas == sorted(areas)
    assert areas[2] > 3 * areas[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"findings": frozenset({"measles"})}, "unknown finding 'measles'"),
        ({"findings": frozenset(), "view": "oblique"}, "unknown view 'oblique'"),
    ],
)
def test_unknown_findings_and_views_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        draw(np.random.default_rng(0), height=64, width=64, **arguments)


@pytest.mark.slow
def test_a_linear_probe_finds_the_main_findings():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    names = ("cardiomegaly", "pleural_effusion", "emphysema", "edema")
    truth = rng.random((300, len(names))) < 0.4
    features = []
    for seed, row in enumerate(truth):
        shown = [name for name, present in zip(names, row, strict=True) if present]
        picture = pictured(seed, *shown, "fracture", size=96)
        features.append(cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA).ravel())
    for column, name in enumerate(names):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        probe.fit(features[:200], truth[:200, column])
        scores = probe.decision_function(features[200:])
        assert roc_auc_score(truth[200:, column], scores) > 0.85, name
