"""Shapes by the spec alone are those of the model that is built of it; conversion needs no JAX."""

import subprocess
import sys

import pytest
from flax import nnx

from jaxcxr.model import ViT, ViTSpec, flatten, split
from jaxcxr.model.shapes import expected_shapes
from jaxcxr.model.spec import rope_periods

PLAIN = {"patch_size": 7, "width": 24, "depth": 11, "heads": 2, "mlp_width": 40}


@pytest.mark.parametrize("labels", [None, 3])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"layer_scale": True, "register_tokens": 4},
        {"position_table": "patches", "qkv_bias": "none"},
        {"position_table": "none", "qkv_bias": "no_key", "rope_periods": rope_periods(12)},
    ],
)
def test_the_spec_tells_every_shape_in_the_order_of_the_parameters(more, labels):
    spec = ViTSpec(**PLAIN, native_image_size=28, **more)
    model = nnx.eval_shape(lambda: ViT(spec, num_labels=labels, image_size=28, rngs=nnx.Rngs(0)))
    built = {path: leaf.shape for path, leaf in flatten(split(model)[1]).items()}
    assert list(expected_shapes(spec, labels).items()) == list(built.items())


def test_converting_imports_no_jax():
    script = """
import sys
import convert.importing, convert.sources
from jaxcxr.model import write_weights
print({"jax", "flax", "torch", "pandas"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.strip() == "set()"
