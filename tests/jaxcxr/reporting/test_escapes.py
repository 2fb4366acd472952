"""Whatever labels, cohorts and provenance say, documents show it and nothing of it acts."""

import re
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from reporting.conftest import NASTY, SECRET

from jaxcxr import report
from jaxcxr.errors import InputError
from jaxcxr.reporting import word
from jaxcxr.reporting.document import Bullets, Code, Grid, Heading, Paragraph
from jaxcxr.reporting.markdown import markdown
from jaxcxr.reporting.word import write_word
from jaxcxr.terminal import plain

# As lenient as a viewer may be: HTML is passed through, bare addresses become links.
VIEWER = MarkdownIt("gfm-like", {"html": True, "linkify": False})
OURS = {"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "br"}
OURS |= {"pre", "code", "img"}
ACTING = (
    *("- x", "1. x", "1) x", "# x", "> x", "+ x", "* x", "---", "===", "```", "~~~", "    x", "+"),
    *("a | b", "[x](y)", "![x](y)", "<b>x</b>", "&lt;", "https://evil.example", "www.evil.example"),
    *(
        "*x*",
        "_x_",
        "`x`",
        "~~x~~",
        "$x$",
        "\\",
        "\\|",
        "x\\",
        "a<br>b",
        "\u202ex",
        "a\tb",
        "[x]: y",
    ),
)


def tags(text):
    """The elements that a viewer would make of a document."""
    return set(re.findall(r"<([a-z0-9]+)", VIEWER.render(text)))


def shown(text):
    """What a reader sees of the first element: its text, without markup."""
    import html

    body = re.sub(r"<[^>]+>", "", VIEWER.render(text))
    return html.unescape(body).strip()


@settings(deadline=None, max_examples=100)
@given(st.text(min_size=1, max_size=40))
@example(NASTY)
def test_any_text_is_shown_as_it_is(text):
    whole = " ".join(plain(text).split())
    found = " ".join(shown(markdown([Paragraph(text)])).split())
    assert found == whole
    assert tags(markdown([Paragraph(text)])) <= {"p"}


@pytest.mark.parametrize("text", ACTING)
def test_no_markup_of_a_text_acts_anywhere(text):
    grid = Grid(text, (text, "b"), ((text, f"{text}\n{text}"),), text)
    for block in (Paragraph(text), Heading(text, 2), Bullets((text, text)), grid):
        source = markdown([block])
        allowed = {
            Paragraph: {"p"},
            Heading: {"h2"},
            Bullets: {"ul", "li"},
            Grid: {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br"},
        }[type(block)]
        assert tags(source) <= allowed, source
        count = 5 if block is grid else 2 if isinstance(block, Bullets) else 1
        visible = " ".join(plain(text).split())
        assert " ".join(shown(source).split()).count(visible) >= count, source
    assert not re.search(r"(?<!\\)://|www\.", source)  # of which a viewer would make a link


@pytest.mark.parametrize("options", [("--checklist", "claim"), ("--checklist", "tripod-ai")])
def test_a_hostile_run_makes_a_tame_checklist(nasty_run, tmp_path, options):
    out = tmp_path / "list.md"
    report.main(["--run", str(nasty_run), *options, "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    assert tags(text) <= OURS - {"code", "pre"}
    assert len(re.findall("<img", VIEWER.render(text))) == 1  # the flow
    assert "<a " not in VIEWER.render(text)
    assert NASTY in shown(text)  # it is all there to be read
    assert SECRET not in text and "secret" not in text and str(nasty_run.parent) not in text


def test_a_hostile_run_makes_a_tame_word_file(nasty_run, tmp_path):
    import docx

    out = tmp_path / "list.docx"
    report.main(["--run", str(nasty_run), "--checklist", "tripod-ai", "--out", str(out)])
    document = docx.Document(str(out))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert any(cell == NASTY for cell in cells)
    items = [table.rows[1].cells[0].text for table in document.tables if len(table.columns) == 4]
    assert "1" in items and "27a" not in items  # each section begins a table
    numbers = [cell for cell in cells if re.fullmatch(r"\d+[a-g]?", cell)]
    assert {"1", "12g", "18f", "27c"} <= set(numbers)
    assert len(document.inline_shapes) == 1  # the flow
    with zipfile.ZipFile(out) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        relations = archive.read("word/_rels/document.xml.rels").decode()
    assert "http" not in re.sub(r"http://schemas\.[^\"]*", "", relations)  # no link leads outside
    assert b"secret" not in everything and str(nasty_run.parent).encode() not in everything
    assert document.core_properties.author == ""


@settings(deadline=None, max_examples=15)
@given(st.text(max_size=40))
def test_a_word_file_holds_any_text(tmp_path_factory, text):
    import docx

    out = tmp_path_factory.mktemp("word") / "any.docx"
    blocks = [Heading(text, 2), Paragraph(text), Grid("", ("a",), ((text,),)), Code("x = 1")]
    write_word(out, blocks)
    document = docx.Document(str(out))
    assert document.paragraphs[1].text == plain(text)


def test_word_files_need_an_extra(nasty_run, tmp_path, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(InputError, match=r"pip install 'jaxcxr\[report\]'"):
        word.check_word()
    with pytest.raises(SystemExit):
        report.main(
            ["--run", str(nasty_run), "--checklist", "claim", "--out", str(tmp_path / "a.docx")]
        )
    assert "jaxcxr[report]" in capsys.readouterr().err
