"""What the documentation names exists: pages, sections, files, commands, their options."""

import functools
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from documented import PAGES, ROOT, commands, mentioned, name_of

import jaxcxr

FOLDERS = ("benchmarks", "configs", "constraints", "convert", "docs", "input_pipeline", "jaxcxr")
SUBCOMMANDS = ("convert", "input_pipeline", "jaxcxr.portability")
OURS = ("jaxcxr", "convert", "input_pipeline", "benchmarks")


def _anchors(page):
    """Return the anchors that a page's headings get on the usual forges."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = re.sub(r"`[^`]*`", "", page.read_text(encoding="utf-8"))
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue  # whether they answer is not for a test without a network to say
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        if not to.is_file() or (anchor and anchor not in _anchors(to)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("page", [one for one in PAGES if one.name != "CHANGELOG.md"], ids=name_of)
def test_files_that_are_named_exist(page):
    """Names of our own folders between backticks; capitals stand for something, as in DATASET."""
    named = re.findall(r"`([\w./-]+)`", page.read_text(encoding="utf-8"))
    ours = [one for one in named if one.split("/")[0] in (*FOLDERS, "tests") and "/" in one]
    real = [one for one in ours if not re.search(r"[A-Z]{3}|\.\.\.", one)]
    assert [one for one in real if not (ROOT / one).exists()] == []


@functools.cache
def _help(*words):
    done = subprocess.run(
        [sys.executable, "-m", *words, "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert "--help" in done.stdout, f"python -m {' '.join(words)} is no command: {done.stderr}"
    return set(re.findall(r"--[a-z][\w-]*", done.stdout))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_options_exist(page):
    """Only what stands in each command's help may be told; `--config.FIELD` is tested elsewhere."""
    wrong = []
    for command in (*commands(page), *mentioned(page)):
        words = shlex.split(re.sub(r"[][|]", " ", command))
        if words[:2] != ["python", "-m"] or words[2].split(".")[0] not in OURS:
            continue
        has_subcommand = words[2] in SUBCOMMANDS and len(words) > 3 and words[3].islower()
        known = _help(*words[2 : 4 if has_subcommand else 3])
        told = {word.partition("=")[0] for word in words[3:] if word.startswith("--")}
        told = {option for option in told if not option.startswith("--config.")}
        wrong += [f"{option} of {command}" for option in told - known]
        files = re.findall(r"(?:--config|--study)=(configs/[\w/]+\.py)", command)
        wrong += [file for file in files if not (ROOT / file).is_file()]
    assert wrong == []


def test_what_is_installed_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"])
    told = [command for page in PAGES for command in commands(page) if "pip install" in command]
    assert len(told) >= 3
    for command in told:
        named = re.findall(r"\[([\w,]+)\]", command)
        assert {extra for one in named for extra in one.split(",")} <= extras, command
        for file in re.findall(r"--constraint (\S+)", command):
            assert (ROOT / file).is_file(), command


def test_each_constraint_is_one_exact_version():
    files = sorted((ROOT / "constraints").glob("*.txt"))
    assert {"python3.11.txt", "python3.13.txt"} <= {file.name for file in files}
    for file in files:
        lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert len(lines) > 100
        assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


def test_the_citation_is_of_this_version():
    assert f"\nversion: {jaxcxr.__version__}\n" in (ROOT / "CITATION.cff").read_text()
