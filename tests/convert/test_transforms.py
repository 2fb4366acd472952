"""Every transform inverts exactly, on any shape and any bits."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.layouts import LAYOUTS
from convert.transforms import TRANSFORMS
from jaxcxr.errors import InputError


@st.composite
def theirs(draw):
    """A transform and tensors that it may meet."""
    name = draw(st.sampled_from(sorted(TRANSFORMS)))
    heads, head_width, side, outputs = (draw(st.integers(1, 5)) for _ in range(4))
    width = heads * head_width
    shapes = {
        "same": [(width, side)],
        "linear": [(outputs, width)],
        "conv": [(width, 3, side, side)],
        "drop_batch": [(1, outputs, width)],
        "qkv_linears": [(width, width)] * 3,
        "qkv_biases": [(width,)] * 3,
        "qv_biases": [(width,)] * 2,
        "class_half": [(outputs, 2 * width)],
        "qkv_heads": draw(
            st.sampled_from([[(width, heads, head_width)] * 3, [(heads, head_width)] * 3])
        ),
        "output_heads": [(heads, head_width, width)],
    }[name]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrays = [random.integers(0, 2**32, shape, np.uint32).view(np.float32) for shape in shapes]
    if name == "class_half":
        arrays[0][:, width:] = 0
    return name, arrays, heads


@settings(max_examples=200, deadline=None)
@given(theirs())
def test_there_and_back_is_exact(case):
    name, arrays, heads = case
    transform = TRANSFORMS[name]
    ours = transform.to_ours(arrays, heads)
    back = transform.to_theirs(ours, heads)
    assert len(back) == len(arrays)
    for before, after in zip(arrays, back, strict=True):
        assert before.shape == after.shape
        assert before.tobytes() == np.ascontiguousarray(after).tobytes()
    again = transform.to_ours(back, heads)
    assert np.ascontiguousarray(again).tobytes() == np.ascontiguousarray(ours).tobytes()


def test_every_row_names_a_transform_and_no_key_twice():
    for layout in LAYOUTS.values():
        keys = [key for row in layout.rows for key in row.theirs]
        assert len(keys) == len(set(keys)), layout.name
        assert len({row.ours for row in layout.rows}) == len(layout.rows), layout.name
        assert {row.transform for row in layout.rows} <= set(TRANSFORMS)
        assert all(
            # A block's number is theirs, or its stage and the number within that.
            ("{n}" in row.ours) == ("{n}" in key or "{s}" in key)
            for row in layout.rows
            for key in row.theirs
        )


def test_a_layer_computes_what_pytorchs_does():
    """There and back would also be exact if both ways were wrong."""
    rng = np.random.default_rng(0)
    x, linear = rng.normal(size=(4, 6)), [rng.normal(size=(6, 6)) for _ in range(3)]
    image, conv = rng.normal(size=(1, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5))
    np.testing.assert_allclose(
        x @ TRANSFORMS["linear"].to_ours(linear[:1], 2),
        F.linear(torch.tensor(x), torch.tensor(linear[0])),
    )
    ours = TRANSFORMS["conv"].to_ours([conv], 2)  # [height, width, inputs, outputs]
    np.testing.assert_allclose(
        np.einsum("bchw,hwco->bo", image, ours),
        F.conv2d(torch.tensor(image), torch.tensor(conv)).flatten(1),
    )
    each = [F.linear(torch.tensor(x), torch.tensor(weight)) for weight in linear]
    np.testing.assert_allclose(
        x @ TRANSFORMS["qkv_linears"].to_ours(linear, 2), torch.cat(each, dim=1)
    )
    biases = [rng.normal(size=6) for _ in range(3)]
    np.testing.assert_array_equal(
        TRANSFORMS["qkv_biases"].to_ours(biases, 2), np.concatenate(biases)
    )
    empty_key = TRANSFORMS["qv_biases"].to_ours(biases[::2], 2)
    np.testing.assert_array_equal(empty_key, np.concatenate([biases[0], np.zeros(6), biases[2]]))


def test_heads_are_joined_as_flax_attention_multiplies_them():
    rng = np.random.default_rng(0)
    x, heads = rng.normal(size=(5, 6)), [rng.normal(size=(6, 2, 3)) for _ in range(3)]
    joined = x @ TRANSFORMS["qkv_heads"].to_ours(heads, 2)
    each = [np.einsum("tw,whd->thd", x, one).reshape(5, 6) for one in heads]
    np.testing.assert_allclose(joined, np.concatenate(each, axis=1))
    attended, output = rng.normal(size=(5, 2, 3)), rng.normal(size=(2, 3, 6))
    np.testing.assert_allclose(
        attended.reshape(5, 6) @ TRANSFORMS["output_heads"].to_ours([output], 2),
        np.einsum("thd,hdw->tw", attended, output),
    )


def test_a_classifier_that_also_reads_the_patches_is_refused():
    half = TRANSFORMS["class_half"]
    weight = np.arange(24.0).reshape(3, 8)
    with pytest.raises(InputError, match="also reads the mean of the patch tokens"):
        half.to_ours([weight], 1)
    weight[:, 4:] = 0
    np.testing.assert_array_equal(half.to_ours([weight], 1), weight[:, :4].T)
    weight[2, 7] = 1e-30
    with pytest.raises(InputError, match="also reads"):
        half.to_ours([weight], 1)
