"""What a killed process left of an output goes with the next run, and nothing else goes."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from jaxcxr import files
from jaxcxr.files import atomic_path, fresh_directory, place_beside


@contextmanager
def file_in_a_fresh_directory(path):
    with fresh_directory(path) as new:
        yield new / "made.csv"


@contextmanager
def file_in_a_place(path):
    with place_beside(path) as new:
        yield new / "made.csv"


WAYS = (atomic_path, file_in_a_fresh_directory, file_in_a_place)
# Begins an output, says so, and waits to be killed.
BEGIN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_places
with getattr(test_places, sys.argv[2])(Path(sys.argv[3])) as file:
    file.write_text("half")
    print("begun", flush=True)
    sys.stdin.read()
"""


def begin(way, path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, here, way.__name__, str(path)], **pipes
    )
    assert process.stdout.readline() == "begun\n"
    return process


def end(process):
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def _as_another_process():
    """What lies in a folder is looked at once in a process."""
    files._left_in.cache_clear()


@pytest.mark.parametrize("way", WAYS)
def test_what_a_killed_process_left_goes_and_nothing_of_the_living_or_of_others(way, tmp_path):
    end(begin(way, tmp_path / "ours"))
    (killed,) = tmp_path.iterdir()
    end(begin(way, tmp_path / "others"))
    living = begin(way, tmp_path / "ours")
    of_earlier_version = tmp_path / f".{'a' * 32}.csv"
    of_earlier_version.touch()
    kept = set(tmp_path.iterdir()) - {killed}
    assert len(kept) == 3
    with way(tmp_path / "ours") as file:
        assert not killed.exists()
        file.touch()
    assert set(tmp_path.iterdir()) - {tmp_path / "ours"} == kept
    end(living)


def own_and_made(path):
    path.mkdir(parents=True)
    (path / "notes.txt").write_text("mine")
    (path / "old.csv").touch()


def remake(path):
    with fresh_directory(path) as new:
        (new / "new.csv").touch()


def is_remade(path):
    (beside,) = path.parent.iterdir()
    names = sorted(file.name for file in path.iterdir())
    return beside == path and names == ["new.csv", "notes.txt"]


MOMENTS = range(5)  # the renames of an exchange, and after the last


def stopped_before(rename, stop):
    """Let the `rename`-th one and all after it stop the process as `stop` does."""
    done, real = [], Path.rename

    def patched(self, target):
        done.append(target)
        if len(done) > rename:
            stop()
        return real(self, target)

    return patched


@pytest.mark.parametrize("rename", MOMENTS)
def test_an_exchange_killed_anywhere_loses_nobodys_own_files(rename, tmp_path):
    path = tmp_path / "report"
    own_and_made(path)
    program = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from test_places import *; "
        "Path.rename = stopped_before(int(sys.argv[2]), lambda: os._exit(9)); "
        "remake(Path(sys.argv[3]))"
    )
    arguments = [str(Path(__file__).parent), str(rename), str(path)]
    done = subprocess.run([sys.executable, "-c", program, *arguments])
    assert done.returncode == (9 if rename < MOMENTS[-1] else 0)
    remake(path)
    assert is_remade(path)


@pytest.mark.parametrize("rename", MOMENTS)
def test_an_exchange_interrupted_anywhere_loses_nobodys_own_files(rename, tmp_path, monkeypatch):
    path = tmp_path / "report"
    own_and_made(path)
    interrupted = []

    def interrupt():
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopped_before(rename, interrupt))
        if rename < MOMENTS[-1]:
            with pytest.raises(KeyboardInterrupt):
                remake(path)
        else:
            remake(path)
    assert [one.name for one in tmp_path.iterdir()] == ["report"]
    assert (path / "notes.txt").read_text() == "mine"
    remake(path)
    assert is_remade(path)


def test_many_that_write_the_same_take_nothing_of_each_other(tmp_path):
    def write(number):
        files._left_in.cache_clear()
        with atomic_path(tmp_path / "a.txt") as temporary:
            temporary.write_text(f"{number:04}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(400)))
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]
    assert len((tmp_path / "a.txt").read_text()) == 4


def test_where_nobody_can_tell_whether_a_process_lives_all_stays(tmp_path, monkeypatch):
    end(begin(atomic_path, tmp_path / "a"))

    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files.fcntl, "flock", none)
    with atomic_path(tmp_path / "a") as temporary:
        temporary.touch()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path):
    with atomic_path(tmp_path / ("n" * 255)) as temporary:
        temporary.touch()
    remake(tmp_path / ("m" * 255))
    assert sorted(len(one.name) for one in tmp_path.iterdir()) == [255, 255]


@pytest.mark.parametrize("named", [True, False])
def test_what_the_system_refuses_is_told_of_the_output(tmp_path, named):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match=r"a\.txt") as raised, atomic_path(path) as temporary:
        raise OSError(errno.ENOSPC, "full", *[os.fspath(temporary)] * named)
    assert raised.value.filename == os.fspath(path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_has_started_ends_too():
    """Otherwise it would write into a place that is gone."""
    started = (
        "import os, sys, time; from jaxcxr.interrupts import end_with_caller; "
        "end_with_caller(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(99)"
    )
    caller = (
        "import os, subprocess, sys; "
        f"subprocess.run([sys.executable, '-c', {started!r}, str(os.getpid())])"
    )
    process = subprocess.Popen([sys.executable, "-c", caller], stdout=subprocess.PIPE, text=True)
    started = psutil.Process(int(process.stdout.readline()))
    assert started.is_running()
    process.kill()
    assert psutil.wait_procs([started], timeout=20)[1] == []
    process.communicate()
