"""Image sizes, equivalence, wrong labels and external tests: every number computed again."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score
from statsmodels.stats.multitest import multipletests
from study.recomputed import assert_ends, labels_of, mean_auc_of, read_frames, trainings_of
from study.sized_runs import MARGIN, finish, study

from jaxcxr.stats import resample_counts
from jaxcxr.study.analyses.further import further_analyses
from jaxcxr.study.analyses.gathering import read_paired
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.analyses.pairs import measure_grid, pairs_of
from jaxcxr.study.planning.grid import plan_study

AVERAGE = "Average"


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    """The study's directory, its rows as dicts by table, and its figures."""
    out = tmp_path_factory.mktemp("sizes")
    plan = finish(study(), out)
    tables, drawings = further_analyses(study(), plan, out, [])
    rows = {
        table.name: [dict(zip(table.header, row, strict=True)) for row in table.rows]
        for table in tables
    }
    return out, rows, drawings


def halves(out, row, file="predictions.parquet"):
    runs = row["runs"].split()
    parts = [" ".join(runs[at : at + 2]) for at in range(0, len(runs), 2)]
    return [read_frames(out, part, file) for part in parts]


def test_each_value_is_scikit_learns(sized):
    out, rows, _ = sized
    assert len(rows["resolution"]) == 2 * 3 * (10 + 1) + 2 * 3 * (14 + 1)
    for row in rows["resolution"][::7]:
        (frames,) = halves(out, row)
        assert all(("-px512-" in run) == (row["image size"] == 512) for run in row["runs"].split())
        labels = labels_of(frames[0]) if row["label"] == AVERAGE else [row["label"]]
        assert row["auc"] == pytest.approx(mean_auc_of(frames, labels))
        precision = [
            average_precision_score(frame[f"label:{name}"], frame[f"logit:{name}"])
            for frame in frames
            for name in labels
        ]
        assert row["average precision"] == pytest.approx(100 * np.mean(precision))
        assert row["low"] < row["auc"] < row["high"]
        assert row["ap low"] < row["average precision"] < row["ap high"]
        assert row["trained on"] is None


def test_differences_are_of_pairs_and_of_sizes_each_kind_a_family(sized):
    out, rows, _ = sized
    every = rows["resolution_differences"]
    averages = [row for row in every if row["label"] == AVERAGE]
    # A pair at each size, each model's gain, and of each pair what the one gains more.
    assert len(averages) == 2 * (2 * 2 + 3 + 2) and every[: len(averages)] == averages
    for kind in ("initialization", "image size", "interaction"):
        for method, chosen in (
            ("holm", [row for row in averages if row["kind"] == kind]),
            ("fdr_bh", [row for row in every[len(averages) :] if row["kind"] == kind]),
        ):
            if kind == "interaction" and method == "fdr_bh":
                assert chosen == []
                continue
            tested = [row for row in chosen if row["p"] is not None]
            expected = multipletests([row["p"] for row in tested], method=method)[1]
            np.testing.assert_allclose([row["adjusted p"] for row in tested], expected)
    for row in averages:
        models = halves(out, row)
        labels = labels_of(models[0][0])
        signs = (1, -1) if row["kind"] != "interaction" else (1, -1, -1, 1)
        found = trainings_of(labels, *models).judged(signs)
        assert_ends({name: str(row[name]) for name in ("low", "high")}, ("low", "high"), found)
        assert row["p"] == pytest.approx(found.p)
        means = [mean_auc_of(frames, labels) for frames in models]
        assert row["difference"] == pytest.approx(np.dot(signs, means))


def test_an_interaction_is_the_difference_of_two_rows_of_differences(sized):
    averages = [row for row in sized[1]["resolution_differences"] if row["label"] == AVERAGE]
    at = {(row["dataset"], row["compared"], row["at"]): row["difference"] for row in averages}
    found = [row for row in averages if row["kind"] == "interaction"]
    assert {row["compared"] for row in found} == {"512 px less 224 px"}
    for row in found:
        of_pair = [at[row["dataset"], row["at"], size] for size in ("512 px", "224 px")]
        assert row["difference"] == pytest.approx(of_pair[0] - of_pair[1])


def test_equivalence_is_two_one_sided_tests_against_the_margin(sized):
    out, rows, _ = sized
    found = rows["equivalence"]
    assert len(found) == 2 * (2 * 2 + 3)
    for row in found:
        models = halves(out, row)
        judged = trainings_of(labels_of(models[0][0]), *models).judged((1, -1))
        value, error = 100 * judged.value, 100 * judged.error
        lower = student.sf((value + MARGIN) / error, judged.freedom)
        upper = student.cdf((value - MARGIN) / error, judged.freedom)
        assert row["p"] == pytest.approx(max(lower, upper))
        ends = value + error * student.ppf([0.05, 0.95], judged.freedom)
        np.testing.assert_allclose([row["90 % low"], row["90 % high"]], ends)
        assert (row["p"] < 0.05) == (ends[0] > -MARGIN and ends[1] < MARGIN)
    for kind in ("initialization", "image size"):
        chosen = [row for row in found if row["kind"] == kind]
        expected = multipletests([row["p"] for row in chosen], method="holm")[1]
        np.testing.assert_allclose([row["adjusted p"] for row in chosen], expected)
        assert [row["same"] for row in chosen] == (expected < 0.05).tolist()
    assert {row["margin"] for row in found} == {MARGIN}


