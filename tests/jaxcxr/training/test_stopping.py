"""How a training is asked to stop: by which signals, for how long, and with which processes."""

import itertools
import os
import signal

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from jaxcxr.training.stopping import TrainingStoppedError, all_agree, stop_signals


def test_all_processes_stop_and_save_together(monkeypatch):
    """After the same step, if any wants to; asked only where records are made."""
    assert all_agree(True, False, 1, 10) == (True, False)
    assert all_agree(False, True, 1, 10) == (False, True)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for mine, others in itertools.product(itertools.product((True, False), repeat=2), repeat=2):
        monkeypatch.setattr(
            multihost_utils,
            "process_allgather",
            lambda wanted, others=others: np.array([wanted, others]),
        )
        assert all_agree(*mine, 20, 10) == (mine[0] or others[0], mine[1] or others[1])
        assert all_agree(*mine, 21, 10) == (False, False)


def test_signals_are_collected_and_their_handlers_come_back():
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in signals]
    with pytest.raises(KeyError), stop_signals() as received:
        for number in signals:
            os.kill(os.getpid(), number)
        assert received == list(signals)
        raise KeyError
    assert [signal.getsignal(number) for number in signals] == before


def test_a_stop_names_its_signal_and_step():
    stopped = TrainingStoppedError(signal.SIGTERM, 7)
    assert str(stopped) == "stopped by SIGTERM after step 7; saved"
    assert stopped.signum == signal.SIGTERM
