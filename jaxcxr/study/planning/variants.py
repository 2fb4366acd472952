"""Variants of a study's experiments: what else is trained of each, beside full fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

from jaxcxr.errors import InputError
from jaxcxr.study.planning.names import Overrides, check_known, check_name

_TRAINABLE = ("all", "head", "lora")


@dataclass(frozen=True)
class Variant:
    """Training beside full fine-tuning: fewer parameters or patients, larger images, wrong labels.

    Attributes:
      name: in ids of experiments.
      title: in tables.
      trainable: `config.trainable`: `head` for a linear probe, `lora`, or `all`.
      patients: share of the training patients, above 0 and at most 1.
      overrides: fields of the config and their values, such as a learning rate of its own.
      image_size: pixels a side, of data prepared so; 0 for the config's own.
      datasets, initializations: names of those that it is trained on and from; empty for all.
    """

    name: str
    title: str
    trainable: str = "all"
    patients: float = 1.0
    overrides: Overrides = ()
    image_size: int = 0
    datasets: tuple[str, ...] = ()
    initializations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a variant that is none.

        Raises:
          InputError: one sentence that names the field.
        """
        check_name("variant", self.name)
        check_known(f"trainable of variant {self.name}", self.trainable, _TRAINABLE)
        if not 0 < self.patients <= 1:
            raise InputError(
                f"study: patients of variant {self.name} is {self.patients}; give a share above 0 "
                "and at most 1"
            )
        if self.image_size < 0:
            raise InputError(
                f"study: image_size of variant {self.name} is {self.image_size}; give pixels"
            )
        whole = self.trainable == "all" and self.patients == 1
        if whole and not self.overrides and not self.image_size:
            raise InputError(
                f"study: variant {self.name} trains all parameters on all patients, as every "
                "experiment does; change trainable or patients, or leave it out"
            )

    @property
    def label_noise(self) -> float:
        """Share of the positive training labels that are flipped."""
        return float(dict(self.overrides).get("label_noise", 0.0))

    @property
    def is_size(self) -> bool:
        """Whether it is full fine-tuning on larger or smaller images, and nothing else."""
        plain = self.trainable == "all" and self.patients == 1 and not self.overrides
        return plain and self.image_size > 0

    @property
    def adapts(self) -> bool:
        """Whether it is another way to train, on all patients and their true labels."""
        return self.patients == 1 and not self.label_noise and not self.is_size


def label_efficiency(*percents: float) -> tuple[Variant, ...]:
    """One variant for each percentage of the training patients; 100 is what every experiment is."""
    return tuple(
        Variant(f"patients{percent:g}", f"{percent:g} % of patients", patients=percent / 100)
        for percent in percents
        if percent != 100
    )


def image_sizes(*sizes: int, datasets: tuple[str, ...] = ()) -> tuple[Variant, ...]:
    """One variant for each size in pixels, besides that of every experiment."""
    return tuple(
        Variant(f"px{size}", f"{size} px", image_size=size, datasets=datasets) for size in sizes
    )


def label_noise(
    *percents: float,
    seed: int = 42,
    datasets: tuple[str, ...] = (),
    initializations: tuple[str, ...] = (),
) -> tuple[Variant, ...]:
    """One variant for each percentage of the positive training labels that are flipped."""
    return tuple(
        Variant(
            f"noise{percent:g}",
            f"{percent:g} % of labels wrong",
            overrides=(("label_noise", percent / 100), ("label_noise_seed", seed)),
            datasets=datasets,
            initializations=initializations,
        )
        for percent in percents
        if percent != 0
    )
