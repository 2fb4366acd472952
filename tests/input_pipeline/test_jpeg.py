"""A JPEG that is not all there is refused, alone or in DICOM; what lies behind a whole one is not.

Scans are cut out of real progressive files by their markers, and Pillow is asked what would have
come of it.
"""

import io
import itertools

import cv2
import numpy as np
import pytest
from dicom_files import save
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from input_pipeline.decoding import decode, dicom
from input_pipeline.decoding.decode import decode_full_depth, decode_high_byte
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES

SMOOTH = cv2.resize(
    np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8), (160, 120), interpolation=2
)
GRAY = SMOOTH[..., 0]


def jpeg(image, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def parts(content):
    """A JPEG cut before each of its markers but those that stand inside a scan."""
    place, cuts = 2, [0]
    while content[place : place + 2] != b"\xff\xd9":
        cuts.append(place)
        length = int.from_bytes(content[place + 2 : place + 4])
        is_scan = content[place + 1] == 0xDA
        place += 2 + length
        while is_scan and (content[place] != 0xFF or content[place + 1] in {0, *range(0xD0, 0xD8)}):
            place += 1
    return [content[a:b] for a, b in itertools.pairwise([*cuts, place, len(content)])]


def without_scans(content):
    """Every version of a file that lacks one of its scans."""
    cut = parts(content)
    return [
        b"".join(cut[:n] + cut[n + 1 :])
        for n, part in enumerate(cut)
        if part.startswith(b"\xff\xda")
    ]


WHOLE = {
    "gray": jpeg(GRAY),
    "colour": jpeg(SMOOTH),
    "progressive": jpeg(GRAY, progressive=True),
    "progressive colour": jpeg(SMOOTH, progressive=True),
    "restarts": jpeg(SMOOTH, progressive=True, restart_marker_blocks=3),
    "thumbnail": jpeg(GRAY, exif=b"Exif\0\0" + jpeg(GRAY)),
}


def separate():
    """A sequential JPEG with a scan for each colour, as jpegtran and cameras write."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 90]
    planes = [cv2.imencode(".jpg", SMOOTH[..., n], options)[1].tobytes() for n in range(3)]
    cut = parts(planes[0])
    frame = next(part for part in cut if part.startswith(b"\xff\xc0"))
    sides = frame[4:9]
    header = b"\xff\xc0\x00\x11" + sides + b"\3" + b"".join(bytes([n, 17, 0]) for n in (1, 2, 3))
    tables = [p for p in cut if p[1] in (0xDB, 0xC4)]
    scans = []
    for n, plane in enumerate(planes, 1):
        scan = next(part for part in parts(plane) if part.startswith(b"\xff\xda"))
        scans.append(scan[:5] + bytes([n]) + scan[6:])
    return b"".join([b"\xff\xd8", *tables, header, *scans, b"\xff\xd9"])


WHOLE["a scan a colour"] = separate()


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("decoder", [decode_high_byte, decode_full_depth])
def test_padding_behind_a_whole_file_is_harmless(name, decoder):
    whole = decoder(WHOLE[name])
    for padding in (b"\0" * 5000, b"\xff" * 3000, b"\xff\xd9", b"any words", WHOLE["gray"]):
        np.testing.assert_array_equal(decoder(WHOLE[name] + padding), whole)


@pytest.mark.parametrize(
    "name", ["progressive", "progressive colour", "restarts", "a scan a colour"]
)
def test_a_file_without_one_of_its_scans_is_refused(name, monkeypatch):
    lacking = without_scans(WHOLE[name])
    assert len(lacking) >= 3
    for content in lacking:
        for recipe in RECIPES.values():
            with pytest.raises(UnreadableImageError, match="damaged JPEG: a scan is missing"):
                recipe(content, 32)
    # It matters: what the decoder makes of the worst of them is another picture.
    monkeypatch.setattr(decode, "check_jpeg", lambda content: None)
    monkeypatch.setattr(
        decode, "_listen", lambda c, f: (cv2.imdecode(np.frombuffer(c, "u1"), f), [])
    )
    whole = decode_high_byte(WHOLE[name]).astype(float)
    errors = [np.abs(whole - decode_high_byte(content)).mean() for content in lacking]
    assert max(errors) > 20


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_anywhere_is_refused_however_it_is_padded(name):
    content = WHOLE[name]
    for end in range(2, len(content) - 2, 97):
        for padding in (b"", b"\0" * 2000):
            with pytest.raises(UnreadableImageError):
                decode_high_byte(content[:end] + padding)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c.replace(b"\xff\xd3", b"\xff\xd5", 1), "RST"),
        (lambda c: c[:-2] + b"\0" * 40 + c[-2:], "extraneous bytes"),
    ],
)
def test_any_message_of_the_decoder_is_damage(damage, message, capfd):
    content = damage(jpeg(GRAY, restart_marker_blocks=2))
    with pytest.raises(UnreadableImageError, match=f"damaged JPEG: .*{message}"):
        decode_high_byte(content)
    assert capfd.readouterr() == ("", "")


def test_a_message_that_is_not_of_the_decoder_is_passed_on(monkeypatch, capfd):
    """Another thread may write to standard error meanwhile; that condemns no image."""
    said = ["loading"]
    listen = decode._listen
    monkeypatch.setattr(decode, "_listen", lambda *a: (listen(*a)[0], [said.pop()] if said else []))
    decode_high_byte(WHOLE["gray"])
    assert capfd.readouterr().err == "loading\n"


def in_dicom(content, **elements):
    dataset = dcmread(io.BytesIO(save(GRAY, BitsStored=8, HighBit=7, **elements)))
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([content])
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def test_a_jpeg_in_dicom_is_held_to_the_same():
    with Image.open(io.BytesIO(WHOLE["gray"])) as image:
        np.testing.assert_array_equal(dicom.stored(in_dicom(WHOLE["gray"]))[0], np.asarray(image))
    cut = WHOLE["gray"]
    for content, reason in (
        (without_scans(WHOLE["progressive"])[2], "a scan is missing"),
        (cut[: len(cut) // 2] + cut[-2:], "premature end"),
        (cut[: len(cut) // 2], "no end marker"),
        (jpeg(SMOOTH), "not of the size in its header, or gray"),
        (jpeg(GRAY[:64]), "not of the size in its header, or gray"),
    ):
        with pytest.raises(UnreadableImageError, match=reason):
            dicom.stored(in_dicom(content))
