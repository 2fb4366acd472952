"""SIGKILL and Ctrl-C at random moments of every command: the same command goes on.

The moments are drawn by a fixed seed: every second one is before some change of the output's folder
(`tests/dying`), the others are from the whole time of an undisturbed run, and on a machine of
another speed are other places of the program.
"""

import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from damaged_world import make_world
from whole_commands import COMMANDS, changes_of, content, run, start

KILLS = 200
SAMPLE = ("cohort", "describe", "prepare", "predict files")  # of CI: what takes no minute
SENTENCES = ("stopped by Ctrl-C; files are whole: run the same command again", "stopped by SIGINT")
# What a command says that never writes over what is there, once all is done.
DONE = ("is not empty", "exists, and may hold your answers")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("world")
    make_world(world)
    return world


def undisturbed(command, world, tmp_path):
    """The folder of a whole run, the seconds that it took, and how often it changed the folder."""
    whole = tmp_path / command / "whole"
    whole.mkdir(parents=True)
    begun = time.monotonic()
    status, said = run(command, world, whole, -1)
    assert status == 0, (command, said)
    changes = len(changes_of(whole).read_text().splitlines())
    assert changes, command
    return whole, time.monotonic() - begun, changes


def killed(command, world, tmp_path, kills, seed):
    """Kill a command so many times; each time it goes on with what is there."""
    whole, seconds, changes = undisturbed(command, world, tmp_path)
    wanted, moments = content(whole), random.Random(seed)
    done, tries, out = 0, 0, tmp_path / command / "out"
    while done < kills:
        out.mkdir(exist_ok=True)
        tries += 1
        at = None if tries % 2 else moments.randrange(changes)
        process = start(command, world, out, at)
        if at is None:
            time.sleep(moments.uniform(0, 1.02) * seconds)
            family = psutil.Process(process.pid).children(recursive=True)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            # A study's jobs go on, and the same command waits for them.
            waited = command == "study" or psutil.wait_procs(family, timeout=30)[1] == []
            assert waited, command
        _, said = process.communicate()
        if process.returncode == -signal.SIGKILL:
            done += 1
            continue
        # Not killed: then it has gone on to the end, or finds all done.
        _check_end(command, process.returncode, said, out, wanted)
        shutil.rmtree(out)
    out.mkdir(exist_ok=True)
    status, said = run(command, world, out)
    _check_end(command, status, said, out, wanted)
    return done


def _check_end(command, status, said, out, wanted):
    assert status == 0 or any(sentence in said for sentence in DONE), (command, said)
    assert "Traceback" not in said, (command, said)
    found = content(out)
    assert sorted(found) == sorted(wanted), command
    assert [name for name in wanted if found[name] != wanted[name]] == [], command


@pytest.mark.slow
def test_a_sample_of_the_kills(world, tmp_path):
    for seed, command in enumerate(SAMPLE):
        killed(command, world, tmp_path, 1, seed)


@pytest.mark.long
def test_killed_two_hundred_times(world, tmp_path):
    each = -(-KILLS // len(COMMANDS))
    with ThreadPoolExecutor(2) as pool:
        tried = [
            pool.submit(killed, command, world, tmp_path, each, seed)
            for seed, command in enumerate(COMMANDS)
        ]
        assert sum(one.result() for one in tried) >= KILLS


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_is_one_sentence_at_any_moment(command, world, tmp_path):
    _, seconds, _ = undisturbed(command, world, tmp_path)
    moments = random.Random(command)
    out = tmp_path / "out"
    for number in range(6):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        process = start(command, world, out)
        # From the first import on; before it Python itself has not begun.
        time.sleep(0.15 + moments.uniform(0, 0.9) * seconds)
        running = process.poll() is None
        for _ in range(1 + number % 2):  # once, or twice in a row
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        if not running:
            continue
        if process.returncode == -signal.SIGINT and not said:
            continue  # on a busy machine: Python itself had not begun
        lines = [line for line in said.splitlines() if line.startswith(SENTENCES)]
        assert process.returncode in (0, 130), (command, said)
        assert "Traceback" not in said and len(said.splitlines()) <= 1, (command, said)
        assert process.returncode == 0 or lines or "stopped by SIGINT" in said or said == ""
