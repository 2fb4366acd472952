"""The boundary: what ends in one sentence, with which status, and what stays a traceback."""

import errno
import json
import os
import subprocess
import sys
import zipfile
import zlib

import pytest

from jaxcxr.errors import EXIT_INTERRUPTED, InputError, reading, report_input_errors


def _end(capsys, error):
    with pytest.raises(SystemExit) as ended, report_input_errors():
        raise error
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return ended.value.code, said.err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EIO])
def test_what_the_system_refuses_names_the_file_and_the_cause(capsys, code):
    status, said = _end(capsys, OSError(code, os.strerror(code), "/data/out.parquet"))
    assert status == 2
    assert said.startswith(f"error: /data/out.parquet: {os.strerror(code)}; ")


def test_a_library_that_wraps_a_full_disk_is_understood(capsys):
    status, said = _end(capsys, RuntimeError("UNKNOWN: No space left on device; writing 1.data"))
    assert status == 2 and "make room" in said


def test_bad_input_and_ctrl_c(capsys):
    assert _end(capsys, InputError("x: is wrong; do y")) == (2, "error: x: is wrong; do y\n")
    status, said = _end(capsys, KeyboardInterrupt())
    assert status == EXIT_INTERRUPTED == 130 and "run the same command again" in said


def test_a_defect_stays_a_traceback():
    with pytest.raises(ZeroDivisionError), report_input_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    "error",
    [
        zlib.error("Error -3"),
        zipfile.BadZipFile("no directory"),
        json.JSONDecodeError("Expecting value", "", 0),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        EOFError(),
        KeyError("spec"),
        PermissionError(errno.EACCES, "Permission denied"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        MemoryError(),
    ],
)
def test_reading_names_the_file_whatever_its_library_raises(tmp_path, error):
    path = tmp_path / "cohort.json"
    with pytest.raises(InputError) as found, reading(path, "a cohort", "prepare it again"):
        raise error
    assert str(found.value).startswith(f"{path}: ") and "\n" not in str(found.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "cohort.json"
    os.mkfifo(pipe)
    wanted = r"a pipe or a device, not a file; prepare it again$"
    with pytest.raises(InputError, match=wanted), reading(pipe, "a cohort", "prepare it again"):
        pipe.read_text()


def test_a_reader_that_goes_away_is_nobody_to_tell():
    program = (
        "from jaxcxr.errors import report_input_errors\n"
        "with report_input_errors():\n"
        "    for number in range(100000):\n"
        "        print(number)\n"
    )
    piped = f'"{sys.executable}" -c "{program}" | head -n 1'
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")
