"""All that the files of a finished run say, read and found to belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from input_pipeline.cohort_file import COHORT
from jaxcxr.config import flat_fields
from jaxcxr.errors import InputError
from jaxcxr.files import sha256
from jaxcxr.model import ModelSpec, read_header
from jaxcxr.provenance import TrainedOn, origin_of
from jaxcxr.reporting.robustness_file import read_robustness
from jaxcxr.reporting.statistics_shape import read_reported
from jaxcxr.results.predictions import Predictions, read_predictions
from jaxcxr.run.belongs import TEST_READ, check_predictions, check_weights, open_run_data
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS, read_config
from jaxcxr.run.inputs import training_rows
from jaxcxr.run.run_files import read_environment, read_start
from jaxcxr.small_files import checked
from jaxcxr.use.card import LabelCard, read_card

if TYPE_CHECKING:
    import pandas as pd

    from input_pipeline.loader import Prepared

REMEDY = "run its command again to the end"


@dataclass(frozen=True)
class RunRecord:
    """A finished run.

    Attributes:
      name: of its directory.
      directory: of it.
      config: every field of its config by dotted name.
      spec: of its model.
      parameters: how many its model has.
      provenance: of its weights, with their `weights_sha256`.
      environment: what it computed on; may be empty.
      predictions: of its validation and test images.
      statistics: of its predictions.
      card: what each of its outputs means.
      prepared: the dataset that it learnt from; None where that is not at hand.
      elsewhere: its predictions of other data that lie in its directory.
      robustness: `robustness.json`, or None.
    """

    name: str
    directory: Path
    config: dict[str, Any]
    spec: ModelSpec
    parameters: int
    provenance: dict[str, Any]
    environment: dict[str, Any]
    predictions: Predictions
    statistics: dict[str, Any]
    card: tuple[LabelCard, ...]
    prepared: Prepared | None
    elsewhere: tuple[Predictions, ...]
    robustness: dict[str, Any] | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the outputs, in their order."""
        return self.predictions.label_names

    @property
    def split(self) -> str:
        """The split that the statistics are of."""
        return str(self.statistics["split"])

    @property
    def reported(self) -> Predictions:
        """The predictions that the statistics are of."""
        return self.predictions.of_split(self.split)

    def partitions(self) -> dict[str, pd.DataFrame]:
        """Records of each partition that is known: all three with the data at hand, else two.

        Columns are `patient_id`, `view`, `sex`, `age` and the labels; of the training images
        those that the run learnt from.
        """
        if self.prepared is None:
            return _of_predictions(self.predictions)
        config = read_config(self.directory)
        found = {name: self.prepared.records(name) for name in self.prepared.splits}
        if "train" in found:
            found["train"] = found["train"].iloc[training_rows(config, self.prepared)]
        return found


def _of_predictions(predictions: Predictions) -> dict[str, pd.DataFrame]:
    import pandas as pd

    columns = {name: getattr(predictions, name) for name in ("patient_id", "view", "sex", "age")}
    table = pd.DataFrame(
        columns | dict(zip(predictions.label_names, predictions.labels.T, strict=True))
    )
    return {
        str(name): table[predictions.split == name]
        for name in dict.fromkeys(predictions.split.tolist())
    }


def read_run(directory: Path, data: Path | None = None, *, alone: bool = False) -> RunRecord:
    """Read a finished run.

    Args:
      directory: of the run.
      data: the prepared dataset that it learnt from; None to look where its config says.
      alone: read the run and nothing else, whether or not its data are at hand.

    Raises:
      InputError: the run is not finished, a file is damaged, or files do not belong together.
    """
    config = read_config(directory)
    for name in (WEIGHTS, PREDICTIONS):
        if not (directory / name).is_file():
            raise InputError(f"{directory}: the run is not finished (no {name}); {REMEDY}")
    header = read_header(directory / WEIGHTS)
    check_weights(directory, header.provenance)
    start = read_start(directory) or {}
    marked = {name: start[name] for name in (TEST_READ,) if name in start}
    provenance = header.provenance | marked | {"weights_sha256": sha256(directory / WEIGHTS)}
    where = f"{directory / WEIGHTS}, its metadata"
    checked(provenance.get("trained_on") or {}, TrainedOn, where, REMEDY)
    check_predictions(directory, origin_of(directory / PREDICTIONS))
    predictions = read_predictions(directory / PREDICTIONS)
    if list(predictions.label_names) != list(provenance.get("labels") or []):
        raise InputError(f"{predictions.path}: its labels are not those of {WEIGHTS}; {REMEDY}")
    if data is None and not alone and (Path(config.data) / COHORT).is_file():
        data = Path(config.data)
    shapes = {name: one for name, one in header.shapes.items() if not name.startswith("extra/")}
    return RunRecord(
        name=directory.resolve().name,
        directory=directory,
        config=flat_fields(config.to_dict()),
        spec=header.spec,
        parameters=sum(_size(shape) for shape in shapes.values()),
        provenance=provenance,
        environment=read_environment(directory),
        predictions=predictions,
        statistics=read_reported(directory),
        card=read_card([directory], predictions.label_names, [provenance]),
        prepared=None if data is None else open_run_data(directory, provenance, data),
        elsewhere=_elsewhere(directory, provenance["weights_sha256"]),
        robustness=read_robustness(directory, provenance["weights_sha256"]),
    )


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _elsewhere(directory: Path, weights_sha256: str) -> tuple[Predictions, ...]:
    """Read predictions of other data by these weights, which lie beside the run's own."""
    found = []
    for path in sorted(directory.glob("*.parquet")):
        origin = origin_of(path)
        if origin.get("predicted") and origin.get("weights_sha256") == weights_sha256:
            found.append(read_predictions(path))
    return tuple(found)


def runs_of_study(directory: Path) -> list[Path]:
    """Find the finished runs of a study.

    Raises:
      InputError: there are none.
    """
    found = sorted(path.parent for path in directory.glob(f"runs/*/{PREDICTIONS}"))
    if not found:
        raise InputError(
            f"{directory}: no finished run in {directory / 'runs'}; give the --out of a study that "
            "python -m jaxcxr.study has run"
        )
    return found
