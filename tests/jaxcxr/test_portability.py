"""Recordings agree with themselves, differ where something differs, and the shipped one holds."""

import copy
import json
from pathlib import Path

import pytest

from jaxcxr import portability
from jaxcxr.errors import InputError

REFERENCE = Path(__file__).parents[2] / "benchmarks" / "portability_cpu.json"


@pytest.fixture
def reference():
    return json.loads(REFERENCE.read_text())


def test_a_recording_agrees_with_itself_and_a_changed_one_differs_where_it_was_changed(reference):
    assert all(row["agrees"] for row in portability.compare(reference, reference))
    changed = copy.deepcopy(reference)
    changed["trained"]["float32"]["loss"][7] *= 1.2
    differing = [row for row in portability.compare(reference, changed) if not row["agrees"]]
    assert [(row["precision"], row["quantity"]) for row in differing] == [("float32", "loss")]
    assert differing[0]["difference"] > 0.05


def test_compare_exits_with_one_where_recordings_differ(reference, tmp_path, capsys):
    changed = copy.deepcopy(reference)
    changed["trained"]["bfloat16"]["logits"][0][0] += 100
    other = tmp_path / "other.json"
    other.write_text(json.dumps(changed))
    with pytest.raises(SystemExit) as ended:
        portability.main(["compare", str(REFERENCE), str(other)])
    assert ended.value.code == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_other_files_are_refused_with_a_sentence(tmp_path):
    other = tmp_path / "x.json"
    other.write_text("{}")
    with pytest.raises(InputError, match="make it anew with"):
        portability._read(other)


@pytest.mark.slow
def test_this_machine_agrees_with_the_shipped_recording(reference):
    rows = portability.compare(reference, portability.record())
    assert [row for row in rows if not row["agrees"]] == []
    # What was trained really learned something, in every precision.
    for trained in reference["trained"].values():
        assert trained["loss"][-1] < 0.8 * trained["loss"][0]
