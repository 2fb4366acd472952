"""Measure a converted model against the PyTorch original: every layer and every gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes  # noqa: F401  registers bfloat16 with NumPy
import numpy as np

from convert.beside import Beside, read_beside
from convert.facts import Facts, decide
from convert.layouts import LAYOUTS
from convert.recognise import Named, measure, read_names, recognise
from convert.reference import build_reference
from convert.sources import Source
from convert.strict import wanted_rows
from convert.transforms import TRANSFORMS, heads_of
from jaxcxr.errors import InputError
from jaxcxr.model import ModelSpec, flatten, load, read_header, split
from jaxcxr.model.parameters import Params

TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-4
LABELS = 14  # Outputs of the random head where a checkpoint has none.


@dataclass(frozen=True)
class Difference:
    """How far ours is from theirs at one place.

    Attributes:
      place: a stage of the forward pass, or `gradient of` a parameter.
      absolute: the largest absolute difference.
      relative: that, over the largest absolute value of theirs.
      rms: root mean square of the difference over that of theirs.
    """

    place: str
    absolute: float
    relative: float
    rms: float


@dataclass(frozen=True)
class Parity:
    """A measured comparison.

    Attributes:
      reference: the PyTorch model, with versions.
      image_size: side of the images, pixels.
      resample_rule: of the position table.
      resample_at: `load` or `forward`.
      forward: differences at each stage, in order.
      gradients: of a weighted binary cross-entropy, for every parameter.
      contradictions: facts of the weights file that are not those of its source.
      unproved: facts on which the reference rests too, so that it cannot prove them.
    """

    reference: str
    image_size: int
    resample_rule: str
    resample_at: str
    forward: tuple[Difference, ...]
    gradients: tuple[Difference, ...]
    contradictions: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every difference is within tolerance, and no fact contradicts the source."""
        return self.first_failure is None and not self.contradictions

    @property
    def first_failure(self) -> Difference | None:
        """The first place beyond tolerance, in the order of the forward pass."""
        for differences, limit in (
            (self.forward, TOLERANCE),
            (self.gradients, GRADIENT_TOLERANCE),
        ):
            for difference in differences:
                if not difference.relative <= limit:
                    return difference
        return None

    def summary(self) -> dict[str, Any]:
        """What goes into the provenance beside the weights file."""
        kept = asdict(self)
        for name in ("forward", "gradients"):
            worst = max(getattr(self, name), key=lambda d: d.relative)
            kept[name] = {"worst": worst.place, "relative": worst.relative}
        kept["passed"] = self.passed
        return kept


def verify(weights_file: Path, source: Source, *, name: str, image_size: int | None) -> Parity:
    """Run both models on the same images and compare them.

    The PyTorch model has the facts of the source: of the file, of what lies beside it, and where
    both are silent of the table and of what was stated at import. The weights file's own are
    compared with them.

    Args:
      weights_file: ours.
      source: the checkpoint it was made from, open.
      name: what the user called the source.
      image_size: side of the images; the file's native size if it was resampled on import,
        224 or the nearest size the patches allow otherwise.

    Raises:
      InputError: the weights file was not made from this source, or a library is missing.
    """
    header = read_header(weights_file)
    if header.provenance.get("source_sha256") not in (None, source.sha256):
        raise InputError(
            f"{weights_file}: made from another file than {name} (their sha256 differ); "
            "verify against its own source"
        )
    named = recognise(name, source.tensors)
    resampled = header.provenance.get("resampled")
    spec = header.spec
    beside = read_beside(source.path)
    facts = _facts(name, named, source, header.provenance, beside)
    size = image_size or (spec.native_image_size if resampled else _default_size(spec))
    at = "load" if resampled or named.layout.family == "timm" else "forward"
    original = replace(spec, native_image_size=resampled["from"]) if resampled else spec
    config = None if header.provenance.get("stated") else beside.config
    reference, head = build_reference(
        named, source, facts.spec, size, at, "head/bias" in header.shapes, config
    )

    num_labels = None if head else LABELS
    model = load(weights_file, image_size=size, resample_at=at, num_labels=num_labels)
    apply, params = split(model)
    if head is None:
        head = {k: np.asarray(params["head"][k]) for k in ("kernel", "bias")}
    random = np.random.default_rng(0)
    images = random.normal(size=(2, size, size, 3)).astype(np.float32)
    labels = random.integers(0, 2, (2, len(head["bias"]))).astype(np.float32)
    pos_weight = random.uniform(0.5, 5.0, len(head["bias"])).astype(np.float32)

    from convert.torch_run import run_torch

    theirs = run_torch(reference, head, images, labels, pos_weight, facts.spec.pooling)
    logits, ours, gradients = _run_ours(apply, params, images, labels, pos_weight)
    ours["logits"] = logits
    forward = [_difference(k, ours[k], theirs.stages[k]) for k in _stages(spec, theirs.stages)]
    carried = _carry_gradients(theirs.gradients, reference.layout, facts.spec, gradients)
    return Parity(
        reference.name,
        size,
        getattr(spec, "resample_rule", ""),
        at,
        tuple(forward),
        tuple(_difference(f"gradient of {k}", gradients[k], carried[k]) for k in gradients),
        tuple(_contradictions(original, facts.spec)),
        facts.unproved,
    )


