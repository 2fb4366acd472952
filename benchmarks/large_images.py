"""How a batch of large radiographs fits a card: micro-batches and remat, by compilation.

    python -m benchmarks.large_images [--models ...] [--sizes 512 1024] [--trainable all lora]

The batches are those of the study that followed (arXiv 2510.07191): 16 with LoRA, 32 without.
Compiled in bfloat16 for one A100, which is not here, and its memory compared with a card's of 24 GB
and of 80 GB: what a program keeps is the same on both. A tenth is left to what is not in the
program: the driver's own, and the workspace of cuDNN's attention. Of what fits, most images at a
time is taken, and remat only where one image does not fit without. Writes a file for each model in
`benchmarks/compiled/large/`, and prints the table of `docs/images.md` from all that are there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

MODELS = {"ViT-B/16": "vit_base_patch16_224.augreg_in21k", "ConvNeXt-B": "convnext_base.fb_in22k"}
BATCHES = {"all": 32, "lora": 16}
CARDS = {"24 GB": 24e9, "80 GB": 80e9}
LEFT = 0.9  # of a card
LABELS = 17
TARGET = "a100"
HERE = Path(__file__).parent / "compiled" / "large"


def step(model: str, side: int, trainable: str, micro_batch: int, remat: bool) -> dict[str, Any]:
    """Compile a step of the whole batch in micro-batches of some images; as `compile_step` says.

    Raises:
      InputError: the step does not compile.
    """
    from convert.checkpoints import find_checkpoint
    from jaxcxr.config import study_config
    from jaxcxr.errors import InputError
    from jaxcxr.targets.chips import absent_devices, find_target
    from jaxcxr.targets.compiling import compile_step

    config = study_config()
    config.dtype, config.image_size, config.trainable = "bfloat16", side, trainable
    config.batch_size, config.remat = BATCHES[trainable], remat
    config.accumulate = config.batch_size // micro_batch
    chip, topology, _ = find_target(TARGET, None)
    checkpoint = find_checkpoint(MODELS[model])
    assert checkpoint, model
    labels = tuple(f"label {number}" for number in range(LABELS))
    devices = absent_devices(chip, topology)
    found = compile_step(config, checkpoint.spec, labels, chip, devices)
    if "error" in found:
        raise InputError(f"{model} at {side} pixels does not compile: {found['error']}")
    print(f"{model} {side} {trainable} {micro_batch} {remat}: {found['memory_bytes'] / 1e9:.2f} GB")
    return found


def fit(model: str, side: int, trainable: str) -> dict[str, Any]:
    """Find for each card how the batch fits: the most images at a time, halved until they do."""
    known: dict[tuple[int, bool], dict[str, Any]] = {}

    def needs(micro_batch: int, remat: bool) -> float:
        key = micro_batch, remat
        if key not in known:
            known[key] = step(model, side, trainable, *key)
        return known[key]["memory_bytes"]

    def most(room: float, remat: bool) -> int:
        tried = BATCHES[trainable]
        while tried and needs(tried, remat) > room:
            tried //= 2
        return tried

    answers: dict[str, dict[str, Any]] = {}
    for card, size in CARDS.items():
        room = LEFT * size
        remat = not most(room, False)
        images = most(room, remat)
        answers[card] = {"micro_batch": images, "remat": remat}
        if images:
            program = known[images, remat]
            kept = ("memory_bytes", "kernels", "traffic_bytes", "traffic_by_origin", "seconds")
            answers[card] |= {name: program[name] for name in kept}
    return {"batch": BATCHES[trainable], "cards": answers}


def rows(found: dict[str, Any]) -> list[str]:
    """Return the rows of one model's file in Markdown."""
    lines = []
    for row in found["rows"]:
        cells = [found["model"], f"{row['side']}", row["trainable"], f"{row['batch']}"]
        for card in CARDS:
            answer = row["cards"][card]
            if not answer["micro_batch"]:
                cells.append("does not fit")
                continue
            parts = row["batch"] // answer["micro_batch"]
            setting = ["nothing"] if parts == 1 else [f"`accumulate={parts}`"]
            setting += ["`remat=True`"] if answer["remat"] else []
            cells.append(f"{', '.join(setting)}: {answer['memory_bytes'] / 1e9:.1f} GB")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[512, 1024])
    parser.add_argument("--trainable", nargs="+", default=list(BATCHES), choices=list(BATCHES))
    options = parser.parse_args()
    import jax

    from jaxcxr.files import write_json

    jax.config.update("jax_platforms", "cpu")
    HERE.mkdir(parents=True, exist_ok=True)
    for model in options.models:
        for side in options.sizes:
            for trainable in options.trainable:
                row = {"side": side, "trainable": trainable} | fit(model, side, trainable)
                name = f"{model.replace('/', '').lower()}-{side}-{trainable}.json"
                write_json(HERE / name, {"model": model, "target": TARGET, "rows": [row]})
    print(table())


def table() -> str:
    """Return the rows of all files that are kept."""
    files = sorted(HERE.glob("*.json"))
    return "\n".join(row for path in files for row in rows(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
