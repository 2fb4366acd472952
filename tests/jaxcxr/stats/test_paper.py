"""The study's own "±" and p-values, recomputed from its tables."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from jaxcxr.stats.paper import one_sided_p, pooled_spread, pooled_spread_of_summaries


@pytest.mark.data
def test_every_average_of_table_4_follows_from_tables_s1_to_s6(shared_data):
    facts = shared_data.parent / "facts"
    if not facts.is_dir():
        pytest.skip(f"the paper's tables are absent: put them into {facts}")
    with (facts / "paper_per_label.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["label"] != "Average"]
    with (facts / "paper_table4_averages.csv").open() as table:
        averages = list(csv.DictReader(table))
    assert len(averages) == 48
    for average in averages:
        of_average = [
            (float(row["mean_percent"]), float(row["std_percent"]))
            for row in rows
            if all(row[key] == average[key] for key in ("dataset", "metric", "pretraining"))
        ]
        mean, spread = pooled_spread_of_summaries(*zip(*of_average, strict=True))
        # The tables are rounded to 0.01, and so is Table 4.
        assert mean == pytest.approx(float(average["mean_percent"]), abs=0.0101)
        assert spread == pytest.approx(float(average["std_percent"]), abs=0.0101)


def test_pooling_redraws_and_pooling_summaries_are_the_same():
    rng = np.random.default_rng(0)
    replicates = rng.normal([0.9, 0.7, 0.8], [0.01, 0.02, 0.005], (1000, 3))
    mean, spread = pooled_spread(replicates)
    again = pooled_spread_of_summaries(replicates.mean(axis=0), replicates.std(axis=0))
    assert (mean, spread) == pytest.approx(again)
    # It is the labels' differences, 15 times the spread of the average itself.
    assert spread > 10 * replicates.mean(axis=1).std()


def test_one_sided_p_counts_the_redraws_not_won():
    first = np.array([[0.9], [0.8], [0.7], [0.6]])
    second = np.array([[0.8], [0.8], [0.6], [0.7]])
    assert one_sided_p(first, second)[0] == 0.5
    assert one_sided_p(first + 1, second)[0] == 0.0
