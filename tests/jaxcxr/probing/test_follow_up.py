"""Frozen features as the follow-up study (arXiv 2510.07191) has them: head and augmentation."""

import json

import jax
import numpy as np
import pandas as pd
import pytest
import torch
from flax import nnx
from PIL import Image

from input_pipeline.loader import images_at, open_prepared
from input_pipeline.subset import patient_subset
from jaxcxr import embed as embed_command
from jaxcxr import probe as probe_command
from jaxcxr.errors import InputError
from jaxcxr.inference.embeddings_file import Embeddings, read_embeddings, write_embeddings
from jaxcxr.model import ConvNeXtSpec, build_model, flatten, load, split, write_weights
from jaxcxr.probing import mlp_512
from jaxcxr.probing.examples import Examples, mean_auc
from jaxcxr.probing.probe import probe
from jaxcxr.provenance import origin_of
from jaxcxr.training.augment_once import augment_once

SPEC = ConvNeXtSpec(widths=(8, 12), depths=(1, 1), patch_size=7, native_image_size=28)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "convnext.safetensors"
    model = build_model(SPEC, num_labels=None, image_size=28, rngs=nnx.Rngs(3))
    # Its branches would be scaled by a millionth, as in a fresh model.
    tensors = {
        name: np.ones(value.shape, "float32") if name.endswith("/scale") else np.asarray(value)
        for name, value in flatten(split(model)[1]).items()
    }
    write_weights(path, SPEC, tensors, {"source": "a test"})
    return path


def _embedded(weights, data, out, *more):
    where = ["--weights", str(weights), "--data", str(data), "--out", str(out)]
    embed_command.main([*where, "--normalization", "study", *more])
    return out


@pytest.fixture(scope="module")
def embedded(weights, tiny_data, tmp_path_factory):
    return _embedded(weights, tiny_data, tmp_path_factory.mktemp("embedded") / "e.npz")


