"""How a run's AUC holds when its test images are disturbed a little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from input_pipeline.loader import images_at
from jaxcxr.errors import InputError
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import fill_devices, make_forward
from jaxcxr.model import flatten, split
from jaxcxr.reporting.disturbances import DISTURBANCES, Disturbance
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.stats import auc_difference, auc_interval
from jaxcxr.stats.delong_interval import DeLongInterval

Progress = Callable[[str], None]
LEVEL = 0.95


def measure_robustness(run: RunRecord, progress: Progress) -> dict[str, Any]:
    """Measure the AUC of each label on the disturbed images of the reported split.

    The differences are to the run's own predictions of the same images.

    Args:
      run: with its prepared data at hand.
      progress: is told which disturbance is computed.

    Returns:
      What `robustness.json` holds.

    Raises:
      InputError: the prepared data are not at hand, or their images are not those predicted.
    """
    if run.prepared is None:
        raise InputError(
            f"{run.directory}: --robustness disturbs the run's {run.split} images, and the "
            "prepared data are not where its config says; give their place with --data DIR"
        )
    reported = run.reported
    rows = _rows(run)
    forward = _forward(run)
    found = []
    for disturbance in DISTURBANCES:
        progress(disturbance.name)
        logits = forward(rows, disturbance)
        found.append({"name": disturbance.name, "labels": _measured(run, logits)})
    return {
        "weights_sha256": run.provenance["weights_sha256"],
        "split": run.split,
        "images": len(rows),
        "unit": "image" if reported.patients is None else "patient",
        "level": LEVEL,
        "disturbances": found,
    }


def _rows(run: RunRecord) -> np.ndarray:
    """Find the predicted images in the prepared data, in the order of the predictions."""
    assert run.prepared is not None
    places = {str(name): n for n, name in enumerate(run.prepared.records(run.split)["image_id"])}
    absent = [name for name in run.reported.image_id.tolist() if name not in places]
    if absent:
        raise InputError(
            f"{run.prepared.path}: has no image {absent[0]!r} in its {run.split} split, which the "
            "run predicted; give the data that it learnt from with --data DIR"
        )
    return np.array([places[name] for name in run.reported.image_id.tolist()])


def _forward(run: RunRecord) -> Callable[[np.ndarray, Disturbance], np.ndarray]:
    """Build `forward(rows, disturbance)` -> logits `[rows, labels]`."""
    prepared = run.prepared
    assert prepared is not None
    mesh = make_mesh(-1, 1, batch_size=0)
    model, _, pixels, _ = load_run(run.directory)
    step = make_forward(model, pixels, mesh)
    params = put_state(mesh, flatten(split(model)[1]))
    batch_size = fill_devices(run.config["eval_batch_size"], mesh)

    def forward(rows: np.ndarray, disturbance: Disturbance) -> np.ndarray:
        logits = []
        for start in range(0, len(rows), batch_size):
            part = rows[start : start + batch_size]
            images = images_at(prepared, run.split, part)
            changed = [
                disturbance.change(one, int(row)) for one, row in zip(images, part, strict=True)
            ]
            # One shape for all batches, so that one program is compiled.
            filled = np.zeros((batch_size, *images.shape[1:]), np.uint8)
            filled[: len(part)] = changed
            logits.append(np.asarray(step(params, filled))[: len(part)])
        return np.concatenate(logits)

    return forward


def _measured(run: RunRecord, logits: np.ndarray) -> list[dict[str, Any]]:
    reported, found = run.reported, []
    for column, label in enumerate(run.labels):
        truth = reported.labels[:, column]
        if not ((truth == 1).any() and (truth == 0).any()):
            continue
        pair = np.stack([logits[:, column], reported.scores[:, column]])
        auc = auc_interval(truth, pair[0], reported.patients, LEVEL)
        difference = auc_difference(truth, pair, reported.patients, LEVEL)
        found.append({"label": label, "auc": _ends(auc), "difference": _ends(difference)})
    return found


def _ends(interval: DeLongInterval) -> dict[str, float | None]:
    return {
        name: float(value) if np.isfinite(value) else None
        for name in ("value", "low", "high")
        for value in (getattr(interval, name),)
    }
