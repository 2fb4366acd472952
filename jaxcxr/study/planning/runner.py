"""Run jobs that are missing, each as a process of its own, so that a crash hurts one job only."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from jaxcxr.study.planning.jobs import Job

DONE, FAILED, NOT_RUN = "done", "failed", "not run"


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
      state: `done`, `failed`, or `not run` where something that it needs failed.
      reason: why, in one line; empty if done.
      ran: whether it was run now, and not found done.
    """

    state: str
    reason: str = ""
    ran: bool = False


@dataclass
class Runner:
    """Runs jobs below a study's directory and remembers what became of each.

    Attributes:
      jobs: all there are, by id.
      out: the study's directory; logs go to `logs/JOB.log`.
      outcomes: of the jobs so far, by id.
    """

    jobs: dict[str, Job]
    out: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self, wanted: Iterable[str]) -> None:
        """Bring the wanted jobs, and what they need, to an end; go on past failures."""
        with _stopped_by_signals():
            for name in wanted:
                self._bring(name)

    def _bring(self, name: str) -> Outcome:
        if name not in self.outcomes:
            outcome = self._settle(self.jobs[name])
            self.outcomes[name] = outcome
            if outcome.ran or outcome.state != DONE:
                print(f"{outcome.state:8}{name}{': ' * bool(outcome.reason)}{outcome.reason}")
        return self.outcomes[name]

    def _settle(self, job: Job) -> Outcome:
        if job.is_done:
            return Outcome(DONE)
        for needed in job.needs:
            if self._bring(needed).state != DONE:
                return Outcome(NOT_RUN, f"needs {needed}")
        lock_path = self.out / "locks" / job.id
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        with lock_path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                print(f"waiting {job.id}: another process runs it", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            if job.is_done:
                return Outcome(DONE)
            print(f"running {job.id}", flush=True)
            return self._execute(job, lock.fileno())

    def _execute(self, job: Job, lock: int) -> Outcome:
        log = self.out / "logs" / f"{job.id}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            # It holds the lock too: a job that outlives a killed study is waited for, not doubled.
            process = subprocess.Popen(
                job.command,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                env=self._shared_programs() | os.environ,
            )
            try:
                status = process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                print(f"stopped {job.id}; run the same command to go on", file=sys.stderr)
                raise
        if status == 0 and job.is_done:
            return Outcome(DONE, ran=True)
        if status == 0:
            missing = next(path for path in job.done if not path.exists())
            return Outcome(FAILED, f"left no {missing}; see {log}", ran=True)
        return Outcome(FAILED, f"{_last_line(log)} (exit status {status}; {log})", ran=True)

    def _shared_programs(self) -> dict[str, str]:
        """Let jobs reuse what XLA compiled for others, unless the environment says otherwise.

        Those of one dataset run the same programs. Each machine keeps its own: what was compiled
        for one processor may not run on another.
        """
        return {
            "JAX_COMPILATION_CACHE_DIR": str(self.out.resolve() / "compiled" / platform.node()),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else "said nothing"


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Turn Ctrl-C, and SIGTERM as Slurm sends it, into an exit that stops the job as well."""

    def stop(signum: int, _: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def shard(names: list[str], which: str) -> list[str]:
    """Return every n-th name from the i-th on, for `i/n` with i from 1 to n.

    Raises:
      ValueError: it is no such text.
    """
    first, count = (int(part) for part in which.split("/"))
    if not 1 <= first <= count:
        raise ValueError(which)
    return names[first - 1 :: count]
