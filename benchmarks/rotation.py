"""Contenders as processes of their own, timed in rotation on the same machine.

Each process lives through the whole benchmark and is asked for one thing at a time, so that a
disturbance of the machine meets all alike and none inherits the memory of another.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Fresh pages are slow; all contenders keep theirs.
ALLOCATOR = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:"
    "glibc.malloc.trim_threshold=68719476736:glibc.malloc.arena_max=1"
)

Step = Callable[[], Any]


def serve(asked: Mapping[str, Step]) -> None:
    """Answer each line of the standard input with the seconds of what it asks for."""
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


def rotate(
    contenders: Mapping[str, Sequence[str]],
    what: Sequence[str],
    rounds: int,
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Time what every contender is asked for, round by round.

    Args:
      contenders: arguments to Python, by name; each must end in `serve`.
      what: things to ask for.
      rounds: timed ones; two more before them compile and settle.
      environments: variables that some contenders have besides the common ones, by name.

    Returns:
      By name: seconds of each round, by what was asked; `first_WHAT`, which compiles;
      `peak_gib` of the process; or `failed`, a reason.
    """
    common = os.environ | {"GLIBC_TUNABLES": ALLOCATOR}
    workers = {
        name: subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=common | dict((environments or {}).get(name, {})),
        )
        for name, arguments in contenders.items()
    }
    results: dict[str, dict[str, Any]] = {name: {one: [] for one in what} for name in workers}
    for turn in range(rounds + 2):
        for name, worker in workers.items():
            for one in what:
                if "failed" in results[name]:
                    continue
                answer = _ask(worker, one)
                if "failed" in answer:
                    results[name]["failed"] = answer["failed"]
                elif turn == 0:
                    results[name][f"first_{one}"] = answer["seconds"]
                elif turn > 1:
                    results[name][one].append(answer["seconds"])
                    results[name]["peak_gib"] = answer["peak_gib"]
    for worker in workers.values():
        worker.kill()
    return results


def _ask(worker: subprocess.Popen[str], what: str) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(what + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
    except BrokenPipeError:
        line = ""
    return json.loads(line) if line else {"failed": "the process ended"}
