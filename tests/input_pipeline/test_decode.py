"""Every kind of file is decoded as an independent decoder does, or refused with its reason."""

import contextlib
import io
import re
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from input_pipeline.decoding.decode import (
    UnreadableImageError,
    decode_full_depth,
    decode_high_byte,
    read_file,
)

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (37, 53), np.uint8)
DEEP = RNG.integers(0, 65536, (37, 53), np.uint16)
COLOUR = RNG.integers(0, 256, (37, 53, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (37, 53, 1), np.uint8)


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def luminance(image):
    return image[..., :3] @ np.array([0.299, 0.587, 0.114])


def chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + checksum.to_bytes(4, "big")


def header(width, height, depth=8, colour=0):
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", sides + bytes([depth, colour, 0, 0, 0]))


def test_gray_png_is_exact():
    for decode in (decode_high_byte, decode_full_depth):
        np.testing.assert_array_equal(decode(encode(GRAY)), GRAY)


def test_16_bits_give_the_high_byte_or_all():
    content = encode(DEEP)
    np.testing.assert_array_equal(decode_high_byte(content), DEEP >> 8)
    np.testing.assert_array_equal(decode_full_depth(content), DEEP)
    # 12 bits, as PadChest stores them, leave 16 levels of the high byte: why `faithful` exists.
    assert len(np.unique(decode_high_byte(encode(DEEP >> 4)))) == 16


@pytest.mark.parametrize("decode", [decode_high_byte, decode_full_depth])
@pytest.mark.parametrize("image", [COLOUR, np.concatenate([COLOUR, ALPHA], -1)])
def test_colours_become_gray_by_luminance_and_alpha_is_dropped(decode, image):
    decoded = decode(encode(image))
    assert decoded.dtype == np.uint8
    np.testing.assert_allclose(decoded, luminance(image), atol=0.51)


def test_gray_with_alpha_palette_and_one_bit():
    gray = np.stack([GRAY, ALPHA[..., 0]], -1)
    np.testing.assert_array_equal(decode_high_byte(encode(gray)), GRAY)
    file = io.BytesIO()
    Image.fromarray(GRAY).convert("P").save(file, "PNG")
    np.testing.assert_array_equal(decode_full_depth(file.getvalue()), GRAY)
    black_white = GRAY > 99
    np.testing.assert_array_equal(decode_full_depth(encode(black_white)), black_white * 255)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_jpeg_is_decoded_as_by_pillow(options):
    content = encode(cv2.resize(GRAY, (160, 120)), "JPEG", quality=95, **options)
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(decode_high_byte(content), np.asarray(image))


def test_the_study_read_colours_as_opencv_does():
    content = encode(cv2.resize(COLOUR, (160, 120)), "JPEG", quality=95)
    study = cv2.cvtColor(cv2.imdecode(np.frombuffer(content, np.uint8), 1), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(decode_high_byte(content), study)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_truncated_anywhere_is_refused(kind):
    content = encode(cv2.resize(GRAY, (64, 48)), kind)
    ends = range(len(content) - 1) if kind == "JPEG" else range(len(content) - 4)
    for end in ends:
        for decode in (decode_high_byte, decode_full_depth):
            with pytest.raises(UnreadableImageError):
                decode(content[:end])


def test_a_png_with_any_damaged_byte_is_refused_or_unchanged():
    content = encode(GRAY)
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x41
        with contextlib.suppress(UnreadableImageError):
            np.testing.assert_array_equal(decode_high_byte(bytes(damaged)), GRAY)


def test_damage_inside_a_jpeg_is_found_where_the_decoder_notices(capfd):
    """A third of the pixels' data lost, with the end marker in place."""
    content = encode(cv2.resize(GRAY, (160, 120)), "JPEG", quality=95)
    damaged = content[: len(content) // 3] + content[-200:]
    with pytest.raises(UnreadableImageError, match=r"damaged JPEG: .*premature end"):
        decode_high_byte(damaged)
    assert capfd.readouterr() == ("", "")


def test_a_png_that_inflates_to_too_little_is_refused():
    """All checksums hold, but the pixels end early."""
    rows = b"".join(b"\0" + bytes(row) for row in GRAY[:20])
    content = header(53, 37) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    for decode in (decode_high_byte, decode_full_depth):
        with pytest.raises(UnreadableImageError):
            decode(content)


def sized_jpeg(width, height):
    content = bytearray(encode(GRAY, "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(100_000, 100_000) + chunk(b"IEND", b""), "too large: 100000 x 100000 pixels"),
        (header(2**31 - 1, 2**31 - 1), "too large"),
        (header(0, 10) + chunk(b"IEND", b""), "no pixels"),
        (sized_jpeg(65_500, 65_500), "too large: 65500 x 65500 pixels"),
        (sized_jpeg(0, 10), "no pixels"),
        (header(8, 8) + chunk(b"IEND", b""), "cannot be decoded"),
        (b"\xff\xd8\xff\xd9", "damaged JPEG: no frame header"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 50, "damaged JPEG: no frame header"),
        (b"\xff\xd8" + b"\xff" * 5000, "damaged JPEG: no frame header"),
        (b"GIF89a" + bytes(100), "neither PNG, JPEG nor DICOM"),
        (b"<html>404</html>", "neither PNG, JPEG nor DICOM"),
        (b"\0", "neither PNG, JPEG nor DICOM"),
    ],
)
def test_the_reason_is_told(content, reason):
    with pytest.raises(UnreadableImageError, match=re.escape(reason)):
        decode_high_byte(content)


def test_files_outside_the_release_and_no_files_are_refused(tmp_path):
    raw_dir = tmp_path / "release"
    (raw_dir / "images").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(encode(GRAY))
    (raw_dir / "link.png").symlink_to(tmp_path / "secret.png")
    (raw_dir / "loop.png").symlink_to(raw_dir / "loop.png")
    (raw_dir / "empty.png").touch()
    (raw_dir / "whole.png").write_bytes(b"content")
    assert read_file(raw_dir, "images/../whole.png") == b"content"
    outside = "path leads out of the release"
    for path, reason in {
        "../secret.png": outside,
        "../../etc/passwd": outside,
        "/etc/passwd": outside,
        "images/../../secret.png": outside,
        "link.png": outside,
        "loop.png": "loop|no such file",
        "empty.png": "empty file",
        "absent.png": "no such file",
        "胸部 žluťoučký.png": "no such file",
        "images": "not a file",
        "": "not a file",
        "nul\0byte.png": "null",
        "x" * 5000: "too long",
    }.items():
        with pytest.raises(UnreadableImageError, match=reason):
            read_file(raw_dir, path)
