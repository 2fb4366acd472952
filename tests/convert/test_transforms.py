"""Every transform inverts exactly, on any shape and any bits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.layouts import LAYOUTS
from convert.transforms import TRANSFORMS


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
            ("{n}" in row.ours) == ("{n}" in key) for row in layout.rows for key in row.theirs
        )
