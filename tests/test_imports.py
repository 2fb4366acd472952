"""Imports run one way; the core needs neither torch nor TensorFlow."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("jaxcxr", "convert", "input_pipeline")
# What modules under the first may import of ours, beyond their own package part.
ALLOWED = {
    "jaxcxr/stats/": ("jaxcxr.stats",),
    "jaxcxr/model/": ("jaxcxr.model", "jaxcxr.errors", "jaxcxr.files"),
    "convert/": (
        *("convert", "input_pipeline.labels", "jaxcxr.model", "jaxcxr.errors", "jaxcxr.files"),
        "jaxcxr.__version__",
    ),
    "input_pipeline/": (
        *("input_pipeline", "jaxcxr.errors", "jaxcxr.files", "jaxcxr.__version__"),
    ),
    "jaxcxr/": ("jaxcxr", "input_pipeline"),
}


def _imports(path):
    """Yield every dotted name that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_run_one_way(folder):
    wrong = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if folder == "jaxcxr/" and name.startswith(("jaxcxr/stats/", "jaxcxr/model/")):
            continue
        wrong += [
            f"{name} imports {imported}"
            for imported in _imports(path)
            if imported.split(".")[0] in PACKAGES
            and not any(f"{imported}.".startswith(f"{ok}.") for ok in ALLOWED[folder])
        ]
    assert wrong == []


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


@pytest.mark.parametrize(
    "module",
    [
        *("convert", "input_pipeline", "jaxcxr.embed", "jaxcxr.evaluate", "jaxcxr.main"),
        *("jaxcxr.portability", "jaxcxr.predict", "jaxcxr.probe", "jaxcxr.study"),
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
