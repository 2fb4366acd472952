"""Embeddings of a dataset and of files, and what a probe refuses to join."""

import json
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest
from flax import nnx
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from input_pipeline.decoding.recipes import paper
from input_pipeline.loader import images_at, open_prepared
from input_pipeline.phantom.dicom import encode
from jaxcxr import embed as embed_command
from jaxcxr import probe as probe_command
from jaxcxr.errors import InputError
from jaxcxr.inference import embeddings as embeddings_module
from jaxcxr.inference.embeddings_file import (
    Embeddings,
    pixel_digest,
    read_embeddings,
    write_embeddings,
)
from jaxcxr.model import ViT, ViTSpec, flatten, load, split, write_weights
from jaxcxr.probing.probe import probe
from jaxcxr.run.learnt import FINE_TUNED, learnt_by, to_json
from jaxcxr.use import embedding

SPEC = ViTSpec(
    **{"patch_size": 7, "width": 32, "depth": 2, "heads": 2, "mlp_width": 64},
    **{"native_image_size": 28, "register_tokens": 2},
    **{"pixel_mean": (0.4, 0.5, 0.6), "pixel_std": (0.2, 0.3, 0.4)},
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model = ViT(SPEC, num_labels=None, image_size=28, rngs=nnx.Rngs(3))
    tensors = {name: np.asarray(value) for name, value in flatten(split(model)[1]).items()}
    write_weights(path, SPEC, tensors, {"source": "a test"})
    return path


@pytest.fixture(scope="module")
def embedded(weights, tiny_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded") / "tiny.npz"
    embed_command.main(["--weights", str(weights), "--data", str(tiny_data), "--out", str(out)])
    return out


def test_they_are_the_models_tokens_and_say_what_made_them(embedded, weights, tiny_data):
    found = read_embeddings(embedded)
    prepared = open_prepared(tiny_data)
    images = images_at(prepared, "test", np.arange(50))
    mean, std = np.array(SPEC.pixel_mean), np.array(SPEC.pixel_std)
    apply, params = split(load(weights, image_size=28))
    _, out = jax.jit(apply)(params, ((images[..., None] / 255 - mean) / std).astype("float32"))
    rows = [list(found.image_id).index(name) for name in prepared.records("test")["image_id"]]
    np.testing.assert_allclose(found.class_token[rows], out["tokens"][:, 0], atol=1e-5)
    np.testing.assert_allclose(
        found.patch_mean[rows], np.asarray(out["tokens"])[:, 3:].mean(1), atol=1e-5
    )
    assert len(found.image_id) == len(set(found.image_id)) == 210
    assert found.origin["recipe"] == "paper"
    assert found.origin["image_size"] == 28
    np.testing.assert_allclose(found.origin["normalization"]["mean"], mean, rtol=1e-6)
    assert len(found.origin["weights_sha256"]) == 64


def test_parquet_holds_the_same(embedded, tmp_path):
    found = read_embeddings(embedded)
    write_embeddings(tmp_path / "same.parquet", found)
    again = read_embeddings(tmp_path / "same.parquet")
    for name in ("image_id", "pixels", "class_token", "patch_mean"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert again.origin == found.origin


def test_a_kill_loses_one_part_at_most(embedded, weights, tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings_module, "PART", 30)
    backbone = embeddings_module.backbone_of_weights(weights, 28, "weights")
    made, gather = [], embeddings_module._gather

    def dies_at_the_fourth(batches, report):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(gather(batches, report))
        return made[-1]

    monkeypatch.setattr(embeddings_module, "_gather", dies_at_the_fourth)
    out = tmp_path / "tiny.npz"
    with pytest.raises(KeyboardInterrupt):
        embeddings_module.embed_prepared(backbone, tiny_data, out)
    assert not out.exists()
    (tmp_path / "tiny.npz.parts" / "000001.npz").write_bytes(b"half")
    monkeypatch.setattr(embeddings_module, "_gather", lambda *a: made.append(0) or gather(*a))
    embeddings_module.embed_prepared(backbone, tiny_data, out)
    assert len(made) == 3 + 1 + (4 + 2 + 2 - 3)  # the damaged part, and what was missing
    first, second = read_embeddings(embedded), read_embeddings(out)
    np.testing.assert_array_equal(first.image_id, second.image_id)
    np.testing.assert_allclose(first.class_token, second.class_token, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.npz"]


def _pictures(folder):
    """PNGs, one of them in a folder of its own, a DICOM without a suffix, and no picture."""
    (folder / "sub").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "sub/a"):
        Image.fromarray(rng.integers(0, 256, (40, 50)).astype("uint8")).save(folder / f"{name}.png")
    picture = rng.random((40, 50)).astype(np.float32)
    content = encode(picture, inverted=True, name="c", age=50, sex="F")
    (folder / "c").write_bytes(content)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_files_in_a_folder_and_what_cannot_be_read(weights, tmp_path, capsys):
    folder, out = _pictures(tmp_path / "images"), tmp_path / "files.parquet"
    arguments = ["--weights", str(weights), "--images", str(folder), "--out", str(out)]
    embed_command.main([*arguments, "--image-size", "28", "--workers", "2"])
    found = read_embeddings(out)
    assert list(found.image_id) == ["a.png", "b.png", "c", "sub/a.png"]
    assert str(tmp_path) not in json.dumps(found.origin)
    prepared = np.stack([paper((folder / name).read_bytes(), 28) for name in found.image_id])
    np.testing.assert_array_equal(found.pixels, pixel_digest(prepared))
    mean, std = np.array(SPEC.pixel_mean), np.array(SPEC.pixel_std)
    apply, params = split(load(weights, image_size=28))
    _, tokens = jax.jit(apply)(params, ((prepared[..., None] / 255 - mean) / std).astype("float32"))
    np.testing.assert_allclose(found.class_token, tokens["tokens"][:, 0], atol=1e-5)
    rejects = pd.read_csv(tmp_path / "files.parquet.rejects.csv")
    assert rejects["image_id"].tolist() == ["broken.png"] and len(rejects["reason"][0]) > 5
    assert "left out broken.png" in capsys.readouterr().err


def test_embedding_files_goes_on_after_a_kill(weights, tmp_path, monkeypatch):
    folder, out = _pictures(tmp_path / "images"), tmp_path / "files.npz"
    opened, tries = [], [2, None]

    def here(pieces, workers):
        for number, piece in enumerate(pieces):
            if number == tries[0]:
                raise KeyboardInterrupt
            opened.append(piece.names)
            yield number, piece.work(lambda row: None, {})

    monkeypatch.setattr(embedding, "in_processes", here)
    monkeypatch.setattr(embedding, "BATCH", 1)
    backbone = embeddings_module.backbone_of_weights(weights, 28, "weights")
    with pytest.raises(KeyboardInterrupt):
        embedding.embed_files(backbone, [folder], "paper", 1, out)
    assert not out.exists() and len(opened) == 2
    tries.pop(0)
    assert embedding.embed_files(backbone, [folder], "paper", 1, out) == 4
    assert len(opened) == 5
    assert list(read_embeddings(out).image_id) == ["a.png", "b.png", "c", "sub/a.png"]
    assert "broken.png" in (tmp_path / "files.npz.rejects.csv").read_text()
    (tmp_path / "only").mkdir()
    (folder / "broken.png").rename(tmp_path / "only" / "broken.png")
    with pytest.raises(InputError, match="none of 1 files can be read; see"):
        embedding.embed_files(backbone, [tmp_path / "only"], "paper", 1, tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "D", "--out", "e.csv"], "--out e.csv: give a name that ends in .npz or"),
        (["--data", "D", "--out", "e.npz", "--recipe", "paper"], "--recipe is decided by --data"),
        (["--images", "D", "--out", "e.npz", "--recipe", "mine"], "choose paper or faithful"),
        (["--images", "D", "--out", "e.npz", "--workers", "0"], "--workers 0: give at least 1"),
        (["--data", "D", "--out", "e.npz", "--workers", "2"], "--workers is of --images"),
        (["--images", "nothing", "--out", "e.npz"], "no such file or folder"),
    ],
)
def test_what_cannot_be_embedded_is_named(arguments, message, weights, tiny_data, capsys):
    arguments = [str(tiny_data) if one == "D" else one for one in arguments]
    with pytest.raises(SystemExit):
        embed_command.main(["--weights", str(weights), *arguments])
    assert message in capsys.readouterr().err


