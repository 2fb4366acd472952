"""Text from outside is shown as text: on the terminal, in sentences, figures, tables and pages."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.table import Table as RichTable

from input_pipeline.decoding.recipes import RECIPES
from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.evaluate import evaluate
from jaxcxr.inference.image_files import find_images, image_id_of, read_images
from jaxcxr.results.table_files import Table, write_table
from jaxcxr.results.tex import tex
from jaxcxr.terminal import console, plain, progress_bar, say

ROOT = Path(__file__).parents[2]
LABELS = (
    *(
        "[/red] [bold]x",
        "$\\frac$",
        "a_b^c",
        "_hidden",
        "[1] first",
        "* star",
        "100 % & #1 {x} ~ ^",
    ),
    *("back\\slash", "\x1b[31mred\x1b[0m", "bell\x07", "line\nbreak", "right\u202eto left", "\x00"),
    *("Ménière ß ø ŵ", "β > 2 ≤ 3 µ", "肺炎", "no\ufffftext", '"quoted" `x` |y|', ":smile:"),
)


def test_what_acts_on_a_terminal_becomes_visible():
    assert plain("Pleural effusion, ü, 肺炎, β") == "Pleural effusion, ü, 肺炎, β"
    assert plain("\x1b[31m") == "\\x1b[31m"
    assert plain("a\nb\r\tc\x9b") == "a\\nb\\r\\tc\\x9b"
    assert plain("\u202e\u2066\ufeff\u2028") == "\\u202e\\u2066\\ufeff\\u2028"
    assert plain(os.fsdecode(b"a\xff.png")) == "a\\xff.png"
    spelt = "\u0645\u06cc\u200c\u062e\u0648"  # Persian spells with a joiner
    assert plain(spelt) == spelt
    for label in LABELS:
        assert plain(plain(label)) == plain(label) and plain(label).isprintable()


@pytest.mark.parametrize("label", LABELS)
def test_every_way_to_print_gives_the_text(label, capsys):
    say(label)
    assert capsys.readouterr().out == f"{plain(label)}\n"
    shown = console(file=io.StringIO(), width=300, highlight=False)
    shown.print(label)
    table = RichTable()
    table.add_column(label)
    table.add_row(label)
    shown.print(table)
    said = shown.file.getvalue()
    assert said.count(plain(label).strip()) >= 3 and "\x1b" not in said
    with pytest.raises(SystemExit), report_input_errors():
        raise InputError(f"{label}: is wrong")
    assert capsys.readouterr().err == f"error: {plain(label)}: is wrong\n"


def test_a_terminal_of_another_encoding_ends_nothing(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    say("± 肺")
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\xb1 \\u80ba\n"


def test_nothing_is_printed_elsewhere():
    wrong = []
    for package in ("jaxcxr", "input_pipeline", "convert"):
        for path in (ROOT / package).rglob("*.py"):
            if path == ROOT / "jaxcxr" / "terminal.py":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called in ("print", "Console", "rich.print", "sys.stderr.write"):
                    wrong.append(f"{path}:{node.lineno}")
    assert wrong == []


def test_images_given_by_name_may_be_links_and_their_names_any_bytes(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(picture).save(outside / "a.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.png").symlink_to(outside / "a.png")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png"))
    shutil.copy(outside / "a.png", odd)
    rejects = []
    size = 32
    for given in ([folder], [folder / "link.png", odd]):
        found = list(read_images(find_images(given), "paper", size, rejects))
        assert sorted(name for name, _ in found) == [f"{folder}/\\xff.png", f"{folder}/link.png"]
        for _, image in found:
            assert np.array_equal(image, RECIPES["paper"]((outside / "a.png").read_bytes(), size))
    assert rejects == []
    image_id_of(odd).encode("utf-8")
    shutil.copy(outside / "a.png", folder / "\\xff.png")
    with pytest.raises(InputError, match="would both be named"):
        find_images([folder])


def test_an_argument_of_other_bytes_is_refused_before_any_work(tmp_path):
    command = [
        sys.executable,
        "-m",
        "jaxcxr.predict",
        "--run",
        b"a\xff",
        "--out",
        str(tmp_path / "x"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: a\\xff: not UTF-8 text") and done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Statistics of predictions with such labels, every table and figure of them."""
    out = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    import pandas as pd

    columns = {"image_id": [f"i{n}" for n in range(80)], "patient_id": [f"p{n}" for n in range(80)]}
    columns["split"] = ["validation"] * 40 + ["test"] * 40
    for label in LABELS[:12]:
        truth = rng.integers(0, 2, 80)
        columns[f"label:{label}"] = truth
        columns[f"logit:{label}"] = truth + rng.normal(size=80)
    pd.DataFrame(columns).to_parquet(out / "_odd $name.parquet")
    path = out / "_odd $name.parquet"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(path, out / "s", against=path, resamples=10, print_tables=False)
    whole = Table(
        "odd", "Odd {labels} %", ("[a]", *LABELS[:3]), [(x, 1.0, None, x) for x in LABELS]
    )
    write_table(out / "s", whole)
    return out / "s"


@pytest.mark.slow
def test_every_figure_is_xml_and_has_the_labels(drawn):
    svgs = sorted(drawn.rglob("*.svg"))
    assert len(svgs) >= 4
    for path in svgs:
        said = "".join(ElementTree.parse(path).getroot().itertext())
        for label in LABELS[:12]:
            assert plain(label) in said, (path, label)
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\ufffe\uffff\u202e]", (drawn / "odd.html").read_text()
    )


@pytest.mark.slow
def test_every_table_compiles(drawn, tmp_path):
    if not shutil.which("latex"):
        pytest.skip("no LaTeX: install texlive-latex-base and texlive-latex-recommended")
    tables = sorted(drawn.rglob("*.tex"))
    assert len(tables) >= 4
    for table in tables:
        text = "\\documentclass{article}\\usepackage{booktabs,longtable}\\begin{document}\n"
        document = tmp_path / "table.tex"
        document.write_text(f"{text}{table.read_text(encoding='utf-8')}\n\\end{{document}}\n")
        command = ["latex", "-halt-on-error", "-interaction=nonstopmode", document.name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (table, done.stdout[-2000:])


def test_tex_of_every_sign():
    assert tex("50 % of a_b & c#1") == r"50 \% of a\_b \& c\#1"
    assert tex("é ñ ü ç ő î") == r"\'{e} \~{n} \"{u} \c{c} \H{o} \^{\i}"
    assert tex("β ≤ µ") == r"$\beta$ $\leq$ $\mu$"
    assert tex("肺") == "U+80BA"
    assert tex("a\nb") == r"a\textbackslash{}nb"


def test_a_bar_is_drawn_while_it_moves_and_by_no_thread():
    """TensorFlow Datasets bends `import` while it is imported, for all threads."""
    shown = io.StringIO()
    bar = progress_bar("{task.completed} of {task.total}", console=console(file=shown, width=80))
    before = threading.active_count()
    with bar:
        task = bar.add_task("", total=9)
        assert threading.active_count() == before
        bar.advance(task, 4)
        bar.update(task, completed=9)
    assert "9 of 9" in shown.getvalue()
    drawn = io.StringIO()
    on_terminal = console(file=drawn, width=80, force_terminal=True)
    with progress_bar("{task.completed} of {task.total}", console=on_terminal) as bar:
        bar.advance(bar.add_task("", total=9), 4)
        assert "4 of 9" in drawn.getvalue()
