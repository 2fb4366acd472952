"""The table of the command that counts unnoticed faults is of files, tests and faults that exist.

The command itself takes hours, so what it would stumble over is looked for here.
"""

import csv
import re

import pytest

from benchmarks.mutants import mutants
from benchmarks.mutation import EQUIVALENT, REPOSITORY, TESTS


def _source(module):
    return (REPOSITORY / f"{module.replace('.', '/')}.py").read_text()


@pytest.mark.parametrize("module", TESTS)
def test_modules_and_their_tests_exist(module):
    assert _source(module)
    for test in TESTS[module]:
        file, _, name = test.partition("::")
        assert not name or re.search(rf"^def {name}\(", (REPOSITORY / file).read_text(), re.M)
        assert (REPOSITORY / file).is_file()


def test_faults_that_change_nothing_are_faults_of_today():
    with EQUIVALENT.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {
        module: {(one.line, one.change) for one in mutants(_source(module))}
        for module in {row["module"] for row in rows}
    }
    gone = [row for row in rows if (row["line"], row["change"]) not in found[row["module"]]]
    assert not gone and all(row["reason"] for row in rows)
