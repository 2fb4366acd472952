"""What the files say of the model and its training."""

from __future__ import annotations

from collections.abc import Callable

from jaxcxr.model import ViTSpec
from jaxcxr.reporting.fact import Answer, Fact, Missing
from jaxcxr.reporting.licence import licence_of, start_of_weights
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.reporting.words import listed
from jaxcxr.run.belongs import TEST_READ
from jaxcxr.use.places import without_places

_SELECTION = {
    "validation_auc": "the epoch of the highest mean AUC on the validation images",
    "validation_loss": "the epoch of the lowest loss on the validation images",
    "last": "the last epoch, whatever the validation images say",
}
_WEIGHTED = {
    "study": "a positive of a label weighs its negatives / positives among the training images",
    "capped": "a positive of a label weighs its negatives / positives among the training images, "
    "at most 10",
    "sqrt": "a positive of a label weighs the square root of its negatives / positives among the "
    "training images",
    "effective": "a positive of a label weighs the ratio of effective numbers of images "
    "(arXiv 1901.05555)",
}
_OPTIMIZER = {"adam": "Adam", "adamw": "AdamW"}
_TRAINABLE = {
    "all": "All parameters learn",
    "head": "The head alone learns",
    "lora": "The head and low-rank updates (LoRA) of the rest learn",
}


def _method(run: RunRecord) -> Answer:
    return Fact(
        f"Deep learning: a {_kind(run)}, trained with supervision to tell "
        f"{len(run.labels)} findings on chest radiographs ({listed(run.labels)}).",
        "model.safetensors: spec, provenance.labels",
    )


def _model(run: RunRecord) -> Answer:
    spec, side = run.spec, run.config["image_size"]
    if isinstance(spec, ViTSpec):
        registers = f", {spec.register_tokens} register tokens" if spec.register_tokens else ""
        parts = (
            f"width {spec.width}, {spec.depth} blocks of {spec.heads} heads, MLPs of width "
            f"{spec.mlp_width}{registers}"
        )
    else:
        parts = f"stages of {listed(spec.depths)} blocks, of widths {listed(spec.widths)}"
    text = (
        f"A {_kind(run)} of {run.parameters:,} parameters: patches of {spec.patch_size} x "
        f"{spec.patch_size} pixels, {parts}. Input: {side} x {side} gray levels; output: a "
        f"logit of each of {len(run.labels)} labels from a linear head, labels not excluding each "
        "other."
    )
    return Fact(text, "model.safetensors: spec and shapes; config.json: image_size")


def _kind(run: RunRecord) -> str:
    return "vision transformer" if isinstance(run.spec, ViTSpec) else "ConvNeXt"


def _software(run: RunRecord) -> Answer:
    environment = run.environment
    if not environment:
        return Missing("software and devices", "train with this version, which keeps them")
    packages = [f"{name} {at}" for name, at in environment.get("packages", {}).items()]
    version = environment.get("jaxcxr") or run.provenance.get("tool_version")
    commit = environment.get("git_commit")
    code = f" (commit {commit})" if commit else ""
    text = (
        f"jaxcxr {version}{code}, Python {environment.get('python', 'unknown')}, "
        f"{listed(packages)}; devices: {listed(environment.get('devices', []))}."
    )
    return Fact(text, "environment.json")


def _initialization(run: RunRecord) -> Answer:
    source = "model.safetensors: provenance.initialization, provenance.initialized_from"
    began = run.provenance.get("initialized_from")
    if not began:
        if run.provenance.get("initialization") == "random":
            return Fact(f"Random parameters, drawn with seed {run.config['seed']}.", source)
        return Missing("what the parameters were at first", "train with this version")
    start = without_places(start_of_weights(run.provenance))
    name = start.get("checkpoint") or f"the file {began.get('file') or 'without a name'}"
    text = (
        f"Weights of {name} "
        f"({start.get('origin') or 'where they were published is not recorded'}), file of sha256 "
        f"{began.get('sha256') or 'unknown'}; the head: {_head(run)}."
    )
    seen = run.provenance.get("saw_before") or []
    if seen:
        text += f" They had learnt from {listed(seen)}, which images of it is not known."
    return Fact(text, source)


def _head(run: RunRecord) -> str:
    return {
        "new": f"random, drawn with seed {run.config['seed']}",
        "keep": "that of the weights",
        "probe": "a logistic regression on the initial features",
    }[run.config["model.head"]]


