"""A run that is stopped in the middle and goes on, beside one that never was."""

import pandas as pd
import pytest

from jaxcxr.main import run_experiment
from jaxcxr.training import train as train_module


def assert_goes_on_exactly(config, folder, monkeypatch, at=5):
    """Stop a training before its step `at`; its predictions in the end are those of a whole one."""
    run_experiment(config, folder / "whole")
    put, steps = train_module.put_batch, []

    def stopping(mesh, batch):
        steps.append(1)
        if len(steps) == at:
            raise KeyboardInterrupt
        return put(mesh, batch)

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "put_batch", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(config, folder / "stopped")
    run_experiment(config, folder / "stopped")
    whole, stopped = (folder / name / "predictions.parquet" for name in ("whole", "stopped"))
    pd.testing.assert_frame_equal(pd.read_parquet(whole), pd.read_parquet(stopped))
