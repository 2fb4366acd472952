"""What the experiments will cost, by arithmetic: images, floating-point operations, hours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from input_pipeline import paper
from input_pipeline.cohort_file import read_cohort
from input_pipeline.labels import DATASETS, PAPER_DATASETS
from input_pipeline.phantom.natural import NATURAL
from jaxcxr.errors import InputError
from jaxcxr.study.planning.asked_config import experiment_config, experiment_spec
from jaxcxr.study.planning.definition import Study
from jaxcxr.study.planning.jobs import Experiment

# An H100 in bfloat16 at 40 % of its peak, as the configs state it.
RATE = 0.4 * 989e12

_TRAINING_IMAGES = {"vindr_pcxr": 7_728}  # of its release; the paper's table has the six others


@dataclass(frozen=True)
class Cost:
    """Of one experiment.

    Attributes:
      images: learnt from an epoch; a bound where the data are not prepared yet, and of a share of
        the patients that share of the images.
      epochs: at most; training stops earlier where the validation AUC does.
      flops: of all epochs; None where nothing tells the model yet.
    """

    images: int
    epochs: int
    flops: float | None

    @property
    def hours(self) -> float | None:
        """On one H100."""
        return None if self.flops is None else self.flops / RATE / 3600


def expected_cost(study: Study, experiment: Experiment) -> Cost:
    """Bound what training the experiment costs."""
    from jaxcxr.run.inputs import asked_spec
    from jaxcxr.training.flops import training_flops

    config = experiment_config(experiment)
    images = round(_training_images(study, experiment) * config.train_patients)
    spec = experiment_spec(experiment)
    if spec is None:
        return Cost(images, config.epochs, None)
    flops = training_flops(asked_spec(config, spec), config.image_size) * images * config.epochs
    # A probe's backward pass ends at the head. LoRA's gradients go through the whole kernels, which
    # its updates are added to: as much as full fine-tuning.
    return Cost(images, config.epochs, flops / 3 if config.trainable == "head" else flops)


def _training_images(study: Study, experiment: Experiment) -> int:
    described = Path(experiment.data) / "cohort.json"
    if described.is_file():
        cohort = read_cohort(described.parent)
        counts = cohort.get("images") or cohort.get("prepared") or {}
        if "train" in counts:
            return counts["train"]
    if study.phantom is not None:
        natural = experiment.dataset == NATURAL and study.phantom.natural_images
        return natural or study.phantom.images
    if experiment.dataset not in DATASETS:
        raise InputError(
            f"{experiment.data}: no prepared dataset there, and the paper has none of that name; "
            "prepare it first"
        )
    if experiment.dataset in _TRAINING_IMAGES:
        return _TRAINING_IMAGES[experiment.dataset]
    sizes = paper.table("table1_cohorts")
    sizes = sizes[sizes["dataset"].eq(PAPER_DATASETS[experiment.dataset])]
    row = sizes["characteristic"].eq("Number of Radiographs (Training set) [n]")
    return int(sizes.loc[row, "value"].iloc[0].replace(",", ""))
