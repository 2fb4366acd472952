"""Shards written by processes of this machine, with progress on the terminal.

An image may take a process down with it, by memory, by time, or by a fault of its decoder. Each
process says which image it has begun; when one dies, those images are tried again alone, and the
one that kills is rejected by name.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import resource
import signal
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from input_pipeline.image_errors import UnreadableImageError
from input_pipeline.shards import Shard, prepared_image, write
from jaxcxr.errors import InputError
from jaxcxr.interrupts import end_with_parent, held_back
from jaxcxr.terminal import console

REFRESH = 0.5  # seconds
SECONDS_AN_IMAGE = 60
BYTES_AN_IMAGE = 4 << 30  # of address space, on top of what a process has when it starts
_board: Any = None  # in a worker: `_Board.slots`, and the place there that is its own
_place = 0


class _Board:
    """What each process works on, in memory that all of them see.

    Attributes:
      count: images done so far, and processes started.
      slots: for each process: its id, the number of its shard, the row, when it began.
    """

    def __init__(self, context: Any, workers: int):
        self.count = context.Array("q", 2)
        self.slots = context.Array("d", 4 * workers, lock=False)

    def working(self) -> list[tuple[int, int, int, float]]:
        """Process, shard, row and beginning of all images in work."""
        places = range(0, len(self.slots), 4)
        found = [tuple(self.slots[at : at + 4]) for at in places]
        return [(int(p), int(s), int(r), began) for p, s, r, began in found if began]

    def kill(self, begun_before: float) -> None:
        """Kill the processes whose image in work was begun before a time; `inf` kills all."""
        for at in range(0, len(self.slots), 4):
            process, began = int(self.slots[at]), self.slots[at + 3]
            if process and (0 < began < begun_before or begun_before == math.inf):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def write_shards(shards: list[Shard], workers: int) -> None:
    """Write shards; each is whole or absent, whatever happens meanwhile.

    Raises:
      InputError: a process died and no image is the cause, or the disk is full; the shards
        finished so far stay.
    """
    known_bad: dict[str, str] = {}
    columns = (
        TextColumn("preparing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console()) as progress:
            while todo := [shard for shard in shards if not shard.done]:
                suspects = _write_all(todo, workers, known_bad, progress)
                if suspects is None:
                    return
                found = {
                    str(shard.records["image_id"].iloc[row]): why
                    for shard, row in suspects
                    if (why := _tried_alone(shard, row))
                }
                if not found:
                    raise InputError(
                        "a worker process died, most likely for want of memory; the finished "
                        "shards are kept: run the same command again, with fewer --workers"
                    )
                known_bad |= found
    except OSError as error:
        raise InputError(
            f"{error.filename or shards[0].path.parent}: {error.strerror}; the finished shards "
            "are kept: run the same command again when that is mended"
        ) from error


def _write_all(
    shards: list[Shard], workers: int, known_bad: dict[str, str], progress: Progress
) -> list[tuple[Shard, int]] | None:
    """Write shards; None when all are done, or the images in work when a process died."""
    # Processes are spawned, not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(shards))
    board = _Board(context, workers)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(board,))
    task = progress.add_task("", total=sum(len(shard.records) for shard in shards), rate="")
    begun = time.monotonic()
    try:
        with held_back():
            waiting = {
                pool.submit(_write, shard, number, known_bad) for number, shard in enumerate(shards)
            }
        while waiting:
            finished, waiting = wait(waiting, REFRESH, FIRST_COMPLETED)
            for future in finished:
                future.result()
            rate = board.count[0] / (time.monotonic() - begun)
            progress.update(task, completed=board.count[0], rate=f"{rate:,.1f} a second")
            board.kill(time.monotonic() - SECONDS_AN_IMAGE)
    except BrokenProcessPool:
        progress.remove_task(task)  # the next round has one of its own
        return [(shards[number], row) for _, number, row, _ in board.working()]
    except BaseException:
        board.kill(math.inf)  # or Ctrl-C would wait for whole shards
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return None


def _tried_alone(shard: Shard, row: int) -> str:
    """Prepare one image in a process of its own; the reason why it cannot be, or an empty text."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(shard, row, sender))
    with held_back():
        process.start()
    sender.close()
    try:
        if not receiver.poll(2 * SECONDS_AN_IMAGE):
            return f"takes more than {SECONDS_AN_IMAGE} seconds to decode"
        return str(receiver.recv())
    except EOFError:
        return "ends the process that decodes it"
    finally:
        process.kill()
        process.join()


def _try(shard: Shard, row: int, sender: Any) -> None:
    _limit_memory()
    try:
        prepared_image(shard, row)
    except UnreadableImageError as error:
        sender.send(str(error))
    else:
        sender.send("")


def _start(board: _Board) -> None:
    global _board, _place
    with board.count.get_lock():
        _place = 4 * board.count[1]
        board.count[1] += 1
    _board = board
    _board.slots[_place] = os.getpid()
    end_with_parent()
    _limit_memory()


def _limit_memory() -> None:
    """Let an image fail that takes more than it may, and not the machine."""
    own = Path("/proc/self/statm")
    if not own.exists():  # not Linux, where alone such a limit works
        return
    held = int(own.read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = held + BYTES_AN_IMAGE
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _write(shard: Shard, number: int, known_bad: dict[str, str]) -> None:
    def watch(row: int | None) -> None:
        if row is None:
            _board.slots[_place + 3] = 0
            with _board.count.get_lock():
                _board.count[0] += 1
        else:
            _board.slots[_place + 1 : _place + 4] = [number, row, time.monotonic()]

    write(shard, watch, known_bad)
