"""From a PNG or JPEG file to gray levels, or to a reason why not.

A decoder given a truncated file often returns the part it could read, with the rest black. So the
container is checked first, and nothing but a whole image is handed on.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np

from input_pipeline.decoding.image_errors import UnreadableImageError, check_bytes, check_size
from input_pipeline.decoding.jpeg import START, check_jpeg
from jaxcxr.terminal import say

PNG = b"\x89PNG\r\n\x1a\n"

cv2.utils.logging.setLogLevel(0)  # the reason is in the exception


def read_file(raw_dir: Path, image_path: str) -> bytes:
    """Read a file named by a table, which must lie inside the release.

    Raises:
      UnreadableImageError: the file is absent, empty, or outside.
    """
    try:
        path = (raw_dir / image_path).resolve()
        if not path.is_relative_to(raw_dir.resolve()):
            raise UnreadableImageError("path leads out of the release")
    except (OSError, ValueError, RuntimeError) as error:  # also: NUL in the name, a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(f"cannot be read: {reason.lower()}") from None
    return read_given(path)


def read_given(path: Path) -> bytes:
    """Read a file that the user named, or that lies in a folder so named; it may be a link.

    Raises:
      UnreadableImageError: the file is absent, empty, or too large.
    """
    try:
        if not path.is_file():
            raise UnreadableImageError("no such file" if not path.exists() else "not a file")
        check_bytes(path.stat().st_size)
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImageError(f"cannot be read: {(error.strerror or '').lower()}") from None
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


def check_decodes(content: bytes) -> None:
    """Let OpenCV decode a JPEG, only to hear whether it finds damage.

    Raises:
      UnreadableImageError: it does.
    """
    _decode(content, cv2.IMREAD_UNCHANGED)


def _gray(content: bytes, flags: int) -> np.ndarray:
    if content.startswith(PNG):
        _check_png(content)
    elif content.startswith(START):
        check_jpeg(content)
    else:
        raise UnreadableImageError("neither PNG, JPEG nor DICOM")
    image = _decode(content, flags)
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _decode(content: bytes, flags: int) -> np.ndarray:
    """Decode, and take any message about a JPEG for damage: it has no checksum.

    What libpng says of a PNG that it decodes is about its colour profile and the like.
    """
    image, complaints = _listen(content, flags)
    if complaints:
        # Another thread may have written them, so only what is said again counts.
        again = _listen(content, flags)[1]
        for line in complaints:
            if line not in again:
                say(line, error=True)
        complaints = [line for line in complaints if line in again]
    if image is None:
        raise UnreadableImageError("; ".join(["cannot be decoded", *complaints]))
    if complaints and not content.startswith(PNG):
        raise UnreadableImageError(f"damaged JPEG: {complaints[0]}")
    return image


def _listen(content: bytes, flags: int) -> tuple[np.ndarray | None, list[str]]:
    """The image, and the lines that appear on standard error meanwhile.

    OpenCV lets libpng and libjpeg write what they think of a file there.
    """
    with tempfile.TemporaryFile() as heard:
        stderr = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            image, error = cv2.imdecode(np.frombuffer(content, np.uint8), flags), ""
        except cv2.error as failure:
            image, error = None, failure.err
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        heard.seek(0)
        lines = heard.read().decode(errors="replace").splitlines()
    return image, [line for line in (error, *lines) if line.strip()]


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
