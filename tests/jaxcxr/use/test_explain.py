"""Explaining images: maps against NumPy, sanity of saliency, names of files, what stays whole."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parent))
from finished_run import finish_run, opened_here

from input_pipeline.loader import images_at, open_prepared
from jaxcxr.errors import InputError
from jaxcxr.explain import main
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.gradients import CLOSE, make_attribute
from jaxcxr.inference.overlays import balanced, heated, spread, two_coloured
from jaxcxr.model import flatten, split
from jaxcxr.use import explaining
from jaxcxr.use.explainer import load_explainer
from jaxcxr.use.maps_file import MAPS, read_maps
from jaxcxr.use.safe_names import safe_name

ROOT = Path(__file__).parents[3]
LABEL = "Cardiomegaly"
IDS = [f"test{row:03}.png" for row in range(50)]


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("run"), epochs=12)


@pytest.fixture(scope="module")
def explained(run, tmp_path_factory):
    """All test images, by the command."""
    out = tmp_path_factory.mktemp("explained") / "maps"
    main(["--run", str(run), "--out", str(out), "--labels", LABEL, "Nodule/Mass", "--ids", *IDS])
    return out


@pytest.fixture(autouse=True)
def in_here(monkeypatch):
    monkeypatch.setattr(explaining, "in_processes", opened_here)


def _maps(out, image_id):
    return read_maps(out / safe_name(image_id) / MAPS)


def _model_input(images, pixels):
    return ((images[..., None] / 255 - pixels[0]) / pixels[1]).astype(np.float32)


def test_the_maps_are_those_of_numpy(run, explained, tiny_data):
    model, labels, pixels, _ = load_run(run)
    images = images_at(open_prepared(tiny_data), "test", np.array([3, 7]))
    logits, out = model(_model_input(images, pixels))
    even, _ = model(_model_input(np.stack([np.zeros((28, 28)), np.full((28, 28), 255)]), pixels))
    for place, row in enumerate((3, 7)):
        found = _maps(explained, IDS[row])
        np.testing.assert_array_equal(found["prepared"], images[place])
        np.testing.assert_allclose(found["logits"], logits[place], atol=1e-5)
        assert found["labels"].tolist() == list(labels)
        followed = np.eye(17)
        for block in range(2):
            mean = np.asarray(out[f"attention{block:02}"][place], np.float64).mean(axis=0)
            mixed = mean + np.eye(17)
            followed = mixed / mixed.sum(axis=-1, keepdims=True) @ followed
        np.testing.assert_allclose(found["rollout"].ravel(), followed[0, 1:], rtol=1e-4)
        heads = np.asarray(out["attention01"][place])[:, 0, 1:].reshape(2, 4, 4)
        np.testing.assert_allclose(found["heads"], heads, rtol=1e-4)
        wanted = np.asarray(logits[place] - even.mean(axis=0))[:2]
        # The gaps are what the sums miss, no more than steps were taken for.
        missed = found["gradients"].sum(axis=(1, 2)) - wanted
        np.testing.assert_allclose(found["gaps"], missed, atol=1e-3)
        assert np.abs(missed).max() < CLOSE + 1e-3


def test_gradients_lie_on_the_planted_finding_more_often_than_chance(explained, tiny_data):
    """The pointing game (Zhang et al. 2016, arXiv 1608.00507): is the largest value on it?"""
    truth = open_prepared(tiny_data).records("test")[LABEL].to_numpy()
    planted = np.zeros((28, 28), bool)
    planted[10:20, 10:20] = True
    hits = []
    for name in np.array(IDS)[truth == 1]:
        found = _maps(explained, name)
        hits.append(planted.ravel()[np.argmax(balanced(found["gradients"][0]))])
    assert len(hits) > 15
    assert np.mean(hits) > 0.8 > 4 * planted.mean()


def test_randomised_weights_change_the_map(run, explained, tiny_data):
    """The parameter randomisation test of Adebayo et al. 2018 (arXiv 1810.03292)."""
    model, _, pixels, _ = load_run(run)
    apply, state = split(model)
    params, rng = flatten(state), np.random.default_rng(0)
    image = images_at(open_prepared(tiny_data), "test", np.array([7]))[0]
    attribute = make_attribute(apply, pixels, [0], steps=32)
    own = _maps(explained, IDS[7])["gradients"][0]

    def likeness(chosen):
        """Rank correlation of the sizes, under parameters shuffled within each tensor."""
        drawn = {
            name: rng.permutation(np.asarray(value).ravel()).reshape(value.shape)
            if name.startswith(chosen)
            else value
            for name, value in params.items()
        }
        found = attribute(drawn, image).values[0]
        return spearmanr(np.abs(own).ravel(), np.abs(found).ravel())[0]

    assert likeness(("none",)) > 0.999
    whole = [likeness(("blocks", "head", "patch", "position", "class", "norm")) for _ in range(5)]
    assert np.mean(whole) < 0.6
    assert np.mean([likeness(("head",)) for _ in range(5)]) < 0.9


def test_each_map_is_laid_over_the_radiograph(explained):
    folder = explained / safe_name(IDS[0])
    names = {path.name for path in folder.iterdir()}
    gradients = {f"gradients-{safe_name(name)}.png" for name in (LABEL, "Nodule/Mass")}
    assert names == {MAPS, "image.png", "rollout.png", "head00.png", "head01.png", *gradients}
    found = _maps(explained, IDS[0])
    drawn = cv2.imread(str(folder / "rollout.png"))[..., ::-1]
    np.testing.assert_array_equal(drawn, heated(found["prepared"], spread(found["rollout"])))
    drawn = cv2.imread(str(folder / f"gradients-{safe_name(LABEL)}.png"))[..., ::-1]
    expected = two_coloured(found["prepared"], balanced(found["gradients"][0]))
    np.testing.assert_array_equal(drawn, expected)


def test_the_index_says_what_the_model_says(run, explained):
    told = json.loads((explained / "index.json").read_text())
    assert [one["image_id"] for one in told["images"]] == IDS
    assert told["about"]["methods"] == ["rollout", "heads", "gradients"]
    first = told["images"][0]
    assert first["folder"] == safe_name(IDS[0])
    assert set(first["logits"]) == {LABEL, "Nodule/Mass", "Rare"}
    assert set(first["gaps"]) == set(first["gradients"]) == {LABEL, "Nodule/Mass"}
    for place in (run, explained.parent, ROOT):
        assert str(place) not in json.dumps(told)


def _pictures(folder, count=3):
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        image = random.integers(0, 256, (60, 90)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def _explain(run, out, *more):
    steps = () if "--methods" in more else ("--steps", "2")
    main(["--run", str(run), "--out", str(out), *steps, *map(str, more)])


def test_files_are_shown_at_their_own_size_and_bad_ones_are_listed(run, tmp_path, capsys):
    folder, out = _pictures(tmp_path / "f"), tmp_path / "maps"
    (folder / "sub").mkdir()
    shutil.copy(folder / "0.png", folder / "sub" / "0.png")
    deep = np.random.default_rng(1).integers(0, 4096, (50, 40)).astype(np.uint16)
    cv2.imwrite(str(folder / "deep.png"), deep)
    (folder / "bad.png").write_bytes(b"no picture")
    _explain(run, out, "--images", folder, "--labels", LABEL)
    told = json.loads((out / "index.json").read_text())
    names = ["0.png", "1.png", "2.png", "deep.png", "sub/0.png"]
    assert [one["image_id"] for one in told["images"]] == names
    original = cv2.imread(str(folder / "1.png"), cv2.IMREAD_GRAYSCALE)
    shown = cv2.imread(str(out / safe_name("1.png") / "image.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(shown, original)
    for name, shape in (("sub/0.png", (60, 90, 3)), ("deep.png", (50, 40, 3))):
        assert cv2.imread(str(out / safe_name(name) / "rollout.png")).shape == shape
    shown = cv2.imread(str(out / safe_name("deep.png") / "image.png"), cv2.IMREAD_GRAYSCALE)
    assert np.abs(shown - deep / deep.max() * 255).max() < 1
    assert "bad.png" in (tmp_path / "maps.rejects.csv").read_text()
    assert "left out bad.png" in capsys.readouterr().err
    (tmp_path / "only").mkdir()
    (folder / "bad.png").rename(tmp_path / "only" / "bad.png")
    with pytest.raises(SystemExit):
        _explain(run, tmp_path / "none", "--images", tmp_path / "only")
    assert "none of 1 files can be read; see" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_made_is_not_made_again_unless_it_is_of_something_else(run, tmp_path, monkeypatch):
    folder, out = _pictures(tmp_path / "f"), tmp_path / "maps"
    made = []
    real = explaining.write_folder
    monkeypatch.setattr(
        explaining,
        "write_folder",
        lambda out, shown, found, by: (
            made.append(str(found["image_id"])) or real(out, shown, found, by)
        ),
    )

    def again(*more):
        made.clear()
        _explain(run, out, "--images", folder, *more)
        return sorted(made)

    few = ("--labels", LABEL)
    assert again(*few) == ["0.png", "1.png", "2.png"]
    before = (out / "index.json").read_bytes()
    assert again(*few) == []
    assert (out / "index.json").read_bytes() == before
    (out / safe_name("1.png") / MAPS).write_bytes(b"half")
    shutil.rmtree(out / safe_name("0.png"))
    assert again(*few) == ["0.png", "1.png"]
    shutil.copy(folder / "0.png", folder / "2.png")
    assert again(*few) == ["2.png"]
    assert again() == ["0.png", "1.png", "2.png"]
    (out / safe_name("0.png") / "mine.txt").write_text("a reader's note")
    assert again("--methods", "rollout") == ["0.png", "1.png", "2.png"]
    left = {path.name for path in (out / safe_name("0.png")).iterdir()}
    assert left == {MAPS, "image.png", "rollout.png", "mine.txt"}


def test_a_kill_leaves_whole_folders_alone(run, tmp_path, monkeypatch):
    folder, out = _pictures(tmp_path / "f"), tmp_path / "maps"
    real = explaining.entry_of
    monkeypatch.setattr(
        explaining,
        "entry_of",
        lambda found, *a: _stop() if found["image_id"] == "1.png" else real(found, *a),
    )
    with pytest.raises(SystemExit):
        _explain(run, out, "--images", folder, "--labels", LABEL)
    made = [path.name for path in out.iterdir()]
    assert sorted(made) == sorted(map(safe_name, ("0.png", "1.png")))


def _stop():
    raise KeyboardInterrupt


def test_a_label_gives_its_examples_and_their_gradients(run, tmp_path):
    _explain(run, tmp_path / "maps", "--labels", LABEL, "--count", "1")
    told = json.loads((tmp_path / "maps" / "index.json").read_text())
    assert 1 <= len(told["images"]) <= 2
    assert told["about"]["attributed"] == [LABEL]


def test_a_model_without_attention_has_gradients_alone(run, monkeypatch):
    monkeypatch.setattr("jaxcxr.use.explainer.attention_blocks", lambda *a: [])
    monkeypatch.setattr("jaxcxr.inference.attention.attention_blocks", lambda *a: [])
    assert load_explainer(run, None, None, 2).made_by["methods"] == ["gradients"]
    with pytest.raises(InputError, match=r"its model has no attention to show; .* gradients"):
        load_explainer(run, ["rollout"], None, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "maps.png"], "give a folder, or a name that ends in .npz"),
        (["--out", "m", "--labels", "Hernia"], "Hernia"),
        (["--out", "m", "--images", "F", "--labels", "Hernia"], "has no label 'Hernia'; it has"),
        (["--out", "m", "--ids", "absent.png"], "no image 'absent.png' in split 'test'"),
        (["--out", "m", "--steps", "0"], "--steps 0: give at least 1"),
        (["--out", "m", "--images", "F", "--split", "test"], "--split is of a prepared dataset"),
        (["--out", "m", "--images", "F", "--workers", "0"], "--workers 0: give at least 1"),
        (["--out", "m", "--workers", "1"], "--workers is of --images"),
        (["--out", "m.npz", "--steps", "3"], "--steps is of an --out that is a folder"),
        (["--out", "m.npz", "--ids", "a", "--labels", LABEL], "--labels chooses images"),
    ],
)
def test_mistakes_end_in_a_sentence(run, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "F").mkdir()
    with pytest.raises(SystemExit) as stopped:
        main(["--run", str(run), *options])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said
