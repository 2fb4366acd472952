"""The compiled kernels and NumPy give the same bits, and neither takes an accelerator."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from jaxcxr.stats import bootstrap, estimate, jackknife
from jaxcxr.stats.compiled import kernels
from jaxcxr.stats.resample import resample_blocks

EVERYWHERE = [f"jaxcxr.stats.{module}.kernels" for module in ("resample", "tally")]
METRICS = (
    *("auc", "average_precision", "accuracy", "sensitivity", "specificity", "threshold"),
    *("sensitivity_at_specificity", "specificity_at_sensitivity"),
)


def by_both(monkeypatch, run):
    """Run with the kernels, which the tests' environment has, and as if Numba were missing."""
    assert kernels() is not None
    compiled = run()
    with monkeypatch.context() as patch:
        for name in EVERYWHERE:
            patch.setattr(name, lambda: None)
        return compiled, run()


def made_up(images, labels, decimals, models=2):
    rng = np.random.default_rng(7)
    truth = (rng.random((images, labels)) < np.linspace(0.02, 0.6, labels)).astype(np.int8)
    truth[rng.random(truth.shape) < 0.2] = -1
    scores = rng.normal(size=(models, images, labels)) + truth
    return truth, np.round(scores, decimals).astype(np.float32)


@pytest.mark.parametrize("decimals", [0, 1, 6], ids=["heavy ties", "ties", "no ties"])
@pytest.mark.parametrize("patients", [None, 120])
@pytest.mark.parametrize("resamples", [1, 63, 64, 200])
def test_every_metric_has_the_same_bits(monkeypatch, decimals, patients, resamples):
    truth, scores = made_up(357, 4, decimals)
    truth[:, 3] = -1  # Nothing is known of one label.
    groups = None if patients is None else np.arange(357) * 31 % patients
    compiled, plain = by_both(
        monkeypatch,
        lambda: bootstrap(
            truth, scores, resamples=resamples, groups=groups, average_precision=True
        ),
    )
    assert np.isfinite(compiled.auc[:, :, 1:3]).all()
    for name in METRICS:
        assert getattr(compiled, name).tobytes() == getattr(plain, name).tobytes(), name
        of_data = getattr(compiled.estimates, name), getattr(plain.estimates, name)
        assert of_data[0].tobytes() == of_data[1].tobytes(), name


def test_leaving_each_out_and_the_data_themselves_have_the_same_bits(monkeypatch):
    truth, scores = made_up(150, 3, 1)
    for run in (jackknife, estimate):
        compiled, plain = by_both(monkeypatch, lambda run=run: run(truth, scores))
        assert compiled.auc.tobytes() == plain.auc.tobytes()
        assert compiled.threshold.tobytes() == plain.threshold.tobytes()


def test_more_images_than_16_bits_hold_have_the_same_bits(monkeypatch):
    images = 140_000
    truth = np.arange(images)[:, None] % 2
    # All negatives above all positives but one: a single step of 70,000.
    scores = np.where(np.arange(images) == 1, 2.0, 1.0 - truth[:, 0])[:, None]
    compiled, plain = by_both(
        monkeypatch, lambda: bootstrap(truth, scores, resamples=3, average_precision=True)
    )
    assert compiled.specificity_at_sensitivity.max() == 0
    for name in METRICS:
        assert getattr(compiled, name).tobytes() == getattr(plain, name).tobytes(), name


@pytest.mark.parametrize("units", [1, 2, 3, 1_000_000])
def test_draws_are_those_of_numpy_where_some_are_rejected(monkeypatch, units):
    """Of a million draws below a million some 225 are thrown away, to keep them uniform."""
    assert units < 4 or units * (2**32 % units) / 2**32 > 200
    compiled, plain = by_both(monkeypatch, lambda: next(resample_blocks(2**40, 3, units)))
    np.testing.assert_array_equal(compiled, plain)
    assert (compiled.sum(axis=0, dtype=int) == units).all()


@pytest.mark.parametrize("missing", ["", "sys.modules['numba'] = None;"], ids=["numba", "none"])
def test_evaluate_takes_no_accelerator(tmp_path, missing):
    """With a platform that does not exist, whatever asks JAX for a device fails."""
    rng = np.random.default_rng(0)
    rows = [
        f"i{image},{split},{image % 3 == 0:d},{rng.normal():.3f}"
        for split in ("validation", "test")
        for image in range(60)
    ]
    table = tmp_path / "p.csv"
    header = "image_id,split,label:Edema,logit:Edema"
    table.write_text("\n".join([header, *(f"{row[0]}{n}{row[1:]}" for n, row in enumerate(rows))]))
    program = (
        f"import sys; {missing} sys.path[:0] = {sys.path!r}\n"
        "from jaxcxr.evaluate import main\n"
        f"main([{str(table)!r}, '--no-plots', '--out', {str(tmp_path / 'out')!r}])\n"
        "from jaxcxr.stats.compiled import kernels\n"
        f"assert (kernels() is None) == {bool(missing)}\n"
        "import jax\n"
        "try: jax.devices()\n"
        "except RuntimeError as error: print('refused:', error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"JAX_PLATFORMS": "no_such_platform"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "refused: " in told.stdout and "no_such_platform" in told.stdout
    assert (tmp_path / "out" / "statistics.json").exists()
