"""What stops a preparation before or during its work ends in one sentence."""

import os
import shutil
from concurrent.futures.process import BrokenProcessPool

import pytest

from input_pipeline import shards, workers
from input_pipeline.__main__ import main
from input_pipeline.prepare import prepare
from jaxcxr.errors import InputError


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--recipe", "papre"], "unknown recipe 'papre'; known: paper, faithful"),
        (["--image-size", "0"], "image size 0: give 16 to 2048 pixels"),
        (["--image-size", "100000"], "image size 100000: give 16 to 2048 pixels"),
        (["--image-size", "15"], "image size 15: give 16 to 2048 pixels"),
        (["--image-size", "2049"], "image size 2049: give 16 to 2048 pixels"),
        (["--workers", "0"], "workers 0: give at least 1"),
        (["--max-rejects", "2"], "max-rejects 2.0: give a share from 0 to 1"),
        (["--max-rejects", "1.01"], "max-rejects 1.01: give a share from 0 to 1"),
        (["--max-rejects", "-0.01"], "max-rejects -0.01: give a share from 0 to 1"),
        (["--max-rejects", "nan"], "max-rejects nan: give a share from 0 to 1"),
        (["--raw-dir", "absent"], "absent"),
        (["--out-dir", "/dev/null/out"], "--out-dir /dev/null/out: Not a directory"),
    ],
)
def test_a_bad_option_ends_in_one_sentence(raw_dir, tmp_path, capsys, options, sentence):
    arguments = ["prepare", "uka_cxr", "--raw-dir", str(raw_dir), "--out-dir", str(tmp_path / "o")]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, *options])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and sentence in said.err
    assert said.err.count("\n") == 1 and said.out == ""


def test_a_folder_that_may_not_be_written_is_refused(cohort, raw_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as root
    with pytest.raises(InputError, match="not writable"):
        prepare(cohort, raw_dir, tmp_path / "out", size=32)


@pytest.mark.parametrize("setting", [{"size": 16}, {"size": 2048}, {"max_rejects": 0.0}])
@pytest.mark.parametrize("other", [{"max_rejects": 1.0}, {"workers": 1}])
def test_settings_at_their_ends_are_taken(cohort, raw_dir, tmp_path, setting, other):
    with pytest.raises(BrokenProcessPool):  # only where the work begins
        prepare(cohort, raw_dir, tmp_path / "new" / "out", **(other | setting), write=_stop)


def _stop(todo):
    raise BrokenProcessPool


def test_a_disk_with_just_the_room_is_enough(cohort, raw_dir, tmp_path, monkeypatch):
    free = 48 * (64 * 64 + 1024)
    for room, stopped in ((free, BrokenProcessPool), (free - 1, InputError)):
        usage = shutil._ntuple_diskusage(10**9, 10**9 - room, room)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        with pytest.raises(stopped):
            prepare(cohort, raw_dir, tmp_path / "out", size=64, write=_stop)


def test_the_defaults_are_the_studys_size_and_recipe(cohort, raw_dir, tmp_path):
    seen = []
    for name in (cohort.records["image_path"].iloc[0],):
        (raw_dir / name).write_bytes(b"no image")

    def write(todo):
        seen.extend(todo)
        for shard in todo:
            shards.write(shard)

    with pytest.raises(InputError, match=r"1 of 48 .* more than the 1\.0% allowed"):
        prepare(cohort, raw_dir, tmp_path / "out", write=write)
    assert {(shard.recipe, shard.size) for shard in seen} == {("paper", 224)}


def test_a_full_disk_is_seen_before_the_work(cohort, raw_dir, tmp_path, monkeypatch):
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 50_000, 50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    def refuse(todo):
        raise AssertionError("works")

    with pytest.raises(InputError, match=r"48 images need up to 0\.000246 GB, and 5e-05 GB"):
        prepare(cohort, raw_dir, tmp_path / "out", size=64, write=refuse)


def test_a_dead_worker_ends_in_one_sentence(cohort, raw_dir, tmp_path, monkeypatch, small_shards):
    def broken(self):
        raise BrokenProcessPool

    monkeypatch.setattr("concurrent.futures.Future.result", broken)
    with pytest.raises(InputError, match=r"a worker process died, .* with fewer --workers"):
        prepare(cohort, raw_dir, tmp_path / "out", size=32, workers=1)


def test_a_full_disk_during_the_work_ends_in_one_sentence(monkeypatch, cohort, raw_dir, tmp_path):
    def full(self):
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr("concurrent.futures.Future.result", full)
    todo = shards.deal(cohort, raw_dir, tmp_path / "out", "paper", 32)
    with pytest.raises(InputError, match="No space left on device; the finished shards are kept"):
        workers.write_shards(todo, 1)


@pytest.mark.parametrize(
    ("lost", "allowed", "stopped"), [(4, 0, False), (5, 0, True), (5, 1, False)]
)
def test_more_than_a_tenth_of_the_images_missing_is_a_wrong_folder(
    cohort, raw_dir, tmp_path, lost, allowed, stopped
):
    for name in cohort.records["image_path"].iloc[:lost]:
        (raw_dir / name).unlink()
    raised = InputError if stopped else BrokenProcessPool
    said = "5 of 48 images looked for are not in" if stopped else None
    with pytest.raises(raised, match=said):
        prepare(cohort, raw_dir, tmp_path / "out", size=32, max_rejects=allowed, write=_stop)


@pytest.mark.parametrize("name", ["records.parquet", "rejects.csv", "dataset_info.json"])
def test_a_finished_preparation_that_lost_a_file_is_made_whole_again(
    cohort, raw_dir, tmp_path, name
):
    out = tmp_path / "out"
    prepare(cohort, raw_dir, out, size=32, workers=1, max_rejects=1.0)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / name).unlink()
    prepare(cohort, raw_dir, out, size=32, workers=1, max_rejects=1.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_a_full_disk_left_at_the_start_is_no_other_preparation(cohort, raw_dir, tmp_path):
    out = tmp_path / "out"
    (out / ".progress").mkdir(parents=True)
    prepare(cohort, raw_dir, out, size=32, workers=1, max_rejects=1.0)
    assert (out / "cohort.json").is_file() and not (out / ".progress").exists()
