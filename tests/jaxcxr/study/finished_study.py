"""A study whose runs are finished: predictions with the paper's AUCs, maps and cohorts made up."""

import json

import numpy as np
import pandas as pd
from study.left_by_run import leave
from study.synthetic_pair import paired

from jaxcxr.files import sha256
from jaxcxr.probing.floor import FLOOR, Floor
from jaxcxr.results.examples import choose_examples
from jaxcxr.results.predictions import read_predictions
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS
from jaxcxr.study.planning.definition import Initialization, Study
from jaxcxr.study.planning.example_jobs import COUNT, ROLLOUT, example_experiments
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.report import write_report

NASTY = """<img src=x onerror="alert('1')"> & "quoted" """
LABEL = "Cardiomegaly"


def study_of(datasets=("uka_cxr", "vindr_cxr"), **more):
    fields = {
        "name": "small",
        "question": "Do self-supervised weights win?",
        "grids": (
            Grid("paper", datasets, ("dinov2", "imagenet21k")),
            Grid("mimic_transfer", datasets, ("dinov2", "mimic")),
        ),
        "initializations": (
            Initialization("dinov2", "DINOv2", "configs/{dataset}_dinov2.py"),
            Initialization("imagenet21k", "ImageNet-21K", "configs/{dataset}_imagenet21k.py"),
            Initialization("mimic", "MIMIC-CXR", "configs/{dataset}_mimic.py"),
        ),
        "resamples": 60,
        "examples": (LABEL,),
    }
    return Study(**(fields | more))


def finish(study, out):
    """Leave what every run of the study leaves; return the plan."""
    plan = plan_study(study, out)
    for experiment in plan.experiments.values():
        write_run(study, experiment)
    for experiment in example_experiments(study, plan.experiments):
        write_maps(experiment)
    return plan


def report(study, out):
    """Write the report of a finished study and return the page's text."""
    assert write_report(study, plan_study(study, out), out) == []
    return (out / "report" / "index.html").read_text(encoding="utf-8")


def write_run(study, experiment):
    one = paired(experiment.dataset, experiment.label_set)
    which = study.grids[[g.label_set for g in study.grids].index(experiment.label_set)]
    which = which.initializations.index(experiment.initialization)
    noise = np.random.default_rng(experiment.seed).normal(
        0, 0.2 * experiment.seed, one.scores[0, 0].shape
    )
    rows = range(len(one.labels))
    frame = {"image_id": [f"{experiment.dataset}-{row:04}.png" for row in rows]}
    frame |= {"patient_id": [f"secret{row // 2}" for row in rows], "split": "test", "view": "AP"}
    frame |= {"age": 50.0, "sex": "F"}
    for column, name in enumerate(one.label_names):
        frame[f"label:{name}"] = one.labels[:, column]
        frame[f"logit:{name}"] = (one.scores[which, 0, :, column] + noise[:, column]).astype("f4")
    leave(
        experiment,
        pd.DataFrame(frame),
        recipe="paper",
        recipe_hash="abc",
        tool_version="1.2.3",
        label_rules="paper",
        initialization="pretrained",
    )
    environment = {"git_commit": "c0ffee", "python": "3.11", "packages": {"jax": "0.10"}}
    (experiment.directory / "environment.json").write_text(json.dumps(environment))
    kept = {"epoch": 2, "validation_auc": 0.61, "labels": {"a": 0.61}}
    floor = Floor(0.72, {"a": 0.72}, 0.1, "validation", {"train": 9}, {"a": 0.5}, kept)
    floor.write(experiment.directory / FLOOR)


def write_maps(experiment):
    predictions = read_predictions(experiment.directory / PREDICTIONS).of_split("test")
    ids = [one.image_id for one in choose_examples(predictions, [LABEL], COUNT)]
    rng = np.random.default_rng(len(experiment.id))
    np.savez(
        experiment.directory / ROLLOUT,
        image_id=np.array(ids),
        image=rng.integers(0, 256, (len(ids), 28, 28)).astype(np.uint8),
        rollout=rng.random((len(ids), 4, 4)).astype(np.float32),
        origin=np.array(json.dumps({"weights_sha256": sha256(experiment.directory / WEIGHTS)})),
    )
