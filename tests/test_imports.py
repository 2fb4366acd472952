"""Imports run one way, file by file and room by room; the core needs no torch, no TensorFlow."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("jaxcxr", "convert", "input_pipeline")
# `jaxcxr` alone is its version.
SHARED = (
    *("jaxcxr", "jaxcxr.interrupts", "jaxcxr.terminal", "jaxcxr.errors", "jaxcxr.files"),
    *("jaxcxr.small_files", "jaxcxr.unpacking", "jaxcxr.parquet", "jaxcxr.provenance"),
)
LABELS = ("input_pipeline.labels", "input_pipeline.label_rule", "input_pipeline.sides")
READING = (*SHARED, *LABELS, "input_pipeline.tables", "input_pipeline.declared")
DATA = (*READING, "input_pipeline.decoding", "input_pipeline.datasets", "input_pipeline")
DATA_TO_MODEL = (*DATA, "jaxcxr.config", "jaxcxr.model", "jaxcxr.run")
NUMBERS = (*DATA, "jaxcxr.stats", "jaxcxr.results", "jaxcxr.run")
ROOMS_OF_RUNS = (
    *("jaxcxr.inference", "jaxcxr.probing", "jaxcxr.training", "jaxcxr.use"),
    "jaxcxr.reporting",
)
BELOW_COMMANDS = (*DATA_TO_MODEL, *NUMBERS, *ROOMS_OF_RUNS)
# Each room, and the rooms that its files may import from, besides the room itself.
ROOMS = {
    "jaxcxr": ("jaxcxr.interrupts",),
    "jaxcxr.interrupts": (),
    "jaxcxr.terminal": (),
    "jaxcxr.errors": ("jaxcxr.interrupts", "jaxcxr.terminal"),
    "jaxcxr.files": ("jaxcxr.errors",),
    "jaxcxr.small_files": ("jaxcxr.errors",),
    "jaxcxr.parquet": ("jaxcxr.errors", "jaxcxr.unpacking"),
    "jaxcxr.unpacking": ("jaxcxr.errors",),
    "jaxcxr.provenance": ("jaxcxr.errors", "jaxcxr.small_files"),
    "jaxcxr.config_names": (),
    "jaxcxr.config_values": ("jaxcxr.errors", "jaxcxr.config_names"),
    "jaxcxr.config": (
        *("jaxcxr.errors", "jaxcxr.files", "jaxcxr.config_names", "jaxcxr.config_values"),
    ),
    "jaxcxr.stats": (),
    "jaxcxr.model": SHARED,
    "input_pipeline.labels": SHARED,
    "input_pipeline.label_rule": SHARED,
    "input_pipeline.sides": (*SHARED, *LABELS, "input_pipeline.tables"),
    "input_pipeline.decoding": SHARED,
    "input_pipeline.tables": SHARED,
    "input_pipeline.declared": (*SHARED, *LABELS, "input_pipeline.tables"),
    "input_pipeline.datasets": READING,
    "input_pipeline": DATA,
    "convert": (*SHARED, "jaxcxr.model", "input_pipeline.labels"),
    "jaxcxr.run": DATA_TO_MODEL,
    "jaxcxr.inference": (*DATA_TO_MODEL, "jaxcxr.stats"),
    "jaxcxr.probing": (*DATA_TO_MODEL, "jaxcxr.stats", "jaxcxr.inference"),
    "jaxcxr.training": (*DATA_TO_MODEL, "jaxcxr.stats", "jaxcxr.inference", "jaxcxr.probing"),
    "jaxcxr.targets": (*DATA_TO_MODEL, "jaxcxr.training", "jaxcxr.inference"),
    "jaxcxr.results": (*DATA, "jaxcxr.stats"),
    "jaxcxr.use": (*NUMBERS, "jaxcxr.config", "jaxcxr.model", "jaxcxr.inference"),
    "jaxcxr.reporting": (
        *(*NUMBERS, "jaxcxr.config", "jaxcxr.model", "jaxcxr.inference", "jaxcxr.use"),
    ),
    "jaxcxr.study": ("jaxcxr.study.planning",),
    "jaxcxr.study.planning": (*DATA_TO_MODEL, "jaxcxr.training", "jaxcxr.inference"),
    "jaxcxr.study.analyses": (*NUMBERS, "jaxcxr.study.planning"),
    "jaxcxr.study.page": (
        *(*NUMBERS, "jaxcxr.inference", "jaxcxr.probing"),
        *("jaxcxr.study.planning", "jaxcxr.study.analyses"),
    ),
    "jaxcxr.study.report": (
        *NUMBERS,
        *("jaxcxr.study.planning", "jaxcxr.study.analyses", "jaxcxr.study.page"),
    ),
    "jaxcxr.study.__main__": (
        *("jaxcxr.errors", "jaxcxr.files", "jaxcxr.terminal"),
        *("jaxcxr.study.planning", "jaxcxr.study.analyses"),
        *("jaxcxr.study.page", "jaxcxr.study.report"),
    ),
    # The commands: on top, and no room may import one. `main` ends with an evaluation.
    "jaxcxr.main": (*BELOW_COMMANDS, "jaxcxr.evaluate"),
    "jaxcxr.predict": BELOW_COMMANDS,
    "jaxcxr.evaluate": BELOW_COMMANDS,
    "jaxcxr.export": BELOW_COMMANDS,
    "jaxcxr.explain": BELOW_COMMANDS,
    "jaxcxr.embed": BELOW_COMMANDS,
    "jaxcxr.report": BELOW_COMMANDS,
    "jaxcxr.probe": (*BELOW_COMMANDS, "jaxcxr.evaluate"),
    "jaxcxr.portability": (*BELOW_COMMANDS, "jaxcxr.targets"),
}


def _modules(root):
    """Map the dotted name of every file of the packages to its path."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    names = [path.relative_to(root).with_suffix("").as_posix().replace("/", ".") for path in paths]
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def _imports(path):
    """Yield every dotted name that a file imports when it runs, in functions too."""
    nodes = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: give the whole name of what is imported"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            nodes += ast.iter_child_nodes(node)


