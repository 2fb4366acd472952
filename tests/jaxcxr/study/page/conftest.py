"""A finished study with its page, and a real browser to open pages in."""

import shutil

import pytest
from matplotlib.figure import Figure
from study.finished_study import finish, report, study_of

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser itself stays off the network; as root it only starts without its sandbox.
FLAGS = ("--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished study, its directory and its page."""
    study, out = study_of(), tmp_path_factory.mktemp("study")
    finish(study, out)
    return study, out, report(study, out)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A figure with nothing in it, as a file of each kind."""
    directory = tmp_path_factory.mktemp("blank")
    for suffix in (".svg", ".png"):
        Figure(figsize=(1, 1)).savefig(directory / f"blank{suffix}")
    return directory / "blank"


@pytest.fixture
def blank_figures(blank, monkeypatch):
    """Reports of this test are about something else: their figures, most of their time, are blank.

    Undone by `monkeypatch.undo()`.
    """

    def save_figure(_, stem):
        for suffix in (".svg", ".png"):
            shutil.copy(blank.with_suffix(suffix), stem.with_suffix(suffix))

    monkeypatch.setattr("jaxcxr.study.analyses.figures.save_figure", save_figure)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium of the machine, driven by Playwright, which brings none of its own.

    For one module: while it runs, so does its event loop, and nothing else may start one.
    """
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install '.[test]'"
    )
    binary = next(filter(None, map(shutil.which, NAMES)), None)
    if binary is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=binary, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address in a fresh window, and keeps what it says and asks for.

    `complaints` are all that went to the console and uncaught exceptions; `requests` are addresses
    asked for, those of files and of data in the page left out.
    """
    windows = []

    def outside(url):
        return not url.startswith(("data:", "file:"))

    def open_page(url, width=1280, dark=False, script=True):
        window = browser.new_context(
            viewport={"width": width, "height": 900},
            is_mobile=width < 600,
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        windows.append(window)
        page = window.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda said: page.complaints.append(said.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda asked: outside(asked.url) and page.requests.append(asked.url))
        page.goto(url)
        return page

    yield open_page
    for window in windows:
        window.close()
