"""One training step here and in PyTorch, on the same machine, sample by sample in rotation.

    python benchmarks/train.py [--model NAME] [--batch 8] [--rounds 8] [--out FILE]

Each contender is a process of its own that lives through the whole benchmark and is asked for one
step at a time, so that a disturbance of the machine meets all alike, and none inherits the memory
of another. All run under the same allocator settings. PyTorch's is the study's step: the timm
model, eager float32, fused AdamW, weighted BCE, a batch that is in memory already.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Fresh pages are slow; both sides keep theirs.
ALLOCATOR = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:"
    "glibc.malloc.trim_threshold=68719476736:glibc.malloc.arena_max=1"
)
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

Step = Callable[[], Any]


def jax_steps(model_name: str, batch: int, dtype: str) -> tuple[Step, Step]:
    """Return one forward pass and one training step of this project."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from jaxcxr.config import study_config
    from jaxcxr.model import ViT, ViTSpec, flatten, split
    from jaxcxr.optimizer import make_optimizer
    from jaxcxr.step import init_state, make_predict_step, make_train_step

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
    """Answer each line of the standard input with the seconds of what it asks for."""
    library, _, kind = contender.partition(" ")
    start = time.perf_counter()
    if library == "jaxcxr":
        forward, step = jax_steps(model_name, batch, kind or "float32")
    else:
        forward, step = torch_steps(model_name, batch, kind)
    asked: dict[str, Step] = {"forward": forward, "step": step}
    for line in sys.stdin:
        start = time.perf_counter()
        try:
            asked[line.strip()]()
        except Exception as error:
            print(json.dumps({"failed": str(error).splitlines()[0][:200]}), flush=True)
            return
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({"seconds": seconds, "peak_gib": peak}), flush=True)


def ask(worker: subprocess.Popen[str], what: str) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(what + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    return json.loads(line) if line else {"failed": "the process ended"}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    environment = os.environ | {"GLIBC_TUNABLES": ALLOCATOR}
    # -P, since a sibling of this file is named as a package of this project.
    command = [
        sys.executable,
        "-P",
        __file__,
        "--model",
        options.model,
        "--batch",
        str(options.batch),
    ]
    workers = {
        name: subprocess.Popen(
            [*command, "--work", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for name in options.contenders
    }
    results: dict[str, dict[str, Any]] = {name: {"forward": [], "step": []} for name in workers}
    for turn in range(options.rounds + 2):  # the first two compile and settle
        for name, worker in workers.items():
            for what in ("forward", "step"):
                if "failed" in results[name]:
                    continue
                answer = ask(worker, what)
                if "failed" in answer:
                    results[name]["failed"] = answer["failed"]
                elif turn == 0:
                    results[name][f"first_{what}"] = answer["seconds"]
                elif turn > 1:
                    results[name][what].append(answer["seconds"])
                    results[name]["peak_gib"] = answer["peak_gib"]
    for worker in workers.values():
        worker.kill()
    return results


def report(results: dict[str, Any], options: argparse.Namespace) -> None:
    base = {what: min(results["pytorch eager"][what]) for what in ("forward", "step")}
    print(f"{options.model}, {SIZE} px, batch {options.batch}, {options.rounds} rounds, minimum of")
    print(f"each; {os.cpu_count()} CPU cores, {platform.machine()}\n")
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
