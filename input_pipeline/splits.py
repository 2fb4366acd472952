"""Who is trained on and who is tested on: by patient, the same for ever, and guarded.

A patient's place depends on the patient's id and the seed alone, through SHA-256, so that adding,
removing or reordering rows moves nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from input_pipeline.tables import codes, ids, joins, raw_tables
from jaxcxr.errors import InputError

SPLITS = ("train", "validation", "test")
RULES = ("official", "patient")


def assign(
    records: pd.DataFrame,
    rule: str,
    *,
    test_share: float,
    validation_share: float,
    seed: int,
    held_out: Collection[str] = ("validation",),
) -> pd.Series:
    """The split of each record, from `patient_id` and `official_split`.

    With `official`, the publisher's lists decide. With `patient`, about `test_share` of the
    patients are tested on; those whom the publisher set aside (`held_out`) stay there. Where the
    publisher's lists hold no validation images, and always with `patient`, about
    `validation_share` of the training patients are moved to `validation`.

    Args:
        records: one row an image.
        rule: `official` or `patient`.
        test_share: share of patients, from 0 to 1.
        validation_share: share of the training patients, from 0 to 1.
        seed: another seed gives another split.
        held_out: of `official_split`, what stays there whatever the rule.

    Raises:
        InputError: if a share is no share, or an image is on no official list.
    """
    for name, share in (("test", test_share), ("validation", validation_share)):
        if not 0 <= share < 1:
            raise InputError(f"the {name} share is {share}; give a number from 0 up to 1")
    patients = ids.units(records["patient_id"], records["image_id"])
    official = records["official_split"]
    if rule == "official":
        if (unlisted := official.eq("")).any():
            image = records.loc[unlisted, "image_id"].iloc[0]
            raise InputError(
                f"{int(unlisted.sum())} images are on no official list, the first is {image}; "
                "complete the publisher's lists or split with --split patient"
            )
        split = official.copy()
        if official.eq("validation").any():
            return split
    elif rule == "patient":
        split = pd.Series("train", index=records.index)
        split[_drawn(patients, f"test:{seed}", test_share)] = "test"
        split = split.mask(official.isin([*held_out, "validation"]), official)
    else:
        raise InputError(f"unknown split {rule!r}; use {' or '.join(RULES)}")
    carved = split.eq("train") & _drawn(patients, f"validation:{seed}", validation_share)
    return split.mask(carved, "validation")


def from_list(records: pd.DataFrame, path: Path) -> tuple[pd.Series, joins.Joined]:
    """The split of each record by a published list with the columns `image_id` and `split`.

    Raises:
        InputError: if the list is damaged, names an image twice, lacks one of the records, or has
            a column `patient_id` with another patient.
    """
    table = raw_tables.read(path, ["image_id", "split"], ["patient_id"])
    split = codes.translate(table["split"], codes.SPLITS)
    known = split.where(split.ne(""), None)
    codes.refuse_unknown(table["split"], known, str(path), "split", ", ".join(SPLITS))
    images = raw_tables.identifiers(path, "image_id", table["image_id"])
    raw_tables.refuse(path, "image_id", images, images.duplicated(), "each image once")
    joined = joins.join(
        joins.Side(records["image_id"], "the cohort"),
        joins.Side(images, f"{path} column image_id"),
        "cohort and split list",
        share=None,
    )
    if joined.left_alone:
        image = records.loc[~joined.matched, "image_id"].iloc[0]
        raise InputError(
            f"{path} lacks {joined.left_alone} of the cohort's images, the first is {image}; "
            "the list is of another cohort"
        )
    if "patient_id" in table and records["patient_id"].ne("").any():
        theirs = table["patient_id"].where(~ids.nobody(table["patient_id"]), "")
        joins.refuse_others(
            joined, records["patient_id"], theirs, records["image_id"], "patient_id"
        )
    return joined.take(split, "", records.index).astype("str"), joined


def guard(records: pd.DataFrame) -> None:
    """Stop if an image is in twice, or a patient in two splits.

    Raises:
        InputError: naming the first image; a patient's identifier is in no message.
    """
    for column in ("image_id", "image_path"):
        if (twice := records[column].duplicated()).any():
            raise InputError(
                f"image {records.loc[twice, column].iloc[0]} is in the release's table twice "
                f"({int(twice.sum())} rows repeat an image); remove the repeated rows"
            )
    if "split" not in records:
        return
    named = records[records["patient_id"].ne("")]
    splits = named.groupby("patient_id")["split"].nunique()
    if (leaking := splits.gt(1)).any():
        theirs = named[named["patient_id"].eq(leaking[leaking].index[0])]
        first = theirs.drop_duplicates("split").sort_values("split")
        raise InputError(
            f"the patient of images {' and '.join(first['image_id'])} is in "
            f"{' and '.join(first['split'])} ({int(leaking.sum())} such patients); "
            "correct the lists or split with --split patient"
        )


def guard_held_out(records: pd.DataFrame, held_out: Collection[str]) -> None:
    """Stop if an image that the publisher set aside is trained on.

    Raises:
        InputError: naming the first image.
    """
    trained = records["split"].eq("train") & records["official_split"].isin(held_out)
    if trained.any():
        first = records[trained].iloc[0]
        raise InputError(
            f"image {first['image_id']} is of the publisher's {first['official_split']} set and "
            f"in train ({int(trained.sum())} such images); it is never trained on here"
        )


def guard_studies(records: pd.DataFrame) -> None:
    """Stop if one study is of two patients: then one of the two is wrong.

    Raises:
        InputError: naming the first study's images.
    """
    named = records[records["patient_id"].ne("")]
    studies = ids.keys(named["study_id"])
    patients = ids.keys(named["patient_id"]).groupby(studies).nunique()
    if (shared := patients.gt(1)).any():
        theirs = named[studies.eq(shared[shared].index[0])].drop_duplicates("patient_id")
        raise InputError(
            f"images {' and '.join(theirs['image_id'].iloc[:2])} are of one study and of two "
            f"patients ({int(shared.sum())} such studies); correct the table"
        )


def _drawn(patients: pd.Series, purpose: str, share: float) -> pd.Series:
    places = {patient: fraction(patient, purpose) for patient in patients.unique()}
    return patients.map(places) < share


def fraction(patient_id: str, purpose: str) -> float:
    """A number in [0, 1) that depends on nothing but the two texts.

    It is the first eight bytes, big-endian, of SHA-256 over `purpose`, a newline and the id, both
    in UTF-8, divided by 2**64. With it anyone can recompute a split in any language.
    """
    digest = hashlib.sha256(f"{purpose}\n{patient_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
