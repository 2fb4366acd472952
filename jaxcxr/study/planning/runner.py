"""Run jobs that are missing, each as a process of its own, so that a crash hurts one job only."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from jaxcxr.files import take_lock
from jaxcxr.study.planning.belonging import note_made
from jaxcxr.study.planning.jobs import Job
from jaxcxr.study.planning.progress import wait_for
from jaxcxr.terminal import say

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
    _ahead: list[str] = field(default_factory=list)

    def run(self, wanted: Iterable[str]) -> None:
        """Bring the wanted jobs, and what they need, to an end; go on past failures."""
        wanted = list(wanted)
        self._ahead = self._missing(wanted)
        if self._ahead:
            say(f"to do: {_listed(self._ahead)}")
        with _stopped_by_signals():
            for name in wanted:
                self._bring(name)

    def _bring(self, name: str) -> Outcome:
        if name not in self.outcomes:
            outcome = self._settle(self.jobs[name])
            self.outcomes[name] = outcome
            if outcome.ran or outcome.state != DONE:
                say(f"{outcome.state:8}{name}{': ' * bool(outcome.reason)}{outcome.reason}")
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
            if not take_lock(lock):
                say(f"waiting {job.id}: another process runs it")
                take_lock(lock, wait=True)
            if job.is_done:
                return Outcome(DONE)
            there = all(path.exists() for path in job.done)
            say(f"running {job.id}{f' again: {job.lacks}' if there else ''}")
            return self._execute(job, lock.fileno())

    def _execute(self, job: Job, lock: int) -> Outcome:
        log = self.out / "logs" / f"{job.id}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if not any(path.exists() for path in job.done):
            # Already here: the job may end well after this process was killed.
            note_made(self.out, job.id, job.command)
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
                status = wait_for(process, job, log, self._around(job))
            except BaseException:
                process.terminate()
                process.wait()
                say(f"stopped {job.id}; run the same command to go on", error=True)
                raise
        if status == 0:
            note_made(self.out, job.id, job.command)
        if status == 0 and job.is_done:
            return Outcome(DONE, ran=True)
        if status == 0:
            return Outcome(FAILED, f"left {job.lacks}; see {log}", ran=True)
        return Outcome(FAILED, f"{_last_line(log)} (exit status {status}; {log})", ran=True)

    def _missing(self, wanted: Iterable[str]) -> list[str]:
        """Ids of all that has to run for `wanted`, in the order in which it will."""
        missing: dict[str, None] = {}
        for name in wanted:
            job = self.jobs[name]
            if name not in self.outcomes and not job.is_done:
                missing |= dict.fromkeys([*self._missing(job.needs), name])
        return list(missing)

    def _around(self, job: Job) -> str:
        """Say what is done of the present list, and what is ahead."""
        left = [name for name in self._ahead if name not in self.outcomes and name != job.id]
        done = len(self._ahead) - len(left) - 1
        return f"{done} of {len(self._ahead)} done, {len(left)} ahead"

    def _shared_programs(self) -> dict[str, str]:
        """Let jobs reuse what XLA compiled for others, unless the environment says otherwise.

        Those of one dataset run the same programs. Each machine keeps its own: what was compiled
        for one processor may not run on another.
        """
        return {
            "JAX_COMPILATION_CACHE_DIR": str(self.out.resolve() / "compiled" / platform.node()),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }


def _listed(names: list[str], most: int = 12) -> str:
    """Join the first names with commas, and count the rest."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


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
