"""Why an image cannot be used."""

from __future__ import annotations

MAX_PIXELS = 2**26  # 67 million: larger than any radiograph, smaller than a process's memory
MAX_BYTES = 2**28  # of a file, packed or unpacked: two bytes a pixel, twice


class UnreadableImageError(Exception):
    """The file is no whole image; the message says why."""


def check_bytes(count: int) -> None:
    """Refuse a file before it is read, or what it unpacks to, where it is out of proportion.

    Raises:
      UnreadableImageError: it is so.
    """
    if count > MAX_BYTES:
        raise UnreadableImageError(f"too large: more than {MAX_BYTES:,} bytes")


def check_size(width: int, height: int) -> None:
    """Refuse an image that would not fit in memory, or has no pixels.

    Raises:
      UnreadableImageError: it is so.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"too large: {width} x {height} pixels")
    if not width * height:
        raise UnreadableImageError("no pixels")
