"""The page in a real headless Chromium, opened from a file."""

import pytest
from study.finished_study import NASTY, finish, report, study_of

COLUMN = """
(name, heading) => {
  const table = document.querySelector(`#${name} table`);
  const at = [...table.tHead.rows[0].cells].findIndex((one) => one.textContent === heading);
  return [...table.tBodies[0].rows].filter((row) => !row.hidden)
    .map((row) => row.cells[at].dataset.value ?? row.cells[at].textContent);
}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of the page, of a study whose words are hostile."""
    out = tmp_path_factory.mktemp("study")
    study = study_of(name=NASTY)
    finish(study, out)
    report(study, out)
    return (out / "report" / "index.html").as_uri()


def _column(page, table, heading):
    return page.evaluate(f"({COLUMN})({table!r}, {heading!r})")


def _heading(page, table, heading, do):
    return page.evaluate(
        f"(() => {{ const one = [...document.querySelectorAll('#{table} th')].find((one) => "
        f"one.textContent === {heading!r}); return {do}; }})()"
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_it_opens_from_a_file_without_a_complaint(open_page, address, width, dark):
    page = open_page(address, width=width, dark=dark)
    assert page.complaints == [] and page.requests == []
    assert page.evaluate("document.documentElement.dataset.shown") == ("dark" if dark else "light")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 21, 27)" if dark else "rgb(255, 255, 255)")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    # Tables and drawings scroll within themselves, the page does not.
    assert page.evaluate("document.documentElement.scrollWidth") == width
    beyond = """[...document.querySelectorAll('main *')].filter((one) => !one.closest('.scroll')
      && one.getBoundingClientRect().right > innerWidth + 0.5).length"""
    assert page.evaluate(beyond) == 0
    images = "[...document.images].every((one) => one.complete && one.naturalWidth > 0)"
    assert page.evaluate(images) and page.evaluate("document.images.length") > 10
    assert page.complaints == []


def test_a_heading_sorts_by_whole_numbers_with_mouse_and_keyboard(open_page, address):
    page = open_page(address)
    table = "table5"
    assert {_heading(page, table, "value", "one.getAttribute('aria-sort')")} == {"none"}
    _heading(page, table, "value", "one.querySelector('button').click()")
    values = [float(one) for one in _column(page, table, "value")]
    assert values == sorted(values) and len(set(map(int, values))) > 5
    assert _heading(page, table, "value", "one.getAttribute('aria-sort')") == "ascending"
    _heading(page, table, "value", "one.querySelector('button').focus()")
    page.keyboard.press("Enter")
    assert [float(one) for one in _column(page, table, "value")] == values[::-1]
    assert _heading(page, table, "value", "one.getAttribute('aria-sort')") == "descending"
    _heading(page, table, "label", "one.querySelector('button').click()")
    labels = _column(page, table, "label")
    assert labels == sorted(labels) and labels[0] != labels[-1]
    assert _heading(page, table, "value", "one.getAttribute('aria-sort')") == "none"
    # Rows without a value stay below, whichever way it is sorted.
    page.evaluate(
        "document.querySelectorAll('#comparisons tr.average td[data-value]').forEach((one) => {"
        " one.removeAttribute('data-value'); one.textContent = '-'; })"
    )
    for _ in range(2):
        _heading(page, "comparisons", "p", "one.querySelector('button').click()")
        found = _column(page, "comparisons", "p")
        assert "-" not in found[:-4] and found[-4:] == ["-"] * 4


def test_tables_filter_by_text_and_by_dataset(open_page, address):
    page = open_page(address)
    rows = len(_column(page, "table5", "dataset"))
    choose = """(() => { const one = document.querySelector('#table5 .filters select');
      one.value = 'UKA-CXR'; one.dispatchEvent(new Event('change')); })()"""
    page.evaluate(choose)
    chosen = _column(page, "table5", "dataset")
    assert set(chosen) == {"UKA-CXR"} and 0 < len(chosen) < rows
    search = """(() => { const one = document.querySelector('#table5 .filters input');
      one.value = 'cardio mimic-CXR'; one.dispatchEvent(new Event('input')); })()"""
    page.evaluate(search)
    assert _column(page, "table5", "label") == ["Cardiomegaly"]
    assert _column(page, "table5", "initialization") == ["MIMIC-CXR"]
    assert page.evaluate("document.querySelector('#table5 [role=status]').textContent") == (
        f"1 of {rows} rows"
    )


def test_curves_are_chosen_and_walked_along(open_page, address):
    page = open_page(address)
    page.evaluate(
        "for (const [name, value] of [['set', 'mimic_transfer'], ['dataset', 'VinDr-CXR'], "
        "['label', 'Pneumonia']]) { const one = document.getElementById(`roc-${name}`); "
        "one.value = value; one.dispatchEvent(new Event('change')); }"
    )
    said = page.evaluate("document.getElementById('roc-words').innerText")
    assert "Pneumonia on VinDr-CXR" in said and "MIMIC-CXR" in said
    assert "95 % interval" in said and said.count("the operating point") == 2
    page.evaluate("document.querySelector('#roc-plot [role=slider]').focus()")
    page.keyboard.press("Home")
    words = "document.querySelector('#roc-plot [role=slider]').getAttribute('aria-valuetext')"
    assert page.evaluate(words).startswith("Sensitivity 0.0 %")
    page.keyboard.press("End")
    assert page.evaluate(words).startswith("Sensitivity 100.0 %")
    before = page.evaluate(words)
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(words) != before
    drawing = page.locator("#roc-plot svg")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    # Playwright waits until the drawing stands still: what is above may be laid out late.
    drawing.hover(position={"x": 0.3 * box["width"], "y": 0.4 * box["height"]})
    sensitivity = float(page.evaluate(words).split()[1])
    assert 0 < sensitivity < 100 and page.complaints == []


def test_a_run_leads_to_its_opened_provenance(open_page, address):
    page = open_page(address)
    page.evaluate("document.querySelector('#table5 a.run').click()")
    state = """(() => { const one = document.querySelector(':target');
      return [one.id, one.closest('details').open, one.getBoundingClientRect().height > 50]; })()"""
    name, opened, visible = page.evaluate(state)
    assert name.startswith("run-") and opened and visible


def test_the_toggle_turns_the_theme(open_page, address):
    page = open_page(address)
    for shown in ("dark", "light"):
        page.evaluate("document.getElementById('theme').click()")
        assert page.evaluate("document.documentElement.dataset.shown") == shown


def test_the_skip_link_is_the_first_stop_and_focus_shows(open_page, address):
    page = open_page(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_all_is_still_there(open_page, address):
    page = open_page(address, script=False)
    assert page.evaluate("document.querySelector('#table5 tbody').offsetHeight") > 100
    assert page.evaluate("document.querySelectorAll('#curves .drawings img').length") == 4
    assert page.evaluate("document.getElementById('roc').offsetHeight") == 0
    assert page.evaluate("document.getElementById('theme').offsetHeight") == 0


def test_on_paper_everything_is_unfolded_and_controls_are_gone(open_page, address):
    page = open_page(address)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    assert page.evaluate("document.querySelector('.filters').offsetHeight") == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") > 5
