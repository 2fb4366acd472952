"""Files are whole or absent, readable by others, and JSON that any reader takes."""

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from jaxcxr.errors import InputError
from jaxcxr.files import atomic_path, check_writable, take_lock, write_json
from jaxcxr.model import ViTSpec, write_weights


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_folders_are_made_and_the_suffix_is_kept(tmp_path):
    with atomic_path(tmp_path / "a" / "b.parquet") as temporary:
        assert temporary.suffix == ".parquet"
        temporary.write_text("whole")
    assert (tmp_path / "a" / "b.parquet").read_text() == "whole"


def test_weights_can_be_read_by_whom_other_files_can(tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_text("")
    spec = ViTSpec(4, 8, 1, 2, 16, 16)
    write_weights(tmp_path / "w.safetensors", spec, {"a": np.zeros(3)}, {})
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (plain, tmp_path / "w.safetensors")]
    assert modes[0] == modes[1]


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"name": "é", "value": 1.5})
    assert json.loads((tmp_path / "x.json").read_text()) == {"name": "é", "value": 1.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert json.loads((tmp_path / "x.json").read_text())["value"] == 1.5


def test_where_a_result_can_be_written_nothing_is_made_before_it_is(tmp_path):
    check_writable(tmp_path / "a" / "b.npz", "--out")
    check_writable(tmp_path / "a" / "b", "--out", folder=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "folder", "sentence"),
    [
        ("file", True, r"--out \S+/file is a file; give a folder"),
        ("folder", False, r"--out \S+/folder is a folder; give the name of a file"),
        ("file/x.npz", False, r"--out \S+/file/x.npz: cannot write there \(Not a directory\)"),
        ("n" * 300, False, r"--out \S+: cannot write there \(File name too long\); choose another"),
        ("/proc/x", True, r"--out /proc/x: cannot write there \(.+\); choose another place"),
    ],
)
def test_where_a_result_cannot_be_written(tmp_path, name, folder, sentence):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=f"^{sentence}"):
        check_writable(tmp_path / name, "--out", folder=folder)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_keeps_others_out_until_its_process_is_killed(tmp_path, kind):
    place = tmp_path if kind == "folder" else tmp_path / "a"
    if kind == "file":
        place.touch()
    program = (
        "import os, sys; from jaxcxr.files import take_lock; "
        "print(take_lock(os.open(sys.argv[1], os.O_RDONLY)), flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program, str(place)], **pipes) as other:
        assert other.stdout.readline() == "True\n"
        ours = os.open(place, os.O_RDONLY)
        assert not take_lock(ours)
        other.kill()
        assert take_lock(ours, wait=True)
        os.close(ours)


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with (tmp_path / "a").open("w") as file:
        assert take_lock(file)


def test_what_is_read_is_not_written_over_by_whatever_name(tmp_path):
    source, release = tmp_path / "a.npz", tmp_path / "release"
    source.touch()
    (release / "tables").mkdir(parents=True)
    (release / "tables" / "labels.csv").touch()
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "hard").hardlink_to(source)
    outs = (source, tmp_path / "link", tmp_path / "hard", release / "tables" / "labels.csv")
    for out in outs:
        with pytest.raises(InputError, match=f"--out: {out} would be written over"):
            check_writable(out, "--out", reads=[source, release])
        check_writable(out, "--out", reads=[tmp_path / "absent"])
    check_writable(tmp_path / "b.npz", "--out", reads=[source, release])
