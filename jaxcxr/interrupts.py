"""Ctrl-C at any moment of a command ends it in one sentence, with exit status 130.

From the first import until a command's boundary stands (`jaxcxr.errors`), and once it has fallen,
Ctrl-C ends the process at once. Within it the first one is a KeyboardInterrupt, so that temporary
files go and workers end; the second ends the process at once. Files are renamed into place when
they are whole, so that this loses nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

STATUS = 128 + signal.SIGINT
SENTENCE = "stopped by Ctrl-C; files are whole: run the same command again"
_state = {"told": False, "interrupted": False}


def end_at_once(*_: Any) -> NoReturn:
    """Say the sentence, unless it was said, and end the process."""
    if not _state["told"]:
        os.write(2, f"{SENTENCE}\n".encode())
    os._exit(STATUS)


def told() -> None:
    """Note that the sentence was said, so that another Ctrl-C ends the process in silence."""
    _state["told"] = True


def was_interrupted() -> bool:
    """Whether Ctrl-C came within the boundary, even if a library made another error of it."""
    return _state["interrupted"]


def guard_start() -> None:
    """End in the sentence while a command's modules are imported, if this process is a command."""
    # While Python looks for the module of `python -m`, this is what stands for its name.
    if sys.argv[:1] == ["-m"] and _ours_to_take():
        signal.signal(signal.SIGINT, end_at_once)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first Ctrl-C in the block into a KeyboardInterrupt, and let the second end all."""
    if not _ours_to_take():
        yield
        return
    before, unraisable = signal.getsignal(signal.SIGINT), sys.unraisablehook
    _state.update(told=False, interrupted=False)

    def swallowed(found: sys.UnraisableHookArgs) -> None:
        # Python itself drops an error where nobody could catch it.
        if issubclass(found.exc_type, KeyboardInterrupt):
            end_at_once()
        unraisable(found)

    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = swallowed
    try:
        yield
    finally:
        if sys.unraisablehook is swallowed:
            sys.unraisablehook = unraisable
        signal.signal(signal.SIGINT, before)


def _interrupt(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGINT, end_at_once)
    _state["interrupted"] = True
    raise KeyboardInterrupt


def _ours_to_take() -> bool:
    """Whether this thread gets Ctrl-C, and it is neither ignored (`nohup`) nor another's."""
    ours = (signal.default_int_handler, end_at_once)
    return (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) in ours
    )


def end_with_parent() -> None:
    """End this worker process when its parent does, even by SIGKILL; it would wait for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def held_back() -> Iterator[None]:
    """Start processes in the block that never see Ctrl-C: they are ended by this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
