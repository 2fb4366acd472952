"""`prepare` killed at random moments and run again gives the bytes of an undisturbed run."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from input_pipeline.loader import open_prepared
from jaxcxr.errors import InputError

ROOT = Path(__file__).parents[2]
IMAGES = 2200  # 3 shards for training, 2 for validation, 2 for the test


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
    }


def start(raw_dir, out):
    command = [sys.executable, "-m", "input_pipeline", "prepare", "uka_cxr", "--workers", "2"]
    command += ["--raw-dir", str(raw_dir), "--out-dir", str(out), "--image-size", "48"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def kill(process):
    """Kill with SIGKILL; the worker processes must not outlive it."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def check(raw_dir, tmp_path, kills, seed):
    begun = time.monotonic()
    whole = start(raw_dir, tmp_path / "whole")
    _, said = whole.communicate()
    duration = time.monotonic() - begun
    assert whole.returncode == 0 and said == ""
    wanted = digests(tmp_path / "whole")
    moments = random.Random(seed)
    out, kept, interrupted = tmp_path / "out", {}, 0
    for number in range(kills):
        if kept == wanted:  # finished meanwhile: begin anew
            out, kept = tmp_path / f"out{number}", {}
        process = start(raw_dir, out)
        # Most of the time goes into imports; no shard would ever be finished before half of it.
        time.sleep(moments.uniform(0.3, 1.1) * duration)
        if process.poll() is None:
            interrupted += 1
            kill(process)
        else:
            process.communicate()
        # A shard counts from its note on: killed before that, it is written again.
        finished = {
            path.name: path.stat().st_mtime_ns
            for path in out.glob("*.array_record*")
            if (out / ".progress" / f"{path.name}.json").exists()
        }
        if not (out / "cohort.json").exists():
            assert kept.items() <= finished.items()
            with pytest.raises(InputError):
                open_prepared(out)
            kept = finished
        else:
            kept = wanted
    assert interrupted
    last = start(raw_dir, out)
    _, said = last.communicate()
    assert last.returncode == 0 and said == ""
    assert digests(out) == wanted


@pytest.mark.slow
def test_killed_three_times(write_hospital, tmp_path):
    check(write_hospital(IMAGES), tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_killed_twenty_times(write_hospital, tmp_path):
    check(write_hospital(IMAGES), tmp_path, kills=20, seed=1)


def test_a_dead_worker_ends_in_a_sentence_and_its_shards_are_kept(write_hospital, tmp_path):
    raw_dir, out = write_hospital(IMAGES), tmp_path / "out"
    process = start(raw_dir, out)
    parent = psutil.Process(process.pid)
    while not list(out.glob(".progress/*.array_record*.json")):
        time.sleep(0.01)
        assert process.poll() is None
    workers = [p for p in parent.children() if "spawn_main" in " ".join(p.cmdline())]
    workers[0].kill()  # as the kernel does where memory is short
    _, said = process.communicate(timeout=60)
    if process.returncode:  # it may have finished its last shard
        assert said.startswith("error: a worker process died") and said.count("\n") == 1
        assert list(out.glob("*.array_record*"))
    else:
        assert (out / "cohort.json").exists()
