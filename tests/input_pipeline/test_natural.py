"""Natural-like pictures: the labels say what is measured in them; the dataset is like any other."""

import hashlib
import json
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pandas as pd
import pytest
import tensorflow_datasets as tfds

from input_pipeline.__main__ import main
from input_pipeline.loader import open_prepared, train_dataset
from input_pipeline.phantom.natural import LABELS, natural_cohort, write_natural
from input_pipeline.phantom.scenes import MANY, SHAPES, Scene, draw, imagine
from jaxcxr.errors import InputError

SIZE = 64
EMPTY = Scene((), False, False, "", 1.0, False, True, 0.0)


@cache
def scenes(count=200):
    return [imagine(np.random.default_rng((7, number))) for number in range(count)]


def pictured(scene, number=0, size=SIZE):
    return draw(scene, np.random.default_rng((8, number)), size)


def without(scene, **what):
    """The same scene, plain but for what is asked."""
    return replace(EMPTY, objects=scene.objects, symmetric=scene.symmetric, **what)


def painted(scene):
    """Where the objects are, from the mean over several backgrounds, with and without them."""
    plain = without(scene)
    empty = replace(plain, objects=())
    steps = [
        np.abs(pictured(plain, number, 128) - pictured(empty, number, 128)) for number in range(12)
    ]
    changed = (np.mean(steps, axis=0) > 0.17).astype(np.uint8)
    return cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))


def test_the_objects_can_be_counted_and_their_shapes_told():
    for scene in scenes(40):
        mask = painted(scene)
        outer, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outer = [contour for contour in outer if cv2.contourArea(contour) > 60]
        assert len(outer) == len(scene.objects)
        labels = scene.labels()
        assert labels[f"More than {MANY} objects"] == (len(outer) > 4)
        seen = {_shape(mask, contour) for contour in outer}
        assert seen == {shape for shape in SHAPES if labels[shape.title()]}


def _shape(mask, contour):
    (x, y), radius = cv2.minEnclosingCircle(contour)
    row, column = round(y), round(x)
    if not mask[row - 2 : row + 3, column - 2 : column + 3].any():
        return "ring"
    # Share of the enclosing circle: 1 of a disc, 2 / pi of a square, 0.41 of a triangle; more
    # where a mask of few pixels has lost its corners.
    share = cv2.contourArea(cv2.convexHull(contour)) / (np.pi * radius**2)
    return "disc" if share > 0.85 else "square" if share > 0.605 else "triangle"


def test_symmetric_pictures_equal_their_mirror_image_but_for_light():
    for number, scene in enumerate(scenes(60)):
        picture = pictured(replace(scene, leaves=True, blur=0.0), number)
        # Rows of light are straight lines from left to right.
        residue = picture - picture[:, ::-1]
        line = np.linspace(-0.5, 0.5, SIZE)
        residue -= line * (residue @ line / (line @ line))[:, None]
        assert (np.abs(residue).mean() < 0.035) == scene.symmetric, number


def test_the_light_comes_from_the_brighter_side():
    brighter = [
        pictured(scene, number)[:, : SIZE // 2].mean()
        > pictured(scene, number)[:, SIZE // 2 :].mean()
        for number, scene in enumerate(scenes())
    ]
    truth = [scene.light_left for scene in scenes()]
    assert np.mean(np.equal(brighter, truth)) > 0.9


@pytest.mark.parametrize("run", ["upright", "level"])
def test_stripes_run_as_their_label_says(run):
    down, across = np.abs(np.meshgrid(*[SIZE * np.fft.fftfreq(SIZE)] * 2, indexing="ij"))
    for number in range(20):
        striped = pictured(replace(EMPTY, stripes=run), number)
        power = np.abs(np.fft.fft2(striped - striped.mean(axis=0))) ** 2
        power += np.abs(np.fft.fft2(striped - striped.mean(axis=1, keepdims=True))) ** 2
        waves = (np.hypot(down, across) > 5) & (np.hypot(down, across) < 12)
        upright = power[waves & (across > 2 * down)].sum()
        level = power[waves & (down > 2 * across)].sum()
        assert (upright > level) == (run == "upright")


def test_pictures_out_of_focus_lack_detail():
    def detail(picture):
        return cv2.Laplacian(picture, cv2.CV_32F).std()

    for number, scene in enumerate(scenes(40)):
        sharp = replace(scene, leaves=True, blur=0.0)
        assert detail(pictured(replace(sharp, blur=0.015), number)) < 0.6 * detail(
            pictured(sharp, number)
        )


def test_the_ground_begins_at_the_horizon():
    for number in range(20):
        there = pictured(replace(EMPTY, horizon=0.6), number)
        rows = there.mean(axis=1)
        step = int(np.abs(np.diff(rows)).argmax())
        assert abs(step - 0.6 * SIZE) < 2


def test_a_tree_stands_on_its_foot_and_forks_above():
    for number in range(10):
        grown = pictured(replace(EMPTY, tree=True, symmetric=True), number, 128)
        bare = pictured(replace(EMPTY, symmetric=True), number, 128)
        wood = np.abs(grown - bare) > 0.15
        assert wood[-4:].any(axis=0).sum() < 12
        runs = np.abs(np.diff(wood[40:70].astype(int), axis=1)).sum(axis=1).max() / 2
        assert runs >= 3


@pytest.mark.parametrize("leaves", [True, False])
def test_backgrounds_have_the_spectrum_of_natural_scenes(leaves):
    """Amplitude falls as 1/f to 1/f^1.5, power with a slope of -2 to -3 (Field, JOSA A 1987)."""
    size = 128
    window = np.hanning(size)[:, None] * np.hanning(size)
    power = np.zeros((size, size))
    for number in range(20):
        picture = pictured(replace(EMPTY, leaves=leaves), number, size)
        picture -= picture.mean(axis=0)  # the light
        power += np.abs(np.fft.fft2(picture * window)) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))) * size
    bins = np.arange(4, 40)
    means = [power[(radius >= low) & (radius < low + 1)].mean() for low in bins]
    slope = np.polyfit(np.log(bins + 0.5), np.log(means), 1)[0]
    assert -3.2 < slope < -1.7


