"""The metadata of a model card in Hugging Face's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxcxr.errors import InputError
from jaxcxr.reporting.data_facts import dataset_name
from jaxcxr.reporting.licence import licence_of
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.reporting.words import level_words
from jaxcxr.terminal import plain
from jaxcxr.use.places import without_places

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

NEEDS = "huggingface_hub: pip install 'jaxcxr[hub]'"
TAGS = ("jax", "flax", "vision-transformer", "chest-radiograph", "medical-imaging")


def check_hub() -> None:
    """Stop before any work where the metadata cannot be made.

    Raises:
      InputError: huggingface_hub is not installed.
    """
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise InputError(f"--card needs {NEEDS}") from None


def metadata_of(run: RunRecord) -> ModelCardData:
    """Describe a run as Hugging Face's own class, which checks and writes it."""
    from huggingface_hub import ModelCardData

    licence = licence_of(run.provenance)
    dataset = _outside(run.provenance.get("dataset"))
    return ModelCardData(
        model_name=_outside(run.name),
        license=licence.id,
        license_name=licence.name or None,
        license_link=licence.link or None if licence.id == "other" else None,
        library_name="jaxcxr",
        pipeline_tag="image-classification",
        tags=list(TAGS),
        datasets=[dataset] if dataset else None,
        metrics=["roc_auc"],
        eval_results=_results(run, dataset) or None,
    )


def _results(run: RunRecord, dataset: str) -> list[EvalResult]:
    """Give the AUC of each label and of their average; the interval stands in its name.

    The form has no field for an interval.
    """
    from huggingface_hub import EvalResult

    rows = [(row["label"], row["metrics"]) for row in run.statistics["labels"]]
    rows.append(("average", run.statistics["average"]["metrics"]))
    return [
        EvalResult(
            task_type="image-classification",
            task_name="chest radiograph classification",
            dataset_type=dataset or "unknown",
            dataset_name=_outside(dataset_name(run)),
            dataset_split=run.split,
            metric_type="roc_auc",
            metric_name=f"AUC, {plain(label)}{_interval(metrics['auc'], run)}",
            metric_value=round(metrics["auc"]["value"], 4),
        )
        for label, metrics in rows
        if metrics is not None and metrics["auc"]["value"] is not None
    ]


def _interval(auc: dict[str, float | None], run: RunRecord) -> str:
    low, high = auc.get("low"), auc.get("high")
    if low is None or high is None:
        return " (no interval)"
    level = level_words(run.statistics["bootstrap"]["level"])
    return f" ({level} interval {low:.4f} to {high:.4f})"


def _outside(text: object) -> str:
    """Write a text from outside on one line, and as no place of this machine."""
    return str(without_places(plain(str(text or ""))))
