"""Finished runs of a small study beyond the paper, with random scores that know a little."""

import hashlib

import numpy as np
import pandas as pd
from study.left_by_run import leave, write_predictions

from configs.study import paper
from jaxcxr.evaluate import evaluate
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.analyses.further import further_analyses
from jaxcxr.study.analyses.gathering import read_paired
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.planning.cross_jobs import cross_predictions, other_datasets
from jaxcxr.study.planning.definition import ANALYSES, Study
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.variants import Variant, label_efficiency

REDRAWS = 60
SPLITS = {"validation": 90, "test": 120}
NO_WOMAN_HAS = "Congestion"  # among the test images of UKA-CXR


def study(**changes):
    """Two datasets, two initializations, two seeds, two variants."""
    whole = paper.get_study()
    grid = Grid(
        "paper",
        ("uka_cxr", "padchest"),
        ("dinov2", "imagenet21k"),
        variants=(*label_efficiency(10), Variant("probe", "Linear probe", trainable="head")),
        cross_dataset=True,
    )
    given = {"grids": (grid,), "seeds": (0, 1), "resamples": REDRAWS, "analyses": ANALYSES}
    return Study(
        **{
            "name": "small",
            "question": "?",
            "initializations": whole.initializations[:2],
            **given,
            **changes,
        }
    )


def records(dataset, labels):
    """Images, three a patient, with their truth."""
    rng = np.random.default_rng(sum(dataset.encode()))
    count = sum(SPLITS.values())
    patients = np.arange(count) // 3
    frame = pd.DataFrame(
        {
            "image_id": [f"{dataset}{row}" for row in range(count)],
            "patient_id": [f"p{patient}" for patient in patients],
            "split": np.repeat(list(SPLITS), list(SPLITS.values())),
            "view": np.where(rng.random(count) < 0.5, "PA", "AP"),
            "age": np.array([30.0, 50.0, 70.0])[patients % 3],
            "sex": np.array(["F", "M"])[patients % 2],
        }
    )
    # Images of one patient share most of their truth.
    own = rng.random((count, len(labels))) < 0.1
    of_patient = (rng.random((patients.max() + 1, len(labels))) < 0.4)[patients]
    truth = (own ^ of_patient).astype(np.int8)
    if dataset == "uka_cxr":
        truth[(frame["sex"] == "F") & (frame["split"] == "test"), labels.index(NO_WOMAN_HAS)] = 0
    return pd.concat(
        [frame, pd.DataFrame(truth, columns=list(labels)).add_prefix("label:")], axis=1
    )


def predict(frame, name, strength):
    """Add logits to records; another name gives other ones."""
    rng = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()[:4]))
    # What is hard about a patient is hard for every training.
    hard = np.random.default_rng(1).normal(size=(frame["patient_id"].nunique(), 40))
    noise = 0.8 * hard + 0.6 * rng.normal(size=hard.shape)
    noise = noise[frame["patient_id"].factorize()[0]] + 0.3 * rng.normal(size=(len(frame), 40))
    for place, column in enumerate([c for c in frame if c.startswith("label:")]):
        score = strength * frame[column] + noise[:, place]
        frame[f"logit:{column.removeprefix('label:')}"] = score.astype(np.float32)
    return frame


def finish(chosen, out):
    """Leave all files that experiments and their tests elsewhere would; return its plan."""
    plan = plan_study(chosen, out)
    for experiment in plan.experiments.values():
        strength = {"": 1.2, "patients10": 0.6, "probe": 0.8}[experiment.variant]
        strength += 0.3 * (experiment.initialization == "dinov2")
        frame = predict(records(experiment.dataset, experiment.labels), experiment.id, strength)
        origin = leave(
            experiment,
            frame,
            trained_on={"patients": 100 + experiment.seed, "images": 300},
            trained_parameters=10 if experiment.variant == "probe" else 1000,
        )
        if not experiment.variant:
            evaluate(
                experiment.directory / PREDICTIONS,
                experiment.directory,
                resamples=REDRAWS,
                print_tables=False,
                plots=False,
            )
            for dataset in other_datasets(chosen.grids[0], experiment):
                home = plan.experiments[f"{dataset}-paper-dinov2-s0"]
                theirs = records(dataset, home.labels)
                theirs = theirs[theirs["split"] == "test"].reset_index(drop=True)
                theirs = theirs.drop(
                    columns=[
                        f"label:{name}" for name in home.labels if name not in experiment.labels
                    ]
                )
                frame = predict(theirs, f"{experiment.id} on {dataset}", 0.4)
                write_predictions(cross_predictions(experiment, dataset), frame, origin)
    return plan


def run_analyses(chosen, out, report):
    """Return the further tables by name, and the figures."""
    plan = plan_study(chosen, out)
    grid = chosen.grids[0]
    read = [read_paired(chosen, plan, grid, dataset) for dataset in grid.datasets]
    comparisons = [measure(one, chosen.resamples) for one in read if one is not None]
    tables, drawings = further_analyses(chosen, plan, report, comparisons)
    return {table.name: table for table in tables}, drawings
