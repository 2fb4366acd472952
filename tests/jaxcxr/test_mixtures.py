"""Two of everything, one part exchanged: no command takes the mixture without a word."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from mixed import (
    OTHER_DATA,
    RUN_SWAPS,
    config_of,
    copied,
    prepared_data,
    swap,
)

from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.loader import images_at, open_prepared
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.inference.splits import predict_elsewhere, predict_run
from jaxcxr.main import run_experiment
from jaxcxr.model import read_header, read_tensors, write_weights
from jaxcxr.results.notes import notes
from jaxcxr.results.predictions import read_predictions
from jaxcxr.run.directory import CHECKPOINTS, START
from jaxcxr.run.learnt import read_learnt
from jaxcxr.run.run_files import read_start
from jaxcxr.use.predicting import predict_files


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepared_data(tmp_path_factory.mktemp("data") / "prepared")


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A finished run."""
    directory = tmp_path_factory.mktemp("run")
    run_experiment(config_of(data), directory)
    return directory


@pytest.fixture(scope="module")
def other_run(data, tmp_path_factory):
    """Another, of another seed."""
    directory = tmp_path_factory.mktemp("other")
    run_experiment(config_of(data, seed=1), directory)
    return directory


# ---- Data ----------------------------------------------------------------------------------------


def some_slow(names, *quick):
    """Every name, all but the quick ones marked slow."""
    return [n if n in quick else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", some_slow(OTHER_DATA, "split", "labels"))
def test_a_run_goes_on_with_its_own_data_alone(data, run, tmp_path, name):
    directory = copied(run, tmp_path / "run")
    before = sorted(p.name for p in (directory / CHECKPOINTS).iterdir())
    other = prepared_data(tmp_path / "data", **OTHER_DATA[name])
    changes = {"labels": ("Cardiomegaly", "Nodule/Mass", "Rare")} if name == "labels" else {}
    with pytest.raises(InputError, match=r"other data than|another config"):
        run_experiment(config_of(other, **changes), directory)
    assert sorted(p.name for p in (directory / CHECKPOINTS).iterdir()) == before
    run_experiment(config_of(copied(data, tmp_path / "moved")), directory)  # the same, moved


# ---- Runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", some_slow(RUN_SWAPS, "checkpoints", "weights"))
def test_no_part_of_another_run_passes_for_a_runs_own(run, other_run, data, tmp_path, part):
    mixed = copied(run, tmp_path / "mixed")
    swap(other_run, mixed, part)
    with pytest.raises(InputError, match=r"another run|another config"):
        run_experiment(config_of(data), mixed)
        predict_run(mixed, tmp_path / "p.parquet", ["test"])


@pytest.mark.slow
def test_the_same_weights_at_another_place_go_on_and_others_at_the_same_do_not(
    run, other_run, data, tmp_path
):
    weights = tmp_path / "start.safetensors"
    shutil.copy(run / "model.safetensors", weights)
    start = {"model.weights": str(weights), "model.init": "pretrained", "epochs": 1}
    directory = tmp_path / "run"
    run_experiment(config_of(data, **start), directory)
    moved = tmp_path / "moved.safetensors"
    shutil.copy(weights, moved)
    run_experiment(config_of(data, **start | {"model.weights": str(moved)}), directory)
    shutil.copy(other_run / "model.safetensors", weights)
    with pytest.raises(InputError, match="began with the weights of sha256"):
        run_experiment(config_of(data, **start), directory)
    told = read_header(directory / "model.safetensors").provenance["initialized_from"]["sha256"]
    assert told == sha256(run / "model.safetensors")


def test_a_refused_start_claims_no_directory(data, tmp_path):
    with pytest.raises(InputError, match=r"config\.image_size is 224"):
        run_experiment(config_of(data, image_size=224), tmp_path)
    with pytest.raises(InputError, match="fewer than one batch"):
        run_experiment(config_of(data, batch_size=500), tmp_path)
    run_experiment(config_of(data, epochs=1), tmp_path)


@pytest.mark.slow
def test_more_epochs_after_the_test_split_was_read_are_marked_in_all_that_follows(
    run, data, tmp_path
):
    directory = copied(run, tmp_path / "run")
    run_experiment(config_of(data, patience=2), directory)  # shorter, so that nothing is trained
    assert "test_read_before" not in read_start(directory)
    (directory / "predictions.parquet").unlink()  # of any file: the run itself remembers
    run_experiment(config_of(data, patience=2, epochs=3), directory)
    for _ in range(2):
        statistics = json.loads((directory / "statistics.json").read_text())
        assert statistics["origin"]["test_read_before"] == {"epochs": 2, "patience": 2}
        assert "trained on after its test split had been read" in notes(statistics)[0]
        run_experiment(config_of(data, patience=2, epochs=3), directory)
    predict_run(directory, tmp_path / "p.parquet", ["validation"])
    assert "test_read_before" in read_predictions(tmp_path / "p.parquet").origin


def test_what_weights_learnt_is_remembered_at_any_depth_and_not_tested_on(run, data, tmp_path):
    other = prepared_data(tmp_path / "other", split=1)
    with pytest.raises(InputError, match="were trained on by this run"):
        predict_elsewhere(run, [other], [tmp_path / "p.parquet"])
    weights = str(run / "model.safetensors")
    start = {"model.weights": weights, "model.init": "pretrained", "epochs": 1}
    with pytest.raises(InputError, match=r"were trained on by this run or by .*model.safetensors"):
        run_experiment(config_of(other, **start), tmp_path / "refused")
    natural = prepared_data(tmp_path / "natural", dataset="natural")
    run_experiment(config_of(natural, **start), tmp_path / "second")
    learnt = read_learnt(tmp_path / "second/model.safetensors")
    assert len(learnt["images"]) == 240
    start["model.weights"] = str(tmp_path / "second/model.safetensors")
    with pytest.raises(InputError, match="were trained on by this run or by"):
        run_experiment(config_of(other, **start), tmp_path / "third")
    header = read_header(weights)
    shown = json.dumps(header.provenance) + str(sorted(header.shapes))
    assert "train0" not in shown  # no patient's id leaves the data


def test_the_guard_asks_what_was_learnt_and_not_what_the_data_are_now(run, data, tmp_path):
    directory = copied(run, tmp_path / "run")
    config = json.loads((directory / "config.json").read_text())
    moved = prepared_data(tmp_path / "moved", split=1)
    config["data"] = str(moved)
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="learnt from other data"):
        predict_run(directory, tmp_path / "p.parquet", ["test"])
    with pytest.raises(InputError, match="were trained on by this run"):
        predict_elsewhere(directory, [moved], [tmp_path / "p.parquet"])


