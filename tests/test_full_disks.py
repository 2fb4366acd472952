"""Every command on a file system that is full: one sentence, and when there is room, all is well.

A small tmpfs is filled until so many kilobytes are free.
"""

import shutil
import subprocess

import pytest
from damaged_world import make_world
from whole_commands import COMMANDS, content, run

SIZE = 24 << 20
# Kilobytes that are free at first: from none to all but enough.
FREE = {
    "prepare": (0, 4, 40),
    # At the data's record, in each checkpoint, what was compiled, weights, predictions, figures.
    "train": (0, 60, 150, 300, 450, 600, 900, 1200, 1500, 1800),
    "evaluate": (0, 100),
    "embed": (0, 8, 60),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("world")
    make_world(world)
    return world


@pytest.fixture
def small(tmp_path):
    """The folder of a small file system, empty."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted: run as root, with the right to mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place, free):
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        while (room := shutil.disk_usage(place).free) > free << 10:
            file.write(bytes(min(1 << 20, room - (free << 10))))
    return filler


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(
    command, world, small, tmp_path, monkeypatch
):
    if command == "train":
        monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")  # into the run, as a user has it
    whole = tmp_path / "whole"
    whole.mkdir()
    assert run(command, world, whole)[0] == 0
    for free in FREE.get(command, (0, 4)):
        out = small / "out"
        out.mkdir()
        filler = fill(small, free)
        for _ in range(2):  # the second start meets what the first has left
            status, said = run(command, world, out)
            assert status == 2, (free, said)
            assert said.startswith("error: ") and said.count("\n") == 1, (free, said)
            assert "space" in said or "free there" in said, (free, said)
        filler.unlink()
        status, said = run(command, world, out)
        assert status == 0 and "error" not in said, (free, said)
        assert content(out) == content(whole), free
        shutil.rmtree(out)
