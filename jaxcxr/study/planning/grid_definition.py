"""What a study file says of one grid: initializations, datasets, what is trained beside them."""

from __future__ import annotations

from dataclasses import dataclass

from input_pipeline.labels import label_set
from jaxcxr.errors import InputError
from jaxcxr.study.planning.names import check_known, unique
from jaxcxr.study.planning.variants import Variant


@dataclass(frozen=True)
class Grid:
    """Initializations on one label set of several datasets, compared in pairs.

    Attributes:
      label_set: as of `input_pipeline.labels.label_set`.
      datasets: trained and tested on.
      initializations: their names.
      pairs: names of those compared, the first against the second; of two it is those two.
      variants: trained beside full fine-tuning, of every seed.
      variant_datasets: those that variants are trained on; empty for all.
      cross_dataset: also test each fully trained model on every other dataset's test split.
      external: datasets trained and tested on, in pairs; such tests alone, at each image size.
      margin: of the AUC, percentage points that do not matter: initializations, and image sizes,
        are tested for being the same within it; 0 for no such test.
    """

    label_set: str
    datasets: tuple[str, ...]
    initializations: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    variants: tuple[Variant, ...] = ()
    variant_datasets: tuple[str, ...] = ()
    cross_dataset: bool = False
    external: tuple[tuple[str, str], ...] = ()
    margin: float = 0.0

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of initializations, by name."""
        return self.pairs or ((self.initializations[0], self.initializations[1]),)

    def variants_of(self, dataset: str, initialization: str = "") -> tuple[Variant, ...]:
        """Return the variants that are trained on a dataset, of an initialization or of any."""
        if dataset not in (self.variant_datasets or self.datasets):
            return ()
        return tuple(
            variant
            for variant in self.variants
            if dataset in (variant.datasets or self.datasets)
            and initialization in ("", *(variant.initializations or self.initializations))
        )

    def check(self, known: tuple[str, ...]) -> None:
        """Refuse what leads nowhere.

        Args:
          known: names of the study's initializations.

        Raises:
          InputError: one sentence that names the field.
        """
        named, where = self.initializations, f"study: the grid {self.label_set}"
        for name in unique("initializations of a grid", list(named)):
            check_known("initialization of a grid", name, known)
        if len(named) < 2 or (len(named) > 2 and not self.pairs):
            raise InputError(
                f"{where} has {len(named)} initializations, and a grid compares two; give it two, "
                "or more with pairs=(...), which names those compared"
            )
        for pair in unique("pairs of a grid", list(self.pairs)):
            for name in unique("a pair of a grid", list(pair)):
                check_known("initialization of a pair", name, named)
        for dataset in unique("datasets of a grid", list(self.datasets)):
            label_set(dataset, self.label_set)
        unique("variants of a grid", [variant.name for variant in self.variants])
        for dataset in unique("variant_datasets of a grid", list(self.variant_datasets)):
            check_known("variant_datasets of a grid", dataset, self.datasets)
        for variant in self.variants:
            for dataset in unique(f"datasets of variant {variant.name}", list(variant.datasets)):
                check_known(f"dataset of variant {variant.name}", dataset, self.datasets)
            for name in variant.initializations:
                check_known(f"initialization of variant {variant.name}", name, named)
        if self.cross_dataset and len(self.datasets) < 2:
            raise InputError(
                f"study: cross_dataset of the grid {self.label_set} needs at least two "
                "datasets; add one or leave it out"
            )
        if self.cross_dataset and self.external:
            raise InputError(
                f"{where} has both cross_dataset and external, which is a part of it; leave one out"
            )
        for pair in unique("external of a grid", list(self.external)):
            for dataset in unique("an external test of a grid", list(pair)):
                check_known("dataset of an external test", dataset, self.datasets)
            first, second = (set(label_set(dataset, self.label_set)) for dataset in pair)
            if not first & second:
                raise InputError(
                    f"{where} has an external test of {pair[0]} on {pair[1]}, which share no "
                    "label; leave it out"
                )
        if not 0 <= self.margin < 100:
            raise InputError(
                f"{where} has the margin {self.margin}; give percentage points, such as 1"
            )
