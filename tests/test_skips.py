"""Nothing is skipped in silence: the account in `conftest.py`, in a run of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.skipif(True, reason="no browser: install one")
def test_of_the_page():
    pass

def test_of_a_file():
    pytest.skip("no file: make one")
"""


@pytest.fixture
def run(tmp_path):
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(TESTS)

    def run(allowed=None, more="", flags=()):
        (tmp_path / "test_it.py").write_text(TESTS + more)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        command += flags
        # What this account needs, and nothing of what else is installed: these take a second.
        environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        if allowed is not None:
            (tmp_path / "allowed.txt").write_text(allowed)
            command += ["--allowed-skips", str(tmp_path / "allowed.txt")]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment
        )

    return run


def test_the_last_lines_say_what_was_skipped_and_how_to_enable_it(run):
    done = run()
    assert done.returncode == 0
    last = done.stdout.splitlines()[-3:]
    assert last[:2] == [
        "1 skipped: no browser: install one",
        "1 skipped: no file: make one",
    ]
    assert last[2].startswith("1 passed, 2 skipped")


def test_a_skip_that_is_not_allowed_fails_the_run(run):
    everything = "# why\ntest_it.py::test_of_the_page | no browser\ntest_it.py | no file\n"
    assert run(everything).returncode == 0
    done = run("test_it.py::test_of_the_page | no browser\n")
    assert done.returncode == 1
    assert "error: may not be skipped here: test_it.py::test_of_a_file: no file" in done.stdout
    assert "test_of_the_page: no" not in done.stdout
    # Allowed for one reason, skipped for another.
    assert run(everything.replace("no browser", "no time")).returncode == 1


def test_a_whole_file_that_skips_counts_too(run):
    whole = "\npytest.importorskip('no_such_module', reason='no module: install it')\n"
    done = run("", whole)
    assert done.returncode != 0
    assert "error: may not be skipped here: test_it.py: no module: install it" in done.stdout


def test_the_account_is_one_however_many_workers_there_are(run):
    whole = "\npytest.importorskip('no_such_module', reason='no module: install it')\n"
    two_workers = ("-p", "xdist.plugin", "-n", "2")
    assert run("test_it.py | no\n", flags=two_workers).returncode == 0
    done = run("test_it.py::test_of_the_page | no browser\n", flags=two_workers)
    assert done.returncode == 1
    assert done.stdout.count("error: may not be skipped here") == 1
    done = run("", whole, flags=two_workers)
    assert done.stdout.count("error: may not be skipped here: test_it.py: no module") == 1
