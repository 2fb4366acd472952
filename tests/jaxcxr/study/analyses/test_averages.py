"""The lines on the terminal: the averages that stand in the tables."""

import csv

from study.synthetic_pair import paired

from jaxcxr.results.table_files import write_table
from jaxcxr.stats import auc
from jaxcxr.study.analyses.averages import average_aucs
from jaxcxr.study.analyses.paired import measure
from jaxcxr.study.analyses.paper_tables import Row, metric_rows
from jaxcxr.study.analyses.row_table import row_table


def test_the_lines_say_the_mean_auc_of_each_start(tmp_path):
    one = paired("uka_cxr")
    rows = metric_rows(measure(one, 20), {})
    write_table(tmp_path, row_table("table4", "", Row, rows, ()))
    write_table(tmp_path, row_table("table5", "", Row, rows, ()))
    means = [100 * auc(one.labels, scores).mean() for scores in one.scores[:, 0]]
    said = f"mean AUC {means[0]:.1f} % (DINOv2), {means[1]:.1f} % (ImageNet-21K)"
    assert average_aucs(tmp_path) == [
        f"UKA-CXR: {said}",
        f"UKA-CXR on the labels shared with MIMIC-CXR: {said}",
    ]


def test_a_report_without_these_tables_has_no_lines(tmp_path):
    assert average_aucs(tmp_path) == []
    with (tmp_path / "table4.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["dataset", "label", "metric", "initialization", "value"])
    assert average_aucs(tmp_path) == []