def test_each_label_is_there_and_absent_often_and_none_tells_another():
    labels = natural_cohort(1500, 0).records[list(LABELS)].to_numpy()
    assert np.all((labels.mean(axis=0) > 0.2) & (labels.mean(axis=0) < 0.8))
    correlation = np.corrcoef(labels.T) - np.eye(len(LABELS))
    # Upright and level stripes exclude each other; more objects are of more shapes.
    assert np.abs(correlation).max() < 0.55


def test_a_scene_and_its_picture_follow_from_the_seed():
    first, again, other = (imagine(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again != other
    np.testing.assert_array_equal(pictured(first, 1), pictured(again, 1))
    assert np.abs(pictured(first, 1) - pictured(first, 2)).mean() > 0.05
    picture = pictured(first)
    assert picture.shape == (SIZE, SIZE) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1 and np.ptp(picture) > 0.4


def test_objects_of_one_scene_do_not_touch():
    for scene in scenes():
        for number, one in enumerate(scene.objects):
            for other in scene.objects[:number]:
                assert np.hypot(one.x - other.x, one.y - other.y) > one.radius + other.radius


def _digests(folder):
    files = sorted(folder.iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_the_command_writes_a_prepared_dataset_the_same_for_any_number_of_workers(tmp_path, capsys):
    options = ["--images=60", "--size=32", "--seed=5"]
    main(["phantom", "natural", f"--out-dir={tmp_path / 'first'}", *options, "--workers=2"])
    assert "60 natural-like pictures with 13 labels, prepared in" in capsys.readouterr().out
    write_natural(tmp_path / "again", images=60, seed=5, size=32, workers=1)
    write_natural(tmp_path / "other", images=60, seed=6, size=32, workers=1)
    first, again, other = (_digests(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again and first["records.parquet"] != other["records.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "first", "other"]

    prepared = open_prepared(tmp_path / "first")
    assert (prepared.dataset, prepared.labels) == ("natural", LABELS)
    batch = next(iter(train_dataset(prepared, labels=None, batch_size=4, seed=0)))
    rows = prepared.records("train").iloc[batch["index"]]
    np.testing.assert_array_equal(batch["labels"], rows[list(LABELS)])
    assert batch["image"].shape == (4, 32, 32) and np.ptp(batch["image"]) > 200
    for split in ("train", "validation", "test"):
        for image_id, *found in prepared.records(split)[["image_id", *LABELS]].to_numpy():
            number = int(image_id.rsplit("_", 1)[1])
            truth = imagine(np.random.default_rng((5, 0, number))).labels()
            assert found == list(truth.values())
    described = json.loads((tmp_path / "first/cohort.json").read_text())
    assert sum(described["prepared"].values()) == 60 and described["rejected"] == 0


def test_the_splits_are_disjoint_and_of_the_promised_sizes():
    records = natural_cohort(2000, 1).records
    shares = records["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.1, abs=0.02)
    assert shares["validation"] == pytest.approx(0.09, abs=0.02)
    assert records["patient_id"].is_unique
    # Adding pictures moves none to another split.
    pd.testing.assert_series_equal(natural_cohort(500, 1).records["split"], records["split"][:500])


# TFDS asks protobuf for what newer ones deprecate, before it asks for what replaces it.
@pytest.mark.filterwarnings("ignore:label.. is deprecated:DeprecationWarning")
def test_tfds_opens_it(tmp_path):
    write_natural(tmp_path / "natural", images=60, size=16, workers=1)
    source = tfds.builder_from_directory(tmp_path / "natural").as_data_source("train")
    assert source[0]["image"].shape == (16, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 0}, "at least 1 image"),
        ({"images": 9, "size": 8}, "size 8: give 16 to 2048"),
        ({"images": 2, "size": 16}, "falls into"),
    ],
)
def test_impossible_numbers_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        write_natural(tmp_path / "natural", **options)
    assert not (tmp_path / "natural").exists()
