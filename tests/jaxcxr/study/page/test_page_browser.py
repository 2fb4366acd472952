"""The page in a real headless Chromium, opened from a file."""

import pytest
from study.finished_study import NASTY, finish, report, study_of
from study.page.chromium import Chromium, find_chromium

BINARY = find_chromium()
pytestmark = pytest.mark.skipif(BINARY is None, reason="no chromium is installed")

COLUMN = """
(name, heading) => {
  const table = document.querySelector(`#${name} table`);
  const at = [...table.tHead.rows[0].cells].findIndex((one) => one.textContent === heading);
  return [...table.tBodies[0].rows].filter((row) => !row.hidden)
    .map((row) => row.cells[at].dataset.value ?? row.cells[at].textContent);
}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of the page, of a study whose words are hostile."""
    out = tmp_path_factory.mktemp("study")
    study = study_of(name=NASTY)
    finish(study, out)
    report(study, out)
    return (out / "report" / "index.html").as_uri()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    browser = Chromium(BINARY, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def _column(chromium, table, heading):
    return chromium.run(f"({COLUMN})({table!r}, {heading!r})")


def _heading(chromium, table, heading, do):
    return chromium.run(
        f"(() => {{ const one = [...document.querySelectorAll('#{table} th')].find((one) => "
        f"one.textContent === {heading!r}); return {do}; }})()"
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_opens_from_a_file_without_a_complaint(chromium, page, width, dark):
    chromium.open(page, width=width, dark=dark)
    assert chromium.complaints() == [] and chromium.requests() == []
    assert chromium.run("document.documentElement.dataset.shown") == ("dark" if dark else "light")
    ground = chromium.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 21, 27)" if dark else "rgb(255, 255, 255)")
    chromium.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    # Tables and drawings scroll within themselves, the page does not.
    assert chromium.run("document.documentElement.scrollWidth") == width
    beyond = """[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll')
      && one.getBoundingClientRect().right > innerWidth + 0.5).length"""
    assert chromium.run(beyond) == 0
    images = "[...document.images].every((one) => one.complete && one.naturalWidth > 0)"
    assert chromium.run(images) and chromium.run("document.images.length") > 10
    assert chromium.complaints() == []


def test_a_heading_sorts_by_whole_numbers_with_mouse_and_keyboard(chromium, page):
    chromium.open(page)
    table = "table5"
    assert {_heading(chromium, table, "value", "one.getAttribute('aria-sort')")} == {"none"}
    _heading(chromium, table, "value", "one.querySelector('button').click()")
    values = [float(one) for one in _column(chromium, table, "value")]
    assert values == sorted(values) and len(set(map(int, values))) > 5
    assert _heading(chromium, table, "value", "one.getAttribute('aria-sort')") == "ascending"
    _heading(chromium, table, "value", "one.querySelector('button').focus()")
    chromium.press("Enter")
    assert [float(one) for one in _column(chromium, table, "value")] == values[::-1]
    assert _heading(chromium, table, "value", "one.getAttribute('aria-sort')") == "descending"
    _heading(chromium, table, "label", "one.querySelector('button').click()")
    labels = _column(chromium, table, "label")
    assert labels == sorted(labels) and labels[0] != labels[-1]
    assert _heading(chromium, table, "value", "one.getAttribute('aria-sort')") == "none"
    # Rows without a value stay below, whichever way it is sorted.
    chromium.run(
        "document.querySelectorAll('#comparisons tr.average td[data-value]').forEach((one) => {"
        " one.removeAttribute('data-value'); one.textContent = '-'; })"
    )
    for _ in range(2):
        _heading(chromium, "comparisons", "p", "one.querySelector('button').click()")
        found = _column(chromium, "comparisons", "p")
        assert "-" not in found[:-4] and found[-4:] == ["-"] * 4


def test_tables_filter_by_text_and_by_dataset(chromium, page):
    chromium.open(page)
    rows = len(_column(chromium, "table5", "dataset"))
    choose = """(() => { const one = document.querySelector('#table5 .filters select');
      one.value = 'UKA-CXR'; one.dispatchEvent(new Event('change')); })()"""
    chromium.run(choose)
    chosen = _column(chromium, "table5", "dataset")
    assert set(chosen) == {"UKA-CXR"} and 0 < len(chosen) < rows
    search = """(() => { const one = document.querySelector('#table5 .filters input');
      one.value = 'cardio mimic-CXR'; one.dispatchEvent(new Event('input')); })()"""
    chromium.run(search)
    assert _column(chromium, "table5", "label") == ["Cardiomegaly"]
    assert _column(chromium, "table5", "initialization") == ["MIMIC-CXR"]
    assert chromium.run("document.querySelector('#table5 [role=status]').textContent") == (
        f"1 of {rows} rows"
    )


def test_curves_are_chosen_and_walked_along(chromium, page):
    chromium.open(page)
    chromium.run(
        "for (const [name, value] of [['set', 'mimic_transfer'], ['dataset', 'VinDr-CXR'], "
        "['label', 'Pneumonia']]) { const one = document.getElementById(`roc-${name}`); "
        "one.value = value; one.dispatchEvent(new Event('change')); }"
    )
    said = chromium.run("document.getElementById('roc-words').innerText")
    assert "Pneumonia on VinDr-CXR" in said and "MIMIC-CXR" in said
    assert "95 % interval" in said and said.count("the operating point") == 2
    chromium.run("document.querySelector('#roc-plot [role=slider]').focus()")
    chromium.press("Home")
    words = "document.querySelector('#roc-plot [role=slider]').getAttribute('aria-valuetext')"
    assert chromium.run(words).startswith("Sensitivity 0.0 %")
    chromium.press("End")
    assert chromium.run(words).startswith("Sensitivity 100.0 %")
    before = chromium.run(words)
    chromium.press("ArrowLeft")
    assert chromium.run(words) != before
    box = chromium.run(
        "(() => { const one = document.querySelector('#roc-plot svg'); "
        "one.scrollIntoView({ behavior: 'instant' }); const box = one.getBoundingClientRect(); "
        "return [box.left + 0.15 * box.width, box.top + 0.8 * box.height]; })()"
    )
    chromium.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    sensitivity = float(chromium.run(words).split()[1])
    assert 0 < sensitivity < 100 and chromium.complaints() == []


def test_a_run_leads_to_its_opened_provenance(chromium, page):
    chromium.open(page)
    chromium.run("document.querySelector('#table5 a.run').click()")
    state = """(() => { const one = document.querySelector(':target');
      return [one.id, one.closest('details').open, one.getBoundingClientRect().height > 50]; })()"""
    name, opened, visible = chromium.run(state)
    assert name.startswith("run-") and opened and visible


def test_the_toggle_turns_the_theme(chromium, page):
    chromium.open(page)
    for shown in ("dark", "light"):
        chromium.run("document.getElementById('theme').click()")
        assert chromium.run("document.documentElement.dataset.shown") == shown


def test_the_skip_link_is_the_first_stop_and_focus_shows(chromium, page):
    chromium.open(page)
    chromium.press("Tab")
    assert chromium.run("document.activeElement.className") == "skip"
    assert chromium.run("document.activeElement.getBoundingClientRect().top") >= 0
    assert chromium.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_all_is_still_there(chromium, page):
    chromium.open(page, script=False)
    chromium.call("Emulation.setScriptExecutionDisabled", value=False)
    assert chromium.run("document.querySelector('#table5 tbody').offsetHeight") > 100
    assert chromium.run("document.querySelectorAll('#curves .drawings img').length") == 4
    assert chromium.run("document.getElementById('roc').offsetHeight") == 0
    assert chromium.run("document.getElementById('theme').offsetHeight") == 0


def test_on_paper_everything_is_unfolded_and_controls_are_gone(chromium, page):
    chromium.open(page)
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.run("document.querySelectorAll('details:not([open])').length") == 0
    assert chromium.run("document.querySelector('.filters').offsetHeight") == 0
    chromium.run("dispatchEvent(new Event('afterprint'))")
    chromium.call("Emulation.setEmulatedMedia", media="")
    assert chromium.run("document.querySelectorAll('details:not([open])').length") > 5
