"""Ctrl-C at any moment of a command ends it in one sentence, with exit status 130.

From the first import until a command's boundary stands (`jaxcxr.errors`), and once it has fallen,
Ctrl-C ends the process at once. Within it the first one is a KeyboardInterrupt, so that temporary
files go and workers end; the second ends the process at once. Files are renamed into place when
they are whole, so that this loses nothing.
"""

from __future__ import annotations

import os
import signal
import sys

STATUS = 128 + signal.SIGINT
SENTENCE = "stopped by Ctrl-C; files are whole: run the same command again"
_state = {"told": False, "interrupted": False, "command": False}


def end_at_once(*_: Any) -> NoReturn:
    """Say the sentence, unless it was said, and end the process."""
    if not _state["told"]:
        os.write(2, f"{SENTENCE}\n".encode())
    os._exit(STATUS)


def guard_start() -> None:
    """End in the sentence while a command's modules are imported, if this process is a command."""
    # While Python looks for the module of `python -m`, this is what stands for its name.
    _state["command"] = sys.argv[:1] == ["-m"]
    if _state["command"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)


guard_start()

# Only now, since these take time.
import multiprocessing  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from multiprocessing import util  # noqa: E402
from types import FrameType  # noqa: E402
from typing import Any, NoReturn  # noqa: E402


def told() -> None:
    """Note that the sentence was said; if this process is a command, end it here.

    What is left to do at the end of Python would only take time, and may speak.
    """
    _state["told"] = True
    if _state["command"]:
        sys.stdout.flush()
        # Semaphores of workers would be called leaked.
        util._run_finalizers(0)  # type: ignore[attr-defined]
        os._exit(STATUS)


def was_interrupted() -> bool:
    """Whether Ctrl-C came within the boundary, even if a library made another error of it."""
    return _state["interrupted"]


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


def _interrupt(_: int, frame: FrameType | None) -> None:
    while frame is not None:
        # The beginnings of extension modules bear no error: some crash, some print it.
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            end_at_once()
        frame = frame.f_back
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


def end_with_caller(caller: int) -> None:
    """End this process, which the process of that id has started, when that one does."""
    threading.Thread(target=_wait_for_caller, args=(caller,), daemon=True).start()


def _wait_for_caller(caller: int) -> None:
    while os.getppid() == caller:  # of an orphan it is another
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def held_back() -> Iterator[None]:
    """Start processes in the block that never see Ctrl-C: they are ended by this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
