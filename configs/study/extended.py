"""Beyond the paper, on its own grid: across datasets, fewer patients, fewer parameters, subgroups.

    python -m jaxcxr.study --study=configs/study/extended.py --out studies/paper [--dry-run]

Everything of configs/study/paper.py, under the same ids: give the directory of that study to keep
what is done of it. The learning rates of probe and LoRA are usual ones and not tuned here; change
them, or the epochs of small shares, by the overrides of a `Variant`.
"""

from dataclasses import replace

from configs.study import paper
from jaxcxr.study import ANALYSES, Variant, label_efficiency

VARIANTS = (
    *label_efficiency(1, 5, 10, 25, 50),
    Variant("lora", "LoRA", trainable="lora", overrides=(("learning_rate", 1e-4),)),
    Variant("probe", "Linear probe", trainable="head", overrides=(("learning_rate", 1e-3),)),
)


def get_study():
    study = paper.get_study()
    against_supervised, against_mimic = study.grids
    return replace(
        study,
        name="extended",
        grids=(
            replace(against_supervised, variants=VARIANTS, cross_dataset=True),
            replace(against_mimic, cross_dataset=True),
        ),
        analyses=ANALYSES,
    )
