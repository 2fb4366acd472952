"""Bad input gets one clear sentence: what is wrong, where, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_BAD_INPUT = 2


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, where, and what to do."""


@contextmanager
def report_input_errors() -> Iterator[None]:
    """Turn an `InputError` into one line on the standard error and exit status 2.

    Every command wraps its main in this, so that a mistake in a path, a table or a config ends
    in a sentence and a defect of the program still ends in a traceback.
    """
    try:
        yield
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