def _stages(spec: ModelSpec, theirs: Mapping[str, Any]) -> list[str]:
    """The places to compare at, in the order of the forward pass."""
    blocks = [(f"downsample{n:02}", f"block{n:02}") for n in range(spec.depth)]
    # timm's ConvNeXt normalises the mean alone, and no token.
    last = "tokens" if spec.architecture == "vit" else "pooled"
    stages = ["patch_embedding", "embedded", *(k for pair in blocks for k in pair), last, "logits"]
    return [stage for stage in stages if stage in theirs or not stage.startswith("downsample")]


def _facts(
    name: str, named: Named, source: Source, provenance: Mapping[str, Any], beside: Beside
) -> Facts:
    """The model of the source, decided anew."""
    # Files of earlier versions do not say what was stated by hand, but for the rule.
    rule = provenance.get("resample_rule")
    stated = provenance.get("stated", {"resample_rule": rule} if rule else {}) or {}
    checkpoint = provenance.get("named", provenance.get("checkpoint"))
    dimensions = measure(str(source.path), named, source.tensors)
    return decide(name, named, dimensions, checkpoint, stated, beside, source.sha256)


def _contradictions(ours: ModelSpec, theirs: ModelSpec) -> list[str]:
    used, told = ours.to_dict(), theirs.to_dict()
    return [f"{k} is {used[k]}, in the source {told[k]}" for k in used if used[k] != told[k]]


def _default_size(spec: ModelSpec) -> int:
    return max(round(224 / spec.stride), 1) * spec.stride


def _run_ours(
    apply: Any,
    params: Params,
    images: np.ndarray,
    labels: np.ndarray,
    pos_weight: np.ndarray,
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    def loss(params: Params) -> tuple[jax.Array, Any]:
        logits, out = apply(params, images)
        assert logits is not None
        positive = pos_weight * labels * jax.nn.log_sigmoid(logits)
        negative = (1 - labels) * jax.nn.log_sigmoid(-logits)
        kept = {k: v for k, v in out.items() if not k.startswith("attention")}
        return -jnp.mean(positive + negative), (logits, kept)

    with jax.default_matmul_precision("highest"):
        gradients, (logits, out) = jax.jit(jax.grad(loss, has_aux=True))(params)
    return logits, dict(out), flatten(gradients)


def _carry_gradients(
    theirs: Mapping[str, np.ndarray], layout_name: str, spec: ModelSpec, ours: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Bring PyTorch's gradients to our names: transforms only move elements, so they apply."""
    layout = LAYOUTS[layout_name]
    named = read_names(layout, [name for name in theirs if not name.startswith("head/")])
    carried = {name: theirs[name] for name in ("head/kernel", "head/bias")}
    for path, row, keys in wanted_rows(layout, spec, ours, {}):
        if not path.startswith("head/"):
            parts = [theirs[named.keys[key]] for key in keys]
            carried[path] = TRANSFORMS[row.transform].to_ours(parts, heads_of(spec))
    return carried


def _difference(place: str, ours: Any, theirs: np.ndarray) -> Difference:
    ours64, theirs64 = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours64.shape != theirs64.shape:
        raise InputError(
            f"{place}: ours is {ours64.shape}, theirs {theirs64.shape}; cannot compare"
        )
    gap = np.abs(ours64 - theirs64)
    largest = np.abs(theirs64).max()
    rms = np.sqrt(np.mean(theirs64**2))
    return Difference(
        place,
        float(gap.max()),
        float(gap.max() / largest) if largest else float(gap.max()),
        float(np.sqrt(np.mean(gap**2)) / rms) if rms else float(gap.max()),
    )
