"""Training images most alike, against scikit-learn; a cache that is stale is made again."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from finished_run import finish_run, opened_here
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.loader import images_at, open_prepared
from jaxcxr import embed, predict
from jaxcxr.errors import InputError
from jaxcxr.inference.embeddings_file import read_embeddings, write_embeddings
from jaxcxr.use import neighbours, predicting
from jaxcxr.use.neighbours import CACHE
from jaxcxr.use.predicting import predict_files

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def other(tiny_data, tmp_path_factory):
    return finish_run(tiny_data, tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(autouse=True)
def in_here(monkeypatch):
    monkeypatch.setattr(predicting, "in_processes", opened_here)
    monkeypatch.setattr("jaxcxr.use.embedding.in_processes", opened_here)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "f").mkdir()
    for number in range(5):
        image = random.integers(0, 256, (40, 50)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "f" / f"{number}.png"), image)
    return tmp_path / "f"


def _features(run, tiny_data, folder, tmp_path):
    """Of the folder's and of the training images, by the command that embeds."""
    for option, what, name in (("--images", folder, "i"), ("--data", tiny_data, "d")):
        out = tmp_path / f"{name}.npz"
        embed.main(["--run", str(run), option, str(what), "--out", str(out)])
    asked, every = (read_embeddings(tmp_path / f"{name}.npz") for name in "id")
    place = {name: row for row, name in enumerate(every.image_id.tolist())}
    train = open_prepared(tiny_data).records("train")
    rows = [place[name] for name in train["image_id"]]
    return asked.class_token, every.class_token[rows], train


def _expected(asked, trained, count):
    found = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute")
    found.fit(trained.astype(float))
    return 1 - found.kneighbors(asked.astype(float))[0]


def _alike(asked, trained, train, names):
    """The cosines of those that are named: of images alike to the last digit either may be."""
    rows = [train["image_id"].tolist().index(name) for name in names]
    return np.diag(cosine_similarity(asked.astype(float), trained[rows].astype(float)))


def _words(row, labels):
    return "; ".join(name + "?" * int(row[name] == -1) for name in labels if row[name] in (1, -1))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_they_are_those_of_scikit_learn_with_their_labels(run, tiny_data, folder, tmp_path, suffix):
    out = tmp_path / f"p{suffix}"
    predict.main(
        ["--run", str(run), "--images", str(folder), "--out", str(out), "--neighbours", "4"]
    )
    if suffix == ".json":
        told = json.loads(out.read_text())
        table, about = pd.DataFrame(told["images"]), told["about"]
    else:
        table = {".parquet": pd.read_parquet, ".csv": pd.read_csv}[suffix](out)
        about = {"neighbours": {"count": 4, "among": "the 120 training images"}}
    found = _features(run, tiny_data, folder, tmp_path)
    alike, train, labels = _expected(*found[:2], 4), found[2], open_prepared(tiny_data).labels
    names = table[[f"neighbour{place + 1}" for place in range(4)]].to_numpy()
    assert all(len({*row}) == 4 for row in names)
    for place in range(4):
        name = f"neighbour{place + 1}"
        named = _alike(found[0], found[1], train, table[name])
        np.testing.assert_allclose(named, alike[:, place], atol=1e-6)
        np.testing.assert_allclose(table[f"{name}:similarity"], alike[:, place], atol=1e-6)
        by_id = train.set_index("image_id")
        said = [_words(by_id.loc[one], labels) for one in table[name]]
        assert table[f"{name}:labels"].fillna("").tolist() == said
    assert about["neighbours"]["count"] == 4
    assert about["neighbours"]["among"] == "the 120 training images"
    for path in (run, tmp_path, ROOT):
        assert str(path) not in table.to_csv()


def test_of_several_runs_the_similarity_is_the_mean(run, other, tiny_data, folder, tmp_path):
    predict_files([run, other], tmp_path / "p.parquet", [folder], 1, 3)
    table = pd.read_parquet(tmp_path / "p.parquet")
    both = [_features(one, tiny_data, folder, tmp_path)[:2] for one in (run, other)]
    asked, trained = (
        np.concatenate([normalize(one) for one in two], 1) for two in zip(*both, strict=True)
    )
    alike = _expected(asked, trained, 3)
    train = open_prepared(tiny_data).records("train")
    for place in range(3):
        name = f"neighbour{place + 1}"
        np.testing.assert_allclose(
            _alike(asked, trained, train, table[name]), alike[:, place], atol=1e-6
        )
        np.testing.assert_allclose(table[f"{name}:similarity"], alike[:, place], atol=1e-6)


