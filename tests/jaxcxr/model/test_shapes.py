"""Shapes by the spec alone are those of the model that is built of it; conversion needs no JAX."""

import subprocess
import sys

import pytest
from flax import nnx

from jaxcxr.model import ConvNeXtSpec, ViTSpec, build_model, flatten, split
from jaxcxr.model.shapes import expected_shapes
from jaxcxr.model.spec import rope_periods

PLAIN = {"patch_size": 7, "width": 24, "depth": 11, "heads": 2, "mlp_width": 40}
ROPE = {"position_table": "none", "rope_periods": rope_periods(12)}


@pytest.mark.parametrize("labels", [None, 3])
@pytest.mark.parametrize(
    "spec",
    [
        ViTSpec(**PLAIN, native_image_size=28),
        ViTSpec(**PLAIN, native_image_size=28, layer_scale=True, register_tokens=4),
        ViTSpec(**PLAIN, native_image_size=28, position_table="patches", qkv_bias="none"),
        ViTSpec(**PLAIN, native_image_size=28, qkv_bias="no_key", **ROPE),
        ViTSpec(**PLAIN, native_image_size=30, pooling="mean_tokens", partial_patches="drop"),
        ConvNeXtSpec(widths=(8, 12, 20), depths=(2, 9, 1), native_image_size=32),
        ConvNeXtSpec(widths=(8, 12), depths=(1, 1), layer_scale=False, native_image_size=24),
        ConvNeXtSpec(widths=(8,), depths=(3,), patch_size=2, native_image_size=6),
        ConvNeXtSpec((8, 4), (1, 2), native_image_size=26, partial_patches="drop"),
    ],
)
def test_the_spec_tells_every_shape_in_the_order_of_the_parameters(spec, labels):
    size = spec.native_image_size
    model = nnx.eval_shape(
        lambda: build_model(spec, num_labels=labels, image_size=size, rngs=nnx.Rngs(0))
    )
    built = {path: leaf.shape for path, leaf in flatten(split(model)[1]).items()}
    assert list(expected_shapes(spec, labels).items()) == list(built.items())


def test_converting_imports_no_jax():
    script = """
import sys
import convert.importing, convert.sources
from jaxcxr.model import ModelSpec, read_header, spec_from_dict, write_weights
from jaxcxr.model.shapes import expected_shapes
spec = spec_from_dict({"architecture": "convnext", "widths": (8, 12), "depths": (1, 2)})
expected_shapes(spec, 3)
print({"jax", "flax", "torch", "pandas"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.strip() == "set()"
