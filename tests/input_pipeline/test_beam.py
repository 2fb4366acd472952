"""A preparation by Beam gives the bytes of one by processes."""

import csv

import pytest

from input_pipeline import shards
from input_pipeline.beam import write_shards
from input_pipeline.prepare import prepare

beam = pytest.importorskip("apache_beam", reason="no Apache Beam: pip install '.[beam]'")
RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# Beam's own modules warn while they are imported and run.
pytestmark = pytest.mark.filterwarnings("default")


def test_beam_gives_the_same_bytes(cohort, raw_dir, small_shards, tmp_path):
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    for name in ("00003", "00020"):
        (raw_dir / "images" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    settings = {"size": 32, "max_rejects": 0.1}

    def by_beam(todo):
        write_shards(todo, FnApiRunner())

    def here(todo):
        for shard in todo:
            shards.write(shard)

    prepare(cohort, raw_dir, tmp_path / "here", write=here, **settings)
    prepare(cohort, raw_dir, tmp_path / "beam", write=by_beam, **settings)
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / way).iterdir()}
        for way in ("here", "beam")
    ]
    assert contents[0] == contents[1] and len(contents[0]) == 12
    with (tmp_path / "beam" / "rejects.csv").open(newline="") as file:
        assert [row["image_id"] for row in csv.DictReader(file)] == ["00003", "00020"]


def test_beam_goes_on_where_processes_stopped(cohort, raw_dir, small_shards, tmp_path):
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    written = []

    def some(todo):
        for shard in todo[:3]:
            shards.write(shard)
        raise KeyboardInterrupt

    def by_beam(todo):
        written.extend(shard.path.name for shard in todo)
        write_shards(todo, FnApiRunner())

    with pytest.raises(KeyboardInterrupt):
        prepare(cohort, raw_dir, tmp_path / "out", size=32, write=some)
    prepare(cohort, raw_dir, tmp_path / "out", size=32, write=by_beam)
    assert len(written) == 4
    assert (tmp_path / "out" / "cohort.json").exists()


def test_the_command_prepares_by_beam(raw_dir, tmp_path, capsys):
    from input_pipeline.__main__ import main

    common = ["prepare", "uka_cxr", "--raw-dir", str(raw_dir), "--image-size", "32"]
    main([*common, "--out-dir", str(tmp_path / "here")])
    main([*common, "--out-dir", str(tmp_path / "beam"), f"--beam-options=--runner={RUNNER}"])
    said = capsys.readouterr()
    assert "train 24, validation 12, test 12" in said.out and "error" not in said.err
    for path in (tmp_path / "here").iterdir():
        assert (tmp_path / "beam" / path.name).read_bytes() == path.read_bytes()
