"""Finished runs of a small study of image sizes: every arm, with scores that know a little."""

from study.left_by_run import leave, write_predictions
from study.synthetic_runs import predict, records

from configs.study import resolution
from jaxcxr.evaluate import evaluate
from jaxcxr.run.directory import PREDICTIONS
from jaxcxr.study.planning.cross_jobs import CROSS, cross_predictions
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.grid_definition import Grid
from jaxcxr.study.planning.variants import Variant, image_sizes, label_noise

REDRAWS = 60
MARGIN = 4.0
INITIALIZATIONS = ("dinov3", "dinov2", "convnext_dinov3")
PAIRS = (("dinov3", "dinov2"), ("convnext_dinov3", "dinov3"))
LORA = Variant(
    *("lora512", "LoRA, 512 px", "lora"),
    image_size=512,
    datasets=("mimic_cxr",),
    overrides=(("learning_rate", 1e-4),),
)
NOISE = label_noise(20, 40, datasets=("chestxray14",), initializations=("dinov3", "dinov2"))
STRENGTH = {"": 1.0, "px512": 1.3, "lora512": 1.1, "noise20": 0.8, "noise40": 0.5}


def study(**changes):
    """Two datasets, three initializations, two sizes, LoRA, wrong labels, an external test."""
    whole = resolution.get_study()
    grid = Grid(
        "merged_sides",
        ("mimic_cxr", "chestxray14"),
        INITIALIZATIONS,
        pairs=PAIRS,
        variants=(*image_sizes(512), LORA, *NOISE),
        external=(("mimic_cxr", "chestxray14"),),
        margin=MARGIN,
    )
    given = {"grids": (grid,), "seeds": (0, 1), "resamples": REDRAWS, "paper": "2510.07191"}
    kept = tuple(one for one in whole.initializations if one.name in INITIALIZATIONS)
    return Study(
        **{"name": "sizes", "question": "Does size help?", "initializations": kept}
        | given
        | changes
    )


def finish(chosen, out, evaluated=False):
    """Leave all files that experiments and external tests would; return the plan.

    `evaluated`: with the statistics of each run, which only the page needs.
    """
    plan = plan_study(chosen, out)
    for experiment in plan.experiments.values():
        strength = STRENGTH[experiment.variant] + 0.2 * (experiment.initialization == "dinov3")
        frame = predict(records(experiment.dataset, experiment.labels), experiment.id, strength)
        origin = leave(experiment, frame, trained_parameters=10 if experiment.variant else 1000)
        if evaluated and not experiment.variant:
            evaluate(
                experiment.directory / PREDICTIONS,
                experiment.directory,
                resamples=20,
                print_tables=False,
                plots=False,
            )
        if f"{experiment.id}{CROSS}" in plan.after:
            home = plan.experiments["chestxray14-merged_sides-dinov3-s0"]
            theirs = records("chestxray14", home.labels)
            theirs = theirs[theirs["split"] == "test"].reset_index(drop=True)
            other = [f"label:{name}" for name in home.labels if name not in experiment.labels]
            frame = predict(theirs.drop(columns=other), f"{experiment.id} away", strength / 2)
            write_predictions(cross_predictions(experiment, "chestxray14"), frame, origin)
    return plan
