"""Seconds and peak memory to convert a ViT-B, per container, beside timm loading the same file.

    python -m benchmarks.convert [--folder DIR]

Writes random ViT-B/16 weights in each container (about 350 MB each, deleted afterwards) and runs
each measurement in a process of its own: the median of three after one to warm the file cache.
Memory is what the process holds at its peak beyond what its imports took. For conversion that
includes the parameters themselves (one time the file) and what is written, for timm the model.
The convert column ends with a weights file on disk, the timm column with a model in memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.processor import describe_processor, describe_torch

# The released files number the modules of a block as Flax did before Linen; timm wants that.
RELEASED = (
    ("LayerNorm_1", "LayerNorm_2"),
    ("MultiHeadDotProductAttention_0", "MultiHeadDotProductAttention_1"),
    ("MlpBlock_0", "MlpBlock_3"),
)
ROOT = Path(__file__).resolve().parents[1]

MEASURE = """
import json, resource, sys, threading, time
from pathlib import Path
path = Path(sys.argv[1])

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

{prepare}
before = peak = resident()
stop = threading.Event()

def watch():
    global peak
    while not stop.wait(0.002):
        peak = max(peak, resident())

watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
start = time.perf_counter()
{run}
seconds = time.perf_counter() - start
stop.set()
watcher.join()
print(json.dumps([seconds, (peak - before) / 1e6]))
"""

CONVERT = MEASURE.format(
    prepare="""
from convert.importing import import_checkpoint
from convert.sources import open_source
from jaxcxr.model import write_weights
""",
    run="""
with open_source(path) as source:
    imported = import_checkpoint(source, name=path.name)
write_weights(path.with_name("out.safetensors"), imported.spec, imported.tensors, {})
""",
)

TIMM = MEASURE.format(
    prepare="""
from convert.torch_pair import prepare_torch
operators = prepare_torch()
import timm
""",
    run="""
model = timm.create_model("vit_base_patch16_224", num_classes=0, checkpoint_path=str(path))
""",
)


def write_files(folder: Path) -> list[Path]:
    """Write one random ViT-B/16 in every container."""
    from convert.torch_pair import prepare_torch

    operators = prepare_torch()
    import numpy as np
    import timm
    import torch
    from safetensors.torch import save_file

    from convert.layouts import LAYOUTS
    from convert.sources import open_source
    from convert.transforms import TRANSFORMS

    model = timm.create_model("vit_base_patch16_224", num_classes=0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    state = model.state_dict()
    save_file(state, folder / "vit_base.safetensors")
    torch.save(state, folder / "vit_base.pth")
    torch.save(state, folder / "vit_base_old.pth", _use_new_zipfile_serialization=False)
    from convert.importing import import_checkpoint

    with open_source(folder / "vit_base.safetensors") as source:
        ours = import_checkpoint(source, name="vit_base").tensors
    arrays: dict[str, np.ndarray] = {}
    for row in LAYOUTS["google"].rows:
        for n in range(12) if "{n}" in row.ours else (0,):
            path = row.ours.replace("{n}", str(n))
            if path in ours:
                parts = TRANSFORMS[row.transform].to_theirs(ours[path], 12)
                keys = [key.replace("{n}", str(n)) for key in row.theirs]
                for linen, released in RELEASED:
                    keys = [key.replace(linen, released) for key in keys]
                arrays |= dict(zip(keys, parts, strict=True))
    np.savez(folder / "vit_base.npz", allow_pickle=False, **arrays)
    del operators
    return sorted(p for p in folder.iterdir() if p.stem.startswith("vit_base"))


def measure(script: str, path: Path) -> tuple[float, float]:
    """Median seconds and megabytes of three runs, after one that warms the file cache."""
    runs = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        runs.append(json.loads(done.stdout.strip().splitlines()[-1]))
    seconds, megabytes = zip(*runs[1:], strict=True)
    return statistics.median(seconds), statistics.median(megabytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="where the files go (default: a temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        files = write_files(Path(folder))
        print(f"{describe_processor()};\n{describe_torch()}\n")
        print(f"{'file':24}{'MB':>7}{'convert s':>11}{'MB':>7}{'timm s':>9}{'MB':>7}")
        for path in files:
            size = path.stat().st_size / 1e6
            ours, theirs = measure(CONVERT, path), measure(TIMM, path)
            print(
                f"{path.name:24}{size:7.0f}{ours[0]:11.2f}{ours[1]:7.0f}"
                f"{theirs[0]:9.2f}{theirs[1]:7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # Python puts this folder first, where `convert` is this very file.
    main()