def _training(run: RunRecord) -> Answer:
    c = run.config
    schedule = "constant" if c["schedule"] == "constant" else "cosine to zero"
    details = [
        f"{_OPTIMIZER[c['optimizer']]}, learning rate {c['learning_rate']:g} ({schedule}, "
        f"{c['warmup_steps']} steps of warm-up), weight decay {c['weight_decay']:g}, batches of "
        f"{c['batch_size']}",
        f"at most {c['epochs']} epochs",
        *_other_settings(run),
        f"computed in {c['dtype']}, seed {c['seed']}",
    ]
    flip = "flipped left-right with probability 1/2" if c["flip"] else ""
    turned = f"rotated by up to {c['rotation_degrees']:g} degrees" if c["rotation_degrees"] else ""
    augmented = " and ".join(one for one in (flip, turned) if one) or "not changed"
    loss = _WEIGHTED.get(c["pos_weight"], "positives and negatives weigh the same")
    text = (
        f"{_TRAINABLE[c['trainable']]}. {'; '.join(details)}. Training images were {augmented}. "
        f"Loss: binary cross-entropy over the known labels; {loss}."
    )
    return Fact(text, "config.json")


def _other_settings(run: RunRecord) -> list[str]:
    shown, c = [], run.config
    if c["clip_norm"]:
        shown.append(f"gradients clipped to a norm of {c['clip_norm']:g}")
    if c["layer_decay"] != 1:
        shown.append(f"each block learns at {c['layer_decay']:g} of the rate of the one above")
    if c["head_learning_rate"]:
        shown.append(f"the head at {c['head_learning_rate']:g}")
    if c["trainable"] == "lora":
        attends = isinstance(run.spec, ViTSpec)
        adapted = [one for one in c["lora_targets"] if attends or not one.startswith("attention/")]
        shown.append(
            f"updates of rank {c['lora_rank']}, alpha {c['lora_alpha'] or c['lora_rank']:g} and "
            f"dropout {c['lora_dropout']:g} of {listed(adapted)}"
        )
    return shown


def _selection(run: RunRecord) -> Answer:
    kept = run.provenance.get("epoch")
    text = f"Chosen: {_SELECTION[run.config['selection']]}"
    if run.config["selection"] != "last":
        text += f"; training ends after {run.config['patience']} epochs without a better one"
    text += f". Kept: epoch {kept}." if kept is not None else "."
    before = run.provenance.get(TEST_READ)
    if before:
        text += (
            " The test images had been read before the training went on beyond "
            f"{before['epochs']} epochs (patience {before['patience']}), so that choice is not "
            "independent of them."
        )
    else:
        text += " The test images took no part in it, as far as the run's files say."
    return Fact(text, "config.json: selection, patience; model.safetensors: provenance.epoch")


def _ensembling(run: RunRecord) -> Answer:
    return Fact(
        "None: each prediction is of one model of one training.",
        "predictions.parquet: one weights_sha256",
    )


def _imbalance(run: RunRecord) -> Answer:
    rule = _WEIGHTED.get(run.config["pos_weight"])
    if rule is None:
        return Fact("None was used: positives and negatives weigh the same.", "config.json")
    text = f"In the loss {rule}. This shifts probabilities: see calibration."
    return Fact(text, "config.json: pos_weight")


def _availability(run: RunRecord) -> Answer:
    licence = licence_of(run.provenance)
    text = (
        f"Software: jaxcxr {run.provenance.get('tool_version', 'of unknown version')}. Weights: "
        f"model.safetensors, sha256 {run.provenance['weights_sha256']}. {licence.sentence}"
    )
    return Fact(text, "model.safetensors: provenance")


def _specification(run: RunRecord) -> Answer:
    text = (
        "The whole model is model.safetensors with its spec; python -m jaxcxr.export writes it as "
        "one file (StableHLO, ONNX, timm, transformers) with preparation, calibration and "
        f"thresholds. {licence_of(run.provenance).sentence}"
    )
    return Fact(text, "model.safetensors; config.json")


def _protocol(run: RunRecord) -> Answer:
    return Fact(
        "Every setting of the training stands in config.json, and what it started from in "
        f"start.json; the run is {run.provenance.get('run') or 'not named'}.",
        "config.json; start.json",
    )


def _automatic(run: RunRecord) -> Answer:
    return Fact(
        "The image's gray levels alone enter the model: no predictor was selected, and nobody has "
        "to judge one.",
        "model.safetensors: spec",
    )


FACTS: dict[str, Callable[[RunRecord], Answer]] = {
    "method": _method,
    "model": _model,
    "software": _software,
    "initialization": _initialization,
    "training": _training,
    "selection": _selection,
    "ensembling": _ensembling,
    "imbalance": _imbalance,
    "availability": _availability,
    "specification": _specification,
    "protocol": _protocol,
    "automatic": _automatic,
}
