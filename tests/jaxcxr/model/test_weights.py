"""The weights file: what goes in comes out, and what does not fit is named."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from jaxcxr.errors import InputError
from jaxcxr.model import (
    ViT,
    ViTSpec,
    flatten,
    load,
    read_header,
    read_tensors,
    split,
    write_weights,
)

SPEC = ViTSpec(patch_size=4, width=8, depth=1, heads=2, mlp_width=16, native_image_size=16)


@pytest.fixture
def tensors():
    model = ViT(SPEC, num_labels=3, image_size=16, rngs=nnx.Rngs(1))
    return {k: np.asarray(v) for k, v in flatten(split(model)[1]).items()}


def test_round_trip_keeps_every_tensor_and_fact(tmp_path, tensors):
    path = tmp_path / "w.safetensors"
    write_weights(path, SPEC, tensors | {"extra/mask_token": np.zeros(8)}, {"source": "test"})
    header = read_header(path)
    assert (header.spec, header.provenance) == (SPEC, {"source": "test"})
    assert json.loads(path.with_suffix(".json").read_text())["spec"] == SPEC.to_dict()
    loaded = flatten(split(load(path, image_size=16))[1])
    assert loaded.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(loaded[name], value)


def test_a_number_of_labels_gives_a_fresh_head_of_the_seed(tmp_path, tensors):
    path = tmp_path / "w.safetensors"
    write_weights(path, SPEC, tensors, {})
    heads = [load(path, num_labels=3, image_size=16, seed=s).head.kernel[...] for s in (5, 5, 6)]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.allclose(heads[0], heads[2])
    assert not np.allclose(heads[0], tensors["head/kernel"])
    assert load(path, num_labels=7, image_size=16).head.bias.shape == (7,)
    assert np.abs(heads[0]).max() <= 8**-0.5


def test_missing_extra_and_misshapen_tensors_are_all_listed(tmp_path, tensors):
    path = tmp_path / "w.safetensors"
    tensors["blocks/0/mlp/fc1/bias"] = tensors["blocks/0/mlp/fc1/bias"][:5]
    tensors["surprise"] = np.zeros(3)
    del tensors["norm/scale"], tensors["class_token"]
    write_weights(path, SPEC, tensors, {})
    with pytest.raises(InputError) as error:
        load(path, image_size=16)
    message = str(error.value)
    assert "missing: class_token, norm/scale" in message
    assert "extra: surprise" in message
    assert "misshapen: blocks/0/mlp/fc1/bias is (5,), not (16,)" in message


def test_unreadable_files_give_a_sentence(tmp_path, tensors):
    with pytest.raises(InputError, match="no such weights file"):
        load(tmp_path / "absent.safetensors")
    (tmp_path / "short.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(InputError, match="not readable as a safetensors file"):
        load(tmp_path / "short.safetensors")
    save_file(tensors, tmp_path / "foreign.safetensors")
    with pytest.raises(InputError, match="python -m convert import"):
        load(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 3e38, -1e16])
@pytest.mark.parametrize("name", ["position_table", "head/bias"])
def test_numbers_that_no_training_gives_are_refused(tmp_path, tensors, name, number):
    path, wrong = tmp_path / "w.safetensors", tensors[name].copy()
    wrong.flat[-1] = number
    message = f"w.safetensors: {name} holds NaN, infinity or numbers beyond"
    with pytest.raises(InputError, match=message):
        write_weights(path, SPEC, tensors | {name: wrong}, {})
    assert list(tmp_path.iterdir()) == []
    described = {"format": 1, "spec": SPEC.to_dict(), "provenance": {}}
    save_file(tensors | {name: wrong}, path, metadata={"jaxcxr": json.dumps(described)})
    for image_size in (16, 20):  # the position table as it is, and resampled
        with pytest.raises(InputError, match=message):
            load(path, image_size=image_size)
    with pytest.raises(InputError, match=message):
        read_tensors(path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_half_precision_is_no_shelter_for_them(tmp_path, tensors, dtype, number):
    half = {path: value.astype(jnp.dtype(dtype)) for path, value in tensors.items()}
    write_weights(tmp_path / "w.safetensors", SPEC, half, {})
    half["head/bias"] = np.asarray([0, number, 0], jnp.dtype(dtype))
    with pytest.raises(InputError, match="head/bias holds NaN, infinity or numbers beyond"):
        write_weights(tmp_path / "w.safetensors", SPEC, half, {})


def test_a_failed_write_leaves_the_old_file(tmp_path, tensors, monkeypatch):
    path = tmp_path / "w.safetensors"
    write_weights(path, SPEC, tensors, {"version": 1})
    monkeypatch.setattr("jaxcxr.model.weights.save_file", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_weights(path, SPEC, tensors, {"version": 2})
    assert read_header(path).provenance == {"version": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.json", "w.safetensors"]
