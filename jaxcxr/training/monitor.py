"""What a person sees of a training, and what is kept of it: terminal, `metrics.jsonl`, TensorBoard.

A terminal gets a live bar; anything else, such as a batch system's log file, gets plain lines.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from jaxcxr import terminal
from jaxcxr.errors import InputError, reading
from jaxcxr.files import atomic_path
from jaxcxr.run.directory import METRICS, read_config
from jaxcxr.run.run_files import Record
from jaxcxr.small_files import parse_json

# tensorboardX imports PyTorch wherever it finds it, for conversions that nothing here asks for:
# that is two fifths of the start of a training.
_torch = sys.modules.setdefault("torch", None)  # type: ignore[arg-type]
from tensorboardX import SummaryWriter  # noqa: E402

if _torch is None:
    del sys.modules["torch"]

console = terminal.console(highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Print one line, from the first process alone."""
    if jax.process_index() == 0:
        console.print(message)


def summary(title: str, rows: dict[str, Any]) -> None:
    """Print a two-column table, from the first process alone."""
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, str(value))
    if jax.process_index() == 0:
        console.print(table)


class Monitor:
    """Follows one training; use it in a `with` statement.

    Args:
      directory: of the run.
      total_steps: of the whole training.
      first_step: of the checkpoint that this process goes on from, None at the beginning; records
        of later steps, left by a process that was killed before its next checkpoint, are removed,
        since they are about to be made again.
      wandb: project of Weights & Biases to report to; empty for none.

    Raises:
      InputError: `wandb` is given and its client is not installed.
    """

    def __init__(self, directory: Path, total_steps: int, first_step: int | None, wandb: str = ""):
        # At the beginning even epoch 0, of a head that starts from a probe, is yet to come.
        recorded = -1 if first_step is None else first_step
        first_step = first_step or 0
        self._first_process = jax.process_index() == 0
        self._total, self._done = total_steps, first_step
        self._progress = terminal.progress_bar(
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=not (self._first_process and console.is_terminal),
        )
        self._task = self._progress.add_task("", total=total_steps, completed=first_step)
        if self._first_process:
            _truncate(directory / METRICS, recorded)
            self._records = (directory / METRICS).open("a", encoding="utf-8")
            self._events = SummaryWriter(str(directory), purge_step=first_step + 1)
            self._wandb = _start_wandb(wandb, directory) if wandb else None

    def __enter__(self) -> Monitor:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Remove the bar and close the files."""
        self._progress.stop()
        if self._first_process:
            for file in (self._records, self._events):
                # Of a full disk the error that ended the training tells.
                with suppress(OSError) if error is not None else nullcontext():
                    file.close()
            if self._wandb is not None:
                self._wandb.finish()

    def advance(self, step: int) -> None:
        """Move the bar to `step`."""
        self._progress.update(self._task, completed=step)

    def record(self, step: int, metrics: dict[str, float]) -> None:
        """Keep numbers of a step, and show them."""
        if not self._first_process:
            return
        self._records.write(json.dumps({"step": step, "steps": self._total, **metrics}) + "\n")
        self._records.flush()
        for name, value in metrics.items():
            self._events.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(metrics, step=step)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        if console.is_terminal and "loss" in metrics:
            self._progress.update(self._task, description=shown)
        else:
            console.print(f"step {step}/{self._total}  {shown}")


def _start_wandb(project: str, directory: Path) -> Any:
    """Start or resume the report of this run, known by its directory."""
    try:
        import wandb
    except ImportError:
        raise InputError(
            "config.wandb needs the client of Weights & Biases: pip install 'jaxcxr[wandb]'"
        ) from None
    name = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:16]
    config = json.loads(read_config(directory).to_json())
    return wandb.init(
        project=project, id=name, name=directory.name, dir=directory, config=config, resume="allow"
    )


def _truncate(path: Path, step: int) -> None:
    """Drop records after `step`, and a last line that a kill cut in two."""
    if not path.exists():
        return
    kept = []
    with reading(path, "the records of a training", "remove it, they are of the past"):
        lines = path.read_bytes().splitlines()
    for line in lines:
        try:
            record = parse_json(line, Record, str(path), "", finite=False)
        except InputError:
            break
        if record["step"] <= step:
            kept.append(line)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in kept))
