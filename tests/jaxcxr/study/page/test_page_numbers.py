"""The page's numbers are those that the commands it prints for them give."""

import csv
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from study.finished_study import LABEL, finish, report, study_of

from jaxcxr.evaluate import evaluate
from jaxcxr.stats import curve, operating_point
from jaxcxr.study.analyses.families import redraws_of
from jaxcxr.study.page.commands import printed
from jaxcxr.study.page.roc import POINTS, thinned
from jaxcxr.study.planning.grid import plan_study

ROOT = Path(__file__).parents[4]


def _commands(part):
    return [html.unescape(one) for one in re.findall(r"<pre[^>]*><code>(.*?)</code>", part, re.S)]


def _run(command, out):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"OUT": str(out), "PATH": path}
    subprocess.run(["bash", "-ec", command], cwd=ROOT, env=environment, check=True, timeout=300)


def _rows(path, **wanted):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def _values(text, table, *wanted):
    """The whole numbers of the one row of a table in which these stand."""
    block = text.split(f'id="{table}"')[1].split("</table>")[0]
    rows = re.findall(r"<tr.*?>(<td.*?)</tr>", block, re.S)
    found = [row for row in rows if all(f">{one}<" in row for one in wanted)]
    assert len(found) == 1
    shown = re.findall(r"<td[^>]*>(.*?)</td>", found[0])
    return [float(one) for one in re.findall(r'data-value="([^"]+)"', found[0])], shown


def test_a_experiment_a_difference_and_a_curve_are_what_their_commands_give(made):
    _, out, text = made
    experiment = "uka_cxr-paper-dinov2-s0"
    entry = text.split(f'id="run-{experiment}"')[1].split("</details>")[0]
    commands = [one for one in _commands(entry) if "jaxcxr.evaluate" in one]
    assert len(commands) == 2
    assert commands == _commands(text.split('id="check"')[1])[1:3]
    for command in commands:
        _run(command + " --no-plots > /dev/null", out)

    folder = out / "check" / experiment
    (ours,) = _rows(folder / "labels.csv", label=LABEL, metric="auc")
    value, mean, low, *_ = _values(text, "table_s5", LABEL, "auc", "DINOv2")[0]
    for found, name in ((value, "value"), (mean, "mean"), (low, "low")):
        assert found == 100 * float(ours[name])
    shown = _values(text, "table_s5", LABEL, "auc", "DINOv2")[1]
    percent = {name: f"{100 * float(ours[name]):.2f}" for name in ours if name in ("sd", "high")}
    assert any(one.endswith(f"± {percent['sd']}") for one in shown)
    assert any(one.endswith(f", {percent['high']}]") for one in shown)

    folder = next(one for one in (out / "check").iterdir() if "-against-" in one.name)
    (ours,) = _rows(folder / "comparison.csv", label=LABEL)
    difference, low, p, *_ = _values(text, "comparisons", LABEL, "UKA-CXR", "paper")[0]
    assert difference == pytest.approx(100 * float(ours["difference"]), abs=1e-12)
    assert (low, p) == pytest.approx((100 * float(ours["low"]), float(ours["p"])), abs=1e-12)

    data = re.search(r'<script type="application/json" id="roc-data">(.*?)</script>', text, re.S)
    one = next(one for one in json.loads(data[1]) if one["runs"][0] == experiment)
    assert (one["dataset"], one["label_set"]) == ("UKA-CXR", "paper")
    label = next(label for label in one["labels"] if label["name"] == LABEL)
    points = {
        float(row["threshold"]): (float(row["false_positive_rate"]), float(row["sensitivity"]))
        for row in _rows(out / "check" / experiment / "curves.csv", label=LABEL)
    }
    model = label["models"][0]
    for true, false, threshold in zip(
        model["true"], model["false"], model["threshold"], strict=True
    ):
        x, y = points[np.inf if threshold is None else threshold]
        assert x == pytest.approx(false / label["negatives"], abs=1e-12)
        assert y == pytest.approx(true / label["positives"], abs=1e-12)


