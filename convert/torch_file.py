"""Read the tensors of a `torch.save` file without torch.

Such a file is a zip archive (before torch 1.6, a plain stream) of raw storages and one pickle
that says which tensor views which storage. The ordinary extras of training checkpoints (numbers,
strings, optimiser states) are skipped.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import ml_dtypes  # noqa: F401  registers bfloat16 with NumPy
import numpy as np

from convert.pickle_reader import LARGEST_PICKLE, View, load_pickle
from convert.state_dicts import choose
from convert.tensor import Tensor
from jaxcxr.errors import InputError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


def is_torch_zip(path: Path) -> bool:
    """Whether a zip archive comes from torch; one that cannot be read is reported as damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: damaged or cut-off zip archive ({error}); download or copy it again"
        ) from None
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise InputError(
            f"{path}: a TorchScript program, not a state_dict; load it with torch.jit.load and "
            "save its state_dict() as .safetensors"
        )
    return any(name.endswith("/data.pkl") for name in names)


def torch_tensors(path: Path, state_dict: str | None = None) -> dict[str, Tensor]:
    """Describe every tensor of the model's state_dict in a zip archive of torch.

    Args:
      path: the archive.
      state_dict: which of several it is.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        root = _checked_root(path, entries)
        if f"{root}byteorder" in entries and archive.read(f"{root}byteorder") != b"little":
            raise InputError(f"{path}: written on a big-endian machine; save it again on another")
        state, _ = load_pickle(path, io.BytesIO(archive.read(f"{root}data.pkl")))

    def read(key: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"{root}data/{key}")

    start = f"{root}data/"
    sizes = {n.removeprefix(start): e.file_size for n, e in entries.items() if n.startswith(start)}
    return _describe(path, choose(path, state, state_dict), sizes, read)


def _checked_root(path: Path, entries: Mapping[str, zipfile.ZipInfo]) -> str:
    """The folder that everything in the archive lies in, once nothing there is suspicious."""
    pickles = [name for name in entries if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise InputError(f"{path}: holds {len(pickles)} pickles where torch writes one; refused")
    for name, entry in entries.items():
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
            raise InputError(
                f"{path}: {name} is compressed, which torch never does, and would grow to "
                f"{entry.file_size:,} bytes; refused"
            )
    if entries[pickles[0]].file_size > LARGEST_PICKLE:
        raise InputError(f"{path}: a pickle of {entries[pickles[0]].file_size:,} bytes; refused")
    return pickles[0].removesuffix("data.pkl")


def is_legacy(start: bytes) -> bool:
    """Whether a file starts as any pickle does, and so `torch.save`'s before torch 1.6."""
    return start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def legacy_tensors(path: Path, state_dict: str | None = None) -> dict[str, Tensor]:
    """Describe every tensor of a file that `torch.save` wrote before torch 1.6.

    It is a stream: three small pickles (magic number, protocol, machine), the state_dict, the
    order of the storages, and then each storage: its length in 8 bytes, its numbers.
    """
    with path.open("rb") as file:
        magic, _ = load_pickle(path, file)
        if magic != LEGACY_MAGIC:
            raise InputError(f"{path}: a pickle, but not one of torch.save; refused")
        load_pickle(path, file)
        machine, _ = load_pickle(path, file)
        if not (isinstance(machine, dict) and machine.get("little_endian")):
            raise InputError(f"{path}: written on a big-endian machine; save it again on another")
        state, storages = load_pickle(path, file)
        order, _ = load_pickle(path, file)
        position = file.tell()
    end = path.stat().st_size
    starts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for key in order:
        if key not in storages:
            raise InputError(f"{path}: storage {key!r} belongs to no tensor; the file is damaged")
        size = storages[key].length * np.dtype(storages[key].dtype).itemsize
        starts[key], sizes[key] = position + 8, min(size, end - position - 8)
        position += 8 + size

    def read(key: str) -> bytes:
        with path.open("rb") as file:
            file.seek(starts[key])
            return file.read(sizes[key])

    return _describe(path, choose(path, state, state_dict), sizes, read)


def _describe(
    path: Path, views: Mapping[str, View], sizes: Mapping[str, int], read: Callable[[str], bytes]
) -> dict[str, Tensor]:
    """Check that every view lies inside its storage; `sizes` are the storages' real bytes."""
    # Views of one storage tend to follow one another, so the last storage is kept.
    read_storage = lru_cache(maxsize=1)(read)
    for name, view in views.items():
        storage, itemsize = view.storage, np.dtype(view.storage.dtype).itemsize
        if sizes.get(storage.key, -1) != storage.length * itemsize:
            raise InputError(
                f"{path}: the numbers of {name} are missing or cut off; download or copy it again"
            )
        last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
        if np.prod(view.shape, dtype=object) > storage.length:
            raise InputError(f"{path}: {name} claims more numbers than the file has; refused")
        if min(view.offset, *view.shape, *view.strides, 0) < 0 or last >= max(storage.length, 1):
            raise InputError(f"{path}: {name} reaches outside its storage; the file is damaged")
    return {
        name: Tensor(view.shape, view.storage.dtype, partial(_read, view, read_storage))
        for name, view in views.items()
    }


def _read(view: View, read_storage: Callable[[str], bytes]) -> np.ndarray:
    flat = np.frombuffer(read_storage(view.storage.key), np.dtype(view.storage.dtype))
    strides = [stride * flat.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(
        flat[view.offset :], view.shape, strides, writeable=False
    )
