"""What a study says of the job that runs: from its records, or from its log."""

import json
import os
import re
import sys
import time

import pytest

from jaxcxr.study.planning import progress
from jaxcxr.study.planning.jobs import Job
from jaxcxr.study.planning.progress import Watched
from jaxcxr.study.planning.runner import Runner
from jaxcxr.training.monitor import Monitor

RECORDS = (
    {"step": 10, "steps": 100, "loss": 0.9},
    {"step": 20, "steps": 100, "epoch": 1, "validation_auc": 0.6},
    {"step": 40, "steps": 100, "epoch": 2, "validation_auc": 0.71234},
    {"step": 50, "steps": 100, "loss": 0.51234, "gradient_norm": 1.0},
)


def _write(folder, records, epochs=5):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"epochs": epochs}))
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    (folder / "metrics.jsonl").write_text(lines)


@pytest.fixture
def watched(tmp_path):
    job = Job("a", (), (tmp_path / "run" / "statistics.json",))
    return Watched(job, tmp_path / "log", begun=time.monotonic() - 125)


def test_a_training_is_told_by_its_records(watched, tmp_path):
    _write(tmp_path / "run", RECORDS)
    said = "epoch 3 of 5, loss 0.512, validation AUC 0.712"
    assert watched.doing() == f"{said}, 2:05 so far"  # the first look knows no speed
    watched.first = (30, time.monotonic() - 40)  # 20 steps in 40 s, and 50 are left
    assert watched.doing() == f"{said}, 1:40 left at most, 2:05 so far"


def test_what_a_training_records_is_what_is_read(watched, tmp_path):
    _write(tmp_path / "run", ())
    with Monitor(tmp_path / "run", total_steps=100, first_step=0) as monitor:
        monitor.record(50, {"loss": 0.5})
        assert watched.doing().startswith("epoch 3 of 5, loss 0.5, ")


def test_a_record_cut_in_two_is_left_out(watched, tmp_path):
    _write(tmp_path / "run", RECORDS)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 60, "steps": 100, "lo')
    assert watched.doing().startswith("epoch 3 of 5, loss 0.512")


def test_a_long_course_is_read_from_its_end(watched, tmp_path):
    many = [{"step": step, "steps": 10**6, "loss": 1.0} for step in range(10**4)]
    _write(tmp_path / "run", [*many, {"step": 10**6 - 1, "steps": 10**6, "loss": 0.25}])
    assert watched.doing().startswith("epoch 5 of 5, loss 0.25")


def test_after_the_last_step_it_predicts(watched, tmp_path):
    _write(tmp_path / "run", [*RECORDS, {"step": 100, "steps": 100, "loss": 0.4}])
    assert "epoch 5 of 5, loss 0.4" in watched.doing()
    assert "trained, now predicting and evaluating" in watched.doing()


def test_records_of_an_earlier_process_are_not_what_it_does_now(watched, tmp_path):
    _write(tmp_path / "run", RECORDS)
    os.utime(tmp_path / "run" / "metrics.jsonl", (time.time() - 200,) * 2)
    (tmp_path / "log").write_text("compiling\n\n")
    assert watched.doing() == "compiling, 2:05 so far"


def test_what_does_not_train_is_told_by_its_log(watched, tmp_path):
    assert watched.doing() == "2:05 so far"
    (tmp_path / "log").write_text("shard 1\nshard 2\n")
    assert watched.doing() == "shard 2, 2:05 so far"


def test_without_a_terminal_there_is_a_line_now_and_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_FIRST_LINE", 0.3)
    program = (
        "import pathlib, sys, time; print('half way', flush=True); time.sleep(1.5); "
        "pathlib.Path(sys.argv[1]).touch()"
    )
    jobs = {
        name: Job(name, (sys.executable, "-c", program, str(tmp_path / name)), (tmp_path / name,))
        for name in ("a", "b")
    }
    Runner(jobs, tmp_path).run(["a", "b"])
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["to do: a, b", "running a"]
    for line in (
        r"  a: half way, 0:0\d so far \(0 of 2 done, 1 ahead\)",
        r"  b: half way, 0:0\d so far \(1 of 2 done, 0 ahead\)",
    ):
        assert any(re.fullmatch(line, one) for one in said), said
    assert [line for line in said if line.startswith("done")] == ["done    a", "done    b"]
    # Each pause is longer than the one before: 0.3, 0.45, 0.68 s ... of the 1.5.
    assert 2 <= sum(line.startswith("  a:") for line in said) <= 6
