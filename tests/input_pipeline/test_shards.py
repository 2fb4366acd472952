"""One shard: what is told of each of its images while they are prepared, and when it is done."""

import json

import numpy as np
import pytest

from input_pipeline.decoding import recipes
from input_pipeline.decoding.image_errors import UnreadableImageError
from input_pipeline.shards import deal


@pytest.fixture
def shard(cohort, raw_dir, small_shards, tmp_path):
    """The last of the shards of the training images: four of 24."""
    return deal(cohort, raw_dir, tmp_path / "out", "paper", 32)[2]


def test_shards_are_runs_of_the_images_of_a_split(cohort, raw_dir, small_shards, tmp_path):
    shards = deal(cohort, raw_dir, tmp_path, "paper", 32)
    assert [len(one.records) for one in shards] == [10, 10, 4, 10, 2, 10, 2]
    for split in ("train", "validation", "test"):
        names = [name for one in shards if one.split == split for name in one.names]
        wanted = cohort.records.loc[cohort.records["split"] == split, "image_id"]
        assert names == wanted.tolist()


def test_every_image_is_told_before_and_after_whether_it_can_be_used_or_not(shard, raw_dir):
    first, second, *_ = shard.names
    (raw_dir / "images" / f"{second}.png").write_bytes(b"no image")
    seen = []
    shard.work(seen.append, {first: "ends the process that decodes it"})
    assert seen == [0, None, 1, None, 2, None, 3, None]
    rejects = shard.rejects()
    assert list(rejects) == [first, second]
    assert rejects[first] == "ends the process that decodes it" != rejects[second]


def test_one_image_can_be_tried_alone(shard, raw_dir):
    (raw_dir / "images" / f"{shard.names[1]}.png").write_bytes(b"no image")
    shard.try_one(0)
    with pytest.raises(UnreadableImageError):
        shard.try_one(1)


def test_an_image_that_takes_too_much_memory_is_rejected(shard, monkeypatch):
    def exhausting(content, size):
        raise MemoryError

    monkeypatch.setitem(recipes.RECIPES, "paper", exhausting)
    shard.work(lambda row: None, {})
    reason = "takes more memory than an image may"
    assert shard.rejects() == dict.fromkeys(shard.names, reason)


def test_a_shard_is_done_with_its_file_and_its_note(shard):
    assert not shard.done
    shard.work(lambda row: None, {})
    note = shard.path.parent / ".progress" / f"{shard.path.name}.json"
    assert json.loads(note.read_text()) == {"rejects": {}} and shard.done
    content = note.read_bytes()
    note.unlink()
    assert not shard.done
    note.write_bytes(content)
    shard.path.unlink()
    assert not shard.done


def test_nothing_is_opened_to_deal_the_work(cohort, raw_dir, tmp_path):
    for path in (raw_dir / "images").iterdir():
        path.unlink()
    (train, *_) = deal(cohort, raw_dir, tmp_path, "paper", 32)
    assert len(train.names) == 24 and np.all(train.records["split"] == "train")
