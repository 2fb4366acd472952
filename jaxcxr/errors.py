"""Where mistakes, damaged files, full disks and Ctrl-C become one sentence.

What is wrong, where, and what to do.
Two places, and no command has its own. `reading` stands around each file that comes from outside;
`report_input_errors` stands around each command.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from jaxcxr import interrupts
from jaxcxr.terminal import plain, say

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = interrupts.STATUS

# What to do, by the cause that the system names.
_REMEDIES = {
    errno.ENOSPC: "make room and run the same command again",
    errno.EDQUOT: "make room within the quota and run the same command again",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or write to another file system",
    errno.EACCES: "check the permissions, or choose another place",
    errno.EPERM: "check the permissions, or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "give a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk or the network file system fails; copy the data elsewhere",
}


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, where, and what to do."""


@contextmanager
def reading(path: str | os.PathLike[str], what: str, remedy: str) -> Iterator[None]:
    """Turn whatever stops the reading of a file into an `InputError` that names it.

    Keep the block to the reading itself: every exception in it counts as the file's fault, since
    each library raises its own for a damaged file.

    Args:
      path: the file.
      what: what it should be, such as `a weights file`.
      remedy: what to do when it is damaged, such as `convert it again`.

    Raises:
      InputError: the block raised.
    """
    try:
        refuse_pipe(path, remedy)
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise InputError(of_system(error, path)) from error
    except MemoryError as error:
        raise InputError(f"{path}: does not fit into memory; {remedy}") from error
    except Exception as error:
        raise InputError(
            f"{path}: not readable as {what} ({first_line(error)}); {remedy}"
        ) from error


def refuse_pipe(path: str | os.PathLike[str], remedy: str) -> None:
    """Stop before what is no file is waited for, perhaps for ever."""
    mode = stat.S_IFREG
    with suppress(OSError, ValueError):
        mode = os.stat(path).st_mode  # noqa: PTH116 - it may be a text
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: a pipe or a device, not a file; {remedy}")


@contextmanager
def report_input_errors() -> Iterator[None]:
    """End a command in one line on the standard error where the user or the machine is the cause.

    Exit status 2 for bad input and for what the system refuses (a full disk, permissions), 130 for
    Ctrl-C. A defect of the program still ends in a traceback.
    """
    try:
        with interrupts.interruptible():
            try:
                _refuse_odd_bytes()
                yield
            except Exception:
                if interrupts.was_interrupted():  # a library made another error of it
                    raise KeyboardInterrupt from None
                raise
    except InputError as error:
        _end(f"error: {error}", EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        say(interrupts.SENTENCE, error=True)
        interrupts.told()
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read the output has closed it, as `| head` does: nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_BAD_INPUT)
    except OSError as error:
        _end(f"error: {of_system(error)}", EXIT_BAD_INPUT)
    except Exception as error:
        # Libraries wrap the system's errors into kinds of their own, but keep its words.
        if not any(os.strerror(code) in str(error) for code in (errno.ENOSPC, errno.EDQUOT)):
            raise
        _end(f"error: {first_line(error)}; {_REMEDIES[errno.ENOSPC]}", EXIT_BAD_INPUT)


def of_system(error: OSError, path: str | os.PathLike[str] | None = None) -> str:
    """Write what the system refused as one sentence: file, cause, what to do."""
    names = (path, error.filename, error.filename2)
    where = next((os.fspath(name) for name in names if isinstance(name, str | os.PathLike)), None)
    cause = error.strerror or first_line(error)
    remedy = _REMEDIES.get(error.errno or 0, "check the file and the file system")
    return f"{where}: {cause}; {remedy}" if where else f"{cause}; {remedy}"


def first_line(error: BaseException, limit: int = 200) -> str:
    """Return the first line that an exception says, or its kind where it says nothing."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said[:limit] or type(error).__name__


def _refuse_odd_bytes() -> None:
    """Stop before any work where a path would be recorded that no text file can hold."""
    for given in (*sys.argv[1:], str(Path.cwd())):
        if any("\udc80" <= character <= "\udcff" for character in given):
            raise InputError(
                f"{plain(given)}: not UTF-8 text, so no file could record it; rename it (an image "
                "of such a name is read from a folder of another)"
            )


def _end(sentence: str, status: int) -> NoReturn:
    say(sentence, error=True)
    # The exception stays behind: a traceback is for defects of the program.
    raise SystemExit(status) from None
