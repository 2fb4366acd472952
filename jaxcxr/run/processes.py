"""An error in one of several processes ends all of them, each in one sentence.

By themselves the others would wait for the one that is gone, in an operation over all devices, and
end in an abort after minutes. A process that is killed says nothing; that it is gone shows in a
number that each counts up in the dictionary that they share. The first process keeps that
dictionary: when it is killed JAX itself ends the others at once, in its own words.
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

_STOPPED, _ALIVE, _ENDED = "jaxcxr/stopped", "jaxcxr/alive/", "ended"
# Seconds: how long an error may travel, and how often to look. The first process keeps the
# dictionary, so it leaves last.
_TRAVEL = 3.0
_LOOK = 0.5
# Seconds between two signs of life, and without one until a process counts as gone: a busy machine
# may keep it from Python for a while.
_BEAT = 5.0
_SILENT = 40.0


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
    client: Any = distributed.global_state.client
    ended, signs = Event(), _SignsOfLife(client)
    signs.look()  # The first is given here: who never gave one would not be missed.
    # Asked now and then, not waited for: Python cannot end while a thread waits within JAX.
    watcher = Thread(target=_leave_with_the_first, args=(client, signs, ended), daemon=True)
    watcher.start()
    try:
        yield
    except SystemExit:
        raise
    except BaseException as error:
        if not isinstance(error, InputError):
            # It may follow from the end of another process: the watcher then leaves meanwhile.
            time.sleep(_SILENT + 4 * _BEAT if _of_the_network(error) else _TRAVEL)
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
    client.key_value_set(f"{_ALIVE}{jax.process_index()}", _ENDED, allow_overwrite=True)


def _of_the_network(error: BaseException) -> bool:
    """Whether an operation over all devices failed; on a CPU it is a ValueError of Gloo."""
    return isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error)


def _tell(client: Any, error: BaseException) -> None:
    said = of_system(error) if isinstance(error, OSError) else first_line(error, limit=1000)
    try:
        client.key_value_set(_STOPPED, f"{jax.process_index()} {said}")
    except jax.errors.JaxRuntimeError:
        return  # Another was first, or the first process is gone: nothing to add.


def _leave_with_the_first(client: Any, signs: _SignsOfLife, ended: Event) -> None:
    """Stop as soon as another process says that it stopped, or gives no sign of life."""
    while not ended.wait(_LOOK):
        if gone := signs.look():
            say(
                f"error: process {gone} is gone without a word (killed, or its host or network "
                "failed); run the same command to go on from the newest checkpoint",
                error=True,
            )
            _leave(1)
        try:
            index, _, said = client.key_value_try_get(_STOPPED).partition(" ")
        except jax.errors.JaxRuntimeError:
            continue  # Nobody has stopped.
        if int(index) != jax.process_index():
            say(f"error: process {index} stopped: {said}", error=True)
            _leave(EXIT_BAD_INPUT)
        return


class _SignsOfLife:
    """Gives this process's sign of life, and looks for those of the others."""

    def __init__(self, client: Any):
        self._client = client
        self._beats, self._beaten = 0, -_BEAT
        self._seen: dict[str, tuple[str, float]] = {}

    def look(self) -> str:
        """Name a process that has long given no sign; empty while all do, or it is not yet time."""
        now = time.monotonic()
        if now - self._beaten < _BEAT:
            return ""
        if now - self._beaten > _SILENT / 2:
            self._seen.clear()  # this process was kept from looking, and knows nothing of others
        self._beaten, self._beats = now, self._beats + 1
        own = f"{_ALIVE}{jax.process_index()}"
        try:
            self._client.key_value_set(own, str(self._beats), allow_overwrite=True)
            found = dict(self._client.key_value_dir_get(_ALIVE))
        except jax.errors.JaxRuntimeError:
            return ""  # The first process is gone, and JAX ends this one.
        for key, beats in found.items():
            if key not in self._seen or self._seen[key][0] != beats:
                self._seen[key] = beats, now
            elif beats != _ENDED and now - self._seen[key][1] > _SILENT:
                return key.rpartition("/")[2]
        return ""


def _leave(status: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if jax.process_index() == 0:
        time.sleep(_TRAVEL)
    os._exit(status)  # Not by `sys.exit`: JAX would wait for the others at a barrier.
