"""Files are whole or absent, readable by others, and JSON that any reader takes."""

import json
import stat

import numpy as np
import pytest

from jaxcxr.files import atomic_path, write_json
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
