"""Files of every container are read bit for bit; hostile and broken ones end in a sentence."""

import argparse
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file

from convert.importing import import_checkpoint
from convert.sources import open_source
from jaxcxr.errors import InputError


def _read(path):
    with open_source(path) as source:
        return {name: tensor.read() for name, tensor in source.tensors.items()}


def _assert_same(read, state):
    assert read.keys() == state.keys()
    for name, tensor in state.items():
        theirs = tensor.contiguous()
        if theirs.dtype == torch.bfloat16:
            theirs = theirs.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        else:
            theirs = theirs.numpy()
        assert read[name].dtype == theirs.dtype, name
        assert read[name].shape == theirs.shape, name
        assert np.ascontiguousarray(read[name]).tobytes() == theirs.tobytes(), name


@pytest.fixture
def state(models):
    return models["timm_vit"](labels=3).state_dict()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_torch_files_are_read_bit_for_bit(tmp_path, state, dtype, zipped):
    state = OrderedDict((k, v.to(dtype)) for k, v in state.items())
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    _assert_same(_read(tmp_path / "w.pth"), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_views_of_one_storage_are_read_right(tmp_path, zipped):
    base = torch.arange(60, dtype=torch.float32)
    state = {
        "rows": base[12:24].reshape(3, 4),
        "turned": base.reshape(6, 10).T,
        "every": base[1::7],
        "scalar": base[5],
        "empty": base[:0],
        "parameter": torch.nn.Parameter(base[:4].clone()),
    }
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    _assert_same(_read(tmp_path / "w.pth"), {k: v.detach() for k, v in state.items()})


def test_training_checkpoints_are_unpacked(tmp_path, state):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3))])
    optimizer.param_groups[0]["params"][0].grad = torch.ones(3)
    optimizer.step()
    for nest in ("model", "state_dict", "teacher"):
        torch.save(
            {
                nest: state,
                "optimizer": optimizer.state_dict(),
                "epoch": 7,
                "args": argparse.Namespace(lr=1e-5, name="run"),
            },
            tmp_path / "w.pth",
        )
        _assert_same(_read(tmp_path / "w.pth"), state)


def test_safetensors_whole_and_sharded(tmp_path, state):
    save_file(state, tmp_path / "whole.safetensors")
    _assert_same(_read(tmp_path / "whole.safetensors"), state)
    names = sorted(state)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for shard, held in shards.items():
        save_file({k: state[k] for k in held}, tmp_path / shard)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {k: s for s, held in shards.items() for k in held}}))
    _assert_same(_read(index), state)
    _assert_same(_read(tmp_path), state)  # The folder that holds the index.
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(InputError, match=r"shard b.safetensors is not beside it"):
        _read(index)
    index.write_text(json.dumps({"weight_map": {"x": "../a.safetensors"}}))
    with pytest.raises(InputError, match="not a plain file name"):
        _read(index)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_is_read_bit_for_bit(tmp_path, save):
    arrays = {
        "a/kernel": np.random.default_rng(0).normal(size=(3, 4)).astype("float32"),
        "b": np.arange(5, dtype="float16"),
        "c": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    save(tmp_path / "w.npz", **arrays)
    read = _read(tmp_path / "w.npz")
    assert read.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(read[name], value)
        assert read[name].dtype == value.dtype


class _RunsCode:
    def __reduce__(self):
        return os.system, ("touch /tmp/jaxcxr-was-run",)


def _torch_zip(path, pickled, files=(), **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in files:
            archive.writestr(f"archive/{name}", content)


def _small(path):
    torch.save({"x": torch.arange(4.0)}, path)
    return path.read_bytes()


def _malicious(path):
    torch.save({"model": {"x": torch.ones(3)}, "args": _RunsCode()}, path)


def _malicious_legacy(path):
    torch.save({"x": _RunsCode()}, path, _use_new_zipfile_serialization=False)


def _malicious_plain(path):
    path.write_bytes(pickle.dumps(_RunsCode()))


def _bomb(path):
    _torch_zip(path, b"\x80\x02}.", [("data/0", bytes(1 << 24))], compression=zipfile.ZIP_DEFLATED)


def _npz_bomb(path):
    header = io.BytesIO()
    shape = (1 << 27,)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(shape[0]))


def _npz_objects(path):
    np.savez(path.with_suffix(".npz"), x=np.array([_RunsCode()], dtype=object))
    path.with_suffix(".npz").replace(path)


def _npz_lies(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())


def _safetensors_header_bomb(path):
    path.write_bytes((1 << 40).to_bytes(8, "little") + b'{"x":' + bytes(100))


def _safetensors_cut(path):
    save_numpy({"x": np.ones(1000, "float32")}, path)
    path.write_bytes(path.read_bytes()[:-100])


def _torch_cut(path):
    path.write_bytes(_small(path)[:-50])


def _legacy_cut(path):
    torch.save({"x": torch.ones(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-1000])


def _torch_flipped(path):
    content = bytearray(_small(path))
    place = content.find(np.arange(4, dtype="float32").tobytes())
    content[place + 5] ^= 0xFF
    path.write_bytes(content)


def _memo(path):
    _torch_zip(path, b"\x80\x02]r\xff\xff\xff\x7f.")


def _torchscript(path):
    class Small(torch.nn.Module):
        def forward(self, x):
            return x + 1

    torch.jit.save(torch.jit.trace(Small(), torch.ones(1)), str(path))


def _jpeg(path):
    path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200))