def test_pictures_that_were_learnt_from_are_told_from_others(
    run, data, tmp_path, monkeypatch, capsys
):
    folder, prepared = tmp_path / "folder", open_prepared(data)
    folder.mkdir()
    for split in ("train", "test"):
        image = images_at(prepared, split, np.array([3]))[0]
        cv2.imwrite(str(folder / f"from_{split}.png"), image)

    def as_stored(content, _):
        return cv2.imdecode(np.frombuffer(content, np.uint8), 0)

    def here(pieces, workers):  # other processes would not know of this recipe
        return ((n, piece.work(lambda row: None, {})) for n, piece in enumerate(pieces))

    monkeypatch.setitem(RECIPES, "paper", as_stored)
    monkeypatch.setattr("jaxcxr.use.predicting.in_processes", here)
    predict_files([run], tmp_path / "p.parquet", [folder], 1)
    found = pd.read_parquet(tmp_path / "p.parquet").set_index("image_id")["split"]
    assert dict(found) == {
        "from_test.png": "files",
        "from_train.png": "train",
    }
    assert "1 of 2 images were trained on by this run, the first" in capsys.readouterr().err


def test_predictions_say_of_what_they_are(run, data, tmp_path):
    origin = read_predictions(run / "predictions.parquet").origin
    assert origin["data"] == open_prepared(data).identity
    assert origin["run"] == read_start(run)["run"]
    elsewhere = copied(data, tmp_path / "elsewhere")
    predict_elsewhere(run, [elsewhere], [tmp_path / "p.parquet"])
    told = read_predictions(tmp_path / "p.parquet").origin["predicted"]
    assert told["data"] == origin["data"]


