"""Pieces of a drafted declaration: values as TOML writes them, questions and evidence as comments.

A comment holds no line break and no control character, whatever stands in a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def said(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def question(text: str) -> str:
    """A comment that asks."""
    return f"# QUESTION: {' '.join(text.split())}"


def shown(found: Mapping[str, int] | Iterable[str], most: int = 12) -> str:
    """Cells, and how many rows each has where that is given."""
    counts = found if isinstance(found, Mapping) else dict.fromkeys(found, 0)
    parts = [
        (said(text[:60]) if text else "blank") + (f" {number:,}" if number else "")
        for text, number in list(counts.items())[:most]
    ]
    return ", ".join(parts) + (f", and {len(counts) - most:,} more" if len(counts) > most else "")