def test_a_probe_is_scikit_learns_and_leaves_what_a_run_leaves(embedded, tiny_data, tmp_path):
    out = tmp_path / "probe"
    arguments = ["--embeddings", str(embedded), "--data", str(tiny_data), "--out", str(out)]
    probe_command.main([*arguments, "--resamples", "50"])
    described = json.loads((out / "probe.json").read_text())
    assert described["images"] == {"train": 120, "validation": 40, "test": 50}
    records = pd.read_parquet(tiny_data / "records.parquet").set_index("image_id")
    found = read_embeddings(embedded)
    features = dict(zip(found.image_id, found.class_token.astype(float), strict=True))
    train = records[(records["split"] == "train") & (records["Nodule/Mass"] >= 0)]
    scaler = StandardScaler().fit([features[i] for i in records.index[records["split"] == "train"]])
    theirs = LogisticRegression(C=described["chosen"], max_iter=500)
    theirs.fit(scaler.transform([features[i] for i in train.index]), train["Nodule/Mass"])
    test = records[records["split"] == "test"]
    expected = theirs.decision_function(scaler.transform([features[i] for i in test.index]))
    predicted = pd.read_parquet(out / "predictions.parquet").set_index("image_id")
    ours = predicted.loc[test.index, "logit:Nodule/Mass"]
    np.testing.assert_allclose(ours, expected, atol=5e-3)
    statistics = json.loads((out / "statistics.json").read_text())
    by_label = {row["label"]: row for row in statistics["labels"]}
    auc = by_label["Nodule/Mass"]["metrics"]["auc"]["value"]
    assert auc == pytest.approx(roc_auc_score(test["Nodule/Mass"], ours), abs=1e-6)
    assert statistics["origin"]["embeddings"]["weights_sha256"] == found.origin["weights_sha256"]


