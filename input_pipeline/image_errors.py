"""Why an image cannot be used."""

from __future__ import annotations

MAX_PIXELS = 2**26  # 67 million: larger than any radiograph, smaller than a process's memory


class UnreadableImageError(Exception):
    """The file is no whole image; the message says why."""


def check_size(width: int, height: int) -> None:
    """Refuse an image that would not fit in memory, or has no pixels.

    Raises:
      UnreadableImageError: it is so.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"too large: {width} x {height} pixels")
    if not width * height:
        raise UnreadableImageError("no pixels")
