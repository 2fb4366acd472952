"""Read the pickle of a `torch.save` file without torch, and without running anything in it.

A pickle is a program for a small stack machine. This is that machine with the few instructions
that a checkpoint needs, over plain data alone: what it would call is a name in `_CALLS`, whatever
else it asks for is refused by its name. Tensors come out as descriptions of where their numbers
lie. Every instruction takes a bounded time and adds at most one value, so that a file of n bytes
takes time and memory in proportion to n.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from jaxcxr.errors import InputError, first_line

LARGEST_PICKLE = 1 << 24  # bytes; a checkpoint's pickle takes about 100 a tensor
MOST_INSTRUCTIONS = 500_000  # a few seconds; a ViT-B with its optimizer's state takes 20,000
LONGEST_NUMBER = 64  # bytes

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


@dataclass(frozen=True)
class _Name:
    """Something of Python that a pickle names."""

    name: str


class _RefusedError(Exception):
    """The pickle asks for something that is not on the list."""


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> View:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    return View(storage, _whole(offset), tuple(map(_whole, shape)), tuple(map(_whole, strides)))


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{type(value).__name__} where a whole number belongs")
    return value


def _pairs(items: Any = ()) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key, value in items:
        _set(made, key, value)
    return made


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _pairs,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch.Size": tuple,
    "argparse.Namespace": lambda *_: None,
}
_STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _DTYPES.items()}

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,  # nothing in a checkpoint's parameters is a set
}
_LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_MARK = object()


class _Machine:
    """The stack machine; `step` takes one instruction.

    Attributes:
      stack: what it has built so far, the last on top.
      storages: those that it named, by key.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.storages: dict[str, Storage] = {}
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name in _PUTS:
            if int(argument) > MOST_INSTRUCTIONS:
                raise ValueError("a memo slot out of all proportion")
            self._memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in _GETS:
            stack.append(self._memo[int(argument)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "POP":
            stack.pop()
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            self._fold(int(name[-1]))
        elif name in ("TUPLE", "LIST"):
            items = self._since_mark()
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name == "APPEND":
            item = stack.pop()
            _listed(stack[-1]).append(item)
        elif name in ("APPENDS", "ADDITEMS"):
            items = self._since_mark()
            _listed(stack[-1]).extend(items)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set(stack[-1], key, value)
        elif name in ("SETITEMS", "DICT"):
            items = self._since_mark()
            if name == "DICT":
                stack.append({})
            for key, value in zip(items[::2], items[1::2], strict=True):
                _set(stack[-1], key, value)
        elif name == "GLOBAL":
            stack.append(_named(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_named(f"{module}.{attribute}"))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, called = stack.pop(), stack.pop()
            stack.append(_CALLS[called.name](*arguments))
        elif name == "BUILD":
            stack.pop()  # attributes of an OrderedDict or a Namespace, which no parameter needs
        elif name == "BINPERSID":
            stack.append(self._storage(*stack.pop()))
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise _RefusedError(f"use the instruction {name}")

    def _fold(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise ValueError("an empty stack")
        self.stack[-count:] = [items]

    def _since_mark(self) -> list[Any]:
        items = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _storage(
        self, kind: Any, storage_type: Any, key: Any, _place: Any, length: Any, *view: Any
    ) -> Storage:
        dtype = _STORAGES.get(storage_type.name) if isinstance(storage_type, _Name) else None
        if kind != "storage" or dtype is None or view not in ((), (None,)):
            raise ValueError("an unknown kind of storage")
        storage = Storage(str(key), dtype, _whole(length))
        return self.storages.setdefault(storage.key, storage)


def _named(name: str) -> _Name:
    if name not in _CALLS and name not in _STORAGES:
        raise _RefusedError(f"run {name}")
    return _Name(name)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{type(value).__name__} where a list belongs")
    return value


def _set(target: Any, key: Any, value: Any) -> None:
    if not isinstance(target, dict):
        raise ValueError(f"{type(target).__name__} where a dictionary belongs")
    # A key of nested tuples can take for ever to hash, and names no parameter.
    if isinstance(key, str | int | float | None):
        target[key] = value


def load_pickle(path: Path, file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Read one pickle and the storages it names; refuse what could run code or exhaust memory.

    Args:
      path: of the checkpoint, for messages.
      file: read from where it stands to the end of the pickle.

    Raises:
      InputError: it asks for what a checkpoint has no need of, is damaged, or is out of proportion.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count >= MOST_INSTRUCTIONS:
                raise ValueError(f"more than {MOST_INSTRUCTIONS:,} instructions")
            if isinstance(argument, int) and argument.bit_length() > 8 * LONGEST_NUMBER:
                raise ValueError(f"a number of more than {LONGEST_NUMBER} bytes")
            machine.step(opcode.name, argument)
        return machine.stack.pop(), machine.storages
    except _RefusedError as error:
        raise InputError(
            f"{path}: its pickle asks to {error.args[0]}, which a checkpoint has no need of; "
            "refused. If you trust its origin, re-save the state_dict alone as .safetensors"
        ) from None
    except Exception as error:
        raise InputError(
            f"{path}: its pickle cannot be read ({type(error).__name__}: {first_line(error)}); "
            "it is damaged or not a checkpoint"
        ) from None
