"""A finished run whose labels, weights and cohort say what no document may act upon."""

import json

import pytest
from mixed import config_of, keep_identity, prepared_data
from ml_collections import ConfigDict
from tiny import get_config

from jaxcxr.files import write_json
from jaxcxr.main import run_experiment
from jaxcxr.model import ViT, ViTSpec, flatten, split, write_weights

NASTY = '<img src=x onerror=alert(1)>|[a](https://evil.example) **b** `c` $d$ &lt; "e" \\'
LABELS = (NASTY, "Nodule/Mass", "Rare")
FUNNEL = [
    {"step": f"rows {NASTY}", "images": 260, "patients": 130},
    {"step": "frontal", "images": 201, "patients": 101},
]
SECRET = "/home/secret/patient_7/weights.safetensors"
START = {
    "source": SECRET,
    "checkpoint": NASTY,
    "licence": f"Own terms {NASTY}",
    "origin": "javascript:alert(1)",
    "pretrained_on": ["mimic_cxr"],
    "surprise": SECRET,
}


def make_data(folder):
    prepared_data(folder, labels=LABELS)
    described = json.loads((folder / "cohort.json").read_text())
    settings = {"split": "patient", "test_share": 0.2, "validation_share": 0.2, "seed": 3}
    settings |= {"tables": {f"{NASTY}.csv": "ab" * 32}, "split_list": None}
    described |= {"funnel": FUNNEL, "rejected": 1, "settings": settings}
    write_json(folder / "cohort.json", described)
    keep_identity(folder)
    return folder


def make_run(data, folder, provenance, **changes):
    """Train from weights of that provenance."""
    from flax import nnx

    spec = ViTSpec.from_dict(get_config().model.spec.to_dict())
    weights = folder.parent / f"{folder.name}_start.safetensors"
    drawn = ViT(spec, num_labels=None, image_size=28, rngs=nnx.Rngs(0))
    write_weights(weights, spec, flatten(split(drawn)[1]), provenance)
    config = config_of(data, **changes)
    config.model.weights, config.model.init = str(weights), "pretrained"
    config.model.spec, config.floor = ConfigDict(), False
    run_experiment(config, folder)
    return folder


@pytest.fixture(scope="session")
def nasty_data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("nasty") / "data")


@pytest.fixture(scope="session")
def nasty_run(nasty_data, tmp_path_factory):
    return make_run(nasty_data, tmp_path_factory.mktemp("nasty_run") / "run_a", START)
