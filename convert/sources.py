"""Read checkpoint files of every container the field uses, one tensor at a time.

Nothing here runs code from a file, trusts a size a file declares, or holds more than the tensor
asked for. What cannot be read is refused in a sentence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from typing_extensions import TypedDict

from convert.npz_file import npz_tensors
from convert.state_dicts import under_prefix
from convert.tensor import Tensor
from convert.torch_file import is_legacy, is_torch_zip, legacy_tensors, torch_tensors
from jaxcxr.errors import InputError, reading
from jaxcxr.small_files import read_json

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".npz", ".index.json")
REMEDY = "download or copy it again"
# Far above any model and its optimizer's state, and no time to go through.
MOST_TENSORS, MOST_BLOCKS = 20_000, 256


class ShardIndex(TypedDict):
    """The index of a sharded checkpoint: which file holds each tensor."""

    weight_map: dict[str, str]


@dataclass(frozen=True)
class Source:
    """A checkpoint file.

    Attributes:
      path: the file.
      sha256: of its bytes; for a sharded checkpoint, of its shards one after the other.
      tensors: by the names in the file.
    """

    path: Path
    sha256: str
    tensors: Mapping[str, Tensor]


@contextmanager
def open_source(path: Path, state_dict: str | None = None) -> Iterator[Source]:
    """Open a checkpoint file; its tensors can be read inside the block.

    Args:
      path: a file, the index of a sharded one, or a folder of transformers.
      state_dict: which of several sets of weights, by the name under which they are nested, or
        the word that their names begin with.

    Raises:
      InputError: there is no such file, it is damaged, of no known kind, or holds something that
        only running code from it could read.
    """
    if path.is_dir():
        path = _file_of(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a checkpoint or a name such as timm:NAME")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); download or copy it again")
    files = _shards(path) if path.name.endswith(".index.json") else [path]
    tensors: dict[str, Tensor] = {}
    for file in files:
        with reading(file, "a checkpoint", REMEDY):
            found = _tensors(file, state_dict)
        tensors |= {name: _named(file, name, tensor) for name, tensor in found.items()}
    _check_count(path, len(tensors), MOST_TENSORS, "tensors")
    yield Source(path, _sha256(files), unstack(path, tensors))


def _named(path: Path, name: str, tensor: Tensor) -> Tensor:
    """The tensor, whose damage is said to be of this file."""

    def read() -> np.ndarray:
        with reading(path, f"a checkpoint, whose {name[:80]!r} is damaged", REMEDY):
            return tensor.read()

    return replace(tensor, read=read)


def _check_count(path: Path, count: int, most: int, what: str) -> None:
    if count > most:
        raise InputError(
            f"{path}: {count:,} {what}, where a vision transformer has at most {most:,}; not a "
            "checkpoint of one, or damaged"
        )


def unstack(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each block its own tensors where all blocks are stacked along a first axis.

    So `encoderblock/X` `[depth, ...]` of big_vision becomes `encoderblock_0/X`, ....
    """
    single: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        before, found, after = name.partition("encoderblock/")
        if not found or not tensor.shape:
            single[name] = tensor
            continue
        _check_count(path, tensor.shape[0], MOST_BLOCKS, "blocks")
        read = lru_cache(maxsize=1)(tensor.read)
        for n in range(tensor.shape[0]):
            single[f"{before}encoderblock_{n}/{after}"] = Tensor(
                tensor.shape[1:],
                tensor.dtype,
                lambda n=n, read=read: read()[n],  # type: ignore[misc]
            )
    return single


def _file_of(folder: Path) -> Path:
    """The checkpoint in a folder as transformers saves one."""
    for name in ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"):
        if (folder / name).is_file():
            if averages := averages_beside(folder / name):
                raise InputError(
                    f"{folder}: {name} and beside it {', '.join(averages)}, by its name an average "
                    "(EMA) of the weights; name the file that you mean"
                )
            return folder / name
    raise InputError(
        f"{folder}: a folder without model.safetensors or pytorch_model.bin; name the file itself"
    )


def averages_beside(path: Path) -> list[str]:
    """The checkpoint files beside another that are called EMA where it is not, or the reverse."""

    def is_average(name: str) -> bool:
        return "ema" in re.split(r"[^a-z]+", name.lower())

    files = (file.name for file in path.parent.iterdir() if file.name.endswith(SUFFIXES))
    return sorted(name for name in files if is_average(name) != is_average(path.name))


def _shards(index: Path) -> list[Path]:
    """The files of a sharded checkpoint, which its index names."""
    read = read_json(index, ShardIndex, "an index of shards", "download or copy it again")
    names = sorted(set(read["weight_map"].values()))
    for name in names:
        if Path(name).name != name:
            raise InputError(f"{index}: shard {name!r} is not a plain file name; refused")
        if not (index.parent / name).is_file():
            raise InputError(f"{index}: shard {name} is not beside it; copy every shard")
    return [index.parent / name for name in names]


def _tensors(path: Path, state_dict: str | None) -> dict[str, Tensor]:
    """Tell the container by its first bytes, whatever the file is called."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"PK\x03\x04") and is_torch_zip(path):
        return torch_tensors(path, state_dict)
    if is_legacy(start):
        return legacy_tensors(path, state_dict)
    if start.startswith(b"PK\x03\x04") or start[8:9] == b"{":
        tensors = npz_tensors(path) if start.startswith(b"PK") else _safetensors(path)
        return tensors if state_dict is None else under_prefix(path, tensors, state_dict)
    raise InputError(
        f"{path}: not a checkpoint (neither safetensors, nor a zip of torch.save or NumPy, nor an "
        "old torch.save file); check what was downloaded"
    )


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    def read(key: str) -> np.ndarray:
        # Opened for each: what has been read of an open file counts as this process's memory.
        with safe_open(path, framework="numpy") as file:
            return file.get_tensor(key)

    try:
        file = safe_open(path, framework="numpy")
        _check_count(path, len(file.keys()), MOST_TENSORS, "tensors")
        described = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(
            f"{path}: damaged or cut-off safetensors file ({error}); download or copy it again"
        ) from None
    return {
        key: Tensor(
            tuple(view.get_shape()),
            _SAFETENSORS_DTYPES.get(view.get_dtype(), view.get_dtype()),
            partial(read, key),
        )
        for key, view in described.items()
    }


_SAFETENSORS_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()
