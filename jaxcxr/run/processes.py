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
from threading import Thread
from typing import Any, NoReturn

import jax
from jax._src import distributed  # JAX keeps its processes' common dictionary under no public name.

from jaxcxr.errors import EXIT_BAD_INPUT, InputError, first_line, of_system, report_input_errors
from jaxcxr.terminal import say

_STOPPED = "jaxcxr/stopped"
# Seconds: how long an error may travel. The first process keeps the dictionary, so it leaves last.
_TRAVEL = 3.0


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
    Thread(target=_leave_with_the_first, args=(client,), daemon=True).start()
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


def _tell(client: Any, error: BaseException) -> None:
    said = of_system(error) if isinstance(error, OSError) else first_line(error, limit=1000)
    try:
        client.key_value_set(_STOPPED, f"{jax.process_index()} {said}")
    except jax.errors.JaxRuntimeError:
        return  # Another was first, or the first process is gone: nothing to add.


def _leave_with_the_first(client: Any) -> None:
    """Wait for the word of a process that stopped, and stop as well."""
    while True:
        try:
            index, _, said = client.blocking_key_value_get(_STOPPED, 3_600_000).partition(" ")
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" in str(error):
                continue
            return  # The processes are ending.
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
