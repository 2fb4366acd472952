"""A finished study of random scores, and its further tables."""

import csv

import pytest
from study.synthetic_runs import finish, run_analyses, study

from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.results.table_files import write_table

AVERAGE = "Average"
TITLES = {"DINOv2": "dinov2", "ImageNet-21K": "imagenet21k"}
DATASETS = {title: name for name, title in PAPER_DATASETS.items()}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The study's directory."""
    out = tmp_path_factory.mktemp("study")
    finish(study(), out)
    return out


@pytest.fixture(scope="session")
def made(finished, tmp_path_factory):
    """Rows of every table as dicts of what the CSV holds, and the figures."""
    report = tmp_path_factory.mktemp("report")
    tables, drawings = run_analyses(study(), finished, report)
    rows = {}
    for name, table in tables.items():
        write_table(report, table)
        with (report / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            rows[name] = list(csv.DictReader(file))
    return rows, drawings, report
