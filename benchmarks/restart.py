"""Seconds from the command to the end of the first step: of a new run, and of one that goes on.

    python -m benchmarks.restart DIR [--config configs/demo.py] [--rounds 3]

DIR is a prepared dataset that fits the config. Each round starts a run, stops it by SIGTERM after
its first step, and starts it again, when compiled functions come from the run's cache.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def first_step(command: list[str], metrics: Path) -> float:
    """Run the command until it records a new step; stop it and return the seconds until then."""
    before = metrics.stat().st_size if metrics.is_file() else 0
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        while not metrics.is_file() or metrics.stat().st_size <= before:
            if run.poll() is not None and run.stdout is not None:
                raise SystemExit(run.stdout.read().decode())
            time.sleep(0.01)
        seconds = time.perf_counter() - start
        run.send_signal(signal.SIGTERM)
        run.wait()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--config", default="configs/demo.py")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    new, again = [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder) / "run"
            command = [sys.executable, "-m", "jaxcxr.main", f"--config={options.config}"]
            command += [f"--workdir={directory}", f"--config.data={options.prepared}"]
            command += ["--config.log_every=1"]
            new.append(first_step(command, directory / "metrics.jsonl"))
            again.append(first_step(command, directory / "metrics.jsonl"))
    print(f"{options.config}: command to end of first step, median of {options.rounds}")
    for name, seconds in (("new run", new), ("resumed run", again)):
        print(f"{name:12} {sorted(seconds)[len(seconds) // 2]:6.2f} s")


if __name__ == "__main__":
    main()