def test_lora_is_beside_full_fine_tuning_at_its_size(sized):
    out, rows, _ = sized
    found = rows["adaptation"]
    assert [row["training"] for row in found] == ["Full, 512 px"] * 3 + ["LoRA, 512 px"] * 3
    for row in found:
        frames = read_frames(out, row["runs"])
        assert row["auc"] == pytest.approx(mean_auc_of(frames, labels_of(frames[0])))
        assert (row["difference"] is None) == row["training"].startswith("Full")
        if row["difference"] is not None:
            full = read_frames(out, row["runs"].replace("lora512", "px512"))
            expected = mean_auc_of(frames, labels_of(frames[0])) - mean_auc_of(
                full, labels_of(full[0])
            )
            assert row["difference"] == pytest.approx(expected)


def test_wrong_labels_are_beside_right_ones(sized):
    out, rows, _ = sized
    found = rows["label_noise"]
    assert [row["percent of positives"] for row in found] == [0, 0, 20, 20, 40, 40]
    assert {row["initialization"] for row in found} == {"DINOv3", "DINOv2"}
    for row in found:
        frames = read_frames(out, row["runs"])
        labels = labels_of(frames[0])
        assert row["auc"] == pytest.approx(mean_auc_of(frames, labels))
        if row["percent of positives"]:
            share = f"-noise{row['percent of positives']:g}"
            right = read_frames(out, row["runs"].replace(share, ""))
            judged = trainings_of(labels, frames, right).judged((1, -1))
            assert row["difference"] == pytest.approx(100 * judged.value)
            assert row["p"] == pytest.approx(judged.p)


def test_external_tests_are_of_the_other_datasets_images(sized):
    out, rows, drawings = sized
    file = "predictions_chestxray14.parquet"
    found = rows["external"]
    assert {(row["trained on"], row["dataset"]) for row in found} == {("MIMIC-CXR", "ChestX-ray14")}
    assert len(found) == 2 * 3 * (7 + 1)
    for row in found[::5]:
        (frames,) = halves(out, row, file)
        labels = labels_of(frames[0]) if row["label"] == AVERAGE else [row["label"]]
        assert row["auc"] == pytest.approx(mean_auc_of(frames, labels))
    row = next(row for row in rows["external_differences"] if row["kind"] == "interaction")
    models = halves(out, row, file)
    judged = trainings_of(labels_of(models[0][0]), *models).judged((1, -1, -1, 1))
    assert row["p"] == pytest.approx(judged.p)
    assert {drawing.name for drawing in drawings} == {
        *("resolution_merged_sides", "label_noise_merged_sides", "external_merged_sides")
    }


def test_an_interaction_of_single_trainings_is_in_paired_redraws(sized):
    """Against scikit-learn, redraw by redraw."""
    out, _, _ = sized
    once = study(seeds=(0,))
    paired = read_paired(once, plan_study(once, out), once.grids[0], "mimic_cxr")
    four = replace(
        paired,
        titles=(*paired.titles, "fourth"),
        runs=(*paired.runs, ("d",)),
        scores=np.concatenate([paired.scores, paired.scores[:1] ** 3]),
    )
    factors = {0: 1, 1: -1, 2: -1, 3: 1}
    found = measure(four, 30).contrast(None, factors)
    kept = np.arange(len(four.label_names))
    counts = resample_counts(0, 30, len(four.labels), four.patients)
    expected = [
        sum(
            sign
            * roc_auc_score(four.labels[:, label], four.scores[model, 0, :, label], sample_weight=w)
            for model, sign in factors.items()
            for label in kept
        )
        / len(kept)
        for w in counts
    ]
    low, high = np.quantile(expected, [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.error == pytest.approx(np.std(expected, ddof=1))
    beyond = min(np.sum(np.array(expected) <= 0), np.sum(np.array(expected) >= 0))
    assert found.p == pytest.approx(min(1, 2 * (beyond + 1) / 31))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_pair_has_the_numbers_that_it_has_alone(sized, seeds):
    out = sized[0]
    whole = study(seeds=seeds, resamples=40)
    grid = whole.grids[0]
    plan = plan_study(whole, out)
    together = replace(measure(read_paired(whole, plan, grid, "mimic_cxr"), 40))
    pairs = pairs_of(whole, plan, grid, together)
    assert [one.paired.pair for one in pairs] == ["dinov3_dinov2", "convnext_dinov3_dinov3"]
    alone_grid = replace(grid, initializations=("convnext_dinov3", "dinov3"), pairs=())
    alone = measure(read_paired(whole, plan, alone_grid, "mimic_cxr"), 40)
    assert pairs[1].paired.titles == alone.paired.titles == ("ConvNeXt DINOv3", "DINOv3")
    for label in (None, 0, 3):
        ours, theirs = pairs[1].difference(label), alone.difference(label)
        assert [float(x) for x in (ours[0].value, ours[0].low, ours[0].high, ours[1])] == [
            float(x) for x in (theirs[0].value, theirs[0].low, theirs[0].high, theirs[1])
        ]
        mine, other = pairs[1].column("auc", 0, label), alone.column("auc", 0, label)
        assert mine == other


def test_a_pair_that_is_not_finished_is_left_out_and_the_rest_is_told(sized, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(sized[0], out)
    shutil.rmtree(out / "runs/mimic_cxr-merged_sides-convnext_dinov3-s1")
    plan, grid = plan_study(study(), out), study().grids[0]
    measured = measure_grid(study(), plan, grid, "mimic_cxr")
    assert measured.paired.titles == ("DINOv3", "DINOv2")
    pairs = pairs_of(study(), plan, grid, measured)
    assert [one.paired.pair for one in pairs] == ["dinov3_dinov2"]
    shutil.rmtree(out / "runs/mimic_cxr-merged_sides-dinov3-s0")
    assert measure_grid(study(), plan_study(study(), out), grid, "mimic_cxr") is None
