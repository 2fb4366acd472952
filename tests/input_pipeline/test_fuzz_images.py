"""1,200 damaged image files through `prepare`: rejected with a reason, or unharmed; none slips in.

A PNG carries checksums and a truncated file lacks its end, so such damage must be found. A changed
byte inside a JPEG or inside DICOM's pixels cannot be known from the file; it must only do no harm.
"""

import csv
import io
import zlib

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless, RLELossless

from input_pipeline import shards
from input_pipeline.cohort import Cohort
from input_pipeline.decoding.recipe_hash import _files
from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.loader import eval_batches, open_prepared
from input_pipeline.prepare import prepare

CASES = 1200
SIZE = 32


def wholes():
    """Undamaged files of every kind, small enough to damage many."""
    files = dict(zip(("gray", "deep", "jpeg", "dicom", "dicom-jpeg", "dicom-jp2"), _files()))  # noqa: B905
    for name, syntax in (("dicom-rle", RLELossless), ("dicom-j2k", JPEG2000Lossless)):
        dataset = dcmread(io.BytesIO(files["dicom"]))
        dataset.compress(syntax, generate_instance_uid=False)
        file = io.BytesIO()
        dataset.save_as(file)
        files[name] = file.getvalue()
    colour = np.random.default_rng(0).integers(0, 256, (40, 50, 4), np.uint8)
    files["rgba"] = cv2.imencode(".png", colour)[1].tobytes()
    file = io.BytesIO()
    Image.fromarray(colour[..., :3]).resize((90, 80)).save(file, "JPEG", progressive=True)
    files["progressive"] = file.getvalue()
    return files


def truncate(content, rng):
    return content[: rng.integers(0, len(content) - 16)]


def flip(content, rng):
    damaged = bytearray(content)
    for place in rng.integers(0, len(content), rng.integers(1, 4)):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def cut_out(content, rng):
    place = rng.integers(0, len(content) - 8)
    return content[:place] + content[place + rng.integers(1, 200) :]


def blank(content, rng):
    """What a broken download leaves: a block of zeros."""
    place, length = rng.integers(0, len(content)), rng.integers(16, 512)
    return content[:place] + bytes(len(content[place : place + length])) + content[place + length :]


def insert(content, rng):
    place = rng.integers(0, len(content))
    return content[:place] + rng.bytes(rng.integers(1, 50)) + content[place:]


def noise(content, rng):
    return content[: rng.integers(0, 140)] + rng.bytes(rng.integers(1, 500))


def other_kind(content, rng):
    kinds = (b"", b"\0" * 300, b"GIF89a", b"BM" + content, b"<html>", b"PK\3\4", content[::-1])
    return kinds[rng.integers(len(kinds))] or b"II*\0" + content


def other_header(content, rng):
    """A PNG whose header is whole and wrong: dimensions, depth or colour type."""
    if not content.startswith(b"\x89PNG"):
        return flip(content, rng)
    header = bytearray(content[12:29])
    place = int(rng.integers(4, 17))
    header[place] = int(rng.integers(0, 256))
    return content[:12] + bytes(header) + zlib.crc32(header).to_bytes(4, "big") + content[33:]


DAMAGES = (truncate, flip, cut_out, blank, insert, noise, other_kind, other_header)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Records, and for each image the whole file that it was made from and the damage done."""
    folder, rng = tmp_path_factory.mktemp("fuzz"), np.random.default_rng(0)
    files = list(wholes().items())
    rows, made = [], {}
    for n in range(CASES):
        (kind, content), damage = files[n % len(files)], DAMAGES[n // len(files) % len(DAMAGES)]
        name = f"{n:05}-{kind}-{damage.__name__}"
        (folder / name).write_bytes(damage(content, rng))
        rows.append(name)
        made[name] = content
    for kind, content in files:
        (folder / kind).write_bytes(content)
        rows.append(kind)
    escapes = {
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../x.png",
        "nul\0.png",
        "žluť 胸部.png",
        ".",
    }
    names = rows + sorted(escapes)
    records = pd.DataFrame(
        {
            "image_id": names,
            "image_path": names,
            "patient_id": names,
            "study_id": names,
            "view": "AP",
            "age": np.nan,
            "sex": "",
            "official_split": "test",
            "split": "test",
            "Mass": np.int8(1),
        }
    )
    records = records.sort_values("image_id", kind="stable").reset_index(drop=True)
    return folder, Cohort("uka_cxr", "paper", ("Mass",), records, []), made, escapes


@pytest.mark.parametrize("recipe", RECIPES)
def test_damaged_images_are_rejected_or_unharmed(damaged, recipe, tmp_path, capfd):
    folder, cohort, made, escapes = damaged

    def write(todo):
        for shard in todo:
            shards.write(shard)

    prepare(cohort, folder, tmp_path / "o", recipe=recipe, size=SIZE, max_rejects=1, write=write)
    with (tmp_path / "o" / "rejects.csv").open(newline="", encoding="utf-8") as file:
        rejects = {row["image_id"]: row["reason"] for row in csv.DictReader(file)}
    prepared = open_prepared(tmp_path / "o")
    kept = prepared.records("test")["image_id"]
    assert sorted([*rejects, *kept]) == sorted(cohort.records["image_id"])
    assert all(reason.strip() and "\n" not in reason for reason in rejects.values())
    assert escapes <= rejects.keys() and not set(wholes()) & rejects.keys()
    (batch,) = eval_batches(prepared, split="test", labels=None, batch_size=len(kept))
    slipped = []
    for name, image in zip(kept, batch["image"], strict=True):
        if name not in made:
            continue
        _, kind_and_damage = name.split("-", 1)
        kind, damage = kind_and_damage.rsplit("-", 1)
        unharmed = np.array_equal(image, RECIPES[recipe](made[name], SIZE))
        must_be_found = damage in ("truncate", "noise", "other_kind")
        must_be_found |= kind in ("gray", "deep", "rgba") and damage != "other_header"
        if must_be_found and not unharmed:
            slipped.append(name)
    assert slipped == []
    assert len(rejects) > CASES / 2
    assert capfd.readouterr() == ("", "")
