"""A table in JSON: an array of objects, an object of objects, or one object a line.

Numbers keep the digits that the file has, `null` is a blank, and a list is written as a CSV export
would write it, `['a', 'b']`. Of an object of objects the names become the column `key`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from input_pipeline.tables import ids

KEY = "key"
LONGEST_LIST = 100_000  # characters of a cell that is taken apart as a list


def records(content: str) -> pd.DataFrame:
    """The objects' cells as text; what an object lacks is blank.

    Raises:
      ValueError: the content is no JSON, or none of the three forms.
    """
    try:
        found = _parsed(content)
    except json.JSONDecodeError as error:
        lines = [line for line in content.splitlines() if line.strip()]
        if len(lines) < 2:
            raise ValueError(f"it is no JSON: {error}") from None
        found = [_line(number, line) for number, line in enumerate(lines, 1)]
    except RecursionError:
        raise ValueError("its objects lie too deep in one another") from None
    if isinstance(found, dict) and found and all(isinstance(one, dict) for one in found.values()):
        if any(KEY in one for one in found.values()):
            raise ValueError(f"an object has a member {KEY!r}, which its own name would be")
        found = [{KEY: name, **one} for name, one in found.items()]
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not found:
        raise ValueError("it is no array of objects, no object of objects, and none a line")
    for number, one in enumerate(found, 1):
        if not isinstance(one, dict):
            raise ValueError(f"entry {number} is no object")
    columns = list(dict.fromkeys(name for one in found for name in one))
    return pd.DataFrame(
        {name: [_text(one.get(name)) for one in found] for name in columns}, dtype="str"
    )


def _parsed(text: str) -> Any:
    """JSON with its numbers as text, and no name twice in one object."""
    return json.loads(
        text,
        parse_int=str,
        parse_float=str,
        parse_constant=lambda _: None,
        object_pairs_hook=_once,
    )


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has two members {twice[:80]!r}")
    return found


def _line(number: int, line: str) -> Any:
    try:
        return _parsed(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number} is no JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"the object of line {number} lies too deep in itself") from None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, list):
        return str([_text(one) for one in value])
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def entries(cell: str) -> list[str] | None:
    """The entries of a cell that is a list, `['a', None]` or `["a", null]`; None if it is none.

    A blank has none. It is read as a literal, which is never run as a program.
    """
    if ids.word(cell) in ids.MISSING:
        return []
    if len(cell) > LONGEST_LIST:
        return None
    found: Any = None
    try:
        found = ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if not isinstance(found, list) or any(isinstance(one, list | dict) for one in found):
        return None
    return [_text(one) for one in found]
