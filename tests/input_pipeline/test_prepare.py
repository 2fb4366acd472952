"""A preparation gives the same bytes on every way there, and loses nothing."""

import csv
import fcntl
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from input_pipeline import shards
from input_pipeline.decoding import recipes
from input_pipeline.decoding.recipe_hash import recipe_hash
from input_pipeline.loader import open_prepared
from input_pipeline.prepare import prepare
from jaxcxr import __version__
from jaxcxr.errors import InputError


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def in_this_process(todo: list[shards.Shard]) -> None:
    for shard in todo:
        shards.write(shard)


class Stop(Exception):  # noqa: N818
    """What a test raises where a user would press Ctrl-C."""


@pytest.fixture
def ready(cohort, raw_dir, tmp_path, small_shards):
    """A finished preparation, and its bytes."""
    out = tmp_path / "ready"
    prepare(cohort, raw_dir, out, size=32, write=in_this_process)
    return out


def rejects(folder):
    with (folder / "rejects.csv").open(newline="", encoding="utf-8") as file:
        return {row["image_id"]: row["reason"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("count", [1, 2])
def test_processes_do_not_change_a_byte(cohort, raw_dir, ready, tmp_path, count, capfd):
    prepare(cohort, raw_dir, tmp_path / "out", size=32, workers=count)
    assert digests(tmp_path / "out") == digests(ready)
    said = "".join(capfd.readouterr())
    assert "48/48" in said and "a second" in said
    assert "ensor" not in said  # not a word about TensorFlow


def test_images_are_what_the_recipe_makes_of_the_files(cohort, raw_dir, ready):
    from input_pipeline.loader import eval_batches

    prepared = open_prepared(ready)
    assert prepared.labels == cohort.labels and prepared.image_size == 32
    seen = 0
    for split in ("train", "validation", "test"):
        records = prepared.records(split)
        wanted = cohort.records[cohort.records["split"] == split].reset_index(drop=True)
        pd.testing.assert_frame_equal(records, wanted[records.columns])
        (batch,) = eval_batches(prepared, split=split, labels=None, batch_size=len(records))
        for image, path in zip(batch["image"], wanted["image_path"], strict=True):
            content = (raw_dir / path).read_bytes()
            np.testing.assert_array_equal(image, recipes.paper(content, 32))
            seen += 1
    assert seen == 48


def test_a_preparation_tells_what_it_is_of(cohort, ready):
    told = json.loads((ready / "cohort.json").read_text())
    expected = {"dataset": "uka_cxr", "labels": list(cohort.labels), "image_size": 32}
    expected |= {"recipe": "paper", "recipe_hash": recipe_hash("paper", 32)}
    expected |= {"label_rules": cohort.label_rules, "tool_version": __version__, "rejected": 0}
    expected |= {"prepared": cohort.records["split"].value_counts().to_dict()}
    assert {name: told.get(name) for name in expected} == expected


def test_a_finished_preparation_is_left_alone(cohort, raw_dir, ready):
    before = {path: path.stat().st_mtime_ns for path in ready.iterdir()}

    def refuse(todo):
        raise AssertionError("works again")

    prepare(cohort, raw_dir, ready, size=32, write=refuse)
    assert {path: path.stat().st_mtime_ns for path in ready.iterdir()} == before


def test_a_lost_shard_is_made_again_and_only_that(cohort, raw_dir, ready):
    (raw_dir / "images" / "00000.png").unlink()
    before = digests(ready)
    lost = ready / "uka_cxr-test.array_record-00001-of-00002"
    lost.unlink()
    written = []

    def note(todo):
        written.extend(shard.path for shard in todo)
        in_this_process(todo)

    prepare(cohort, raw_dir, ready, size=32, write=note)
    assert written == [lost] and digests(ready) == before


def test_rejects_survive_when_a_lost_shard_is_made_again(cohort, raw_dir, small_shards, tmp_path):
    for name in ("00001", "00004", "00046"):
        (raw_dir / "images" / f"{name}.png").write_bytes(b"no image")
    settings = {"size": 32, "max_rejects": 0.1, "write": in_this_process}
    prepare(cohort, raw_dir, tmp_path / "out", **settings)
    before = digests(tmp_path / "out")
    assert set(rejects(tmp_path / "out")) == {"00001", "00004", "00046"}
    (tmp_path / "out" / "uka_cxr-train.array_record-00001-of-00003").unlink()
    prepare(cohort, raw_dir, tmp_path / "out", **settings)
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize("stop", range(0, 48, 5))
def test_goes_on_after_a_stop_without_redoing_shards(
    cohort, raw_dir, ready, tmp_path, stop, monkeypatch
):
    made, out = [], tmp_path / "out"

    def stopping(content, size):
        if len(made) == stop:
            made.append("stopped")
            raise Stop
        made.append(1)
        return recipes.paper(content, size)

    monkeypatch.setitem(recipes.RECIPES, "stopping", stopping)
    monkeypatch.setattr("input_pipeline.prepare.recipe_hash", lambda *_: "same")
    arguments = {"recipe": "stopping", "size": 32, "write": in_this_process}
    with pytest.raises(Stop):
        prepare(cohort, raw_dir, out, **arguments)
    with pytest.raises(InputError, match="not finished; run the same command again"):
        open_prepared(out)
    (out / f".{'0' * 32}.array_record-00000-of-00003").write_bytes(b"left by a killed process")
    whole = len(list((out / ".progress").glob("*.array_record*.json")))
    before = len(made) - 1
    prepare(cohort, raw_dir, out, **arguments)
    assert len(made) - 1 - before == 48 - sum([10, 10, 4, 10, 2, 10, 2][:whole])
    found, wanted = digests(out), digests(ready)
    assert found.pop("cohort.json") != wanted.pop("cohort.json")  # it names the recipe
    assert found == wanted


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 48}, "image_size: 32 there, 48 now"),
        ({"recipe": "faithful"}, "recipe: paper there, faithful now"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_preparation_is_refused(
    cohort, raw_dir, ready, change, reason, finished, monkeypatch
):
    if not finished:
        settings = json.loads((ready / "cohort.json").read_text())
        (ready / "cohort.json").unlink()
        (ready / ".progress").mkdir()
        (ready / ".progress" / "settings.json").write_text(json.dumps(settings))
    before = digests(ready)
    with pytest.raises(InputError, match=reason):
        prepare(cohort, raw_dir, ready, **{"size": 32, "write": in_this_process} | change)
    changed = cohort.records.assign(age=1.0)
    other = type(cohort)(**{**cohort.__dict__, "records": changed})
    with pytest.raises(InputError, match=r"cohort: .* there, .* now"):
        prepare(other, raw_dir, ready, size=32, write=in_this_process)
    assert digests(ready) == before


def test_a_folder_of_something_else_is_refused(cohort, raw_dir, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="is not empty"):
        prepare(cohort, raw_dir, tmp_path, size=32, write=in_this_process)


def test_damaged_notes_are_named(cohort, raw_dir, ready):
    (ready / "cohort.json").write_text("{")
    with pytest.raises(InputError, match=r"cohort\.json: damaged \(.*use another --out-dir"):
        prepare(cohort, raw_dir, ready, size=32, write=in_this_process)


def test_a_second_process_in_the_folder_is_refused(cohort, raw_dir, ready):
    folder = os.open(ready, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        with pytest.raises(InputError, match="another process is preparing there"):
            prepare(cohort, raw_dir, ready, size=32, write=in_this_process)
    finally:
        os.close(folder)
    prepare(cohort, raw_dir, ready, size=32, write=in_this_process)


def test_too_many_rejects_lose_nothing(cohort, raw_dir, small_shards, tmp_path):
    out = tmp_path / "out"
    for n in range(5):
        (raw_dir / "images" / f"{n:05}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputError, match=r"5 of 48 images are rejected, more than the 5\.0%"):
        prepare(cohort, raw_dir, out, size=32, max_rejects=0.05, write=in_this_process)
    assert set(rejects(out)) == {f"{n:05}" for n in range(5)}
    assert all("PNG" in reason for reason in rejects(out).values())

    def nothing_left(todo):
        assert todo == []

    # As many as are allowed.
    prepare(cohort, raw_dir, out, size=32, max_rejects=5 / 48, write=nothing_left)
    prepared = open_prepared(out)
    kept = [name for split in ("train", "validation", "test") for name in _ids(prepared, split)]
    assert sorted(kept) == [f"{n:05}" for n in range(5, 48)]
    assert prepared.cohort["rejected"] == 5 and sum(prepared.cohort["prepared"].values()) == 43


def _ids(prepared, split):
    return list(prepared.records(split)["image_id"])


def test_a_split_of_which_nothing_is_left_is_refused(cohort, raw_dir, tmp_path):
    for name in cohort.records.loc[cohort.records["split"] == "test", "image_path"]:
        (raw_dir / name).unlink()
    with pytest.raises(InputError, match="no image of test can be used"):
        prepare(cohort, raw_dir, tmp_path / "out", size=32, max_rejects=1, write=in_this_process)


def test_a_shard_of_which_nothing_is_left_is_empty(cohort, raw_dir, small_shards, tmp_path):
    tests = cohort.records[cohort.records["split"] == "test"]
    for name in tests["image_path"][:10]:
        (raw_dir / name).unlink()
    prepare(cohort, raw_dir, tmp_path / "out", size=32, max_rejects=1, write=in_this_process)
    from input_pipeline.loader import eval_batches

    prepared = open_prepared(tmp_path / "out")
    assert _ids(prepared, "test") == list(tests["image_id"][10:])
    (batch,) = eval_batches(prepared, split="test", labels=None, batch_size=2)
    for image, name in zip(batch["image"], tests["image_path"][10:], strict=True):
        np.testing.assert_array_equal(image, recipes.paper((raw_dir / name).read_bytes(), 32))


def test_the_recipe_hash_names_the_outcome(monkeypatch):
    assert recipe_hash("paper", 64) == recipe_hash("paper", 64)
    assert len({recipe_hash(r, s) for r in ("paper", "faithful") for s in (64, 65)}) == 4
    before = recipe_hash("paper", 64)
    monkeypatch.setattr(recipes.cv2, "equalizeHist", lambda image: image)
    assert recipe_hash("paper", 64) != before


def test_data_of_before_identities_get_theirs_by_the_same_command(cohort, raw_dir, ready):
    wanted, identity = digests(ready), open_prepared(ready).identity
    described = json.loads((ready / "cohort.json").read_text())
    assert described.pop("identity") == identity
    (ready / "cohort.json").write_text(json.dumps(described))
    records = pd.read_parquet(ready / "records.parquet").drop(columns="pixels_sha256")
    records.to_parquet(ready / "records.parquet", index=False)
    assert open_prepared(ready).identity == identity  # computed from the images
    prepare(cohort, raw_dir, ready, size=32, write=in_this_process)
    assert digests(ready) == wanted


def test_records_and_cohort_that_were_changed_afterwards_are_refused(ready):
    path = ready / "records.parquet"
    records = pd.read_parquet(path)
    changes = {
        "the labels": {records.columns[-2]: 1 - records[records.columns[-2]]},
        "which images there are": {"patient_id": records["patient_id"].iloc[::-1].to_numpy()},
        "which split": {"split": records["split"].iloc[::-1].to_numpy()},
        "the pixels": {"pixels_sha256": records["pixels_sha256"].iloc[::-1].to_numpy()},
    }
    for part, values in changes.items():
        records.assign(**values).to_parquet(path, index=False)
        with pytest.raises(InputError, match=rf"not of one preparation.*: .*{part}"):
            open_prepared(ready).records("train")
    records.to_parquet(path, index=False)
    described = json.loads((ready / "cohort.json").read_text())
    (ready / "cohort.json").write_text(json.dumps(described | {"recipe": "faithful"}))
    with pytest.raises(InputError, match="the preprocessing"):
        open_prepared(ready).records("train")
