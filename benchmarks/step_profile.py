"""Where the time of one training step goes: each operation by the function that asked for it.

    python -m benchmarks.step_profile [--model NAME] [--batch 8]

From the trace of JAX's profiler. XLA fuses operations: a fused one counts for the function of its
last. On a CPU each operation runs on all cores, one after the other.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path

import jax

from benchmarks.train import SIZE, SPECS, jax_parts

PARTS = {
    "attention": ("_attention_forward", "_attention_backward", "attention", "Attention.__call__"),
    "GELU": ("_gelu_forward", "_gelu_backward", "gelu_erf", "gelu"),
    "LayerNorm": ("_layer_norm_forward", "_layer_norm_backward", "LayerNorm.__call__"),
    "linear layers": ("Linear.__call__",),
    "LayerScale and residual": ("scaled", "Block.__call__"),
    "patches and positions": (
        "PatchEmbedding.__call__",
        "ViT._with_prefix_and_position",
        "ViT._position",
    ),
    "augmentation": ("augment", "to_model_input", "rotate"),
    "optimizer and gradient norm": ("make_train_step.<locals>.train_step",),
}


def functions_of(text: str) -> dict[str, list[str]]:
    """Read from a compiled module, by name of each operation, the functions that asked for it.

    Innermost first.
    """
    names = dict(re.findall(r'^(\d+) "(.*)"$', _section(text, "FunctionNames"), re.M))
    places = dict(
        re.findall(r"^(\d+) \{.*function_name_id=(\d+)", _section(text, "FileLocat"), re.M)
    )
    frames = {
        number: (place, parent)
        for number, place, parent in re.findall(
            r"^(\d+) \{file_location_id=(\d+) parent_frame_id=(\d+)", _section(text, "Stack"), re.M
        )
    }

    def stack(frame: str) -> list[str]:
        found = []
        while frame in frames:
            place, parent = frames[frame]
            found.append(names.get(places.get(place, ""), ""))
            # A parent's number is one more than that of its frame; the first has none.
            above = str(int(parent) - 1)
            if above == frame:
                break
            frame = above
        return found

    operations = re.findall(r"^\s*(?:ROOT )?%?([\w.-]+) = .*stack_frame_id=(\d+)", text, re.M)
    return {name: stack(frame) for name, frame in operations}


def _section(text: str, name: str) -> str:
    found = re.search(rf"^{name}\w*\n(.*?)\n\n", text, re.M | re.S)
    return found.group(1) if found else ""


def part_of(stack: list[str]) -> str:
    for function in stack:
        for part, members in PARTS.items():
            if function in members:
                return part
    return "the rest"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", choices=SPECS, default="vit_base_patch14_dinov2")
    parser.add_argument("--batch", type=int, default=8)
    options = parser.parse_args()
    train, _, state, data = jax_parts(options.model, options.batch, "float32")
    compiled = train.lower(state, data).compile()
    stacks = functions_of(compiled.as_text())
    for _ in range(2):
        state, metrics = compiled(state, data)
    float(metrics["loss"])
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            state, metrics = compiled(state, data)
            float(metrics["loss"])
        path = next(Path(folder).rglob("*.xplane.pb"))
        trace = jax.profiler.ProfileData.from_file(str(path))
    spent: Counter[str] = Counter()
    for plane in trace.planes:
        for line in plane.lines:
            for event in line.events:
                if event.name in stacks:
                    spent[part_of(stacks[event.name])] += int(event.duration_ns)
    total = spent.total()
    print(f"{options.model}, {SIZE} px, batch {options.batch}, one step of {total / 1e9:.2f} s on")
    print(f"{jax.devices()[0].device_kind}, forward and backward\n\n| part | share |\n|---|---|")
    for part, duration in spent.most_common():
        print(f"| {part} | {100 * duration / total:.1f} % |")


if __name__ == "__main__":
    main()
