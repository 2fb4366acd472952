"""An error in one of several processes ends all of them, each in one sentence.

By themselves the others would wait for the one that is gone, in an operation over all devices, and
end in an abort after minutes.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, NoReturn

import jax
from jax._src import distributed  # JAX keeps its processes' common dictionary under no public name.

from jaxcxr.errors import EXIT_BAD_INPUT, InputError, first_line, of_system, report_input_errors
from jaxcxr.terminal import say

_STOPPED = "jaxcxr/stopped"
# Seconds: how long an error may travel, and how often to look. The first process keeps the
# dictionary, so it leaves last.
_TRAVEL = 3.0
_LOOK = 0.5


@contextmanager
def ending_together() -> Iterator[None]:
    """Stand around what several processes do together; it does nothing where there is one.

    An exception in any process is said there, and the others say which process stopped and why.
    All leave with its status, without waiting for each other. Stopping by a signal, which all agree
    on, is a `SystemExit` and passes.
    """
    if jax.process_count() == 1:
        yield
        return
    client = distributed.global_state.client
    ended = Event()
    # Asked now and then, not waited for: Python cannot end while a thread waits within JAX.
    watcher = Thread(target=_leave_with_the_first, args=(client, ended), daemon=True)
    watcher.start()
    try:
        yield
    except SystemExit:
        raise
    except BaseException as error:
        if not isinstance(error, InputError):
            # It may follow from the end of another process, whose watcher then leaves meanwhile.
            time.sleep(_TRAVEL)
        _tell(client, error)
        try:
            with report_input_errors():
                raise
        except SystemExit as end:
            _leave(end.code if isinstance(end.code, int) else 1)
        except BaseException:
            traceback.print_exc()
            _leave(1)
    finally:
        ended.set()
        watcher.join()


def _tell(client: Any, error: BaseException) -> None:
    said = of_system(error) if isinstance(error, OSError) else first_line(error, limit=1000)
    try:
        client.key_value_set(_STOPPED, f"{jax.process_index()} {said}")
    except jax.errors.JaxRuntimeError:
        return  # Another was first, or the first process is gone: nothing to add.


def _leave_with_the_first(client: Any, ended: Event) -> None:
    """Stop as soon as another process says that it stopped."""
    while not ended.wait(_LOOK):
        try:
            index, _, said = client.key_value_try_get(_STOPPED).partition(" ")
        except jax.errors.JaxRuntimeError:
            continue  # Nobody has stopped.
        if int(index) != jax.process_index():
            say(f"error: process {index} stopped: {said}", error=True)
            _leave(EXIT_BAD_INPUT)
        return


def _leave(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if jax.process_index() == 0:
        time.sleep(_TRAVEL)
    os._exit(status)  # Not by `sys.exit`: JAX would wait for the others at a barrier.
