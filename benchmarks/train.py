"""One training step here and in PyTorch, on the same machine, sample by sample in rotation.

    python -m benchmarks.train [--model NAME] [--batch 8] [--rounds 8] [--out FILE]

PyTorch's is the study's step: the timm model, eager float32, fused AdamW, weighted BCE. Both are
given a batch that is in memory already.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.processor import describe_processor, describe_torch
from benchmarks.rotation import Step, rotate, serve

CONTENDERS = ("pytorch eager", "jaxcxr", "jaxcxr bfloat16", "pytorch compile", "pytorch bfloat16")
BASE = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}
SMALL = {"width": 384, "depth": 12, "heads": 6, "mlp_width": 1536}
DINOV2 = {"patch_size": 14, "native_image_size": 518, "layer_scale": True}
SPECS: dict[str, dict[str, Any]] = {
    "vit_base_patch14_dinov2": BASE | DINOV2,
    "vit_small_patch14_dinov2": SMALL | DINOV2,
    "vit_base_patch16_224": BASE | {"patch_size": 16, "native_image_size": 224},
}
LABELS, SIZE = 11, 224


def jax_parts(model_name: str, batch: int, dtype: str) -> tuple[Any, Any, Any, Any]:
    """Return the compiled training step and prediction of this project, a state and a batch."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from jaxcxr.config import study_config
    from jaxcxr.inference.forward import make_predict_step
    from jaxcxr.model import ViT, ViTSpec, flatten, split
    from jaxcxr.training.optimizer import make_optimizer
    from jaxcxr.training.step import init_state, make_train_step

    spec = ViTSpec(**SPECS[model_name])
    model = ViT(spec, num_labels=LABELS, image_size=SIZE, dtype=jnp.dtype(dtype), rngs=nnx.Rngs(0))
    config = study_config()
    pixels = np.zeros(3, np.float32), np.ones(3, np.float32)
    optimizer = make_optimizer(config, spec.depth, 1000)
    names = [str(label) for label in range(LABELS)]
    weights = np.full(LABELS, 5, np.float32)
    train = jax.jit(
        make_train_step(config, model, optimizer, names, weights, pixels), donate_argnums=0
    )
    predict = jax.jit(make_predict_step(model, pixels))
    state = init_state(config, flatten(split(model)[1]), optimizer)
    rng = np.random.default_rng(0)
    data = {
        "image": rng.integers(0, 256, (batch, SIZE, SIZE), dtype=np.uint8),
        "labels": rng.integers(0, 2, (batch, LABELS)).astype(np.float32),
        "mask": np.ones((batch, LABELS), np.float32),
    }
    return train, predict, state, data


def jax_steps(model_name: str, batch: int, dtype: str) -> tuple[Step, Step]:
    """Return one forward pass and one training step of this project."""
    import jax

    train, predict, state, data = jax_parts(model_name, batch, dtype)

    def step() -> None:
        nonlocal state
        state, metrics = train(state, data)
        float(metrics["loss"])

    def forward() -> None:
        jax.block_until_ready(predict(state["params"], data["image"]))

    return forward, step


def torch_steps(model_name: str, batch: int, kind: str) -> tuple[Step, Step]:
    """Return one forward pass and one training step of the study in PyTorch."""
    from convert.torch_pair import prepare_torch

    prepare_torch()
    import timm
    import torch

    model = timm.create_model(model_name, img_size=SIZE, num_classes=LABELS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    criterion = torch.nn.BCEWithLogitsLoss(pos_weight=torch.full((LABELS,), 5.0))
    images = torch.rand(batch, 3, SIZE, SIZE)
    labels = torch.randint(0, 2, (batch, LABELS)).float()
    run = torch.compile(model) if kind == "compile" else model
    lower = kind == "bfloat16"

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower):
            logits = run(images)
        loss = criterion(logits.float(), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    def forward() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=lower):
            run(images)

    return forward, step


def work(contender: str, model_name: str, batch: int) -> None:
    library, _, kind = contender.partition(" ")
    if library == "jaxcxr":
        forward, step = jax_steps(model_name, batch, kind or "float32")
    else:
        forward, step = torch_steps(model_name, batch, kind)
    serve({"forward": forward, "step": step})


def measure(options: argparse.Namespace) -> dict[str, Any]:
    arguments = ["-m", "benchmarks.train", "--model", options.model, "--batch", str(options.batch)]
    contenders = {name: [*arguments, "--work", name] for name in options.contenders}
    return rotate(contenders, ("forward", "step"), options.rounds)


def report(results: dict[str, Any], options: argparse.Namespace) -> None:
    base = {what: min(results["pytorch eager"][what]) for what in ("forward", "step")}
    print(f"{options.model}, {SIZE} px, batch {options.batch}, {options.rounds} rounds, minimum of")
    print(f"each, on {describe_processor()};")
    print(f"{describe_torch()}\n")
    print("| | forward | step | images/s (step) | first step | peak memory |")
    print("|---|---|---|---|---|---|")
    for name, found in results.items():
        if "failed" in found:
            print(f"| {name} | does not run here: {found['failed']} | | | | |")
            continue
        forward, step = min(found["forward"]), min(found["step"])
        print(
            f"| {name} | {forward / base['forward']:.2f} | {step / base['step']:.2f} | "
            f"{options.batch / step:.2f} | {found['first_step']:.1f} s | "
            f"{found['peak_gib']:.1f} GiB |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", choices=SPECS, default="vit_base_patch14_dinov2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.model, options.batch)
        return
    results = measure(options)
    report(results, options)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
