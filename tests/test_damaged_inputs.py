"""Every command with every file that it reads, damaged: a result or one sentence, status 2."""

import os
import shutil
import stat
import sys
import threading
import traceback
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from damaged_commands import COMMANDS
from damaged_numbers import NUMBERED
from damaged_world import HOWS, damage, make_world

PAIRS = [(name, file) for name, (_, files) in COMMANDS.items() for file in files]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """The undamaged files, and the one place where they may lie."""
    folder = tmp_path_factory.mktemp("damaged")
    make_world(folder / "world")
    shutil.copytree(folder / "world", folder / "kept")
    return folder


@pytest.fixture
def world(pristine, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command"])
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    return pristine / "world"


def restore(world):
    shutil.rmtree(world)
    shutil.copytree(world.parent / "kept", world)


def ended(call, world, out, capsys):
    """Say how a command ended: `result`, `refused`, or what should not be."""
    capsys.readouterr()
    try:
        with waited_for(world) as waits:
            call(world, out)
        return "it would wait for ever" if waits else "result"
    except SystemExit as error:
        said = capsys.readouterr().err
        sentences = [line for line in said.splitlines() if line.startswith("error: ")]
        if error.code == 1 and not sentences:  # `verify` and `compare` say what differs
            return "result"
        last = said.strip().splitlines()[-1:]
        fine = not waits and error.code == 2 and sentences == last and "Traceback" not in said
        return "refused" if fine else f"status {error.code}: {said[-600:]}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} at {where.filename}:{where.lineno}"


@contextmanager
def waited_for(world):
    """Note the pipes that the block opens and would wait at; it is given an end of file."""
    pipes = [path for path in world.rglob("*") if path.is_fifo()]
    waits, ended = [], threading.Event()

    def watch():
        while not ended.wait(0.01):
            waits.extend(path for path in pipes for end in ENDS if awaited(path, end))

    if pipes:
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield waits
    finally:
        ended.set()


ENDS = (os.O_WRONLY, os.O_RDONLY)


def awaited(path, end):
    """Whether somebody has opened the other end of a pipe."""
    try:
        file = os.open(path, end | os.O_NONBLOCK)
    except OSError:  # nobody reads it
        return False
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(file).st_mode)  # and no file that the command has made
        return is_pipe and (end == os.O_WRONLY or os.read(file, 1) != b"")
    except BlockingIOError:
        return True
    finally:
        os.close(file)


@pytest.mark.parametrize("name", COMMANDS)
def test_undamaged_files_give_a_result(world, tmp_path, capsys, name):
    restore(world)
    assert ended(COMMANDS[name][0], world, tmp_path, capsys) == "result"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_damaged_file_ends_in_a_result_or_a_sentence(world, tmp_path, capsys, name):
    """One file and one way of damaging for each; the slow test has them all, at many places."""
    files = COMMANDS[name][1]
    seed = zlib.crc32(name.encode())
    file = files[seed % len(files)]
    wrong = tried(world, tmp_path, capsys, name, file, [HOWS[seed % len(HOWS)]], seed)
    assert wrong == []


# These have no output, or look into a small file first.
LATER = (
    "main again",
    "portability",
    "report --robustness",
    "study",
    "convert inspect",
    "convert verify",
    "prepare",
)
WRITING = [name for name in COMMANDS if name not in LATER and "cohort" not in name]


@pytest.mark.parametrize("name", [name for name in WRITING if name != "compare-rules"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys, name):
    """Even where there is no input to work on."""
    with pytest.raises(SystemExit) as ended:
        COMMANDS[name][0](tmp_path / "absent", Path("/proc/none"))
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "/proc/none" in said and "cannot write there" in said


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file"), PAIRS)
def test_every_damage_at_many_places(world, tmp_path, capsys, name, file):
    seed = zlib.crc32(f"{name} {file}".encode())
    numbers = ["numbers"] * 3 * (Path(file).suffix in NUMBERED)
    hows = [*HOWS, *["flipped"] * 3, "other_kind", *numbers]
    assert tried(world, tmp_path, capsys, name, file, hows, seed) == []


def tried(world, out, capsys, name, file, hows, seed):
    rng, wrong = np.random.default_rng(seed), []
    for number, how in enumerate(hows):
        restore(world)
        damage(world / file, how, rng)
        said = ended(COMMANDS[name][0], world, out / str(number), capsys)
        if said not in ("result", "refused"):
            wrong.append(f"{name}, {file} {how}: {said}")
    return wrong
