"""What the loader refuses: data, labels, splits and batches that cannot be."""

import json

import numpy as np
import pandas as pd
import pytest

from input_pipeline.loader import eval_batches, open_prepared, train_dataset
from jaxcxr.errors import InputError


def test_an_unknown_label_is_named_with_the_nearest(prepared):
    with pytest.raises(InputError, match=r"has no label 'Cardiomegalie' \(did you mean 'Cardio"):
        train_dataset(prepared, labels=["Cardiomegalie"], batch_size=2, seed=0)


@pytest.mark.parametrize("size", [0, -1, 24])
def test_a_batch_that_cannot_be_filled_is_refused(prepared, size):
    with pytest.raises(InputError, match="batch"):
        train_dataset(prepared, labels=None, batch_size=size, seed=0)


def test_a_batch_that_processes_cannot_share_is_refused(prepared):
    with pytest.raises(InputError, match="3 processes"):
        train_dataset(prepared, labels=None, batch_size=8, seed=0, process_count=3)


def test_an_unknown_split_is_refused(prepared):
    with pytest.raises(InputError, match=r"no split 'tset'.*train, validation, test"):
        list(eval_batches(prepared, split="tset", labels=None, batch_size=4))


def test_no_dataset_and_a_damaged_one_are_named(prepared, tmp_path):
    with pytest.raises(InputError, match="no prepared dataset there; python -m input_pipeline"):
        open_prepared(tmp_path / "nothing")
    lost = prepared.path / "uka_cxr-train.array_record-00001-of-00003"
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(InputError, match="00001-of-00003"):
        train_dataset(open_prepared(prepared.path), labels=None, batch_size=2, seed=0)
    lost.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        train_dataset(open_prepared(prepared.path), labels=None, batch_size=2, seed=0)
    (prepared.path / "cohort.json").write_text("[]")
    with pytest.raises(InputError, match=r"cohort\.json"):
        open_prepared(prepared.path)


def test_records_that_do_not_fit_the_images_are_refused(prepared):
    path = prepared.path / "records.parquet"
    records = pd.read_parquet(path)
    records[records["image_id"] != records["image_id"].iloc[-1]].to_parquet(path, index=False)
    with pytest.raises(InputError, match=r"not of one preparation, or were changed after it"):
        open_prepared(prepared.path).records("test")
    described = json.loads((prepared.path / "cohort.json").read_text())
    del described["identity"]  # as earlier versions left it
    (prepared.path / "cohort.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match=r"holds 12 images of test and 11 in records\.parquet"):
        list(eval_batches(open_prepared(prepared.path), split="test", labels=None, batch_size=4))
    (prepared.path / "cohort.json").unlink()
    with pytest.raises(InputError, match="no prepared dataset there; python -m input_pipeline"):
        open_prepared(prepared.path)
    (prepared.path / ".progress").mkdir()
    with pytest.raises(InputError, match="its preparation was not finished; run the same"):
        open_prepared(prepared.path)


@pytest.mark.parametrize("name", ["dataset", "labels", "image_size"])
def test_a_description_that_lacks_something_is_damaged(prepared, name):
    path = prepared.path / "cohort.json"
    described = json.loads(path.read_text())
    del described[name]
    path.write_text(json.dumps(described))
    with pytest.raises(InputError, match=rf"cohort\.json: damaged \({name} is missing\)"):
        open_prepared(prepared.path)


def test_a_label_unlike_any_gets_no_suggestion(prepared):
    with pytest.raises(InputError, match=r"has no label 'zzz'; it has Cardiomegaly, "):
        prepared.columns(["zzz"])
    np.testing.assert_array_equal(prepared.columns(None), range(9))
