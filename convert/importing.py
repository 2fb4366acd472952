"""Turn a checkpoint file into a weights file: strictly, and with every fact written down."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convert.beside import Beside, read_beside
from convert.facts import Facts, decide
from convert.recognise import Named, measure, read_names, recognise
from convert.sources import Source, averages_beside
from convert.strict import convert
from input_pipeline.labels import MIMIC_TRANSFER, TRAINED
from jaxcxr import __version__
from jaxcxr.errors import InputError
from jaxcxr.model import ModelSpec, ViTSpec, resample_table


@dataclass(frozen=True)
class Imported:
    """What a checkpoint became.

    Attributes:
      spec: the model.
      tensors: under our paths.
      provenance: for the weights file.
      notes: what the user should read: assumptions, ambiguities, what was left out.
    """

    spec: ModelSpec
    tensors: dict[str, np.ndarray]
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def import_checkpoint(
    source: Source,
    *,
    name: str,
    checkpoint: str | None = None,
    rule: str | None = None,
    image_size: int | None = None,
    keep_head: bool = False,
    labels: str | None = None,
    fields: Mapping[str, Any] | None = None,
    state_dict: str | None = None,
) -> Imported:
    """Convert an open source.

    Args:
      source: the file.
      name: what the user called it, for messages and provenance.
      checkpoint: the row of the table of checkpoints that it is; without it, shapes and what
        lies beside the file give candidates.
      rule: how the position table will be resampled, in place of the row's own rule.
      image_size: resample the position table to images of this side now; native size if None.
      keep_head: keep the file's classification head.
      labels: the names of the kept head's outputs, separated by commas; or `study:DATASET` for
        the list of the study's model of that dataset which is as long as the head.
      fields: facts of the model that replace those of the table, by field of its spec.
      state_dict: which of several sets of weights the source was opened at, for provenance.

    Raises:
      InputError: the keys are of no known layout, or the tensors are not exactly those of the
        model: every missing, extra, misshapen and non-finite one is listed.
    """
    whole = recognise(name, source.tensors)
    dimensions = measure(str(source.path), whole, source.tensors)
    stated = dict(fields or {}) | ({} if rule is None else {"resample_rule": rule})
    beside = read_beside(source.path)
    facts = decide(name, whole, dimensions, checkpoint, stated, beside, source.sha256)
    named = read_names(whole.layout, source.tensors, keep_head=keep_head)
    num_labels = dimensions.labels if keep_head else None
    _check_head(name, named, keep_head, num_labels, labels)
    label_names = None if labels is None else _label_names(name, labels, num_labels)
    tensors = convert(name, named, source.tensors, facts.spec, num_labels)
    provenance = _provenance(name, source, named, facts, label_names)
    provenance |= {"named": checkpoint, "stated": stated, "beside": dict(beside.files)}
    provenance["state_dict"] = state_dict
    spec = facts.spec
    if image_size is not None and isinstance(spec, ViTSpec) and _resamples(spec, image_size):
        provenance["resampled"] = {"from": spec.native_image_size, "to": image_size}
        tensors["position_table"] = resample_table(
            tensors["position_table"].astype(np.float32),
            spec.resample_rule,
            spec.grid(image_size),
            spec.position_table == "class_and_patches",
        )
        spec = replace(spec, native_image_size=image_size)
    said = [*facts.notes, *_outputs(beside, num_labels, label_names)]
    if averages := averages_beside(source.path):
        said.append(f"beside it lie weights called EMA or not, unlike it: {', '.join(averages)}")
    if named.left_out:
        said.append(f"left out: {', '.join(sorted(named.left_out))}")
    return Imported(spec, tensors, provenance, tuple(said))


def _outputs(beside: Beside, num_labels: int | None, labels: list[str] | None) -> list[str]:
    """What lies beside the file says of its head's outputs, where that is not what was stated."""
    if num_labels is None or list(beside.labels) in ([], labels):
        return []
    return [f"config.json beside it calls the outputs of its head {', '.join(beside.labels)}"]


def _resamples(spec: ViTSpec, image_size: int) -> bool:
    return spec.grid(image_size) != spec.native_grid and spec.position_table != "none"


def _check_head(
    name: str,
    named: Named,
    keep_head: bool,
    num_labels: int | None,
    labels: str | None,
) -> None:
    if labels is not None and not keep_head:
        raise InputError("--labels names the outputs of a kept head; add --keep-head")
    if not keep_head:
        return
    if num_labels is None:
        raise InputError(f"{name}: there is no head in it to keep; leave out --keep-head")
    if "pre_logits/kernel" in named.keys:
        raise InputError(
            f"{name}: its head reads pre_logits, a layer that this model does not have; "
            "leave out --keep-head"
        )


def _label_names(name: str, labels: str, num_labels: int | None) -> list[str]:
    owner, colon, dataset = labels.partition(":")
    if owner == "study" and colon:
        lists = [table[dataset] for table in (TRAINED, MIMIC_TRANSFER) if dataset in table]
        fitting = [list(found) for found in lists if len(found) == num_labels]
        if not fitting:
            raise InputError(
                f"{name}: no list of the study for {dataset!r} has {num_labels} labels; datasets "
                f"are {', '.join(TRAINED)}"
            )
        return fitting[0]
    names = [label.strip() for label in labels.split(",")]
    if len(names) != num_labels or len(set(names)) != len(names) or "" in names:
        raise InputError(
            f"{name}: --labels must give {num_labels} different names, one for each output of the "
            f"head; got {len(names)}: {', '.join(names)}"
        )
    return names


def _provenance(
    name: str, source: Source, named: Named, facts: Facts, labels: list[str] | None
) -> dict[str, Any]:
    checkpoint = facts.checkpoint
    return {
        "source": name,
        "source_sha256": source.sha256,
        "checkpoint": checkpoint.name if checkpoint else None,
        "recognised": facts.recognised or None,
        "candidates": [row.name for row in facts.known] if not checkpoint else [],
        "assumed": dict(facts.assumed),
        # Where several rows fit, what any of them has seen: an image tested on may be among it.
        "pretrained_on": list(dict.fromkeys(n for row in facts.known for n in row.pretrained_on)),
        "unproved": list(facts.unproved),
        "licence": checkpoint.licence if checkpoint else None,
        "origin": checkpoint.source if checkpoint else None,
        "layout": named.layout.name,
        "source_dtypes": sorted({source.tensors[key].dtype for key in named.keys.values()}),
        "resample_rule": getattr(facts.spec, "resample_rule", None),
        "resampled": None,
        "left_out": sorted(named.left_out),
        "labels": labels,
        "parity": None,
        "tool": f"jaxcxr {__version__}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