def test_a_training_image_is_its_own_nearest(run, tiny_data, tmp_path, monkeypatch):
    """The same picture as prepared has the same embedding, in whatever batch."""
    image = images_at(open_prepared(tiny_data), "train", np.array([7]))[0]
    monkeypatch.setitem(RECIPES, "paper", lambda content, size: image)
    cv2.imwrite(str(tmp_path / "again.png"), image)
    predict_files([run], tmp_path / "p.parquet", [tmp_path / "again.png"], 1, 1)
    row = pd.read_parquet(tmp_path / "p.parquet").iloc[0]
    assert row["split"] == "train" and row["neighbour1"] == "train007.png"
    assert row["neighbour1:similarity"] == pytest.approx(1, abs=1e-5)


def test_they_are_embedded_once_and_again_where_weights_or_data_are_others(
    run, folder, tmp_path, monkeypatch, capsys
):
    made, real = [], neighbours.embed_rows
    monkeypatch.setattr(neighbours, "embed_rows", lambda *a: made.append(1) or real(*a))
    out, cache = tmp_path / "p.parquet", run / CACHE
    cache.unlink(missing_ok=True)
    for _ in range(2):
        predict_files([run], out, [folder], 1, 2)
    first = pd.read_parquet(out)
    assert len(made) == 1
    kept = read_embeddings(cache)
    wrongs = {
        "other weights": kept.origin | {"weights_sha256": "0" * 64},
        "other data": kept.origin | {"data": kept.origin["data"] | {"labels": "0"}},
    }
    for why, origin in wrongs.items():
        _rewrite(cache, kept, origin)
        predict_files([run], out, [folder], 1, 2)
        assert f"of {why} than the run's; made again" in capsys.readouterr().err
    cache.write_bytes(b"no archive")
    predict_files([run], out, [folder], 1, 2)
    assert "damaged; made again" in capsys.readouterr().err
    assert len(made) == 4
    pd.testing.assert_frame_equal(pd.read_parquet(out), first, rtol=1e-6, atol=1e-6)
    assert read_embeddings(cache).origin == kept.origin


def _rewrite(path, found, origin):
    write_embeddings(path, replace(found, origin=origin))


def test_a_run_that_cannot_be_written_has_them_beside_the_predictions(
    run, folder, tmp_path, monkeypatch
):
    (run / CACHE).unlink(missing_ok=True)
    monkeypatch.setattr(neighbours.os, "access", lambda path, mode: False)
    predict_files([run], tmp_path / "p.csv", [folder], 1, 2)
    assert not (run / CACHE).exists()
    (beside,) = tmp_path.glob(f"p.csv.*.{CACHE}")
    assert len(read_embeddings(beside).image_id) == 120


def test_another_number_of_neighbours_predicts_again(run, folder, tmp_path, monkeypatch):
    out = tmp_path / "p.csv"
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "write_files", _stop)
        with pytest.raises(KeyboardInterrupt):
            predict_files([run], out, [folder], 1, 2)
    predict_files([run], out, [folder], 1, 3)
    assert "neighbour3" in pd.read_csv(out)


def _stop(*_):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_runs_of_other_images_and_too_many_are_refused(run, tiny_data, folder, tmp_path, capsys):
    fewer = finish_run(tiny_data, tmp_path / "fewer", train_patients=0.5, seed=3)
    with pytest.raises(InputError, match="learnt from other images than"):
        predict_files([run, fewer], tmp_path / "p.csv", [folder], 1, 2)
    with pytest.raises(InputError, match="learnt from 120 images; give at most as many"):
        predict_files([run], tmp_path / "p.csv", [folder], 1, 121)
    for options, said in (
        (["--images", str(folder), "--neighbours", "0"], "--neighbours 0: give at least 1"),
        (["--neighbours", "2"], "--neighbours is of --images; leave it out"),
    ):
        with pytest.raises(SystemExit):
            predict.main(["--run", str(run), "--out", str(tmp_path / "p.csv"), *options])
        assert said in capsys.readouterr().err
