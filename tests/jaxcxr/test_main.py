"""A mistake on the command line ends in one sentence and exit status 2."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = "--config=configs/padchest_dinov2.py"


def _run(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "jaxcxr.main", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--config is missing"),
        ([CONFIG], "--workdir is missing"),
        (["--config=configs/nope.py", "--workdir=x"], "configs/nope.py: no such file"),
        (
            [CONFIG, "--workdir=x", "--config.lerning_rate=1"],
            "config.lerning_rate is not a field; did you mean learning_rate?",
        ),
        (
            ["--workdir=x", *CONFIG.split("="), "--config.model.wieghts", "x"],
            "config.model.wieghts is not a field; did you mean weights?",
        ),
        ([CONFIG, "--workdir=x", "--noconfig.flpi"], "config.flpi is not a field; did you mean"),
        ([CONFIG, "--workdir=x", "--config.batch_size=many"], "invalid literal for int"),
        ([CONFIG, "--workdri=x"], "Unknown command line flag 'workdri'. Did you mean: workdir"),
        ([CONFIG, "--workdir=x", "more"], "unexpected argument 'more'"),
        ([CONFIG, "--workdir={tmp}/r", "--config.dtype=float17"], "config.dtype is 'float17'"),
        ([CONFIG, "--workdir={tmp}/r", "--config.data={tmp}/absent"], "{tmp}/absent"),
        ([CONFIG, "--workdir={tmp}/r", "--config.learning_rate=nan"], "learning_rate is nan; give"),
        ([CONFIG, "--workdir={tmp}/r", "--distributed=auto"], "the processes cannot join"),
        ([CONFIG, "--workdir={tmp}/r", "--distributed=localhost:x,0,1"], "PORT is a number from"),
        ([CONFIG, "--workdir={tmp}/r", "--distributed=localhost:{port},0,2"], "cannot be used"),
        (["--config={tmp}/half.py", "--workdir={tmp}/r"], "half.py, line 1: "),
        ([CONFIG, "--workdir=/proc/run", "--config.data={tmp}"], "/proc/run: cannot write there"),
    ],
)
def test_mistakes_end_in_one_sentence(tmp_path, arguments, sentence):
    (tmp_path / "half.py").write_text("def get_config(")
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run(tmp_path, *(a.format(tmp=tmp_path, port=port) for a in arguments))
    assert done.returncode == 2, done.stderr
    assert sentence.format(tmp=tmp_path) in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
