"""A prepared dataset's identity: what it stands for, and mixed files."""

import shutil

import pandas as pd
import pytest
from mixed import DATA_SWAPS, OTHER_DATA, config_of, copied, prepared_data, without_identity

from input_pipeline.identity import PARTS
from input_pipeline.loader import open_prepared, train_dataset
from jaxcxr.errors import InputError
from jaxcxr.main import run_experiment


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepared_data(tmp_path_factory.mktemp("data") / "prepared")


def test_each_part_of_an_identity_stands_for_its_content_and_nothing_else(data, tmp_path):
    first = open_prepared(data).identity
    assert set(first) == set(PARTS)
    moved = copied(data, tmp_path / "elsewhere")
    assert open_prepared(moved).identity == first
    for name, changes in OTHER_DATA.items():
        second = open_prepared(prepared_data(tmp_path / name, **changes)).identity
        differing = {part for part in PARTS if first[part] != second[part]}
        assert differing == DATA_SWAPS[name], name


@pytest.mark.parametrize("file", ["records.parquet", "cohort.json", "shard"])
def test_a_file_of_another_preparation_is_noticed(data, tmp_path, file):
    mixed = copied(data, tmp_path / "mixed")
    other = prepared_data(tmp_path / "other", pixels=1, order=1)
    names = [p.name for p in data.glob("*train.array_record*")] if file == "shard" else [file]
    for name in names:
        shutil.copy(other / name, mixed / name)
    with pytest.raises(InputError, match="not of one preparation"):
        prepared = open_prepared(mixed)
        next(iter(train_dataset(prepared, labels=None, batch_size=16, seed=0)))
    with pytest.raises(InputError, match="not of one preparation"):
        run_experiment(config_of(mixed), tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_records_in_another_order_than_the_shards_are_noticed_even_without_identity(data, tmp_path):
    mixed = without_identity(copied(data, tmp_path / "mixed"))
    records = pd.read_parquet(mixed / "records.parquet")
    records.iloc[::-1].to_parquet(mixed / "records.parquet", index=False)
    with pytest.raises(InputError, match=r"of the shards is row 0 of \w+, where"):
        run_experiment(config_of(mixed), tmp_path / "run")


def test_data_of_before_get_their_identity_from_their_content(data, tmp_path):
    old = without_identity(copied(data, tmp_path / "old"))
    assert open_prepared(old).identity == open_prepared(data).identity