@pytest.fixture(scope="module")
def augmented(weights, tiny_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("augmented") / "e.parquet"
    return _embedded(weights, tiny_data, out, "--augment-once", "7")


def _pooled(weights, images):
    apply, params = split(load(weights, image_size=28))
    values = np.repeat(images[..., None] / 255, 3, -1).astype("float32")
    return np.asarray(jax.jit(apply)(params, values)[1]["pooled"])


def test_a_convnexts_features_are_probed(embedded, weights, tiny_data, tmp_path):
    found, prepared = read_embeddings(embedded), open_prepared(tiny_data)
    rows = [list(found.image_id).index(name) for name in prepared.records("test")["image_id"]]
    expected = _pooled(weights, images_at(prepared, "test", np.arange(50)))
    np.testing.assert_allclose(found.class_token[rows], expected, atol=1e-5)
    assert found.origin["pooling"] == "mean_then_norm"
    for features, width in (("class", 12), ("both", 24)):
        probe(embedded, tiny_data, tmp_path / features, features=features)
        predicted = pd.read_parquet(tmp_path / features / "predictions.parquet")
        truth = predicted["label:Cardiomegaly"].to_numpy()
        examples = Examples(np.zeros((90, width)), truth[:, None], [""] * 90)
        logits = predicted["logit:Cardiomegaly"].to_numpy()[:, None]
        assert mean_auc(examples, logits) > 0.7  # it shows in the brightness
    assert "augmented_once" not in found.origin


def test_each_image_is_flipped_and_turned_once_and_the_header_says_so(
    augmented, embedded, weights, tiny_data, tmp_path, capsys
):
    found, plain = read_embeddings(augmented), read_embeddings(embedded)
    prepared = open_prepared(tiny_data)
    described = {"seed": 7, "flip": True, "rotation_degrees": 7.0}
    assert found.origin["augmented_once"] == described
    np.testing.assert_array_equal(found.pixels, plain.pixels)  # of the images as they are stored
    ids = prepared.records("test")["image_id"].tolist()
    images = images_at(prepared, "test", np.arange(50))
    changed = augment_once(7)(ids, images)
    # It is a flip or not, and a rotation of up to 7 degrees: Pillow has made the same picture.
    flips = 0
    for image, drawn in zip(images[:12], changed, strict=False):
        made = {
            (flip, degrees): np.asarray(
                Image.fromarray(image[:, ::-1] if flip else image).rotate(degrees)
            )
            for flip in (False, True)
            for degrees in np.linspace(-7, 7, 561)
        }
        match = [key for key, one in made.items() if (one == drawn).mean() > 0.995]
        assert match
        flips += match[0][0]
    assert 2 <= flips <= 10
    rows = [list(found.image_id).index(name) for name in ids]
    np.testing.assert_allclose(found.class_token[rows], _pooled(weights, changed), atol=1e-5)
    # By the id alone: in another order, in other company.
    order = np.random.default_rng(0).permutation(50)[:20]
    again = augment_once(7)([ids[row] for row in order], images[order])
    np.testing.assert_array_equal(again, changed[order])
    assert (augment_once(8)(ids, images) != changed).mean() > 0.1

    arguments = ["--embeddings", str(augmented), "--data", str(tiny_data), "--out", str(tmp_path)]
    probe_command.main([*arguments, "--resamples", "20"])
    out = capsys.readouterr().out
    assert "flipped and turned once before they were embedded" in " ".join(out.split())
    assert json.loads((tmp_path / "probe.json").read_text())["augmented_once"] == described
    statistics = json.loads((tmp_path / "statistics.json").read_text())
    assert statistics["origin"]["embeddings"]["augmented_once"] == described
    assert "images that were flipped and turned by up to 7 degrees" in " ".join(out.split())


@pytest.mark.parametrize(
    "header", [3, {"seed": -1}, {"seed": 0, "flip": 1, "rotation_degrees": 7}, {"flip": True}]
)
def test_a_damaged_header_is_refused(augmented, tiny_data, tmp_path, header):
    found = read_embeddings(augmented)
    origin = found.origin | {"augmented_once": header}
    write_embeddings(tmp_path / "d.npz", Embeddings(**{**vars(found), "origin": origin}))
    with pytest.raises(InputError, match=r"d.npz, its origin: damaged \(augmented_once.*embed"):
        probe(tmp_path / "d.npz", tiny_data, tmp_path / "out")


def test_parts_of_other_augmentations_are_not_taken(weights, tiny_data, tmp_path, augmented):
    first = read_embeddings(augmented)
    other = read_embeddings(
        _embedded(weights, tiny_data, tmp_path / "o.npz", "--augment-once", "8")
    )
    assert np.abs(first.class_token - other.class_token).max() > 1e-3


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("embed", ["--images", "D", "--augment-once", "1"], "--augment-once is of --data"),
        ("embed", ["--data", "D", "--augment-once", "-1"], "give a seed from 0 to 4294967295"),
        ("probe", ["--train-patients", "0"], "--train-patients 0: give a share above 0"),
        ("probe", ["--train-patients", "1.5"], "--train-patients 1.5: give a share"),
        ("probe", ["--train-patients", "nan"], "--train-patients nan: give a share"),
        ("probe", ["--train-patients", "0.000001"], "no patient is among the 1e-06 of the train"),
        ("probe", ["--seed", "-1"], "--seed -1: give a number from 0"),
    ],
)
def test_options_that_make_no_sense(
    command, arguments, message, weights, embedded, tiny_data, tmp_path, capsys
):
    arguments = [str(tiny_data) if one == "D" else one for one in arguments]
    if command == "embed":
        run, own = embed_command.main, ["--weights", str(weights), "--out", str(tmp_path / "e.npz")]
    else:
        run, own = probe_command.main, ["--embeddings", str(embedded), "--data", str(tiny_data)]
        own += ["--out", str(tmp_path / "probe")]
    with pytest.raises(SystemExit):
        run([*own, *arguments])
    assert message in " ".join(capsys.readouterr().err.split())


