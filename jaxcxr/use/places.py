"""What leaves a machine names none of its places."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_WINDOWS = re.compile(r"^([A-Za-z]:[\\/]|\\\\)")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def without_places(value: Any) -> Any:
    """Reduce every text that is a path, in plain JSON values of any depth, to its last name.

    A path is what begins at a root, at home, or climbs; other texts stay, an image's id or a
    checkpoint's name such as `facebook/dinov2-base` among them.
    """
    if isinstance(value, dict):
        return {key: without_places(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(one) for one in value]
    if not isinstance(value, str) or _URL.match(value):
        return value
    if _WINDOWS.match(value):
        return PureWindowsPath(value).name
    climbs = value.startswith(("/", "~")) or ".." in value.split("/")
    return PurePosixPath(value).name if climbs else value
