"""A training step that does not fit a device whole, and does with `mesh.fsdp`: by compilation.

    python -m benchmarks.sharded [--target l4] [--devices 8] [--batch 1088]

DINOv2's ViT-L/14 at 224 pixels in bfloat16, parameters and optimizer state whole on every device
and then split over all. Nothing is run. Writes a file in `benchmarks/compiled/sharded/`, prints the
table of `docs/scaling.md`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

CHECKPOINT = "dinov2_vitl14"
LABELS = 17
HERE = Path(__file__).parent / "compiled" / "sharded"


def steps(target: str, devices: int | None, batch: int) -> list[dict[str, Any]]:
    """Compile the step with the state whole, and split over all devices."""
    from convert.checkpoints import find_checkpoint
    from jaxcxr.config import study_config
    from jaxcxr.targets.chips import absent_devices, find_target
    from jaxcxr.targets.compiling import compile_step

    chip, topology, count = find_target(target, devices)
    checkpoint = find_checkpoint(CHECKPOINT)
    assert checkpoint
    labels = tuple(f"label {number}" for number in range(LABELS))
    found = []
    for data, fsdp in ((-1, 1), (1, -1)):
        config = study_config()
        config.dtype, config.batch_size = "bfloat16", batch
        config.mesh.data, config.mesh.fsdp = data, fsdp
        there = absent_devices(chip, topology)
        step = compile_step(config, checkpoint.spec, labels, chip, there)
        found.append({"fsdp": count if fsdp < 0 else 1, "train_step": step})
        print(row(target, count, found[-1]), flush=True)
    return found


def table() -> str:
    """Return the rows of all files that are kept."""
    lines = []
    for path in sorted(HERE.glob("*.json")):
        described = json.loads(path.read_text())
        for found in described["meshes"]:
            lines.append(row(described["target"], described["devices"], found))
    return "\n".join(lines)


def row(target: str, count: int, found: dict[str, Any]) -> str:
    """Return a row of the table in Markdown."""
    step = found["train_step"]
    cells = [f"{count} {target}", f"{found['fsdp']}", f"{step['batch']}"]
    cells.append(f"{step['state_bytes'] / 1e9:.2f}")
    if "error" in step:
        return f"| {' | '.join([*cells, step['error'], ''])} |"
    fits = "fits" if step["fits"] else "does not fit"
    cells.append(f"{step['memory_bytes'] / 1e9:.1f} ({step['memory_of_chip']:.0%}), {fits}")
    cells.append(f"{sum(step['collective_bytes'].values()) / 1e9:.2f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--target", default="l4")
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--batch", type=int, default=1088)
    options = parser.parse_args()
    import jax

    from jaxcxr.files import write_json

    jax.config.update("jax_platforms", "cpu")
    HERE.mkdir(parents=True, exist_ok=True)
    found = steps(options.target, options.devices, options.batch)
    described = {"target": options.target, "devices": options.devices, "meshes": found}
    described["checkpoint"] = CHECKPOINT
    write_json(HERE / f"{options.target}.json", described)


if __name__ == "__main__":
    main()
