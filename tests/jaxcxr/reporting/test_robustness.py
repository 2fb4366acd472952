"""Disturbed images are disturbed as said, and their AUC is that of other implementations."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from jaxcxr import report
from jaxcxr.errors import InputError
from jaxcxr.reporting import robustness
from jaxcxr.reporting.checklist import FACTS
from jaxcxr.reporting.disturbances import DISTURBANCES, Disturbance
from jaxcxr.reporting.fact import Fact, Missing
from jaxcxr.reporting.result_tables import robustness as robustness_table
from jaxcxr.reporting.robustness import measure_robustness
from jaxcxr.reporting.run_record import read_run
from jaxcxr.stats import auc_difference, auc_interval

BY_NAME = {one.name: one.change for one in DISTURBANCES}


def picture(side=64):
    rows, columns = np.mgrid[:side, :side]
    return (128 + 60 * np.sin(rows / 9) * np.cos(columns / 7)).astype(np.uint8)


def test_there_is_one_of_each_kind():
    for kind in ("noise", "blur", "gamma", "JPEG", "rotation"):
        assert sum(kind in name for name in BY_NAME) == 2


@pytest.mark.parametrize("name", BY_NAME)
def test_a_disturbance_is_the_same_whenever_it_is_computed(name):
    image = picture()
    first, again = BY_NAME[name](image, 3), BY_NAME[name](image.copy(), 3)
    np.testing.assert_array_equal(first, again)
    assert first.shape == image.shape and first.dtype == np.uint8
    assert (first != image).any()
    np.testing.assert_array_equal(image, picture())  # which is left as it was


def test_noise_has_its_spread_and_differs_between_images():
    flat = np.full((256, 256), 128, np.uint8)
    for sd in (5, 15):
        change = BY_NAME[f"Gaussian noise, sd {sd} of 255 levels"]
        added = change(flat, 1).astype(float) - 128
        assert added.std() == pytest.approx(np.hypot(sd, 12**-0.5), rel=0.02)
        assert abs(added.mean()) < 0.2
        assert np.corrcoef(added.ravel(), change(flat, 2).ravel())[0, 1] < 0.02


def test_blur_gamma_and_jpeg_are_those_of_other_libraries():
    image = picture()
    blurred = ndimage.gaussian_filter(image.astype(float), 2, mode="mirror", truncate=4)
    ours = BY_NAME["Gaussian blur, sigma 2 pixels"](image, 0)
    assert np.abs(ours - blurred).max() < 2
    levels = BY_NAME["gamma 1.4"](image, 0)
    np.testing.assert_array_equal(
        levels, [[round(255 * (v / 255) ** 1.4) for v in r] for r in image]
    )
    assert (BY_NAME["gamma 0.7"](image, 0) >= image).all()
    size = {}
    for quality in (75, 30):
        change = BY_NAME[f"JPEG, quality {quality}"](image, 0)
        size[quality] = np.abs(change.astype(int) - image).mean()
        import io

        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(buffer)).astype(int)
        assert np.abs(change - theirs).mean() < 1
    assert 0 < size[75] < size[30]


def test_a_rotation_turns_about_the_middle():
    image = np.zeros((65, 65), np.uint8)
    cv2.circle(image, (32, 12), 3, 255, -1)
    for degrees in (-5, 5):
        turned = BY_NAME[f"rotation by {degrees} degrees"](image, 0)
        row, column = ndimage.center_of_mass(turned)
        angle = np.degrees(np.arctan2(column - 32, 32 - row))
        assert angle == pytest.approx(-degrees, abs=0.3)  # positive is counter-clockwise


@pytest.fixture(scope="module")
def measured(nasty_run, tmp_path_factory):
    """A copy of the run, measured, with the logits that each disturbance gave."""
    run = tmp_path_factory.mktemp("robust") / "run_a"
    shutil.copytree(nasty_run, run)
    report.main(["--run", str(run), "--robustness"])
    return run


def test_without_a_disturbance_nothing_changes(nasty_run, monkeypatch):
    nothing = Disturbance("nothing", lambda image, number: image)
    monkeypatch.setattr(robustness, "DISTURBANCES", (nothing,))
    record = read_run(nasty_run)
    found = measure_robustness(record, lambda name: None)
    statistics = {row["label"]: row["metrics"] for row in record.statistics["labels"]}
    assert [row["label"] for row in found["disturbances"][0]["labels"]] == [
        label for label, metrics in statistics.items() if metrics
    ]
    for row in found["disturbances"][0]["labels"]:
        assert row["auc"]["value"] == pytest.approx(statistics[row["label"]]["auc"]["value"])
        assert row["difference"]["value"] == pytest.approx(0)


def assert_same(found, wanted):
    """No interval, of a class of one patient, is null in JSON."""
    assert found == (None if np.isnan(wanted) else pytest.approx(wanted))


def test_disturbed_aucs_against_scikit_learn(nasty_run, monkeypatch):
    """The disturbance takes away where the second finding shows."""

    def hide(image, number):
        return np.where(np.add.outer(np.arange(28) < 7, np.arange(28) >= 20) > 0, 50, image)

    record, seen = read_run(nasty_run), []
    forward = robustness._forward(record)
    monkeypatch.setattr(robustness, "DISTURBANCES", (Disturbance("hide", hide),))
    monkeypatch.setattr(
        robustness, "_forward", lambda run: lambda *given: seen.append(forward(*given)) or seen[-1]
    )
    found = measure_robustness(record, lambda name: None)
    reported = record.reported
    for row in found["disturbances"][0]["labels"]:
        column = record.labels.index(row["label"])
        truth, logits = reported.labels[:, column], seen[0][:, column]
        assert row["auc"]["value"] == pytest.approx(roc_auc_score(truth, logits))
        before = roc_auc_score(truth, reported.scores[:, column])
        assert row["difference"]["value"] == pytest.approx(row["auc"]["value"] - before)
        wanted = auc_interval(truth, logits, reported.patients)
        assert_same(row["auc"]["low"], wanted.low)
        pair = np.stack([logits, reported.scores[:, column]])
        assert_same(row["difference"]["high"], auc_difference(truth, pair, reported.patients).high)


def test_it_is_kept_with_the_run_and_reported(measured, nasty_run):
    kept = json.loads((measured / "robustness.json").read_text())
    assert [one["name"] for one in kept["disturbances"]] == [one.name for one in DISTURBANCES]
    record = read_run(measured)
    assert isinstance(FACTS["robustness"](record), Fact)
    table = robustness_table(record)
    rows = sum(len(one["labels"]) for one in kept["disturbances"])
    assert len(table.rows) == rows and rows >= 2 * len(DISTURBANCES)
    one = kept["disturbances"][0]["labels"][0]["auc"]
    assert table.rows[0][2] == f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
    assert isinstance(FACTS["robustness"](read_run(nasty_run)), Missing)


def test_what_was_measured_of_other_weights_does_not_count(measured):
    path = measured / "robustness.json"
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"weights_sha256": "0"}))
    assert read_run(measured).robustness is None
    path.write_text("[]")
    with pytest.raises(InputError, match=r"robustness\.json"):
        read_run(measured)
    path.write_text(whole)


def test_without_the_data_it_says_what_to_do(nasty_run):
    record = read_run(nasty_run, alone=True)
    with pytest.raises(InputError, match="--data DIR"):
        measure_robustness(record, lambda name: None)
