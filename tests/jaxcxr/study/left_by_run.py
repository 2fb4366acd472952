"""What a run of a study leaves, as far as the study compares it."""

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq

from jaxcxr.files import sha256
from jaxcxr.run.directory import PREDICTIONS, STATISTICS, WEIGHTS
from jaxcxr.study.planning.asked_config import experiment_config


def origin_of(experiment, **more):
    """What the predictions say of their making."""
    config = json.loads(experiment_config(experiment).to_json())
    origin = {
        "weights_sha256": hashlib.sha256(experiment.id.encode()).hexdigest(),
        "labels": list(experiment.labels),
        "config": config,
    }
    if config["model"]["weights"]:
        digest = f"start of {experiment.id}"
        origin["initialized_from"] = {"file": "vitb14.safetensors", "sha256": digest}
    return origin | more


def write_predictions(path, frame, origin):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table.replace_schema_metadata({b"jaxcxr": json.dumps(origin).encode()}), path)


def leave(experiment, frame, **more):
    """Leave weights, predictions and statistics that belong together; return the origin."""
    experiment.directory.mkdir(parents=True, exist_ok=True)
    (experiment.directory / WEIGHTS).write_text(experiment.id)
    origin = origin_of(experiment, **more)
    write_predictions(experiment.directory / PREDICTIONS, frame, origin)
    described = {"predictions_sha256": sha256(experiment.directory / PREDICTIONS)}
    (experiment.directory / STATISTICS).write_text(json.dumps(described))
    return origin
