"""What the markers of a JPEG say of it: its size, and whether it is all there.

A decoder shows a progressive JPEG that lacks scans, only blurred, and says nothing. So the scans
are counted here, up to the end marker. What a writer put behind that does no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from input_pipeline.decoding.image_errors import UnreadableImageError, check_size

START = b"\xff\xd8\xff"
END = 0xD9
SCAN = 0xDA
# Markers that start a frame: C0 to CF but for the tables C4, C8 and CC.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
LOSSLESS = (0xC3, 0xCB)
MOST_SCANS = 64  # encoders write about ten; each takes as long as the whole picture
# In a scan, FF is followed by 0 where it is a number, and by D0 to D7 where decoding restarts.
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class Frame:
    """The frame of a JPEG.

    Attributes:
      marker: the second byte of the marker, which tells the kind of coding.
      precision: bits of a sample.
      width, height: pixels.
      components: their ids; one where it is gray.
    """

    marker: int
    precision: int
    width: int
    height: int
    components: tuple[int, ...]


def check_jpeg(content: bytes) -> Frame:
    """Check that a JPEG has one frame of a bearable size, every scan of it, and an end.

    Raises:
      UnreadableImageError: it is too large, truncated, or lacks something.
    """
    frame: Frame | None = None
    scans: list[bytes] = []
    place = 2
    while True:
        marker, place = _marker(content, place, frame)
        if marker == END:
            break
        length = int.from_bytes(content[place : place + 2])
        segment = content[place + 2 : place + length]
        if length < 2 or place + length > len(content):
            raise _broken(frame)
        place += length
        if marker in FRAMES:
            if frame is not None:
                raise UnreadableImageError("damaged JPEG: two frame headers")
            frame = _frame(marker, segment)
        elif marker == SCAN:
            scans.append(segment)
            if len(scans) > MOST_SCANS:
                raise UnreadableImageError(f"damaged JPEG: more than {MOST_SCANS} scans")
            found = NEXT_MARKER.search(content, place)
            if found is None:
                raise _broken(frame)
            place = found.start()
    if frame is None:
        raise _broken(frame)
    _check_scans(frame, scans)
    return frame


def _marker(content: bytes, place: int, frame: Frame | None) -> tuple[int, int]:
    """The marker at a place, and the place behind it; before it any number of FF may stand."""
    start = place
    while content[place : place + 1] == b"\xff":
        place += 1
    if place == start or place >= len(content):
        raise _broken(frame)
    return content[place], place + 1


def _broken(frame: Frame | None) -> UnreadableImageError:
    if frame is None:
        return UnreadableImageError("damaged JPEG: no frame header")
    return UnreadableImageError("truncated JPEG: no end marker")


def _frame(marker: int, segment: bytes) -> Frame:
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise UnreadableImageError("damaged JPEG: no frame header")
    height, width = (int.from_bytes(segment[i : i + 2]) for i in (1, 3))
    check_size(width, height)
    return Frame(marker, segment[0], width, height, tuple(segment[6 : 6 + 3 * segment[5] : 3]))


def _check_scans(frame: Frame, scans: list[bytes]) -> None:
    """Follow how exactly each coefficient is known; 0 bits must be left out at the end.

    A scan brings coefficients `first` to `last` of its components to `low` bits left out; before
    it, `high` bits were, or the coefficients were not known.
    """
    left_out: dict[tuple[int, int], int] = {}
    for scan in scans:
        count = scan[0] if scan else 0
        if len(scan) != 4 + 2 * count:
            raise UnreadableImageError("damaged JPEG: a scan without its header")
        first, last, bits = scan[-3:]
        if frame.marker in LOSSLESS:  # no coefficients; the numbers mean something else
            first, last, bits = 0, 63, 0
        for component in scan[1 : 1 + 2 * count : 2]:
            for coefficient in range(first, last + 1):
                if left_out.get((component, coefficient), 0) != bits >> 4:
                    raise UnreadableImageError("damaged JPEG: a scan is missing")
                left_out[component, coefficient] = bits & 15
    if any(left_out.get((c, k)) != 0 for c in frame.components for k in range(64)):
        raise UnreadableImageError("damaged JPEG: a scan is missing")
