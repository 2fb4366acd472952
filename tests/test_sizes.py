"""Files are about one thing each: none is long, and none too short to be worth opening."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("jaxcxr", "convert", "input_pipeline", "configs", "benchmarks", "tests")
LONGEST, SHORTEST = 300, 15


def _lengths():
    """Map every program and style of ours to its number of lines."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".js", ".css", ".html")
    }


def test_no_file_is_long():
    lengths = _lengths()
    assert len(lengths) > 200  # it does look at the tree
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_no_file_is_short_but_the_faces_of_packages():
    short = {name: lines for name, lines in _lengths().items() if lines < SHORTEST}
    assert {name for name in short if not name.endswith("/__init__.py")} == set()
