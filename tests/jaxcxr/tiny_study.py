"""A study of two experiments on a phantom, small enough to be killed many times."""

from jaxcxr.study import Grid, Initialization, Phantom, Study

CONFIG = "tests/jaxcxr/tiny.py"


def get_study():
    return Study(
        name="tiny",
        question="Does a study that was killed go on?",
        grids=(Grid("paper", ("uka_cxr",), ("slow", "fast")),),
        initializations=(
            Initialization("slow", "Slow", CONFIG, overrides=(("learning_rate", 1e-3),)),
            Initialization("fast", "Fast", CONFIG),
        ),
        phantom=Phantom(images=160, size=64, image_size=28),
        overrides=(("epochs", 2), ("bootstrap_resamples", 20)),
        resamples=20,
    )
