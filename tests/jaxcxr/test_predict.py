"""The predict command: splits again, image files of any folder, and what cannot be read."""

import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import get_config

from input_pipeline.decoding.recipes import RECIPES
from jaxcxr import embed, export, predict
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.inference import splits
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.main import run_experiment
from jaxcxr.results.predictions import read_predictions
from jaxcxr.use.predicting import predict_files


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    config = get_config()
    config.data, config.epochs, config.eval_batch_size = str(tiny_data), 1, 4
    directory = tmp_path_factory.mktemp("run")
    run_experiment(config, directory)
    return directory


def test_a_split_is_predicted_as_at_the_end_of_the_run(run, tmp_path):
    predict.main(["--run", str(run), "--out", str(tmp_path / "p.parquet"), "--split", "test"])
    whole = pd.read_parquet(run / "predictions.parquet")
    expected = whole[whole["split"] == "test"].reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), expected)


@pytest.fixture
def elsewhere(tiny_data, tmp_path):
    """The same images under other labels: one of the run's by its id, at another place."""
    directory = tmp_path / "elsewhere"
    shutil.copytree(tiny_data, directory)
    _rename(directory, "Edema", "cardiomegaly", "Rare")
    return directory


def _rename(directory, *labels):
    described = json.loads((directory / "cohort.json").read_text())
    records = pd.read_parquet(directory / "records.parquet")
    names = dict(zip(described["labels"], labels, strict=True))
    (directory / "cohort.json").write_text(json.dumps(described | {"labels": labels}))
    records.rename(columns=names).to_parquet(directory / "records.parquet", index=False)


def _change(directory, **values):
    described = json.loads((directory / "cohort.json").read_text())
    (directory / "cohort.json").write_text(json.dumps(described | values))


def test_another_dataset_is_predicted_on_the_shared_labels_by_finding(run, elsewhere, tmp_path):
    out = tmp_path / "p.parquet"
    predict.main(["--run", str(run), "--data", str(elsewhere), "--out", str(out)])
    found = pd.read_parquet(out)
    whole = pd.read_parquet(run / "predictions.parquet")
    own = whole[whole["split"] == "test"].reset_index(drop=True)
    assert [c for c in found if c.startswith("logit:")] == ["logit:cardiomegaly", "logit:Rare"]
    # Its second column is the run's first output.
    np.testing.assert_array_equal(found["logit:cardiomegaly"], own["logit:Cardiomegaly"])
    np.testing.assert_array_equal(found["logit:Rare"], own["logit:Rare"])
    np.testing.assert_array_equal(found["label:cardiomegaly"], own["label:Nodule/Mass"])
    assert set(found["split"]) == {"test"}
    told = read_predictions(out).origin
    assert told["predicted"]["path"] == str(elsewhere)
    assert told["predicted"]["labels"] == ["cardiomegaly", "Rare"]
    assert told["weights_sha256"] == sha256(run / "model.safetensors")


def test_several_datasets_get_a_file_each(run, elsewhere, tiny_data, tmp_path):
    outs = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    predict.main(["--run", str(run), "--data", str(elsewhere), str(tiny_data), "--out", *outs])
    assert len(pd.read_parquet(outs[1]).filter(like="logit:").columns) == 3
    with pytest.raises(InputError, match="2 datasets and --out 1 files"):
        splits.predict_elsewhere(run, [elsewhere, tiny_data], [tmp_path / "a.parquet"])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: _rename(d, "Edema", "Hernia", "Other"), "are none of those of"),
        (lambda d: _change(d, recipe="faithful"), "prepare it again with --recipe paper"),
        (lambda d: _change(d, image_size=56), "prepare it again with --image-size 28"),
        (lambda d: _leak(d), "1 patients of its test split, the first of image test000.png, were"),
    ],
)
def test_a_dataset_that_cannot_be_tested_on_is_refused(run, elsewhere, tmp_path, spoil, message):
    spoil(elsewhere)
    with pytest.raises(InputError, match=message):
        splits.predict_elsewhere(run, [elsewhere], [tmp_path / "p.parquet"])
    assert not (tmp_path / "p.parquet").exists()


def _leak(directory):
    records = pd.read_parquet(directory / "records.parquet")
    records.loc[records["image_id"] == "test000.png", "patient_id"] = "train0"
    records.to_parquet(directory / "records.parquet", index=False)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(5):  # one more than a batch
        image = rng.integers(0, 256, (60 + number, 50)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "broken.png").write_bytes((tmp_path / "0.png").read_bytes()[:500])
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_files_are_predicted_by_the_runs_recipe_and_bad_ones_are_named(run, folder, capsys):
    out = folder / "out.parquet"
    predict_files([run], out, [folder], 1)
    found = pd.read_parquet(out)
    assert list(found["image_id"]) == [f"{n}.png" for n in range(5)]
    assert (found.filter(like="label:") == -1).all(axis=None)
    rejects = pd.read_csv(f"{out}.rejects.csv")
    assert list(rejects["image_id"]) == ["broken.png"]
    assert "left out" in capsys.readouterr().err
    model, labels, (mean, std), _ = load_run(run)
    for number in range(5):
        image = RECIPES["paper"]((folder / f"{number}.png").read_bytes(), 28)
        pixels = (np.repeat(image[None, :, :, None], 3, -1) / 255 - mean) / std
        expected = model(pixels.astype(np.float32))[0][0]
        ours = found.loc[number, [f"logit:{name}" for name in labels]].to_numpy(np.float32)
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_mistakes_are_named(run, folder, tmp_path):
    out = tmp_path / "out.parquet"
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        predict_files([run], out, [folder / "nowhere"], 1)
    with pytest.raises(InputError, match="none of 1 files can be read"):
        predict_files([run], out, [folder / "broken.png"], 1)
    with pytest.raises(InputError, match="no run there"):
        splits.predict_run(tmp_path, out, ["test"])
    assert not out.exists()


@pytest.mark.parametrize(
    ("command", "name", "options"),
    [
        (predict, "predictions.parquet", []),
        (predict, "config.json", ["--images", "."]),
        (embed, "predictions.parquet", ["--images", "."]),
        (export, "model.safetensors", ["--format", "timm"]),
    ],
)
def test_a_file_of_the_run_is_not_written_over(run, capsys, command, name, options):
    before = (run / name).read_bytes()
    with pytest.raises(SystemExit) as ended:
        command.main(["--run", str(run), "--out", str(run / name), *options])
    assert ended.value.code == 2 and "would be written over" in capsys.readouterr().err
    assert (run / name).read_bytes() == before


def test_predictions_of_a_dataset_are_named_as_what_they_are(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(["--run", str(run), "--out", str(tmp_path / "p.csv")])
    assert ended.value.code == 2 and "NAME.parquet" in capsys.readouterr().err
