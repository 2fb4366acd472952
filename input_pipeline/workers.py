"""Images opened by processes of this machine: to write shards, or to be handed on.

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
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from input_pipeline.decoding.image_errors import UnreadableImageError
from jaxcxr.errors import InputError
from jaxcxr.interrupts import end_with_parent, held_back
from jaxcxr.terminal import console, progress_bar

if TYPE_CHECKING:  # a process that opens images need not know how shards are written
    from input_pipeline.shards import Shard

Watch = Callable[[int | None], None]
REFRESH = 0.5  # seconds
SECONDS_AN_IMAGE = 60
BYTES_AN_IMAGE = 4 << 30  # of address space, on top of what a process has when it starts
_board: Any = None  # in a worker: `_Board.slots`, and the place there that is its own
_place = 0


class _Board:
    """What each process works on, in memory that all of them see.

    Attributes:
      count: images done so far, and processes started.
      slots: for each process: its id, the number of its piece, the row, when it began.
    """

    def __init__(self, context: Any, workers: int):
        self.count = context.Array("q", 2)
        self.slots = context.Array("d", 4 * workers, lock=False)

    def working(self) -> list[tuple[int, int, int, float]]:
        """Process, piece, row and beginning of all images in work."""
        places = range(0, len(self.slots), 4)
        found = [tuple(self.slots[at : at + 4]) for at in places]
        return [(int(p), int(n), int(r), began) for p, n, r, began in found if began]

    def kill(self, begun_before: float) -> None:
        """Kill the processes whose image in work was begun before a time; `inf` kills all."""
        for at in range(0, len(self.slots), 4):
            process, began = int(self.slots[at]), self.slots[at + 3]
            if process and (0 < began < begun_before or begun_before == math.inf):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


class Piece(Protocol):
    """A piece of work: images by name, which one process goes through.

    `work` calls `watch` before each image with its row, and after it with None; images in
    `known_bad` are not even to be opened, for the reason there. `try_one` opens one image.
    """

    @property
    def names(self) -> Sequence[str]:
        """The images, each name once in all pieces."""

    def work(self, watch: Watch, known_bad: Mapping[str, str]) -> Any:
        """Do all of it."""

    def try_one(self, row: int) -> None:
        """Open one image; UnreadableImageError where that cannot be."""


def write_shards(shards: list[Shard], workers: int) -> None:
    """Write shards; each is whole or absent, whatever happens meanwhile.

    Raises:
      InputError: a process died and no image is the cause, or the disk is full; the shards
        finished so far stay.
    """
    columns = (
        TextColumn("preparing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    todo = [shard for shard in shards if not shard.done]
    begun = time.monotonic()
    try:
        with progress_bar(*columns, console=console()) as progress:
            task = progress.add_task("", total=sum(len(shard.records) for shard in todo), rate="")

            def report(images: int) -> None:
                rate = images / (time.monotonic() - begun)
                progress.update(task, completed=images, rate=f"{rate:,.1f} a second")

            for _ in in_processes(todo, workers, report):
                pass
    except OSError as error:
        raise InputError(
            f"{error.filename or shards[0].path.parent}: {error.strerror}; the finished shards "
            "are kept: run the same command again when that is mended"
        ) from error


def in_processes(
    pieces: Sequence[Piece], workers: int, report: Callable[[int], None] = lambda images: None
) -> Generator[tuple[int, Any], None, None]:
    """Do pieces of work in processes of this machine.

    Args:
      pieces: of work.
      workers: processes.
      report: called now and then with the number of images done.

    Yields:
      The number of a piece and what its work returned, as each is done.

    Raises:
      InputError: a process died and no image is the cause.
    """
    left, known_bad = dict(enumerate(pieces)), dict[str, str]()
    while left:
        before = sum(len(piece.names) for piece in pieces) - sum(
            len(piece.names) for piece in left.values()
        )
        suspects = yield from _round(left, workers, known_bad, lambda n, at=before: report(at + n))  # type: ignore[misc]
        if suspects is None:
            return
        found = {
            pieces[number].names[row]: why
            for number, row in suspects
            if (why := _tried_alone(pieces[number], row))
        }
        if not found:
            raise InputError(
                "a worker process died, most likely for want of memory; what is finished is kept: "
                "run the same command again, with fewer --workers"
            )
        known_bad |= found


def _round(
    left: dict[int, Piece],
    workers: int,
    known_bad: dict[str, str],
    report: Callable[[int], None],
) -> Generator[tuple[int, Any], None, list[tuple[int, int]] | None]:
    """Do what is left and take it off; None when all is done, or the images in work at a death."""
    # Processes are spawned, not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    workers = min(workers, len(left))
    board = _Board(context, workers)
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(board,))
    todo, waiting = list(left.items()), dict[Any, int]()
    try:
        while todo or waiting:
            # Few at a time: results that nobody has taken yet are in memory.
            while todo and len(waiting) < 2 * workers:
                number, piece = todo.pop(0)
                with held_back():
                    waiting[pool.submit(_work, piece, number, known_bad)] = number
            finished, _ = wait(waiting, REFRESH, FIRST_COMPLETED)
            for future in finished:
                number, result = waiting.pop(future), future.result()
                del left[number]
                yield number, result
            report(board.count[0])
            board.kill(time.monotonic() - SECONDS_AN_IMAGE)
    except BrokenProcessPool:
        return [(number, row) for _, number, row, _ in board.working()]
    except BaseException:
        board.kill(math.inf)  # or Ctrl-C would wait for whole pieces
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    return None


def _tried_alone(piece: Piece, row: int) -> str:
    """Open one image in a process of its own; the reason why it cannot be, or an empty text."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(piece, row, sender))
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


def _try(piece: Piece, row: int, sender: Any) -> None:
    _limit_memory()
    try:
        piece.try_one(row)
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


def _work(piece: Piece, number: int, known_bad: dict[str, str]) -> Any:
    def watch(row: int | None) -> None:
        if row is None:
            _board.slots[_place + 3] = 0
            with _board.count.get_lock():
                _board.count[0] += 1
        else:
            _board.slots[_place + 1 : _place + 4] = [number, row, time.monotonic()]

    return piece.work(watch, known_bad)
