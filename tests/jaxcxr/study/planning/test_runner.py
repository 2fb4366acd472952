"""Running jobs: what is done is skipped, a failure hurts only what needs it, a kill is resumed."""

import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from configs.study import phantom
from jaxcxr.study.planning.belonging import note_made
from jaxcxr.study.planning.definition import Phantom
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.planning.jobs import Job
from jaxcxr.study.planning.runner import Runner


def _job(folder, name, program="pass", needs=()):
    """Make a job that runs `program`, then leaves its file and a line in `order`."""
    lines = [
        "from pathlib import Path",
        f"folder = Path({str(folder)!r})",
        program,
        f"(folder / 'order').open('a').write('{name}\\n')",
        f"(folder / '{name}').touch()",
    ]
    command = (sys.executable, "-c", "\n".join(lines))
    return Job(name, command, (folder / name,), needs)


def _run(folder, jobs, wanted):
    runner = Runner({job.id: job for job in jobs}, folder)
    runner.run(wanted)
    return {name: found.state for name, found in runner.outcomes.items()}


def _order(folder):
    return (folder / "order").read_text().split()


def test_what_is_needed_runs_first_and_once(tmp_path):
    jobs = [
        _job(tmp_path, "data"),
        _job(tmp_path, "a", needs=("data",)),
        _job(tmp_path, "b", needs=("data", "a")),
    ]
    assert set(_run(tmp_path, jobs, ["b", "a"]).values()) == {"done"}
    assert _order(tmp_path) == ["data", "a", "b"]
    _run(tmp_path, jobs, ["a", "b"])
    assert _order(tmp_path) == ["data", "a", "b"]
    (tmp_path / "a").unlink()
    _run(tmp_path, jobs, ["a", "b"])
    assert _order(tmp_path) == ["data", "a", "b", "a"]


def test_data_that_no_missing_experiment_needs_are_not_made_again(tmp_path):
    jobs = [_job(tmp_path, "data"), _job(tmp_path, "a", needs=("data",))]
    _run(tmp_path, jobs, ["a"])
    (tmp_path / "data").unlink()
    _run(tmp_path, jobs, ["a"])
    assert _order(tmp_path) == ["data", "a"]


def test_a_failure_stops_only_what_needs_it(tmp_path, capsys):
    jobs = [
        _job(tmp_path, "bad", "raise SystemExit('error: the disk is on fire')"),
        _job(tmp_path, "after", needs=("bad",)),
        _job(tmp_path, "crash", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        _job(tmp_path, "good"),
    ]
    states = _run(tmp_path, jobs, ["after", "crash", "good"])
    assert states == {"bad": "failed", "after": "not run", "crash": "failed", "good": "done"}
    said = capsys.readouterr().out
    assert "the disk is on fire (exit status 1" in said
    assert "after: needs bad" in said


def test_a_job_that_leaves_nothing_has_failed(tmp_path):
    job = Job("idle", (sys.executable, "-c", "pass"), (tmp_path / "absent",))
    runner = Runner({"idle": job}, tmp_path)
    runner.run(["idle"])
    assert runner.outcomes["idle"].state == "failed"
    assert "left no" in runner.outcomes["idle"].reason


STUDY = """
import sys
from pathlib import Path
from jaxcxr.study.planning.jobs import Job
from jaxcxr.study.planning.runner import Runner
folder = Path(sys.argv[1])
job = Job("slow", (sys.executable, "-c", sys.argv[2]), (folder / "slow",))
Runner({"slow": job}, folder).run(["slow"])
"""
SLOW = """
import os, time
from pathlib import Path
folder = Path({folder!r})
(folder / 'pid').write_text(str(os.getpid()))
(folder / 'times').open('a').write('x')
time.sleep({seconds})
(folder / 'slow').touch()
"""


def _start(folder, seconds):
    program = SLOW.format(folder=str(folder), seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", STUDY, str(folder), program])


def _until(path):
    for _ in range(400):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_study_stops_its_job_and_runs_it_again(tmp_path, signum):
    study = _start(tmp_path, 60)
    job = _until(tmp_path / "pid")
    study.send_signal(signum)
    assert study.wait(20) == 128 + signum
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
    assert _start(tmp_path, 0).wait(20) == 0
    assert (tmp_path / "slow").exists()
    assert (tmp_path / "times").read_text() == "xx"


def test_a_job_that_outlives_its_killed_study_is_waited_for(tmp_path):
    study = _start(tmp_path, 2)
    _until(tmp_path / "pid")
    study.kill()
    study.wait()
    assert (tmp_path / "made" / "slow.json").is_file()
    assert _start(tmp_path, 0).wait(20) == 0
    assert (tmp_path / "times").read_text() == "x"


def test_jobs_of_a_machine_share_compiled_programs_unless_told_otherwise(tmp_path, monkeypatch):
    program = "import os; (folder / 'cache').write_text(os.environ['JAX_COMPILATION_CACHE_DIR'])"
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    _run(tmp_path, [_job(tmp_path, "first", program)], ["first"])
    assert (tmp_path / "cache").read_text() == str(tmp_path / "compiled" / platform.node())
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    _run(tmp_path, [_job(tmp_path, "second", program)], ["second"])
    assert (tmp_path / "cache").read_text() == "elsewhere"


def test_data_made_by_another_command_do_not_count(tmp_path):
    def plan(images):
        study = replace(phantom.get_study(), phantom=Phantom(images=images))
        return plan_study(study, tmp_path)

    made = plan(100)
    name = "prepared-padchest"
    for needed in (f"release-{name.removeprefix('prepared-')}", name):
        job = made.data[needed]
        job.done[0].parent.mkdir(parents=True, exist_ok=True)
        job.done[0].write_text("{}")
        assert job.is_done  # made before commands were noted
        note_made(tmp_path, needed, job.command)
        assert made.data[needed].is_done
    assert plan(100).data[name].is_done
    other = plan(200)
    release = other.data["release-padchest"]
    assert not release.is_done and "--images=200" in release.lacks
    experiment = next(e for e in other.experiments.values() if name in e.needs)
    assert experiment.data_misfit().startswith("release-padchest was made by")
    assert not next(e for e in made.experiments.values() if name in e.needs).data_misfit()
