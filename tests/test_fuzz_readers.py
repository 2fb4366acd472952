"""10,000 damaged inputs to all readers: each ends in a result or one sentence, soon, and small.

Seeds are fixed: an input that fails is `python tests/fuzz_readers.py KIND NUMBER 1 20`, with the
environment of `_batch`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_readers import KINDS, attempt

ROOT = Path(__file__).parents[1]
SECONDS = 20  # for one input
COUNTS = {
    "checkpoints": 2000,
    "configs": 1000,
    "dicom": 1000,
    "json": 2000,
    "parquet": 1000,
    "pictures": 1000,
    "shards": 200,
    "tables": 1000,
    "weights": 800,
}


def _batch(kind, first, count):
    """Read inputs in a process of its own; return what it said of them."""
    folders = [ROOT, *(ROOT / "tests" / part for part in ("", "jaxcxr", "input_pipeline"))]
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "tests" / "fuzz_readers.py",
            kind,
            str(first),
            str(count),
            str(SECONDS),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
        timeout=600,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"')]
    last = lines[-1] if lines else {}
    assert "done" in last, f"ended with {done.returncode} at {last}: {done.stderr[-2000:]}"
    return last, [line for line in lines if "wrong" in line]


def test_the_inputs_are_as_many_as_is_said():
    assert sum(COUNTS.values()) == 10_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_damaged_inputs_end_in_a_result_or_one_sentence(kind):
    last, wrong = _batch(kind, 0, COUNTS[kind])
    assert wrong == []
    assert last["slowest"] < SECONDS
    assert last["peak"] < 2 << 30
    # Neither is everything refused for another reason, nor is nothing damaged.
    assert last["result"] > COUNTS[kind] / 50 and last["refused"] > COUNTS[kind] / 10


@pytest.mark.parametrize("kind", ["json", "configs"])
def test_a_few_of_them(kind):
    one = KINDS[kind]()
    assert {attempt(one, number) for number in range(64)} == {"result", "refused"}
