"""Time the bootstrap against scikit-learn's loop and other ways to do it, over the same redraws.

    python -m benchmarks.bootstrap [--images 22045 --labels 17 --resamples 1000] [--full]

The size is PadChest's test split in the study. A loop whose cost is the same in every redraw is
run for some redraws only and its time scaled up, and the table says for how many; `--full` runs
scikit-learn's loop for all of them. Every line is checked against ours before it is printed.
Ours uses all cores, the loops of others one, except `vmap`: CPU seconds compare core with core, and
tell the same on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from jaxcxr.stats import Bootstrap, bootstrap, resample_counts
from jaxcxr.stats.cores import cores
from jaxcxr.stats.curves import curve

METRICS = ("auc", "accuracy", "sensitivity", "specificity", "threshold")


def make_data(images: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Prevalences from 0.5 to 30 percent, AUCs from 0.7 to 0.95, float32 logits."""
    rng = np.random.default_rng(0)
    truth = (rng.random((images, labels)) < np.geomspace(0.005, 0.3, labels)).astype(np.int8)
    scores = rng.normal(size=(images, labels)) + np.linspace(0.75, 2.3, labels) * truth
    return truth, scores.astype(np.float32)


def scikit_learn_loop(truth: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """`roc_curve` and `roc_auc_score` for each label and redraw, `[redraws, labels, 5]`."""
    from sklearn.metrics import roc_auc_score, roc_curve

    result = np.empty((len(counts), truth.shape[1], 5))
    for redraw, of_image in enumerate(counts):
        drawn = np.repeat(np.arange(len(truth)), of_image)
        for label in range(truth.shape[1]):
            y, s = truth[drawn, label], scores[drawn, label]
            false_rate, true_rate, thresholds = roc_curve(y, s)
            best = np.argmax(true_rate - false_rate)
            found, false = true_rate[best], false_rate[best]
            prevalence = y.mean()
            accuracy = prevalence * found + (1 - prevalence) * (1 - false)
            result[redraw, label] = (
                roc_auc_score(y, s),
                accuracy,
                found,
                1 - false,
                thresholds[best],
            )
    return result


def numpy_loop(truth: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Our own curve, with counts as weights, for each label and redraw."""
    result = np.empty((len(counts), truth.shape[1], 5))
    for redraw, of_image in enumerate(counts):
        drawn = of_image > 0
        for label in range(truth.shape[1]):
            points = curve(truth[drawn, label], scores[drawn, label], of_image[drawn])
            found, false = points.true_positives, points.false_positives
            positives, negatives = found[-1], false[-1]
            best = np.argmax(found * negatives - false * positives)
            wins = np.sum(np.diff(false) * (found[1:] + found[:-1])) / 2
            result[redraw, label] = (
                wins / (positives * negatives),
                (found[best] + negatives - false[best]) / (positives + negatives),
                points.sensitivity[best],
                points.specificity[best],
                points.threshold[best],
            )
    return result


@jax.jit
def naive_redraw(truth: jax.Array, scores: jax.Array, drawn: jax.Array) -> jax.Array:
    """What one would write first: gather, sort and accumulate in each redraw; no exact ties."""
    y, s = truth[drawn], scores[drawn]
    order = jnp.argsort(-s)
    y, s = y[order], s[order]
    found, false = jnp.cumsum(y), jnp.cumsum(1 - y)
    true_rate, false_rate = found / found[-1], false / false[-1]
    # Points inside a run of equal scores are not on the curve.
    last = jnp.append(s[1:] != s[:-1], True)
    best = jnp.argmax(jnp.where(last, true_rate - false_rate, -1.0))
    at_ends = jnp.where(last, true_rate, 0.0)
    before = jnp.concatenate([jnp.zeros(1), jax.lax.cummax(at_ends)[:-1]])
    false_at_ends = jnp.where(last, false_rate, 0.0)
    false_before = jnp.concatenate([jnp.zeros(1), jax.lax.cummax(false_at_ends)[:-1]])
    area = jnp.sum(jnp.where(last, (false_rate - false_before) * (true_rate + before) / 2, 0.0))
    accuracy = (found[best] + false[-1] - false[best]) / len(drawn)
    return jnp.stack([area, accuracy, true_rate[best], 1 - false_rate[best], s[best]])


def naive_vmap(truth: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The naive redraw under vmap over redraws and labels, 16 redraws at a time."""
    run = jax.jit(
        jax.vmap(
            jax.vmap(naive_redraw, in_axes=(1, 1, None)),
            in_axes=(None, None, 0),
        )
    )
    drawn = np.stack([np.repeat(np.arange(len(truth)), of_image) for of_image in counts])
    parts = [
        np.asarray(run(truth.astype(np.int32), scores, drawn[first : first + 16]))
        for first in range(0, len(drawn), 16)
    ]
    return np.concatenate(parts)


def confidenceinterval_loop(truth: np.ndarray, scores: np.ndarray, resamples: int) -> np.ndarray:
    """Bootstrap interval of the AUC by the package of that name, with its own redraws."""
    import confidenceinterval  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = [
            confidenceinterval.roc_auc_score(
                truth[:, label].tolist(),
                scores[:, label].tolist(),
                method="bootstrap_percentile",
                n_resamples=resamples,
            )[0]
            for label in range(truth.shape[1])
        ]
    return np.array(values)


Result = TypeVar("Result")


def timed(run: Callable[[], Result]) -> tuple[float, float, Result]:
    """Run, and give seconds, CPU seconds of all threads, and the result."""
    begun, spent = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - begun, time.process_time() - spent, result


def largest_difference(ours: Bootstrap, theirs: np.ndarray) -> float:
    """Largest difference in any of the five metrics over the redraws that were run."""
    mine = np.stack([getattr(ours, name)[: len(theirs)] for name in METRICS], axis=-1)
    return float(np.abs(mine - theirs).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=22_045)
    parser.add_argument("--labels", type=int, default=17)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--full", action="store_true", help="scikit-learn's loop for all redraws")
    chosen = parser.parse_args()
    truth, scores = make_data(chosen.images, chosen.labels)
    resamples = chosen.resamples

    run = partial(bootstrap, truth, scores, resamples=resamples)
    *first, ours = timed(run)
    rounds = np.array([timed(run)[:2] for _ in range(10)])
    again = rounds.min(axis=0)
    counts = resample_counts(0, resamples, chosen.images)
    some = resamples if chosen.full else min(40, resamples)

    size = f"{chosen.images:,} images x {chosen.labels} labels x {resamples:,} redraws"
    device = jax.devices()[0].device_kind
    table = Table(title=f"{size}; {cores()} cores, {device}, jax {jax.__version__}")
    columns = ("", "redraws run", "seconds for all", "CPU seconds", "ours is faster by")
    for name in (*columns, "a core", "largest difference"):
        table.add_column(name, justify="left" if not name else "right")

    def add(name: str, run_for: int, spent: np.ndarray, difference: float | None = None) -> None:
        faster = ["", "", ""]
        if difference is not None:
            faster = [*(f"{ratio:.0f}x" for ratio in spent / again), f"{difference:.1e}"]
        table.add_row(name, f"{run_for:,}", *(f"{one:.3g}" for one in spent), *faster)

    add("ours", resamples, again)
    add("ours, first call", resamples, np.array(first))
    loops: list[tuple[str, int, Callable[..., np.ndarray]]] = [
        ("scikit-learn loop", some, scikit_learn_loop),
        ("NumPy loop of ours", min(40, resamples), numpy_loop),
        ("vmap with a sort in each redraw", min(48, resamples), naive_vmap),
    ]
    for name, run_for, loop in loops:
        # Imports and compilation are not the loops' fault.
        loop(truth, scores, counts[: 16 if loop is naive_vmap else 1])
        *spent, found = timed(partial(loop, truth, scores, counts[:run_for]))
        add(
            name,
            run_for,
            np.array(spent) * resamples / run_for,
            largest_difference(ours, found),
        )
    run_for = min(10, resamples)
    *spent, values = timed(lambda: confidenceinterval_loop(truth, scores, run_for))
    difference = float(np.abs(values - ours.estimates.auc).max())
    name = "confidenceinterval, AUC only"
    add(name, run_for, np.array(spent) * resamples / run_for, difference)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
