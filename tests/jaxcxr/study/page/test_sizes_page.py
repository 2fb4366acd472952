"""The page of a study of image sizes: every part, pair by pair, beside the follow-up paper."""

import csv
import json
import re
import shutil

import pytest
from study.sized_runs import finish, study

from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.report import write_report

PARTS = (
    *("differences_from_paper", "resolution", "resolution_differences", "equivalence"),
    *("adaptation", "label_noise", "external", "external_differences"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory, blank):
    """The directory of the report of single trainings, and the text of its page.

    Figures, most of the time that it takes, are blank.
    """
    out, once = tmp_path_factory.mktemp("sizes"), study(seeds=(0,))
    finish(once, out, evaluated=True)

    def save_figure(_, stem):
        for suffix in (".svg", ".png"):
            shutil.copy(blank.with_suffix(suffix), stem.with_suffix(suffix))

    with pytest.MonkeyPatch.context() as patch:
        for module in ("figures", "acting", "auc_curves"):
            patch.setattr(f"jaxcxr.study.analyses.{module}.save_figure", save_figure)
        assert write_report(once, plan_study(once, out), out) == []
    return out / "report", (out / "report/index.html").read_text(encoding="utf-8")


def rows_of(report, name):
    with (report / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_part_is_on_the_page_and_beside_it(told):
    report, page = told
    for name in PARTS:
        assert f'<details class="table" id="{name}"' in page
        assert rows_of(report, name)
        assert (report / f"{name}.tex").is_file()
    for name in ("resolution", "label_noise", "external"):
        assert f"{name}_merged_sides.svg" in page
    # Nobody takes an interval for another.
    of_table = page.split('id="equivalence"')[1].split("</table>")[0]
    assert "90 % interval</th>" in of_table and "95 % interval</th>" not in of_table


def test_each_pair_is_a_question_with_its_own_answer_figures_and_curves(told):
    report, page = told
    pairs = ["DINOv3 against DINOv2", "ConvNeXt DINOv3 against DINOv3"]
    assert re.findall(r'<h2 class="eyebrow">(.*?)</h2>', page) == pairs
    curves = json.loads(re.search(r'id="roc-data">(.*?)</script>', page, re.S).group(1))
    assert [one["title"] for one in curves] == [pairs[0]] * 2 + [pairs[1]] * 2
    assert len({(one["label_set"], one["dataset"]) for one in curves}) == len(curves)
    for pair in ("dinov3_dinov2", "convnext_dinov3_dinov3"):
        assert (report / f"figure3_merged_sides_{pair}.svg").is_file()
        for dataset in ("mimic_cxr", "chestxray14"):
            assert (report / f"figure4_merged_sides_{pair}_{dataset}.svg").is_file()
    # One family of averages over datasets and pairs; an initialization stands in a table once.
    averages = [row for row in rows_of(report, "comparisons") if row["label"] == "Average"]
    assert [(row["first"], row["second"]) for row in averages] == [
        *[("DINOv3", "DINOv2")] * 2,
        *[("ConvNeXt DINOv3", "DINOv3")] * 2,
    ]
    keys = [
        (row["dataset"], row["metric"], row["initialization"]) for row in rows_of(report, "table4")
    ]
    assert len(keys) == len(set(keys)) == 2 * 4 * 3


def test_links_lead_somewhere_and_ids_are_given_once(told):
    page = told[1]
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r' href="#([^"]+)"', page)) <= set(ids)


def test_it_stands_beside_the_follow_up_and_prints_no_numbers_of_the_first(told):
    report, page = told
    assert "the values of its own tables are not at hand" in page
    assert "Table 4:" not in page and "Figure 3:" not in page
    assert "contradicts itself" not in page and not (report / "contradictions.csv").exists()
    assert {row["paper"] for row in rows_of(report, "table4")} == {""}
    assert {row["paper"] for row in rows_of(report, "comparisons")} == {""}


def test_where_it_differs_from_the_paper_is_counted_from_the_tables(told):
    report, _ = told
    found = {row["topic"]: row["found here"] for row in rows_of(report, "differences_from_paper")}
    ends = {
        row["runs"]: (float(row["low"]), float(row["high"]))
        for row in rows_of(report, "resolution")
        if row["label"] == "Average"
    }
    two = [
        row
        for row in rows_of(report, "resolution_differences")
        if row["label"] == "Average" and row["kind"] != "interaction"
    ]
    decided = [row for row in two if float(row["adjusted p"]) < 0.05]
    overlap = 0
    for row in decided:
        (low, high), (other_low, other_high) = (ends[run] for run in row["runs"].split())
        overlap += max(low, other_low) <= min(high, other_high)
    one_sided = sum(row not in decided and float(row["p"]) < 0.1 for row in two)
    assert found["tests"].startswith(
        f"of {len(two)} differences of averages between two models {len(decided)} are decided, "
        f"{overlap} of them with intervals that overlap; {one_sided} that"
    )
    assert decided and overlap  # the example shows something
    assert found["patches"] == "DINOv2 at 512 px drops 8; all others none"
    assert "ChestX-ray14: 90 validation and 120 test images, 0 in both" in found["validation"]
    same = sum(row["same"] == "True" for row in rows_of(report, "equivalence"))
    assert f"of 14 differences {same} are shown to lie within the margin" in found["no difference"]
    assert found["test images"] == "no floor was measured"


@pytest.mark.slow
def test_a_pair_to_come_is_named_and_the_others_are_told(tmp_path):
    once = study(seeds=(0,))
    plan = finish(once, tmp_path, evaluated=True)
    shutil.rmtree(plan.experiments["mimic_cxr-merged_sides-convnext_dinov3-s0"].directory)
    missing = write_report(once, plan_study(once, tmp_path), tmp_path)
    assert missing == ["mimic_cxr-merged_sides-convnext_dinov3_dinov3"]
    averages = rows_of(tmp_path / "report", "comparisons")
    told = [(row["dataset"], row["first"]) for row in averages if row["label"] == "Average"]
    assert told == [
        *(("MIMIC-CXR", "DINOv3"), ("ChestX-ray14", "DINOv3")),
        ("ChestX-ray14", "ConvNeXt DINOv3"),
    ]