def _view_outside(path):
    content = _small(path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        root = archive.namelist()[0].split("/")[0]
        pickled = archive.read(f"{root}/data.pkl")
        data = archive.read(f"{root}/data/0")
    _torch_zip(path, pickled.replace(b"K\x04\x85", b"K\xf0\x85"), [("data/0", data)])


BROKEN = {
    "malicious": (_malicious, "asks to run posix.system"),
    "malicious_legacy": (_malicious_legacy, "asks to run posix.system"),
    "malicious_plain": (_malicious_plain, "asks to run posix.system"),
    "bomb": (_bomb, "is compressed, which torch never does"),
    "npz_bomb": (_npz_bomb, "claims to hold"),
    "npz_objects": (_npz_objects, "holds Python objects"),
    "npz_lies": (_npz_lies, "declares a shape that its bytes do not fill"),
    "safetensors_header_bomb": (_safetensors_header_bomb, "damaged or cut-off safetensors"),
    "safetensors_cut": (_safetensors_cut, "damaged or cut-off safetensors"),
    "torch_cut": (_torch_cut, "damaged or cut-off zip archive"),
    "legacy_cut": (_legacy_cut, "missing or cut off"),
    "torch_flipped": (_torch_flipped, "damaged"),
    "memo": (_memo, "memo slot out of all proportion"),
    "torchscript": (_torchscript, "a TorchScript program"),
    "jpeg": (_jpeg, "not a checkpoint"),
    "view_outside": (_view_outside, "cut off|outside its storage|claims more numbers"),
    "empty": (lambda path: path.write_bytes(b""), r"empty \(0 bytes\)"),
    "directory": (lambda path: path.mkdir(), "a folder without model.safetensors"),
    "absent": (lambda path: None, "no such file"),
    "no_state": (lambda path: torch.save({"epoch": 3}, path), "no state_dict in it"),
    "other": (
        lambda path: torch.save({"conv1.weight": torch.ones(3, 3)}, path),
        "not those of a model in any known layout",
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_and_hostile_files_end_in_a_sentence(tmp_path, kind):
    make, message = BROKEN[kind]
    path = tmp_path / "w.pth"
    make(path)
    with pytest.raises(InputError, match=message) as error, open_source(path) as source:
        for tensor in source.tensors.values():
            tensor.read()
        import_checkpoint(source, name=str(path))
    assert "\n" not in str(error.value)
    assert not Path("/tmp/jaxcxr-was-run").exists()


@pytest.mark.parametrize("kind", ["malicious", "jpeg", "directory"])
def test_the_command_prints_one_sentence_and_writes_nothing(tmp_path, kind):
    path = tmp_path / "w.pth"
    BROKEN[kind][0](path)
    before = sorted(tmp_path.iterdir())
    run = subprocess.run(
        [sys.executable, "-m", "convert", "import", path, "--out", tmp_path / "out.safetensors"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
