import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from input_pipeline import splits
from jaxcxr.errors import InputError


def records(patients, official=""):
    return pd.DataFrame(
        {
            "image_id": [f"image{n}" for n in range(len(patients))],
            "image_path": [f"images/{n}.png" for n in range(len(patients))],
            "patient_id": [str(patient) for patient in patients],
            "official_split": official,
        }
    )


def assign(rows, rule="patient", test=0.2, validation=0.1, seed=0):
    return splits.assign(rows, rule, test_share=test, validation_share=validation, seed=seed)


def test_a_split_can_be_recomputed_from_the_documented_hash():
    rows = records(range(500))
    for seed in (0, 7):
        split = assign(rows, seed=seed)
        for patient, place in zip(rows["patient_id"], split, strict=True):
            digests = [
                hashlib.sha256(f"{purpose}:{seed}\n{patient}".encode()).hexdigest()[:16]
                for purpose in ("test", "validation")
            ]
            test, validation = (int(digest, 16) / 16**16 for digest in digests)
            expected = "test" if test < 0.2 else "validation" if validation < 0.1 else "train"
            assert place == expected


def test_shares_come_out_as_asked():
    split = assign(records(range(20_000)))
    shares = split.value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.01)
    assert shares["validation"] == pytest.approx(0.08, abs=0.01)


def test_another_seed_gives_another_split():
    rows = records(range(200))
    assert not assign(rows, seed=0).equals(assign(rows, seed=1))


@settings(deadline=None)  # the machine may be busy; what counts is the answer
@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=40),
    st.randoms(use_true_random=False),
)
def test_no_patient_moves_when_rows_are_added_or_reordered(patients, random):
    kept = patients[: len(patients) // 2]
    before = dict(zip(kept, assign(records(kept)), strict=True))
    random.shuffle(patients)
    rows = records(patients)
    rows["split"] = assign(rows)
    splits.guard(rows)
    after = dict(zip(patients, rows["split"], strict=True))
    assert all(after[patient] == place for patient, place in before.items())


def test_official_lists_are_kept_and_validation_is_carved_from_train_alone():
    rows = records(np.repeat(range(1000), 2), np.repeat(["train", "test"], 1000))
    split = assign(rows, "official")
    assert split[rows["official_split"].eq("test")].eq("test").all()
    assert set(split[rows["official_split"].eq("train")]) == {"train", "validation"}
    assert split.groupby(rows["patient_id"]).nunique().eq(1).all()


def test_official_validation_images_are_used_as_they_are():
    official = ["train"] * 90 + ["validation"] * 5 + ["test"] * 5
    rows = records(range(100), official)
    assert assign(rows, "official").tolist() == official


def test_by_patient_never_trains_or_tests_on_the_publishers_validation_images():
    rows = records(range(300), ["train"] * 250 + ["validation"] * 50)
    assert assign(rows)[250:].eq("validation").all()


def test_an_image_on_no_list_stops_everything():
    with pytest.raises(InputError, match="2 images are on no official list, the first is image0"):
        assign(records("abc", ["", "", "test"]), "official")


def test_unknown_rules_and_shares_stop_everything():
    with pytest.raises(InputError, match="unknown split 'random'"):
        assign(records("ab"), "random")
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match="the test share is"):
            assign(records("ab"), test=share)


def test_guard_stops_on_a_patient_in_two_splits():
    rows = records("aabb").assign(split=["train", "test", "train", "train"])
    with pytest.raises(InputError, match="of images image1 and image0 is in test and train"):
        splits.guard(rows)


@pytest.mark.parametrize("column", ["image_id", "image_path"])
def test_guard_stops_on_an_image_in_twice(column):
    rows = records("ab")
    rows[column] = "same.png"
    with pytest.raises(InputError, match=r"image same\.png is in the release's table twice"):
        splits.guard(rows)


def test_shares_of_nothing_move_nobody():
    rows = records(range(300))
    assert assign(rows, test=0, validation=0).eq("train").all()
    assert "test" not in set(assign(rows, test=0))
    assert "validation" not in set(assign(rows, validation=0))
    with pytest.raises(InputError, match="the validation share is 1"):
        assign(rows, validation=1)


def test_who_is_tested_on_and_who_validates_are_two_draws():
    split = assign(records(range(4000)), test=0.5, validation=0.5)
    assert split.eq("test").mean() == pytest.approx(0.5, abs=0.04)
    assert split.eq("validation").mean() == pytest.approx(0.25, abs=0.03)


def test_guard_passes_what_is_right_and_what_has_no_split_yet():
    splits.guard(records("aabb").assign(split=["train", "train", "test", "test"]))
    splits.guard(records("ab"))


@pytest.fixture
def listed(tmp_path):
    """Write a published list of images and their splits."""

    def write(*rows):
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["image_id,split", *rows]) + "\n")
        return path

    return write


def test_a_published_list_decides(listed):
    path = listed("image2,test", "image0,train", "image1,validation", "another,test")
    found, _ = splits.from_list(records("abc"), path)
    assert list(found) == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["image0,train"], "lacks 2 of the cohort's images, the first is image1"),
        (["image0,train", "image1,tset", "image2,test"], "tset"),
        (["image0,train", "image1,test", "image1,test", "image2,test"], "image1"),
    ],
)
def test_a_damaged_list_stops_everything(listed, rows, message):
    with pytest.raises(InputError, match=message):
        splits.from_list(records("abc"), listed(*rows))


def test_the_lists_of_a_rule_by_patient_need_not_be_complete():
    assert set(assign(records("ab", ["", ""]))) <= set(splits.SPLITS)
