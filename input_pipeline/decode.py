"""From an image file to gray levels, or to a reason why not.

A decoder given a truncated file often returns the part it could read, with the rest black. So the
container is checked first, and nothing but a whole image is handed on.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
MAX_PIXELS = 2**27  # 134 million: larger than any radiograph, smaller than any memory

cv2.utils.logging.setLogLevel(0)  # the reason is in the exception


class UnreadableImageError(Exception):
    """The file is no whole image; the message says why."""


def read_file(raw_dir: Path, image_path: str) -> bytes:
    """Read a file named by a table, which must lie inside the release.

    Raises:
      UnreadableImageError: the file is absent, empty, or outside.
    """
    path = (raw_dir / image_path).resolve()
    if not path.is_relative_to(raw_dir.resolve()):
        raise UnreadableImageError("path leads out of the release")
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(f"cannot be read: {reason.lower()}") from None
    if not content:
        raise UnreadableImageError("empty file")
    return content


def decode_high_byte(content: bytes) -> np.ndarray:
    """Decode a PNG or JPEG as the study did: 8 bits, gray `[height, width]`.

    OpenCV keeps the high byte of 16 bits and drops an alpha channel; colours become gray by
    luminance.

    Raises:
      UnreadableImageError: the file is truncated, damaged, too large, or of another kind.
    """
    _check_whole(content)
    image = _imdecode(content, cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _imdecode(content: bytes, flags: int) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise UnreadableImageError(f"cannot be decoded: {error.err}") from None
    if image is None:
        raise UnreadableImageError("cannot be decoded")
    return image


def _check_whole(content: bytes) -> None:
    if content.startswith(PNG):
        _check_png(content)
    elif content.startswith(JPEG):
        # Some writers pad a JPEG after its end marker.
        if b"\xff\xd9" not in content[-1024:]:
            raise UnreadableImageError("truncated JPEG: no end marker")
    else:
        raise UnreadableImageError("neither PNG nor JPEG")


def _check_png(content: bytes) -> None:
    """Walk over the chunks; every length and checksum must hold up to the end chunk."""
    place = len(PNG)
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4])
        kind = content[place + 4 : place + 8]
        end = place + 12 + length
        if end > len(content):
            break
        if zlib.crc32(content[place + 4 : end - 4]) != int.from_bytes(content[end - 4 : end]):
            raise UnreadableImageError("damaged PNG: checksum of a chunk is wrong")
        if kind == b"IHDR":
            width, height = (
                int.from_bytes(content[place + 8 + i : place + 12 + i]) for i in (0, 4)
            )
            if width * height > MAX_PIXELS:
                raise UnreadableImageError(f"too large: {width} x {height} pixels")
        if kind == b"IEND":
            return
        place = end
    raise UnreadableImageError("truncated PNG: ends before its end chunk")