def _changed(embedded, path, **changes):
    found = read_embeddings(embedded)
    write_embeddings(path, Embeddings(**{**vars(found), **changes}))
    return path


def test_rows_are_joined_by_id_and_never_by_place(embedded, tiny_data, tmp_path):
    found = read_embeddings(embedded)
    order = np.random.default_rng(0).permutation(len(found.image_id))
    columns = ("image_id", "pixels", "class_token", "patch_mean")
    shuffled = _changed(
        embedded, tmp_path / "other.npz", **{name: getattr(found, name)[order] for name in columns}
    )
    probe(embedded, tiny_data, tmp_path / "first")
    probe(shuffled, tiny_data, tmp_path / "second")
    frames = [
        pd.read_parquet(tmp_path / one / "predictions.parquet") for one in ("first", "second")
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_what_does_not_belong_together_is_refused(embedded, tiny_data, tmp_path):
    found = read_embeddings(embedded)
    pixels, ids, keep = found.pixels.copy(), found.image_id.copy(), np.arange(len(found.pixels)) > 0
    pixels[-1] += 1
    ids[1] = ids[0]
    columns = ("image_id", "pixels", "class_token", "patch_mean")
    large = found.class_token.copy()
    large[3] = 1e20  # whose square no single precision holds
    refused = {
        "its columns do not fit together": {"class_token": large},
        "made with dataset vindr_cxr, but": {"origin": {**found.origin, "dataset": "vindr_cxr"}},
        "made with recipe faithful, but": {"origin": {**found.origin, "recipe": "faithful"}},
        "made with recipe hash 1, but": {"origin": {**found.origin, "recipe_hash": "1"}},
        "are not the pictures that were embedded": {"pixels": pixels},
        f"holds image {ids[0]} twice": {"image_id": ids},
        "no embedding of 1 of the 120 train images": {
            name: getattr(found, name)[keep] for name in columns
        },
    }
    for number, (message, changes) in enumerate(refused.items()):
        path = _changed(embedded, tmp_path / f"{number}.npz", **changes)
        with pytest.raises(InputError, match=message):
            probe(path, tiny_data, tmp_path / "out")
    (tmp_path / "damaged.npz").write_bytes(embedded.read_bytes()[:1000])
    with pytest.raises(InputError, match="not readable as a file of embeddings"):
        probe(tmp_path / "damaged.npz", tiny_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_learnt_from_the_patients_to_be_judged_are_refused(
    embedded, tiny_data, tmp_path
):
    prepared = open_prepared(tiny_data)
    other = SimpleNamespace(  # trained on what is the test split here
        dataset=prepared.dataset,
        records=lambda _: prepared.records("test"),
        pixels_of=lambda _: prepared.pixels_of("test"),
    )
    origin = read_embeddings(embedded).origin
    learnt = to_json(learnt_by(other, np.arange(2), {}))
    path = _changed(embedded, tmp_path / "e.npz", origin={**origin, "learnt": learnt})
    with pytest.raises(InputError, match=r"1 patients of its test split, the first of image test"):
        probe(path, tiny_data, tmp_path / "out")


def test_weights_whose_training_patients_nobody_can_name_are_refused(embedded, tiny_data, tmp_path):
    origin = read_embeddings(embedded).origin
    old = {"dataset": "padchest", "source": FINE_TUNED}
    later = {"dataset": "natural", "source": FINE_TUNED, "learnt": {}}
    later["initialized_from"] = {"provenance": old}
    for number, provenance in enumerate((old, later)):
        changed = {"origin": {**origin, "provenance": provenance}}
        path = _changed(embedded, tmp_path / f"{number}.npz", **changed)
        with pytest.raises(InputError, match="which did not keep on whom"):
            probe(path, tiny_data, tmp_path / "out")


def test_scikit_learn_is_not_imported_before_a_head_is_fitted():
    program = "import jaxcxr.training.train, sys; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
