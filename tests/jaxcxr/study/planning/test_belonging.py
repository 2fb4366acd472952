"""Two runs of a study with any of their files exchanged: never is such a run taken as it is."""

import json
from dataclasses import replace
from itertools import chain, combinations

import pandas as pd
import pytest
from mixed import OTHER_DATA, prepared_data
from study.finished_study import study_of
from study.left_by_run import leave

from input_pipeline.prepared import open_prepared
from jaxcxr.run.directory import CONFIG, PREDICTIONS, START, STATISTICS, WEIGHTS
from jaxcxr.study.analyses.gathering import read_paired
from jaxcxr.study.planning.asked_config import experiment_config
from jaxcxr.study.planning.grid import plan_study

FILES = (WEIGHTS, PREDICTIONS, STATISTICS, CONFIG, START)
SUBSETS = list(chain.from_iterable(combinations(FILES, n) for n in range(1, len(FILES) + 1)))


def _write(experiment, identity=None):
    frame = {"image_id": ["a", "b"], "patient_id": "p", "split": "test", "view": "", "age": 1.0}
    frame |= {"sex": "F"}
    for name in experiment.labels:
        frame |= {f"label:{name}": [0, 1], f"logit:{name}": [0.0, float(experiment.seed)]}
    told = {"run": f"run of {experiment.id}", "data": identity}
    leave(experiment, pd.DataFrame(frame), **told)
    config = json.loads(experiment_config(experiment).to_json())
    (experiment.directory / CONFIG).write_text(json.dumps(config))
    (experiment.directory / START).write_text(json.dumps(told))


@pytest.fixture
def made(tmp_path):
    """A study of two seeds whose runs are finished."""
    plan = plan_study(study_of(("uka_cxr",), seeds=(0, 1), examples=()), tmp_path)
    for experiment in plan.experiments.values():
        _write(experiment)
    return plan


def test_exchanged_files_are_never_taken_as_they_are(made):
    first, second = list(made.experiments.values())[:2]
    assert first.seed != second.seed and made.left_out() == {}
    for subset in SUBSETS:
        _exchange(first, second, subset)
        assert {first.id, second.id} <= set(made.left_out()), subset
        assert not first.job().is_done and not second.job().is_done
        _exchange(first, second, subset)
        assert made.left_out() == {}


def _exchange(first, second, names):
    for name in names:
        one, two = first.directory / name, second.directory / name
        content = one.read_bytes(), two.read_bytes()
        one.write_bytes(content[1])
        two.write_bytes(content[0])


def test_runs_of_other_data_than_lie_there_are_left_out(tmp_path):
    study = study_of(("uka_cxr",), examples=(), prepared=str(tmp_path / "{data}"))
    plan = plan_study(study, tmp_path / "out")
    experiment = next(iter(plan.experiments.values()))
    identity = open_prepared(prepared_data(tmp_path / "first")).identity
    _write(experiment, identity)
    data = tmp_path / "uka_cxr"
    (tmp_path / "first").rename(data)
    assert plan.left_out() == {}
    data.rename(tmp_path / "away")
    prepared_data(data, **OTHER_DATA["split"])
    assert "which split images are in" in plan.left_out()[experiment.id]


def test_runs_of_different_data_are_not_compared(made, capsys):
    study = study_of(("uka_cxr",), seeds=(0, 1), examples=())
    first = next(iter(made.experiments.values()))
    parts = dict.fromkeys(("cohort", "split", "labels", "recipe", "images", "order"), "0")
    for experiment in made.experiments.values():
        _write(experiment, parts | ({"split": "1"} if experiment == first else {}))
    assert made.left_out() == {}
    assert read_paired(study, made, study.grids[0], "uka_cxr") is None
    said = capsys.readouterr().err
    assert "left out: uka_cxr-paper:" in said and "are of different data" in said


def test_epochs_of_the_study_are_the_runs(tmp_path, made):
    study = study_of(("uka_cxr",), seeds=(0, 1), examples=())
    other = plan_study(replace(study, overrides=(("epochs", 3),)), tmp_path)
    assert set(other.left_out()) == set(other.experiments)
    assert "epochs 3, but this run was trained with 100" in next(iter(other.left_out().values()))
