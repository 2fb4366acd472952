"""The predict command: splits again, image files of any folder, and what cannot be read."""

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import get_config

from input_pipeline.recipes import RECIPES
from jaxcxr import predict
from jaxcxr.errors import InputError
from jaxcxr.predict_images import predict_images
from jaxcxr.predictor import load_run
from jaxcxr.run import run_experiment


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
    predict_images(run, out, [folder])
    found = pd.read_parquet(out)
    assert list(found["image_id"]) == [str(folder / f"{n}.png") for n in range(5)]
    assert (found.filter(like="label:") == -1).all(axis=None)
    rejects = pd.read_csv(f"{out}.rejects.csv")
    assert list(rejects["image_id"]) == [str(folder / "broken.png")]
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
        predict_images(run, out, [folder / "nowhere"])
    with pytest.raises(InputError, match="none of 1 files can be read"):
        predict_images(run, out, [folder / "broken.png"])
    with pytest.raises(InputError, match="no run there"):
        predict.predict_run(tmp_path, out, ["test"])
    assert not out.exists()
