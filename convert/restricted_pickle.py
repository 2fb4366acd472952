"""Read the pickle of a `torch.save` file without torch, and without running anything in it.

A pickle is a program. This reader may only name the few things of `_ALLOWED`, each replaced by
something inert; whatever else a pickle asks for is refused by its name. Tensors come out as
descriptions of where their numbers lie.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jaxcxr.errors import InputError

LARGEST_PICKLE = 1 << 26  # A checkpoint's pickle takes about 100 bytes a tensor.

_DTYPES = {
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Double": "float64",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file."""

    key: str
    dtype: str
    length: int


@dataclass(frozen=True)
class View:
    """A tensor: a strided view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Inert:
    """Stands for a harmless class of Python (`argparse.Namespace`) and forgets what it is given."""

    __slots__ = ()

    def __init__(self, *args: object, **kwargs: object):
        del args, kwargs

    def __setstate__(self, state: object) -> None:
        del state


class _Rebuild:
    """Stands for a function of torch; has no attribute that a pickle could set."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return self.result(*args)

    def result(self, *args: Any) -> Any:
        raise NotImplementedError


class _RebuildTensor(_Rebuild):
    __slots__ = ()

    def result(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> View:
        if not isinstance(storage, Storage):
            raise ValueError("a tensor without a storage")
        return View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


class _RebuildParameter(_Rebuild):
    __slots__ = ()

    def result(self, data: Any, *_: Any) -> Any:
        return data


_ALLOWED: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor_v2": _RebuildTensor(),
    "torch._utils._rebuild_parameter": _RebuildParameter(),
    "torch.Size": tuple,
    "argparse.Namespace": _Inert,
    **{f"torch.{name}Storage": name for name in _DTYPES},
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that can build nothing but plain data and descriptions of tensors."""

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        if wanted not in _ALLOWED:
            raise _RefusedError(wanted)
        return _ALLOWED[wanted]

    def persistent_load(self, pid: Any) -> Storage:
        kind, storage_type, key, _location, length, *view = pid
        if kind != "storage" or storage_type not in _DTYPES or view not in ([], [None]):
            raise ValueError("an unknown kind of storage")
        storage = Storage(str(key), _DTYPES[storage_type], int(length))
        return self.storages.setdefault(storage.key, storage)


class _RefusedError(pickle.UnpicklingError):
    """The pickle asks for something that is not on the list."""


def load_pickle(path: Path, file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Read one pickle and the storages it names; refuse what could run code or exhaust memory."""
    start = file.tell()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            # A slot far away makes the unpickler's memo, an array, that long.
            if opcode.name == "LONG_BINPUT" and int(argument or 0) > LARGEST_PICKLE // 8:
                raise ValueError("a memo slot out of all proportion")
        file.seek(start)
        unpickler = _Unpickler(file)
        return unpickler.load(), unpickler.storages
    except _RefusedError as error:
        raise InputError(
            f"{path}: its pickle asks to run {error.args[0]}, which a checkpoint has no need of; "
            "refused. If you trust its origin, re-save the state_dict alone as .safetensors"
        ) from None
    except Exception as error:
        raise InputError(
            f"{path}: its pickle cannot be read ({type(error).__name__}: {error}); "
            "it is damaged or not a checkpoint"
        ) from None
