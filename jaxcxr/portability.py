"""Is this backend right? Record a fixed training on it; set two recordings side by side.

    python -m jaxcxr.portability record --out gpu.json
    python -m jaxcxr.portability compare benchmarks/portability_cpu.json gpu.json

What would a config need of a chip that is not here? Compile its step for it.

    python -m jaxcxr.portability compile --config=configs/padchest_dinov2.py --target h100
    python -m jaxcxr.portability compile --config=FILE --target v5e-4x4 --config.dtype=bfloat16

Weights and images of a recording come from NumPy's generator, so that every backend starts from
the same bits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable, write_json
from jaxcxr.small_files import Finite, Positive, checked, read_json
from jaxcxr.terminal import console, say

STEPS, BATCH, SIDE, LABELS = 20, 16, 112, ("first", "second", "third")
# How far two right backends may be apart, relative, in each way of computing. In full float32 only
# the order of sums differs, and 20 steps of Adam amplify it; TF32 keeps 10 bits of the mantissa,
# bfloat16 keeps 7, about a percent of each product.
TOLERANCES = {"float32 highest": 1e-3, "float32": 3e-2, "bfloat16": 1e-1}
COMPARED = ("loss", "gradient_norm", "logits")
Numbers = Annotated[list[Finite], Field(min_length=1)]


class Trained(TypedDict):
    """What is compared of one precision."""

    loss: Numbers
    gradient_norm: Numbers
    logits: Annotated[list[Numbers], Field(min_length=1)]
    images_per_second: Positive


class Machine(TypedDict):
    """What a recording was made on."""

    backend: str
    devices: Annotated[list[str], Field(min_length=1)]


class Recording(TypedDict):
    """What `record` writes, as far as `compare` reads it."""

    environment: Machine
    trained: dict[str, Trained]


def record() -> dict[str, Any]:
    """Train 20 steps in each precision; return the numbers and what they were computed on."""
    from jaxcxr.run.environment import environment

    trained = {
        "float32 highest": _train("float32", "highest"),
        "float32": _train("float32", None),
        "bfloat16": _train("bfloat16", None),
    }
    return {"environment": environment(), "steps": STEPS, "batch": BATCH, "trained": trained}


def _train(dtype: str, precision: str | None) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from jaxcxr.config import study_config
    from jaxcxr.inference.forward import make_predict_step
    from jaxcxr.model import ViT, ViTSpec, flatten, split
    from jaxcxr.run.attention import fused_attention
    from jaxcxr.training.optimizer import make_optimizer
    from jaxcxr.training.step import init_state, make_train_step

    spec = ViTSpec(14, 192, 6, 3, 768, SIDE, layer_scale=True)
    config = study_config()
    # On a plateau or after a jump, rounding would be all that one sees: learn slowly and steadily.
    config.learning_rate, config.dtype = 1e-4, dtype
    kernel = fused_attention(config, jax.devices()[0])
    model = ViT(
        spec,
        num_labels=len(LABELS),
        image_size=SIDE,
        dtype=jnp.dtype(dtype),
        attention=kernel,
        rngs=nnx.Rngs(0),
    )
    rng = np.random.default_rng(0)
    params = {
        path: jnp.asarray(_draw(rng, path, value.shape))
        for path, value in flatten(split(model)[1]).items()
    }
    pixels = np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32)
    optimizer = make_optimizer(config, spec.depth, STEPS)
    weights = np.array([1.0, 3.0, 9.0], np.float32)
    step = jax.jit(
        make_train_step(config, model, optimizer, LABELS, weights, pixels), donate_argnums=0
    )
    state = init_state(config, params, optimizer)
    losses, norms, seconds = [], [], []
    with jax.default_matmul_precision(precision) if precision else nullcontext():
        for batch in _batches():
            start = time.perf_counter()
            state, metrics = step(state, batch)
            losses.append(float(metrics["loss"]))
            norms.append(float(metrics["gradient_norm"]))
            seconds.append(time.perf_counter() - start)
        last = next(_batches())["image"]
        logits = jax.jit(make_predict_step(model, pixels))(state["params"], last)
    return {
        "loss": losses,
        "gradient_norm": norms,
        "logits": np.asarray(logits).tolist(),
        "images_per_second": BATCH / float(np.median(seconds)),
        "first_step_seconds": seconds[0],
    }


def _draw(rng: Any, path: str, shape: tuple[int, ...]) -> Any:
    import numpy as np

    drawn = rng.standard_normal(shape).astype(np.float32)
    if path.endswith(("scale", "scale1", "scale2")):
        return np.ones(shape, np.float32)
    return 0.02 * drawn


def _batches() -> Iterator[dict[str, Any]]:
    """Noise with a bright square for each label of the image: something to learn."""
    import numpy as np

    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        images = rng.integers(0, 160, (BATCH, SIDE, SIDE), dtype=np.uint8)
        labels = rng.integers(0, 2, (BATCH, len(LABELS)))
        for row, column in zip(*np.nonzero(labels), strict=True):
            images[row, 30:60, 35 * column : 35 * column + 30] += 90
        known = rng.random(labels.shape) > 0.1
        yield {
            "image": images,
            "labels": labels.astype(np.float32),
            "mask": known.astype(np.float32),
        }


def compare(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each precision and quantity: the largest relative difference, verdict."""
    import numpy as np

    rows = []
    for precision, tolerance in TOLERANCES.items():
        for quantity in COMPARED:
            a, b = (np.array(r["trained"][precision][quantity]) for r in (first, second))
            if a.shape != b.shape:
                raise InputError(
                    f"{precision} {quantity}: {a.shape} values in one recording, {b.shape} in the "
                    "other; record both with the same version"
                )
            difference = float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))
            rows.append(
                {
                    "precision": precision,
                    "quantity": quantity,
                    "difference": difference,
                    "tolerance": tolerance,
                    "agrees": bool(difference <= tolerance),
                }
            )
    return rows


