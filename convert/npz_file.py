"""Read the tensors of a NumPy `.npz` archive without trusting what it declares."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from convert.tensor import Tensor
from jaxcxr.errors import InputError

# Trained weights hardly compress. An archive that claims to grow more than this is a bomb.
LARGEST_EXPANSION = 50


def npz_tensors(path: Path) -> dict[str, Tensor]:
    """Describe every array of an archive, by its name without `.npy`.

    Raises:
      InputError: the archive is damaged, holds Python objects, or claims impossible sizes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
            _check_sizes(path, archive)
            return {entry.filename[:-4]: _describe(path, archive, entry) for entry in entries}
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: damaged zip archive ({error}); download it again") from None


def _check_sizes(path: Path, archive: zipfile.ZipFile) -> None:
    declared = sum(entry.file_size for entry in archive.infolist())
    size = path.stat().st_size
    if declared > max(LARGEST_EXPANSION * size, 1 << 26):
        raise InputError(
            f"{path}: an archive of {size:,} bytes that claims to hold {declared:,}; refused"
        )


def _describe(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Tensor:
    try:
        with archive.open(entry) as file:
            version = npy.read_magic(file)
            read_header = (
                npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
            header = file.tell()
    except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{path}: {entry.filename} is not a NumPy array ({error})") from None
    if dtype.hasobject:
        raise InputError(f"{path}: {entry.filename} holds Python objects; refused")
    if header + int(np.prod(shape, dtype=object)) * dtype.itemsize != entry.file_size:
        raise InputError(f"{path}: {entry.filename} declares a shape that its bytes do not fill")
    # bfloat16 has no NumPy name: NumPy writes it as two raw bytes.
    name = "bfloat16" if dtype.str[1:] == "V2" else dtype.name
    return Tensor(tuple(shape), name, partial(_read, path, entry.filename, name))


def _read(path: Path, name: str, dtype: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        array = npy.read_array(file, allow_pickle=False)
    return array.view(np.dtype(dtype)) if array.dtype.kind == "V" else array