def test_fewer_patients_are_those_of_a_training(embedded, tiny_data, tmp_path):
    prepared = open_prepared(tiny_data)
    records = prepared.records("train")
    rows = patient_subset(records, 0.3, 5)
    assert 10 < len(rows) < 80
    described = probe(embedded, tiny_data, tmp_path / "few", train_patients=0.3, seed=5)
    assert described["images"] == {"train": len(rows), "validation": 40, "test": 50}
    assert described["train_patients"] == 0.3
    assert origin_of(tmp_path / "few" / "predictions.parquet")["trained_on"] == {
        "share_of_patients": 0.3,
        "patients": records["patient_id"].iloc[rows].nunique(),
        "images": len(rows),
    }
    # The features of those who are left out teach nothing.
    found = read_embeddings(embedded)
    left_out = set(records["image_id"]) - set(records["image_id"].iloc[rows])
    tokens = found.class_token.copy()
    tokens[[name in left_out for name in found.image_id]] = 1e3
    write_embeddings(tmp_path / "m.npz", Embeddings(**{**vars(found), "class_token": tokens}))
    probe(tmp_path / "m.npz", tiny_data, tmp_path / "same", train_patients=0.3, seed=5)
    frames = [pd.read_parquet(tmp_path / one / "predictions.parquet") for one in ("few", "same")]
    pd.testing.assert_frame_equal(*frames)


def _examples(images, seed, width=12):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(images, width)).astype(np.float32)
    truth = (features[:, :3] + rng.normal(size=(images, 3)) > 0).astype(np.int8)
    return Examples(features * 5 + 3, truth, [f"p{row // 2}" for row in range(images)])


def _pytorchs(params):
    width, hidden = params["kernel1"].shape
    linear = torch.nn.Linear(width, hidden), torch.nn.Linear(hidden, params["bias2"].shape[0])
    norms = torch.nn.LayerNorm(width), torch.nn.LayerNorm(hidden)
    for number, (norm, one) in enumerate(zip(norms, linear, strict=True), 1):
        norm.weight.data = torch.tensor(np.asarray(params[f"scale{number}"]))
        norm.bias.data = torch.tensor(np.asarray(params[f"shift{number}"]))
        one.weight.data = torch.tensor(np.asarray(params[f"kernel{number}"]).T)
        one.bias.data = torch.tensor(np.asarray(params[f"bias{number}"]))
    parts = (norms[0], linear[0], torch.nn.GELU(), norms[1], torch.nn.Dropout(0.3), linear[1])
    return torch.nn.Sequential(*parts)


def test_the_head_is_pytorchs_with_dropout_in_training_alone():
    params = mlp_512.initial_weights(jax.random.key(0), 12, 3)
    assert params["kernel1"].shape == (12, 512)
    rng = np.random.default_rng(0)
    params = {
        name: value + np.float32(0.1) * rng.normal(size=value.shape).astype("float32")
        for name, value in params.items()
    }
    x = _examples(40, 0).features
    theirs = _pytorchs(params).eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(mlp_512.logits_of(params, x, None), theirs, atol=2e-5)
    keys = jax.random.split(jax.random.key(1), 3000)
    drawn = jax.vmap(lambda key: mlp_512.logits_of(params, x[:2], key))(keys)
    assert float(np.abs(drawn[0] - drawn[1]).max()) > 1e-3
    error = drawn.std(0) / np.sqrt(len(keys))
    assert (np.abs(drawn.mean(0) - theirs[:2]) < 5 * error).all()


@pytest.mark.slow
def test_the_head_learns_what_is_known_of_its_labels():
    train, others = _examples(200, 0), _examples(150, 1)
    truth = train.truth.copy()
    truth[:100] = -1
    first, again = (
        mlp_512.fit_mlp_512(Examples(train.features, truth, train.patients), 50, 0)
        for _ in range(2)
    )
    assert mean_auc(others, first(others.features)) > 0.6
    np.testing.assert_array_equal(first(others.features), again(others.features))
    flipped = np.where(truth < 0, -1, 1 - truth)
    against = mlp_512.fit_mlp_512(Examples(train.features, flipped, train.patients), 50, 0)
    assert mean_auc(others, against(others.features)) < 0.4


@pytest.mark.slow
def test_the_head_is_probed_like_others(embedded, tiny_data, tmp_path):
    described = probe(embedded, tiny_data, tmp_path / "mlp", head="mlp_512")
    assert described["setting"] == "steps" and described["chosen"] in (50, 150, 500, 1500)
    assert described["head"] == "mlp_512"
