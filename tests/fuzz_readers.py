"""The readers of all that comes from outside, in a process of its own, with limits.

`python tests/fuzz_readers.py KIND FIRST COUNT SECONDS` prints, as JSON a line, what did not end in
a result or in one sentence.
"""

import json
import resource
import signal
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path

import fuzz_files
import fuzz_small

from jaxcxr.errors import InputError

BYTES = 2 << 30  # on top of what the process has once everything is imported
KINDS = {
    "checkpoints": fuzz_files.checkpoints,
    "configs": fuzz_small.configs,
    "dicom": partial(fuzz_files.pictures, dicom=True),
    "json": fuzz_small.json_files,
    "parquet": fuzz_files.parquet,
    "pictures": fuzz_files.pictures,
    "shards": fuzz_files.shards,
    "tables": fuzz_files.tables,
    "weights": fuzz_files.weights,
}


# ---- The process ---------------------------------------------------------------------------------


class TooSlowError(BaseException):
    """An input took too long."""


def _too_slow(signum, frame):
    raise TooSlowError


def attempt(one, number):
    """Read one input; say `result`, `refused`, or what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            one(number, Path(folder))
        except InputError as error:
            said = str(error)
            return "refused" if said and "\n" not in said else f"not one sentence: {said[:200]!r}"
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = type(error).__name__
            if kind == "UnreadableImageError":
                return "refused"
            return f"{kind}: {str(error)[:200]!r} at {where.filename}:{where.lineno}"
    return "result"


def main(kind, first, count, seconds):
    one = KINDS[kind]()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, held + BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    slowest, ends = 0.0, {"result": 0, "refused": 0}
    for number in range(first, first + count):
        print(json.dumps({"trying": number}), flush=True)
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        ended = attempt(one, number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.monotonic() - began)
        if ended in ends:
            ends[ended] += 1
        else:
            print(json.dumps({"number": number, "wrong": ended}), flush=True)
    print(json.dumps({"done": count, "slowest": slowest, "peak": _peak()} | ends), flush=True)


def _peak():
    """Most bytes this program held; `ru_maxrss` would count those of the process it came from."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
