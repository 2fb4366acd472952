"""The page as a file: what it says, that it asks for nothing, that it is the same again."""

import html
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from study.finished_study import LABEL, NASTY, finish, report, study_of
from study.left_by_run import leave

from jaxcxr.files import sha256
from jaxcxr.results.predictions import read_predictions
from jaxcxr.results.table_files import Table
from jaxcxr.run.directory import PREDICTIONS, WEIGHTS
from jaxcxr.study.analyses.figures import Drawing
from jaxcxr.study.page.palette import PALETTE
from jaxcxr.study.planning.definition import Phantom
from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.report import write_report


class Outline(HTMLParser):
    """Elements in their order, with attributes; and the ids."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def all(self, *tags):
        return [fields for tag, fields in self.elements if tag in tags]


def test_it_asks_the_network_for_nothing(made):
    text = made[2]
    outline = Outline(text)
    loads = [one[name] for _, one in outline.elements for name in ("src", "href") if name in one]
    assert all(load.startswith(("#", "data:")) for load in loads)
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.S))
    assert "url(" not in style and "@import" not in style
    script = "".join(re.findall(r"<script>(.*?)</script>", text, re.S))
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|import\(|sendBeacon", script)
    policy = next(one for one in outline.all("meta") if "http-equiv" in one)
    assert policy["content"].startswith("default-src 'none'")


def test_links_lead_somewhere_and_ids_are_given_once(made):
    outline = Outline(made[2])
    ids = [fields["id"] for _, fields in outline.elements if "id" in fields]
    assert len(ids) == len(set(ids))
    assert {one["href"].removeprefix("#") for one in outline.all("a")} <= set(ids)


def test_every_row_of_measured_tables_names_its_runs(made):
    study, out, text = made
    plan = plan_study(study, out)
    for name in ("table4", "table5", "table_s1", "table_s5", "comparisons"):
        block = text.split(f'id="{name}"')[1].split("</table>")[0]
        rows = re.findall(r"<tr.*?>(<td.*?)</tr>", block, re.S)
        links = [set(re.findall(r'href="#run-([^"]+)"', row)) for row in rows]
        assert rows and all(links)
        assert set.union(*links) <= set(plan.experiments)
        assert {len(of_row) for of_row in links} == {2 if name == "comparisons" else 1}


def test_provenance_tells_where_each_run_comes_from(made):
    study, out, text = made
    experiment = next(iter(plan_study(study, out).experiments.values()))
    entry = html.unescape(text.split(f'id="run-{experiment.id}"')[1].split("</details>")[0])
    facts = (
        "configs/uka_cxr_dinov2.py",
        sha256(experiment.directory / WEIGHTS),
        f"start of {experiment.id}",
    )
    facts += ("vitb14.safetensors", "hash abc", "jaxcxr 1.2.3", "git commit c0ffee", "seed = 0")
    facts += ("This training learnt nothing beyond its start: epoch 2, validation AUC 0.6100, is ",)
    for fact in facts:
        assert fact in entry
    train = (
        f'python -m jaxcxr.main --config={experiment.config} "--workdir=$OUT/runs/{experiment.id}"'
    )
    assert train in entry and str(out) not in text
    assert f'--against "$OUT/runs/{experiment.id.replace("dinov2", "imagenet21k")}/' in entry


def test_a_run_that_was_trained_otherwise_than_the_study_says_is_left_out_and_named(
    tmp_path, blank_figures
):
    study = study_of(examples=())
    plan = finish(study, tmp_path)
    name = "vindr_cxr-paper-imagenet21k-s0"
    path = plan.experiments[name].directory / PREDICTIONS
    origin = read_predictions(path).origin
    origin["config"]["epochs"] = 3
    leave(plan.experiments[name], pd.read_parquet(path), config=origin["config"])
    assert write_report(study, plan, tmp_path) == ["vindr_cxr-paper"]
    text = html.unescape((tmp_path / "report/index.html").read_text(encoding="utf-8"))
    entry = text.split(f'id="run-{name}"')[1].split("</details>")[0]
    said = "Left out of this report: the study says epochs 100, but this run was trained with 3."
    assert said in entry
    told = json.loads((tmp_path / "report/provenance.json").read_text())
    assert list(told["left_out"]) == [name] and name not in told["runs"]


@pytest.mark.slow
def test_what_studies_say_is_text_and_never_markup(tmp_path):
    start = replace(study_of().initializations[0], title=NASTY)
    study = study_of(("uka_cxr",), name=NASTY, question=NASTY)
    study = replace(study, initializations=(start, *study.initializations[1:]))
    finish(study, tmp_path)
    text = report(study, tmp_path)
    assert "<img src=x" not in text and "&lt;img src=x" in text
    data = re.search(r'<script type="application/json" id="roc-data">(.*?)</script>', text, re.S)
    assert json.loads(data[1])[0]["titles"][0] == NASTY
    elements = Outline(text).elements
    assert not any(name.startswith("on") for _, fields in elements for name in fields)


def test_patients_are_not_named_and_images_only_as_examples(made):
    text = made[2]
    assert "secret" not in text
    named = set(re.findall(r"uka_cxr-\d{4}\.png", text))
    assert 0 < len(named) <= 8


def test_the_structure_is_for_everyone(made):
    text = made[2]
    outline = Outline(text)
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert all(one.get("alt") for one in outline.all("img"))
    assert len(outline.all("main")) == len(outline.all("header")) == len(outline.all("footer")) == 1
    assert all("aria-label" in one for one in outline.all("nav"))
    assert 'class="skip" href="#answer"' in text and '<html lang="en">' in text
    assert all(one.get("scope") in ("col", "row") for one in outline.all("th"))
    for rule in ("prefers-reduced-motion", "prefers-color-scheme", "@media print", "focus-visible"):
        assert rule in text
    examples = [one["alt"] for one in outline.all("img") if "uka_cxr-" in one["alt"]]
    assert all(re.search(rf"for {LABEL}, score .*, threshold ", alt) for alt in examples)


def _luminance(color):
    share = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_keep_the_contrast_of_wcag_aa(theme):
    def contrast(one, two):
        low, high = sorted(_luminance(PALETTE[name][theme]) for name in (one, two))
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "muted", "link", "first", "second"):
        for ground in ("ground", "raised"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast("notice-ink", "notice") >= 4.5
    # Not text: outlines of controls, the line of chance.
    assert contrast("strong-line", "ground") >= 3


def test_a_phantom_study_says_so_first(made, tmp_path, blank_figures):
    assert "Phantom study" not in made[2]
    study = replace(study_of(("uka_cxr",)), phantom=Phantom(10))
    finish(study, tmp_path)
    first = report(study, tmp_path).split("<h1")[0]
    assert "Its images are drawings" in first


def test_without_examples_there_is_no_radiograph(made, blank_figures):
    study, out, text = made
    assert text.count("data:image/jpeg") == 2 * 4 * 4
    assert "make this page patient data" in text
    bare = report(replace(study, examples=()), out)
    assert "data:image/jpeg" not in bare and "patient data" not in bare
    assert not re.search(r"\d{4}\.png", bare)
    assert not plan_study(replace(study, examples=()), out).after


def test_whatever_goes_beyond_the_paper_is_shown_too(made, monkeypatch, blank_figures):
    study, out, text = made
    assert "Beyond the paper" not in text

    def further_analyses(study, plan, folder, comparisons):
        (folder / "strange.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        run = next(iter(plan.experiments))
        odd = Table(
            "odd", "An odd <table>", ("a", "low", "runs"), [(None, 1.23456, run), ("x", 2, "")]
        )
        return [odd, Table("empty", "Nothing", ("a",), [])], [
            Drawing("strange", "A <b>", 'Its "alt"')
        ]

    monkeypatch.setattr("jaxcxr.study.report.further_analyses", further_analyses)
    found = report(study, out).split('id="beyond"')[1].split("</section>")[0]
    assert "An odd &lt;table&gt;" in found and 'data-value="1.23456"' in found
    assert 'id="empty"' in found and "A &lt;b&gt;" in found and "Its &#34;alt&#34;" in found
    assert found.count("data:image/svg+xml;base64,") == 1
    for path in (out / "report").glob("odd.*"):
        path.unlink()


def test_maps_of_other_weights_are_left_out_and_made_again(tmp_path, blank_figures):
    study = study_of(("uka_cxr",))
    plan = finish(study, tmp_path)
    first, second = (
        experiment.directory / "attention.npz" for experiment in list(plan.experiments.values())[:2]
    )
    whole = report(study, tmp_path).count("data:image/jpeg")
    first.write_bytes(second.read_bytes())
    assert report(study, tmp_path).count("data:image/jpeg") == whole // 2
    name = f"{next(iter(plan.experiments))}-attention"
    assert not plan.jobs[name].is_done and "of other weights" in plan.jobs[name].lacks


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes_wherever_they_lie(made, tmp_path):
    study, out, text = made
    finish(study, tmp_path / "else where's")
    assert report(study, tmp_path / "else where's") == text
    there = {path.name: path.read_bytes() for path in (tmp_path / "else where's/report").iterdir()}
    (out / "report" / "index.html").unlink()
    assert report(study, out) == text
    assert {path.name: path.read_bytes() for path in (out / "report").iterdir()} == there


@pytest.mark.slow
def test_a_deleted_artifact_brings_back_only_what_depends_on_it(made, blank_figures, monkeypatch):
    study, out, _ = made
    plan = plan_study(study, out)
    assert all(job.is_done for job in plan.jobs.values())
    experiment = next(iter(plan.experiments.values()))
    maps = experiment.directory / "attention.npz"
    kept = maps.read_bytes()
    maps.unlink()
    missing = [name for name, job in plan.jobs.items() if not job.is_done]
    assert missing == [f"{experiment.id}-attention"] and missing[0] in plan.ready()
    # Until it is there again, the page does without.
    assert report(study, out).count("data:image/jpeg") == 2 * 4 * 3
    maps.write_bytes(kept)
    monkeypatch.undo()
    assert report(study, out) == made[2]
