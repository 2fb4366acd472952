"""What the documentation tells to run: the commands of its code blocks, as written."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PROGRAMS = ("python -m ", "make ", "pip install ", "srun ", "export ")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page):
    """Yield the code blocks of a page, indented or fenced, without their indentation."""
    lines, block, fenced = page.read_text(encoding="utf-8").splitlines(), [], False
    for before, line in zip(["", *lines], [*lines, ""], strict=True):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            block.append(line)
            continue
        elif line.startswith("    ") and (block or not before.strip()):
            block.append(line[4:])
            continue
        if block:
            yield "\n".join(block)
            block = []


def commands(page):
    """Return the commands of a page's code blocks, each in one line, comments left out."""
    found = []
    for block in blocks(page):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            line = re.sub(r"\s+#.*$", "", line).removeprefix("$ ").strip()
            if line.startswith(PROGRAMS):
                found.append(line)
    return found


def mentioned(page):
    """Return the commands of ours that stand within a sentence, between backticks."""
    text = re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))
    return re.findall(r"`(python -m (?:jaxcxr|convert|input_pipeline|benchmarks)[^`]*)`", text)
