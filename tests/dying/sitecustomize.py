"""Let a command die of SIGKILL before the n-th time that it changes a folder.

Python imports this file as it starts, if the folder of it is on PYTHONPATH. What libraries of C++
write by themselves is not counted.
"""

import os
import signal
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod")
folder, number = os.environ.get("DYING_FOLDER"), int(os.environ.get("DYING_AT", -1))
log, changes = os.environ.get("DYING_LOG", os.devnull), 0


def notice(event, arguments):
    """Count a change, and die at the one that is asked for."""
    global changes
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
    if not (writes or event in CHANGES):
        return
    path = arguments[0]
    below = isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(folder)
    # Within `shutil.rmtree` names are those in an open folder.
    if below or (event in ("os.remove", "os.rmdir") and arguments[-1] != -1):
        if changes == number:
            os.kill(os.getpid(), signal.SIGKILL)
        changes += 1
        told.write(f"{event} {path}\n")


# Not in the processes that the command starts.
if folder and os.environ.get("DYING_CHILD_OF") == str(os.getppid()):
    told = open(log, "w", buffering=1)  # noqa: SIM115, PTH123
    sys.addaudithook(notice)
