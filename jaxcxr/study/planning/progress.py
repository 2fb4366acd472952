"""What a running job is doing, from the files that it writes, for whoever waits for it.

A terminal shows it all the time, in one line; anything else, such as a batch system's log file,
gets a line now and then.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from jaxcxr.errors import InputError
from jaxcxr.run.directory import METRICS, read_config
from jaxcxr.run.run_files import Record
from jaxcxr.small_files import parse_json
from jaxcxr.study.planning.jobs import Job
from jaxcxr.terminal import console, plain

# Seconds to the first line where there is no terminal, and the most between two of them.
_FIRST_LINE, _MOST_BETWEEN = 10.0, 600.0
_TAIL = 2**14  # bytes of a file's end that hold its last lines


def wait_for(process: subprocess.Popen[bytes], job: Job, log: Path, around: str) -> int:
    """Wait until a job's process ends, and say what it is doing meanwhile.

    Args:
      process: the job's.
      job: what runs.
      log: where its output goes.
      around: what is done and what is ahead, such as `2 of 5 done, 2 ahead`.

    Returns:
      The exit status.
    """
    shown = console(highlight=False, soft_wrap=True)
    watched = Watched(job, log)
    if shown.is_terminal:
        with shown.status("") as status:
            while process.poll() is None:
                status.update(Text(plain(f"{job.id}: {watched.doing()} ({around})")))
                _wait(process, 1.0)
        return process.returncode
    pause = _FIRST_LINE
    while _wait(process, pause) is None:
        shown.print(f"  {job.id}: {watched.doing()} ({around})")
        pause = min(1.5 * pause, _MOST_BETWEEN)
    return process.returncode


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


@dataclass
class Watched:
    """A job that has just been started.

    Attributes:
      job: what runs.
      log: where its output goes.
      begun: when, in seconds of the clock that `time.monotonic` reads.
      first: step of the first record of this process, and when that was seen; a training that goes
        on has steps that cost no time now.
    """

    job: Job
    log: Path
    begun: float = field(default_factory=time.monotonic)
    first: tuple[int, float] | None = None

    def doing(self) -> str:
        """Say in a few words what the job does now."""
        directory = self.job.done[0].parent
        running = time.monotonic() - self.begun
        minutes = f"{_spoken(running)} so far"
        records = _records(directory / METRICS, newer_than=time.time() - running)
        if not records:
            return ", ".join(filter(None, (_last_line(self.log), minutes)))
        try:
            epochs = read_config(directory).epochs
        except InputError as error:  # the job itself will meet it, and says it in its log
            return f"{error}, {minutes}"
        return ", ".join((*self._training(records, epochs), minutes))

    def _training(self, records: list[dict[str, Any]], epochs: int) -> list[str]:
        step, steps = records[-1]["step"], records[-1]["steps"]
        words = [f"epoch {min(step * epochs // steps + 1, epochs)} of {epochs}"]
        for name, text in (("loss", "loss"), ("validation_auc", "validation AUC")):
            values = [record[name] for record in records if name in record]
            words += [f"{text} {values[-1]:.3g}"] if values else []
        now = time.monotonic()
        if self.first is None:
            self.first = step, now
        seen, since = self.first
        if step == steps:
            words.append("trained, now predicting and evaluating")
        elif step > seen:
            words.append(f"{_spoken((now - since) / (step - seen) * (steps - step))} left at most")
        return words


def _records(path: Path, newer_than: float) -> list[dict[str, Any]]:
    """Return the last records of a training; one that is being written is left out.

    None, if the file was last written before `newer_than`: a training that goes on has not come to
    its first new record then.
    """
    if not path.is_file() or path.stat().st_mtime < newer_than:
        return []
    records = []
    for line in _tail(path):
        with suppress(InputError):
            records.append(parse_json(line, Record, str(path), "", finite=False))
    return records


def _last_line(path: Path) -> str:
    """Return the last line with a word in it; the frame of a table is none."""
    # A row of a table, as before a training, says little by itself.
    told = (line.strip() for line in _tail(path) if not line.lstrip().startswith(("│", "|")))
    said = [line for line in told if any(map(str.isalnum, line))]
    return said[-1] if said else ""


def _tail(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", errors="replace").splitlines()


def _spoken(seconds: float) -> str:
    """Write a time as `0:42`, `12:05` or `1:30:00`."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if seconds < 3600 else text
