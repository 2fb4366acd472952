"""Print which part of each room's lines the tests ran, and fail where one is below its floor.

    make PYTEST_FLAGS="--cov --cov-report=" test   # leaves .coverage
    make PYTEST_FLAGS="--cov --cov-report= --cov-append" test-slow
    python .ci/coverage_floor.py [--renew]

A room is a package of `jaxcxr`, or another package as a whole. Lines that only a process of its own
ran do not count: which these are depends on when a test kills it. `--renew` writes what was found,
rounded down, as the new floor.
"""

import sys
from collections import Counter
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[1]
FLOOR = ROOT / "tests" / "coverage_floor.txt"


def room_of(path: Path) -> str:
    """Name the room of a file: `jaxcxr.stats`, `jaxcxr` for a command, `convert`."""
    first, *inner, _ = path.relative_to(ROOT).parts
    return ".".join([first, *inner]) if first == "jaxcxr" else first


def main() -> int:
    """Compare `.coverage` with the floor; 1 if a room fell below it."""
    if not (ROOT / ".coverage").is_file():
        sys.exit("error: no .coverage here; run the tests with --cov --cov-report= first")
    found = coverage.Coverage(data_file=ROOT / ".coverage", config_file=ROOT / "pyproject.toml")
    found.load()
    lines, missing = Counter[str](), Counter[str]()
    for file in (ROOT / name for name in ("jaxcxr", "convert", "input_pipeline")):
        for path in sorted(file.rglob("*.py")):
            _, statements, _, not_run, _ = found.analysis2(str(path))
            lines[room_of(path)] += len(statements)
            missing[room_of(path)] += len(not_run)
    percent = {room: 100 * (1 - missing[room] / lines[room]) for room in sorted(+lines)}
    if "--renew" in sys.argv:
        FLOOR.write_text("".join(f"{room} {int(value)}\n" for room, value in percent.items()))
    floor = dict(line.split() for line in FLOOR.read_text().splitlines())
    fell = [room for room, value in percent.items() if value < int(floor.get(room, 0))]
    for room, value in percent.items():
        print(f"{room:24}{value:6.1f} % of {lines[room]:5} lines; floor {floor.get(room, 'none')}")
    for room in fell:
        print(f"error: the tests run less of {room} than {FLOOR.relative_to(ROOT)} says")
    unknown = sorted(percent.keys() ^ floor.keys())
    if unknown:
        print(f"error: {FLOOR.relative_to(ROOT)} and the rooms differ in {', '.join(unknown)}")
    return bool(fell or unknown)


if __name__ == "__main__":
    sys.exit(main())
