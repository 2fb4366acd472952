"""Small files that ask for much: refused at once, in one sentence."""

import io
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from convert.importing import import_checkpoint
from convert.pickle_reader import load_pickle
from convert.sources import open_source
from jaxcxr.errors import InputError


def _nested_key(depth):
    """A dictionary key of tuples that hold each other twice: 2^depth steps to hash."""
    program = b"\x80\x02}" + b"K\x01"
    for slot in range(depth):
        program += b"q" + bytes([slot]) + b"h" + bytes([slot]) + b"\x86"
    return program + b"K\x01s."


def _deep(levels):
    return b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."


def _many_paths(depth, width):
    """Dictionaries that hold the next one many times over: width^depth ways through them."""
    program = b"\x80\x02}q\x00"
    for level in range(depth):
        program += b"0}q" + bytes([level + 1]) + b"("
        for key in range(width):
            program += b"X" + struct.pack("<I", 4) + f"{key:04}".encode() + b"h" + bytes([level])
        program += b"u"
    return program + b"."


def _zip(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)


def _npz_of_blocks(path):
    header = io.BytesIO()
    shape = (10**9, 0)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("encoderblock/LayerNorm_0/scale.npy", header.getvalue())


def _one_late_block(path):
    save_file({"blocks.9999.norm1.weight": np.ones(4, "f4"), "cls_token": np.ones(4, "f4")}, path)


def _many_tensors(path):
    save_file({f"blocks.0.norm1.weight{n}": np.ones(1, "f4") for n in range(30_000)}, path)


ATTACKS = {
    "hash": (lambda path: _zip(path, _nested_key(60)), "no state_dict in it"),
    "paths": (lambda path: _zip(path, _many_paths(8, 500)), "no state_dict in it"),
    "deep": (lambda path: _zip(path, _deep(240_000)), "no state_dict|cannot be read"),
    "long": (lambda path: _zip(path, _deep(600_000)), "more than 500,000 instructions"),
    "text slot": (lambda path: _zip(path, b"\x80\x02]p400000000\n."), "a memo slot out of all"),
    "number": (
        lambda path: _zip(path, b"\x80\x02\x8b" + struct.pack("<i", 4000) + b"\x7f" * 4000 + b"."),
        "a number of more than",
    ),
    "npz blocks": (_npz_of_blocks, "1,000,000,000 blocks"),
    "late block": (_one_late_block, "one of number 9999"),
    "tensors": (_many_tensors, "30,000 tensors"),
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_what_asks_for_much_is_refused_at_once(tmp_path, kind):
    make, message = ATTACKS[kind]
    path = tmp_path / "w.pth"
    make(path)
    began = time.process_time()
    with pytest.raises(InputError, match=message) as error, open_source(path) as source:
        import_checkpoint(source, name=str(path))
    assert "\n" not in str(error.value)
    assert time.process_time() - began < 20


def _plain(value):
    """What our reader makes of plain data, which it keeps as it is."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_comes_out_as_pickle_reads_it(tmp_path, protocol):
    value = {"a": [1, -2, 3.5, None, True], "b": ("x", ("ü", b"y" if protocol > 2 else "y")), 3: {}}
    value["again"] = value["a"]
    written = io.BytesIO(pickle.dumps(value, protocol=protocol) + b"rest")
    read, storages = load_pickle(tmp_path / "w.pth", written)
    assert read == _plain(value) == pickle.loads(pickle.dumps(value, protocol=protocol))
    assert storages == {} and written.read() == b"rest"


def test_a_whole_training_checkpoint_is_read(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    for zipped in (True, False):
        path = tmp_path / f"{zipped}.pth"
        torch.save(saved, path, _use_new_zipfile_serialization=zipped)
        with open_source(path) as source:
            for name, tensor in model.state_dict().items():
                np.testing.assert_array_equal(source.tensors[name].read(), tensor.numpy())


def test_nothing_is_imported_over_its_source_or_a_config_beside_it(tmp_path, capsys, monkeypatch):
    from convert.__main__ import main

    source = tmp_path / "model.safetensors"
    for path in (source, tmp_path / "config.json"):
        path.write_bytes(b"its own")
    for out in (source, tmp_path / "config.safetensors"):
        monkeypatch.setattr("sys.argv", ["convert", "import", str(source), "--out", str(out)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2 and "would be written over" in capsys.readouterr().err
    assert source.read_bytes() == b"its own"