def _print(first: dict[str, Any], second: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    names = [
        f"{r['environment']['backend']} {r['environment']['devices'][0]}" for r in (first, second)
    ]
    table = Table("Precision", "Quantity", "Difference", "Tolerance", "Verdict")
    table.title = f"{names[0]}  against  {names[1]}"
    for row in rows:
        verdict = "agrees" if row["agrees"] else "DIFFERS"
        shown = (f"{row['difference']:.1e}", f"{row['tolerance']:.0e}", verdict)
        table.add_row(row["precision"], row["quantity"], *shown)
    for precision in TOLERANCES:
        a, b = (r["trained"][precision]["images_per_second"] for r in (first, second))
        table.add_row(precision, "images per second", f"{b / a:.3g} x", "", f"{a:.3g} -> {b:.3g}")
    console(highlight=False).print(table)


def _read(path: Path) -> dict[str, Any]:
    remedy = "make it anew with python -m jaxcxr.portability record or compile"
    recorded = read_json(path, dict[str, Any], "a recording", remedy)
    if "train_step" in recorded:
        from jaxcxr.targets.tables import Described

        return checked(recorded, Described, str(path), remedy)
    checked(recorded, Recording, str(path), remedy)
    for precision in TOLERANCES:
        trained = recorded["trained"].get(precision)
        if trained is None or len(set(map(len, trained["logits"]))) != 1:
            raise InputError(f"{path}: damaged (trained.{precision} is not whole); {remedy}")
    return recorded


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `compare` ends with status 1 where the recordings differ."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.portability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="train on this backend and keep the numbers")
    recording.add_argument("--out", type=Path, required=True, help="JSON file to write")
    compiling = commands.add_parser("compile", help="compile a config for chips that are not here")
    compiling.add_argument("--config", type=Path, required=True, help="file of the experiment")
    compiling.add_argument("--target", required=True, help="such as h100, a100, v5e-4x4, v5p-2x2x4")
    compiling.add_argument("--devices", type=int, help="GPUs of one host (1)")
    compiling.add_argument("--labels", type=int, help="outputs, where config.data is not here")
    compiling.add_argument(
        "--largest-batch", action="store_true", help="estimate it from the memory of a larger one"
    )
    compiling.add_argument("--out", type=Path, help="JSON file to write")
    comparing = commands.add_parser("compare", help="set two recordings side by side")
    comparing.add_argument("recordings", type=Path, nargs=2)
    options, changes = parser.parse_known_args(arguments)
    wrong = [c for c in changes if not (options.command == "compile" and c[:9] == "--config.")]
    if wrong:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    with report_input_errors():
        if options.command == "record":
            check_writable(options.out, "--out")
            write_json(options.out, record())
            say(f"recorded in {options.out}")
        elif options.command == "compile":
            from jaxcxr.targets.command import compile_command

            compile_command(options, changes)
        else:
            _compare(*(_read(path) for path in options.recordings))


def _compare(first: dict[str, Any], second: dict[str, Any]) -> None:
    from jaxcxr.targets.tables import print_programs

    if {"train_step"} & (first.keys() | second.keys()):
        if not {"train_step"} <= (first.keys() & second.keys()):
            raise InputError("one file is of a compiled program, the other of a training; give two")
        print_programs([first, second])
        return
    rows = compare(first, second)
    _print(first, second, rows)
    if not all(row["agrees"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
