"""Each resampling rule against the call that the library of that rule makes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from jaxcxr.model import resample_table


def _torch(table, **options):
    side = round(len(table) ** 0.5)
    # In double precision, since PyTorch takes its source coordinates from the table's own.
    square = torch.tensor(table, dtype=torch.float64).reshape(1, side, side, -1).permute(0, 3, 1, 2)
    resampled = torch.nn.functional.interpolate(square, **options)
    return resampled.permute(0, 2, 3, 1).reshape(-1, table.shape[1]).numpy()


def _reference(rule, table, grid):
    side = round(len(table) ** 0.5)
    if rule == "dinov2":  # the hub's code: interpolate_offset 0.1, scale_factor given
        factor = (grid + 0.1) / side
        return _torch(table, scale_factor=(factor, factor), mode="bicubic", antialias=False)
    if rule == "bilinear_zoom":
        square = table.reshape(side, side, -1)
        return zoom(square, (grid / side, grid / side, 1), order=1).reshape(grid**2, -1)
    options = {
        "size_aa": {"mode": "bicubic", "antialias": True},
        "size": {"mode": "bicubic", "antialias": False},
        "bilinear": {"mode": "bilinear", "antialias": False},
    }[rule]
    return _torch(table, size=(grid, grid), **options)


@pytest.mark.parametrize("rule", ["dinov2", "size_aa", "size", "bilinear_zoom", "bilinear"])
@pytest.mark.parametrize(("native", "grid"), [(37, 16), (37, 32), (14, 24), (16, 37), (14, 7)])
def test_rule_equals_its_library(rule, native, grid):
    table = np.random.default_rng(0).normal(size=(native**2, 5)).astype("float32")
    ours = resample_table(table, rule, grid, class_row=False)
    theirs = _reference(rule, table, grid)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_rules_differ_from_each_other():
    table = np.random.default_rng(0).normal(size=(37**2, 5)).astype("float32")
    rules = ["dinov2", "size_aa", "size", "bilinear_zoom", "bilinear"]
    results = [resample_table(table, rule, 16, class_row=False) for rule in rules]
    for first in range(len(rules)):
        for second in range(first):
            assert np.abs(results[first] - results[second]).max() > 0.1


def test_same_grid_is_the_table_itself_and_the_class_row_passes_through():
    table = np.random.default_rng(0).normal(size=(1 + 37**2, 5)).astype("float32")
    assert resample_table(table, "dinov2", 37, class_row=True) is table
    resampled = resample_table(table, "dinov2", 16, class_row=True)
    assert resampled.shape == (257, 5)
    np.testing.assert_array_equal(resampled[0], table[0])
