"""One experiment's bad file costs the report that experiment, by name, and nothing else."""

import json

import pytest
from study.finished_study import finish, study_of

from jaxcxr.study.planning.grid import plan_study
from jaxcxr.study.report import write_report

BAD = "uka_cxr-paper-dinov2-s0"
CONTENTS = {"empty": b"", "list": b"[]", "null": b"null", "deep": b"[" * 100_000, "nan": b"NaN"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    study, out = study_of(examples=()), tmp_path_factory.mktemp("study")
    return study, out, finish(study, out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("environment.json", "empty"),
        ("environment.json", "list"),
        ("statistics.json", "null"),
        ("statistics.json", "nan"),
        ("start.json", "empty"),
        ("config.json", "list"),
        ("predictions.parquet", "empty"),
        ("model.safetensors", "deep"),
    ],
)
def test_it_is_left_out_and_named(finished, name, content):
    study, out, plan = finished
    path = plan.experiments[BAD].directory / name
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(CONTENTS[content])
    try:
        missing = write_report(study, plan_study(study, out), out)
        left_out = plan_study(study, out).left_out()
    finally:
        path.unlink()
        if before is not None:
            path.write_bytes(before)
    assert missing == ["uka_cxr-paper"]
    assert list(left_out) == [BAD] and "\n" not in left_out[BAD]
    assert name in left_out[BAD] or name == "model.safetensors"
    page = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert f"Left out of this report: {left_out[BAD]}"[:60] in page.replace("&#39;", "'")
    told = json.loads((out / "report" / "provenance.json").read_text())
    assert "vindr_cxr-paper-dinov2-s0" in told["runs"] and told["left_out"] == left_out


@pytest.mark.slow
def test_a_floor_that_cannot_be_read_is_not_measured(finished):
    study, out, plan = finished
    path = plan.experiments[BAD].directory / "floor.json"
    before = path.read_bytes()
    path.write_bytes(b"[]")
    try:
        assert write_report(study, plan_study(study, out), out) == []
    finally:
        path.write_bytes(before)
    assert "not measured" in (out / "report" / "index.html").read_text(encoding="utf-8")
