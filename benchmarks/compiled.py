"""The study's configs, compiled for accelerators that are not here.

    python -m benchmarks.compiled [--targets h100 v5e-4x4] [--configs padchest_dinov2 ...]

Needs no weights, data, or chip, only `pip install '.[targets]'`. Writes a file for each in
`benchmarks/compiled/`, and prints the table of `docs/performance.md`. The six datasets differ in
the number of outputs alone: that of one stands for all.
"""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

TARGETS = ("h100", "a100", "v5e-4x4")
CONFIGS = ("padchest_dinov2", "padchest_imagenet21k")
BATCHES = {"bfloat16": 256, "float32": 32}
HERE = Path(__file__).parent / "compiled"


def compile_one(name: str, target: str, dtype: str) -> dict[str, Any]:
    """Compile a config for a target, at the study's batch in float32 and a larger in bfloat16."""
    from convert.checkpoints import find_checkpoint
    from input_pipeline.labels import label_set
    from jaxcxr.targets.chips import absent_devices, find_target
    from jaxcxr.targets.compiling import compile_config

    config = importlib.import_module(f"configs.{name}").get_config()
    config.dtype, config.batch_size = dtype, BATCHES[dtype]
    chip, topology, _ = find_target(target, None)
    checkpoint = find_checkpoint(Path(config.model.weights).stem)
    assert checkpoint, f"{config.model.weights} is named after no checkpoint of the table"
    spec = checkpoint.spec
    labels = label_set(name.rpartition("_")[0])
    described = compile_config(config, spec, labels, chip, absent_devices(chip, topology))
    return {"config": f"configs/{name}.py", "target": target} | described


def row(described: dict[str, Any]) -> str:
    """Return a row of the table in Markdown."""
    step, prediction = described["train_step"], described["prediction"]
    cells = [described["target"], Path(described["config"]).stem, described["dtype"]]
    if "error" in step:
        return " | ".join([*cells, step["error"]])
    cells += [
        f"{step['batch']}",
        f"{step['memory_bytes'] / 1e9:.1f} ({step['memory_of_chip']:.0%})",
    ]
    cells += [f"{step['kernels']}", f"{step['traffic_bytes'] / 1e9:.0f}"]
    cells += [f"{1e3 * step['seconds'][part]:.1f}" for part in ("compute", "memory", "links")]
    cells += [f"{step['bound_images_per_second']:,.0f}", f"{step['bound_mfu']:.0%}"]
    cells += [f"{prediction['bound_images_per_second']:,.0f}" if "error" not in prediction else ""]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument("--configs", nargs="+", default=CONFIGS)
    parser.add_argument("--dtypes", nargs="+", default=tuple(BATCHES), choices=tuple(BATCHES))
    options = parser.parse_args()
    import jax

    from jaxcxr.files import write_json

    jax.config.update("jax_platforms", "cpu")
    HERE.mkdir(exist_ok=True)
    for target in options.targets:
        for name in options.configs:
            for dtype in options.dtypes:
                described = compile_one(name, target, dtype)
                suffix = "" if dtype == "float32" else f"-{dtype}"
                write_json(HERE / f"{target}-{name}{suffix}.json", described)
                print(row(described), flush=True)


def table() -> str:
    """Return the rows of all files that are kept, recomputed from what is in them."""
    return "\n".join(row(json.loads(path.read_text())) for path in sorted(HERE.glob("*.json")))


if __name__ == "__main__":
    main()
