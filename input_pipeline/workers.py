"""Shards written by processes of this machine, with progress on the terminal."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from input_pipeline.shards import Shard, write
from jaxcxr.errors import InputError

REFRESH = 0.5  # seconds
_count: Any = None


def write_shards(shards: list[Shard], workers: int) -> None:
    """Write shards; each is whole or absent, whatever happens meanwhile.

    Raises:
      InputError: a process died, or the disk is full; the shards finished so far stay.
    """
    # Processes are spawned, not forked: a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    count = context.Value("q", 0)
    pool = ProcessPoolExecutor(
        min(workers, max(1, len(shards))), context, initializer=_start, initargs=(count,)
    )
    columns = (
        TextColumn("preparing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    images = sum(len(shard.records) for shard in shards)
    try:
        with Progress(*columns) as progress:
            task = progress.add_task("", total=images, rate="")
            begun = time.monotonic()
            waiting = {pool.submit(_write, shard) for shard in shards}
            while waiting:
                finished, waiting = wait(waiting, REFRESH, FIRST_COMPLETED)
                for future in finished:
                    future.result()
                rate = count.value / (time.monotonic() - begun)
                progress.update(task, completed=count.value, rate=f"{rate:,.1f} a second")
    except BrokenProcessPool:
        raise InputError(
            "a worker process died, most likely for want of memory; the finished shards are "
            "kept: run the same command again, with fewer --workers"
        ) from None
    except OSError as error:
        raise InputError(
            f"{error.filename or shards[0].path.parent}: {error.strerror}; the finished shards "
            "are kept: run the same command again when that is mended"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start(count: Any) -> None:
    global _count
    _count = count
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent would leave its workers waiting for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(shard: Shard) -> None:
    write(shard, _prepared)


def _prepared() -> None:
    with _count.get_lock():
        _count.value += 1
