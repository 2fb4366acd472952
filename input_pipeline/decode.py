"""From a PNG or JPEG file to gray levels, or to a reason why not.

A decoder given a truncated file often returns the part it could read, with the rest black. So the
container is checked first, and nothing but a whole image is handed on.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# JPEG markers that start a frame: C0 to CF but for the tables C4, C8 and CC.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MAX_PIXELS = 2**26  # 67 million: larger than any radiograph, smaller than a process's memory

cv2.utils.logging.setLogLevel(0)  # the reason is in the exception


class UnreadableImageError(Exception):
    """The file is no whole image; the message says why."""


def read_file(raw_dir: Path, image_path: str) -> bytes:
    """Read a file named by a table, which must lie inside the release.

    Raises:
      UnreadableImageError: the file is absent, empty, or outside.
    """
    try:
        path = (raw_dir / image_path).resolve()
        if not path.is_relative_to(raw_dir.resolve()):
            raise UnreadableImageError("path leads out of the release")
        if not path.is_file():
            raise UnreadableImageError("no such file" if not path.exists() else "not a file")
        content = path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # also: NUL in the name, a loop of links
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
    return _gray(content, cv2.IMREAD_ANYCOLOR)


def decode_full_depth(content: bytes) -> np.ndarray:
    """Decode a PNG or JPEG with every bit it has: uint8 or uint16, gray `[height, width]`.

    Alpha and colours are treated as in `decode_high_byte`.

    Raises:
      UnreadableImageError: the file is truncated, damaged, too large, or of another kind.
    """
    return _gray(content, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)


def check_size(width: int, height: int) -> None:
    """Refuse an image that would not fit in memory, or has no pixels.

    Raises:
      UnreadableImageError: it is so.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(f"too large: {width} x {height} pixels")
    if not width * height:
        raise UnreadableImageError("no pixels")


def check_jpeg(content: bytes) -> None:
    """Check a JPEG's size and that it goes on to its end marker.

    Raises:
      UnreadableImageError: it is too large, or truncated.
    """
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker in FRAMES:
            height, width = (int.from_bytes(content[place + i : place + i + 2]) for i in (5, 7))
            check_size(width, height)
            break
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    else:
        raise UnreadableImageError("damaged JPEG: no frame header")
    # Some writers pad a JPEG after its end marker.
    if b"\xff\xd9" not in content[-1024:]:
        raise UnreadableImageError("truncated JPEG: no end marker")


def _gray(content: bytes, flags: int) -> np.ndarray:
    if content.startswith(PNG):
        _check_png(content)
    elif content.startswith(JPEG):
        check_jpeg(content)
    else:
        raise UnreadableImageError("neither PNG, JPEG nor DICOM")
    try:
        with _complaints() as complaints:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise UnreadableImageError(f"cannot be decoded: {error.err}") from None
    if image is None:
        raise UnreadableImageError("; ".join(["cannot be decoded", *complaints]))
    if damage := [line for line in complaints if "JPEG" in line]:
        raise UnreadableImageError(f"damaged JPEG: {damage[0]}")
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Hear what libpng and libjpeg say of a file: OpenCV lets them write it to standard error.

    Of damage inside a JPEG, for which it has no checksum, that is the only sign.
    """
    lines: list[str] = []
    with tempfile.TemporaryFile() as heard:
        stderr = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            heard.seek(0)
            for line in heard.read().decode(errors="replace").splitlines():
                if "JPEG" in line or line.startswith("libpng"):
                    lines.append(line)
                else:  # another thread's
                    print(line, file=sys.stderr)


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
            check_size(width, height)
        if kind == b"IEND":
            return
        place = end
    raise UnreadableImageError("truncated PNG: ends before its end chunk")
