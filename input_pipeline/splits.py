"""Who is trained on and who is tested on: by patient, the same for ever, and guarded.

A patient's place depends on the patient's id and the seed alone, through SHA-256, so that adding,
removing or reordering rows moves nobody.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from input_pipeline.datasets import tables
from jaxcxr.errors import InputError

SPLITS = ("train", "validation", "test")
RULES = ("official", "patient")


def assign(
    records: pd.DataFrame, rule: str, *, test_share: float, validation_share: float, seed: int
) -> pd.Series:
    """The split of each record, from `patient_id` and `official_split`.

    With `official`, the publisher's lists decide. With `patient`, about `test_share` of the
    patients are tested on; those whom the publisher set aside for validation stay there. Where
    the publisher's lists hold no validation images, and always with `patient`, about
    `validation_share` of the training patients are moved to `validation`.

    Args:
        records: one row an image.
        rule: `official` or `patient`.
        test_share: share of patients, from 0 to 1.
        validation_share: share of the training patients, from 0 to 1.
        seed: another seed gives another split.

    Raises:
        InputError: if a share is no share, or an image is on no official list.
    """
    for name, share in (("test", test_share), ("validation", validation_share)):
        if not 0 <= share < 1:
            raise InputError(f"the {name} share is {share}; give a number from 0 up to 1")
    patients = records["patient_id"]
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
        split[official.eq("validation")] = "validation"
    else:
        raise InputError(f"unknown split {rule!r}; use {' or '.join(RULES)}")
    carved = split.eq("train") & _drawn(patients, f"validation:{seed}", validation_share)
    return split.mask(carved, "validation")


def from_list(records: pd.DataFrame, path: Path) -> pd.Series:
    """The split of each record by a published list with the columns `image_id` and `split`.

    Raises:
        InputError: if the list is damaged, names an image twice, or lacks one of the records.
    """
    table = tables.read(path, ["image_id", "split"])
    tables.refuse(path, "split", table["split"], ~table["split"].isin(SPLITS), ", ".join(SPLITS))
    twice = table["image_id"].duplicated()
    tables.refuse(path, "image_id", table["image_id"], twice, "each image once")
    split = tables.lookup(
        records["image_id"], dict(zip(table["image_id"], table["split"], strict=True))
    )
    if (unlisted := split.eq("")).any():
        image = records.loc[unlisted, "image_id"].iloc[0]
        raise InputError(
            f"{path} lacks {int(unlisted.sum())} of the cohort's images, the first is {image}; "
            "the list is of another cohort"
        )
    return split


def guard(records: pd.DataFrame) -> None:
    """Stop if an image is in twice, or a patient in two splits.

    Raises:
        InputError: naming the first image or patient.
    """
    for column in ("image_id", "image_path"):
        if (twice := records[column].duplicated()).any():
            raise InputError(
                f"image {records.loc[twice, column].iloc[0]} is in the release's table twice "
                f"({int(twice.sum())} rows repeat an image); remove the repeated rows"
            )
    if "split" not in records:
        return
    splits = records.groupby("patient_id")["split"].nunique()
    if (leaking := splits.gt(1)).any():
        patient = str(leaking[leaking].index[0])
        names = sorted(records["split"][records["patient_id"].eq(patient)].unique())
        raise InputError(
            f"patient {patient} is in {' and '.join(names)} ({int(leaking.sum())} such patients); "
            "correct the lists or split with --split patient"
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