def _edges(modules):
    """Map each module to those of ours that it imports."""
    edges = {name: set() for name in modules}
    for name, path in modules.items():
        for imported in _imports(path):
            parts = imported.split(".")
            ends = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
            found = next((end for end in ends if end in modules), None)
            if found is not None:
                edges[name].add(found)
    return edges


def _room(module):
    """Return the innermost room of the table that a module is in."""
    parts = module.split(".")
    rooms = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next(room for room in rooms if room in ROOMS)


def test_imports_run_one_way():
    """A file imports from its own room, and from the rooms that the table allows it."""
    wrong = [
        f"{name} imports {imported}"
        for name, all_imported in _edges(_modules(ROOT)).items()
        for imported in sorted(all_imported)
        if _room(imported) != _room(name)
        and not {_room(imported), imported} & set(ROOMS[_room(name)])
    ]
    assert wrong == []


def test_every_file_is_in_a_room():
    """A new command, or a new file at the root, says in the table above what it may import."""
    homeless = [
        name
        for name in _modules(ROOT)
        if _room(name) in ("jaxcxr", "jaxcxr.study") and name not in ROOMS
    ]
    assert homeless == []


def test_no_room_is_above_itself():
    """The table runs one way, too, so that nobody allows a circle in it."""
    graphlib.TopologicalSorter(
        {room: {_room(one) for one in below} - {room} for room, below in ROOMS.items()}
    ).prepare()


def test_no_file_imports_itself_by_a_detour():
    """Imports inside functions count; those for type checkers alone do not."""
    modules = _modules(ROOT)
    try:
        graphlib.TopologicalSorter(_edges(modules)).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_a_circle_is_seen_within_functions_and_not_for_type_checkers(tmp_path):
    (tmp_path / "convert").mkdir()
    first, second = tmp_path / "convert" / "a.py", tmp_path / "convert" / "b.py"
    first.write_text("import convert.b\n")
    for text, circle in (
        ("def f():\n    from convert.a import g\n", True),
        ("if TYPE_CHECKING:\n    from convert.a import g\n", False),
    ):
        second.write_text(text)
        sorter = graphlib.TopologicalSorter(_edges(_modules(tmp_path)))
        if circle:
            with pytest.raises(graphlib.CycleError):
                sorter.prepare()
        else:
            sorter.prepare()


def test_the_core_runs_without_torch_and_tensorflow():
    """Import everything that `make demo` uses where those two cannot be imported."""
    program = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['tensorflow'] = None\n"
        "import jaxcxr.run, jaxcxr.main, jaxcxr.predict, jaxcxr.evaluate, jaxcxr.probing.probe\n"
        "import jaxcxr.study.report\n"
        "import input_pipeline.__main__, input_pipeline.prepare, convert.__main__\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""  # not a word about what is missing, either


def test_a_training_starts_without_what_it_does_not_use():
    """Libraries that it does use import PyTorch or TensorFlow where they find them: seconds."""
    program = (
        "import sys\n"
        "import jaxcxr.main, jaxcxr.evaluate, jaxcxr.inference.splits, jaxcxr.training.train\n"
        "print(*{'torch', 'tensorflow'} & set(sys.modules))\n"
        "import torch\n"  # still there for who wants it
        "print(torch.ones(2).sum().item())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "\n2.0\n", done.stderr


@pytest.mark.parametrize(
    "module",
    [
        *("convert", "input_pipeline", "jaxcxr.embed", "jaxcxr.evaluate", "jaxcxr.export"),
        "jaxcxr.main",
        *("jaxcxr.portability", "jaxcxr.predict", "jaxcxr.probe", "jaxcxr.report"),
        "jaxcxr.study",
    ],
)
def test_help_answers_without_the_heavy_libraries(module):
    """Under 3 seconds on a slow disk needs more than a fast one: nothing heavy may be imported."""
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['{module}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('{module}', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = {'jax', 'torch', 'tensorflow_datasets', 'matplotlib', 'pandas', 'grain',\n"
        "         'sklearn'}\n"
        "print(*sorted(heavy & set(sys.modules)), end='', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stderr == "", done.stderr
    assert "--" in done.stdout