@pytest.mark.parametrize("which", [0, 1])
def test_every_number_of_a_run_is_what_evaluate_gives(made, tmp_path, which):
    study, out, _ = made
    experiment = plan_study(study, out).experiments[
        f"vindr_cxr-paper-{('dinov2', 'imagenet21k')[which]}-s0"
    ]
    path = experiment.directory / "predictions.parquet"
    redraws = redraws_of(study, study.grids[0])
    assert redraws == 40 * (11 + 9)  # as many as the family of tests needs
    statistics = evaluate(path, tmp_path, resamples=redraws, print_tables=False, plots=False)
    title = ("DINOv2", "ImageNet-21K")[which]
    found = [*statistics["labels"], statistics["average"] | {"label": "Average"}]
    for row in _rows(out / "report/table_s1.csv", initialization=title):
        one = next(one for one in found if one["label"] == row["label"])
        ours = one["metrics"][row["metric"]]
        for name in ("value", "mean", "low", "high"):
            heading = "mean of redraws" if name == "mean" else name
            assert float(row[heading]) == pytest.approx(100 * ours[name], abs=1e-11)
        if row["label"] != "Average":
            assert float(row["sd"]) == pytest.approx(100 * ours["sd"], abs=1e-11)
        elif row["metric"] == "auc":
            # As the page says that the spread of an average comes from the labels'.
            labels = [label["metrics"]["auc"] for label in statistics["labels"]]
            means, sds = (np.array([label[name] for label in labels]) for name in ("mean", "sd"))
            spread = np.sqrt(means.var() + np.mean(sds**2))
            assert float(row["sd"]) == pytest.approx(100 * spread, rel=0.01)


@pytest.mark.slow
def test_with_several_seeds_the_page_says_what_a_command_gives(tmp_path, blank_figures):
    study = study_of(("uka_cxr",), seeds=(0, 1), examples=())
    finish(study, tmp_path)
    text = report(study, tmp_path)
    assert "Each run's command gives that training's numbers" in text
    assert "mean over 2 trainings" in text and "Obuchowski and Rockette" in text
    commands = [one for one in _commands(text.split('id="check"')[1]) if "evaluate" in one]
    for command in commands:
        _run(command + " --no-plots > /dev/null", tmp_path)
    (folder,) = (tmp_path / "check").glob("*-against-*-all")
    name = _rows(folder / "comparison.csv")[0]["label"]
    (ours,) = _rows(folder / "comparison.csv", label=name)
    (shown,) = _rows(tmp_path / "report/comparisons.csv", label=name, **{"label set": "paper"})
    for column in ("difference", "low", "high"):
        assert float(shown[column]) == pytest.approx(100 * float(ours[column]), abs=1e-9)
    assert float(shown["p"]) == pytest.approx(float(ours["p"]), abs=1e-12)
    row = _rows(tmp_path / "report/table_s5.csv", label=LABEL, metric="auc")[0]
    values = []
    for name in row["runs"].split():
        path = tmp_path / "runs" / name / "predictions.parquet"
        options = {"resamples": study.resamples, "print_tables": False, "plots": False}
        statistics = evaluate(path, tmp_path / "one", **options)
        label = next(one for one in statistics["labels"] if one["label"] == LABEL)
        values.append(label["metrics"]["auc"]["value"])
    assert len(values) == 2 and values[0] != values[1]
    assert float(row["value"]) == pytest.approx(100 * np.mean(values), abs=1e-10)


def test_a_long_curve_is_thinned_to_its_own_points_evenly():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 5000)
    scores = rng.normal(size=5000) + truth
    points = curve(truth, scores)
    best = int(np.flatnonzero(points.threshold == operating_point(truth, scores).threshold)[0])
    kept = thinned(points, best)
    assert best in kept and len(kept) <= POINTS + 1
    assert kept[0] == 0 and kept[-1] == len(points.threshold) - 1
    x, y = 1 - points.specificity, points.sensitivity
    # Between two kept points the curve stays in their small box.
    assert np.max(np.diff(x[kept]) + np.diff(y[kept])) < 3 * 2 / POINTS


def test_commands_are_for_a_shell_whatever_the_directory_is_called(tmp_path):
    out = tmp_path / 'a "b" $c `d`'
    out.mkdir()
    (out / "file").write_text("found")
    words = [sys.executable, "-c", "import sys; print(open(sys.argv[1]).read(), sys.argv[2])"]
    text = printed([*words, f"{out}/file", "it's $HOME"], out)
    assert str(tmp_path) not in text
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-ec", text], env={"OUT": str(out), "PATH": path}, capture_output=True, text=True
    )
    assert said.stdout == "found it's $HOME\n"
