"""Other poolings and image sizes than the libraries' own, against PyTorch all the same."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from checked_conversion import import_file, verify_file
from flax import nnx

from convert.packaging import package
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec, build_model, flatten, load, read_header, split, write_weights


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "size"),
    [("hf_dinov2", 104), ("dinov2_registers", 104), ("timm_layer_scale", 104), ("hf_dinov3", 72)],
)
def test_mean_of_all_tokens_and_dropped_pixels_equal_pytorch(
    tmp_path, checkpoint_file, family, size
):
    """104 pixels of patch 14: 7 patches a side and 6 pixels left over, as 512 leaves 8."""
    file, out = checkpoint_file(family), tmp_path / "w.safetensors"
    import_file(file, out, fields={"pooling": "mean_tokens", "partial_patches": "drop"})
    parity = verify_file(file, out, size)
    assert parity.passed, parity.first_failure or parity.contradictions
    images = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype(np.float32)
    _, out = load(out, image_size=size)(images)
    np.testing.assert_allclose(out["pooled"], out["tokens"].mean(axis=1), atol=1e-6)


def test_sizes_between_patches_are_refused_unless_asked_for(tmp_path, checkpoint_file):
    import_file(checkpoint_file("hf_dinov2"), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="use 504 or 518, or drop its last 8 rows and columns"):
        load(tmp_path / "w.safetensors", image_size=512)
    spec = replace(read_header(tmp_path / "w.safetensors").spec, partial_patches="drop")
    assert load(tmp_path / "w.safetensors", image_size=512, spec=spec).grid == 36


def _packaged(tmp_path, spec, kind, side):
    """Logits of ours and of the package, of gray images between patches."""
    model = build_model(spec, num_labels=3, image_size=side, rngs=nnx.Rngs(0))
    random = np.random.default_rng(0)
    tensors = {
        path: np.asarray(value) + 0.1 * random.normal(size=value.shape).astype(np.float32)
        for path, value in flatten(split(model)[1]).items()
    }
    write_weights(tmp_path / "w.safetensors", spec, tensors, {"labels": ["a", "b", "c"]})
    around = {"mean": [0.0] * 3, "std": [1.0] * 3, "slope": [1.0] * 3, "offset": [0.0] * 3}
    (tmp_path / "around.json").write_text(json.dumps(around))
    images = random.integers(0, 256, (4, side, side)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    out = tmp_path / ("m.onnx" if kind == "onnx" else "m.safetensors")
    files = (tmp_path / "around.json", tmp_path / "images.npy")
    theirs, _ = package(tmp_path / "w.safetensors", kind, out, *files)
    pixels = np.repeat(images[..., None], 3, axis=-1).astype(np.float32) / 255
    with jax.default_matmul_precision("highest"):
        ours, _ = load(tmp_path / "w.safetensors", image_size=side)(pixels)
    return np.asarray(ours), theirs


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["class_token", "mean_tokens"])
def test_registers_and_pooling_go_out_to_timm(tmp_path, pooling):
    """Registers of a model whose class token has a row of the table, as DINOv2's own have it."""
    spec = ViTSpec(14, 32, 2, 2, 64, 64, register_tokens=2, partial_patches="drop")
    ours, theirs = _packaged(tmp_path, replace(spec, pooling=pooling), "timm", 64)
    np.testing.assert_allclose(theirs, ours, atol=1e-5 * np.abs(ours).max())


def test_a_mean_head_that_no_library_has_is_refused(tmp_path):
    spec = ViTSpec(14, 32, 2, 2, 64, 70, layer_scale=True, pooling="mean_tokens")
    with pytest.raises(InputError, match="no model of it has a head on the mean of all tokens"):
        _packaged(tmp_path, spec, "hf", 70)
