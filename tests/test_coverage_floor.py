"""`.ci/coverage_floor.py`: no room's coverage falls unnoticed."""

import importlib.util
from pathlib import Path

import coverage
import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "coverage_floor.py"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script, over a tree of one line a command, four lines of statistics and two others."""
    spec = importlib.util.spec_from_file_location("coverage_floor", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    files = {"jaxcxr/main": 1, "jaxcxr/stats/auc": 4, "convert/a": 1, "input_pipeline/x/b": 1}
    for name, count in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"x = {line}\n" for line in range(count)))
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    data = coverage.CoverageData(basename=str(tmp_path / ".coverage"))
    data.add_lines({str(tmp_path / "jaxcxr/stats/auc.py"): [1, 2, 3]})
    data.add_lines({str(tmp_path / f"{name}.py"): [1] for name in files if "auc" not in name})
    data.write()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "FLOOR", tmp_path / "tests" / "floor.txt")
    monkeypatch.setattr(module.sys, "argv", ["coverage_floor.py"])
    return module


def _floor(stats, more=""):
    return f"convert 100\ninput_pipeline 100\njaxcxr 100\njaxcxr.stats {stats}\n{more}"


def test_a_room_below_its_floor_fails_and_is_named(script, capsys):
    script.FLOOR.write_text(_floor(75))
    assert script.main() == 0
    assert "jaxcxr.stats              75.0 % of     4 lines; floor 75" in capsys.readouterr().out
    script.FLOOR.write_text(_floor(76))
    assert script.main() == 1
    assert (
        "error: the tests run less of jaxcxr.stats than tests/floor.txt" in capsys.readouterr().out
    )


def test_a_room_without_a_floor_fails_too(script, capsys):
    script.FLOOR.write_text(_floor(75).replace("convert 100\n", ""))
    assert script.main() == 1
    assert "differ in convert" in capsys.readouterr().out
    script.FLOOR.write_text(_floor(75, "gone 3\n"))
    assert script.main() == 1


def test_renewing_writes_what_was_found(script, monkeypatch):
    monkeypatch.setattr(script.sys, "argv", ["coverage_floor.py", "--renew"])
    assert script.main() == 0
    assert script.FLOOR.read_text() == _floor(75)