@pytest.mark.slow
def test_weights_that_saw_radiographs_without_saying_which_say_so_in_every_report(
    run, data, tmp_path
):
    header = read_header(run / "model.safetensors")
    tensors = read_tensors(run / "model.safetensors")
    kept = {name: value for name, value in tensors.items() if not name.startswith("extra/")}
    path = tmp_path / "w.safetensors"
    write_weights(path, header.spec, kept, {"pretrained_on": ["padchest", "BRAX"]})
    start = {"model.weights": str(path), "model.init": "pretrained", "epochs": 1}
    run_experiment(config_of(data, **start), tmp_path / "first")
    start["model.weights"] = str(tmp_path / "first/model.safetensors")
    run_experiment(config_of(data, **start), tmp_path / "second")  # and of what starts from those
    for name in ("first", "second"):
        statistics = json.loads((tmp_path / name / "statistics.json").read_text())
        assert statistics["origin"]["saw_before"] == ["padchest", "BRAX"]
        assert "trained on padchest, BRAX, on which images is not known" in notes(statistics)[0]


def test_a_head_has_as_many_names_as_outputs(run, data, tmp_path):
    header, tensors = (read(run / "model.safetensors") for read in (read_header, read_tensors))
    names = header.provenance["labels"]
    for wrong in ([*names, "Edema"], names[:-1], [names[0]] * len(names)):
        path = tmp_path / "w.safetensors"
        write_weights(path, header.spec, tensors, header.provenance | {"labels": wrong})
        start = {"model.weights": str(path), "model.init": "pretrained", "model.head": "keep"}
        with pytest.raises(InputError, match=r"its head has 3 outputs, but it names"):
            run_experiment(config_of(data, **start), tmp_path / "run")


@pytest.mark.slow
def test_predictions_are_in_the_dtype_that_the_run_was_chosen_in(data, tmp_path):
    run_experiment(config_of(data, dtype="bfloat16", epochs=1), tmp_path / "run")
    predict_run(tmp_path / "run", tmp_path / "p.parquet", ["test"])
    from jaxcxr.inference.chosen_model import load_run

    model = load_run(tmp_path / "run")[0]
    prepared = open_prepared(data)
    images = images_at(prepared, "test", np.arange(8))
    expected = model(np.repeat(images[..., None], 3, -1).astype(np.float32) / 255)[0]
    found = pd.read_parquet(tmp_path / "p.parquet").filter(like="logit:").to_numpy()[:8]
    assert str(model.dtype) == "bfloat16"
    np.testing.assert_allclose(found, np.asarray(expected, np.float32), atol=0.05)


# ---- What was made before -----------------------------------------------------------------------


@pytest.fixture
def old_run(run, data, tmp_path):
    """The run as it was left before anything had an identity, and its data."""
    directory = copied(run, tmp_path / "old_run")
    (directory / START).unlink()
    path = directory / "model.safetensors"
    header, tensors = read_header(path), read_tensors(path)
    new = ("run", "data", "learnt", "saw_before")
    before = {key: value for key, value in header.provenance.items() if key not in new}
    kept = {name: value for name, value in tensors.items() if not name.startswith("extra/")}
    write_weights(path, header.spec, kept, before)
    for checkpoint in (directory / CHECKPOINTS).glob("[0-9]*"):
        (checkpoint / "digests.json").unlink()
        progress = checkpoint / "progress" / "metadata"
        told = json.loads(progress.read_text())
        del told["progress_digest"], told["progress"]["run"]
        progress.write_text(json.dumps(told))
    return directory


@pytest.mark.slow
def test_a_run_of_before_goes_on_where_its_data_are(old_run, data, capsys):
    run_experiment(config_of(data), old_run)
    assert "was begun before runs kept" in " ".join(capsys.readouterr().out.split())
    assert read_start(old_run)["adopted"]
    run_experiment(config_of(data), old_run)
    predict_run(old_run, old_run / "p.parquet", ["test"])


def test_a_run_of_before_is_not_taken_to_be_of_other_data(old_run, data, tmp_path):
    moved = copied(data, tmp_path / "moved")
    with pytest.raises(InputError, match=f"go on once with --config.data={data}"):
        run_experiment(config_of(moved), old_run)
    kept = copied(data, tmp_path / "kept")
    try:
        shutil.rmtree(data)
        prepared_data(Path(data), split=1)
        with pytest.raises(InputError, match="other data than"):
            run_experiment(config_of(data), old_run)
        with pytest.raises(InputError, match="other data than"):
            predict_run(old_run, tmp_path / "p.parquet", ["test"])
    finally:
        shutil.rmtree(data)
        kept.rename(data)
