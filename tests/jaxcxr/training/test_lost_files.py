"""What a finished run lost, its command makes again, to the same bytes."""

import itertools
import json
import os
import re

import pandas as pd
import pytest
from mixed import config_of, prepared_data

from jaxcxr.errors import InputError
from jaxcxr.main import run_experiment
from jaxcxr.run.directory import CHECKPOINTS, WEIGHTS
from jaxcxr.training import train as train_module
from jaxcxr.training.monitor import _truncate

EPOCH = 7  # steps
LOST = [
    *(WEIGHTS, "model.json", "predictions.parquet", "statistics.json", "labels.csv", "roc.png"),
    *("config.json", "environment.json"),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepared_data(tmp_path_factory.mktemp("data") / "data")


@pytest.fixture
def ever_worse(monkeypatch):
    """Every validation finds a lower AUC than the one before it."""
    found = itertools.count(1)
    monkeypatch.setattr(train_module, "mean_auc", lambda *_: 1 / next(found))


def _content(run):
    # Beside a table stands where it lay, and in the notes when it was made.
    found = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    found["predictions.parquet"] = pd.read_parquet(run / "predictions.parquet").to_csv()
    notes = ("environment.json", "metrics.jsonl")
    return {name: found[name] for name in found if name not in notes and "tfevents" not in name}


@pytest.mark.parametrize("head", ["new", pytest.param("probe", marks=pytest.mark.slow)])
def test_lost_weights_come_back_however_long_ago_they_were_chosen(data, tmp_path, ever_worse, head):
    config = config_of(data, **{"epochs": 5, "model.head": head})
    run_experiment(config, tmp_path)
    chosen = 0 if head == "probe" else 1
    kept = {int(path.name) for path in (tmp_path / CHECKPOINTS).glob("[0-9]*")}
    assert kept == {chosen * EPOCH, 4 * EPOCH, 5 * EPOCH}
    before = _content(tmp_path)
    assert json.loads(before["model.json"])["provenance"]["epoch"] == chosen
    (tmp_path / WEIGHTS).unlink()
    run_experiment(config, tmp_path)
    assert _content(tmp_path) == before


@pytest.mark.slow
def test_weights_whose_checkpoint_is_gone_are_told_to_be(data, tmp_path, ever_worse):
    """As those of a run that was made before the chosen epoch's was kept."""
    config = config_of(data, epochs=4)
    run_experiment(config, tmp_path)
    (tmp_path / CHECKPOINTS / str(EPOCH)).rename(tmp_path / "elsewhere")
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(InputError, match=f"step {EPOCH} .it was not kept.; put the file .* back"):
        run_experiment(config, tmp_path)


@pytest.mark.slow
def test_any_file_that_was_lost_comes_back(data, tmp_path):
    config = config_of(data)
    run_experiment(config, tmp_path)
    before = _content(tmp_path)
    for name in LOST:
        (tmp_path / name).unlink()
        run_experiment(config, tmp_path)
        assert (tmp_path / name).is_file(), name
        found = _content(tmp_path)
        assert [one for one in before if found[one] != before[one]] == [], name


@pytest.mark.slow
def test_a_run_that_started_from_a_probe_goes_on_with_its_first_record(data, tmp_path):
    config = config_of(data, **{"model.head": "probe", "epochs": 1})
    run_experiment(config, tmp_path)
    first = (tmp_path / "metrics.jsonl").read_text().splitlines()[0]
    assert re.search(r'"step": 0, .*"epoch": 0', first)
    (tmp_path / CHECKPOINTS / str(EPOCH)).rename(tmp_path / "elsewhere")
    run_experiment(config, tmp_path)
    records = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert records[0] == first and sum('"epoch": 0' in line for line in records) == 1


def test_records_that_are_a_pipe_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(InputError, match="a pipe or a device, not a file"):
        _truncate(tmp_path / "metrics.jsonl", 0)
