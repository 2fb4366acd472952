"""What the loader gives: every image once an epoch, in a repeatable order, as TFDS reads them."""

import itertools

import numpy as np
import pytest

from input_pipeline.loader import eval_batches, images_at, train_dataset
from jaxcxr.errors import InputError


def batches(dataset, count):
    return list(itertools.islice(iter(dataset), count))


def same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


# TFDS asks protobuf for what newer ones deprecate, before it asks for what replaces it.
@pytest.mark.filterwarnings("ignore:label.. is deprecated:DeprecationWarning")
def test_tfds_opens_the_directory_and_reads_the_same(prepared):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(prepared.path)
    assert builder.info.splits["train"].num_examples == 23
    for split in ("train", "validation", "test"):
        source = builder.as_data_source(split=split)
        records = prepared.records(split)
        (ours,) = eval_batches(prepared, split=split, labels=None, batch_size=len(records))
        assert len(source) == len(records)
        for n, (row, example) in enumerate(zip(records.itertuples(), source, strict=True)):
            np.testing.assert_array_equal(example["image"], ours["image"][n])
            np.testing.assert_array_equal(example["labels"] == 1, ours["labels"][n])
            np.testing.assert_array_equal(example["labels"] >= 0, ours["mask"][n])
            for name in ("image_id", "patient_id", "study_id", "view", "sex"):
                assert example[name].decode() == getattr(row, name)
            np.testing.assert_equal(example["age"], np.float32(row.age))


def test_an_epoch_gives_every_image_once_and_the_next_another_order(prepared):
    # 23 images: two batches of 11, and one image left out.
    epochs = batches(train_dataset(prepared, labels=None, batch_size=11, seed=3), 6)
    orders = [np.concatenate([epochs[n]["index"], epochs[n + 1]["index"]]) for n in (0, 2, 4)]
    for order in orders:
        assert len(set(order.tolist())) == 22
    assert not np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[1], orders[2])
    left_out = {frozenset(range(23)) - frozenset(order.tolist()) for order in orders}
    assert len(left_out) > 1  # not the same image for ever


def test_chosen_rows_alone_are_read_and_all_of_them(prepared):
    rows = np.array([1, 4, 7, 8, 15, 20, 22])
    epochs = batches(train_dataset(prepared, labels=None, batch_size=7, seed=3, rows=rows), 3)
    for epoch in epochs:
        assert sorted(epoch["index"]) == list(rows)
    assert len({tuple(epoch["index"]) for epoch in epochs}) == 3
    whole = {
        row: image
        for batch in batches(train_dataset(prepared, labels=None, batch_size=23, seed=0), 1)
        for row, image in zip(batch["index"], batch["image"], strict=True)
    }
    for row, image in zip(epochs[0]["index"], epochs[0]["image"], strict=True):
        np.testing.assert_array_equal(image, whole[row])
    with pytest.raises(InputError, match="give 1 to 7, the images of train"):
        train_dataset(prepared, labels=None, batch_size=8, seed=3, rows=rows)


def test_a_batch_holds_what_its_index_says(prepared):
    truth = prepared.records("train")[list(prepared.labels)].to_numpy()
    assert (truth == -1).any() and (truth == 1).any()
    (whole,) = eval_batches(prepared, split="train", labels=None, batch_size=23)
    for batch in batches(train_dataset(prepared, labels=None, batch_size=5, seed=0), 8):
        rows = batch["index"]
        np.testing.assert_array_equal(batch["image"], whole["image"][rows])
        np.testing.assert_array_equal(batch["labels"], truth[rows] == 1)
        np.testing.assert_array_equal(batch["mask"], truth[rows] != -1)
        assert batch["image"].dtype == np.uint8
        assert batch["labels"].dtype == batch["mask"].dtype == np.float32


def test_the_seed_decides_the_order(prepared):
    first, again, other = (
        batches(train_dataset(prepared, labels=None, batch_size=8, seed=seed), 4)
        for seed in (1, 1, 2)
    )
    for left, right in zip(first, again, strict=True):
        same(left, right)
    assert any((a["index"] != b["index"]).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("done", [0, 1, 3, 7])
def test_goes_on_from_a_saved_state(prepared, done):
    dataset = train_dataset(prepared, labels=None, batch_size=8, seed=5)
    whole = batches(dataset, 12)
    iterator = iter(dataset)
    for _ in range(done):
        next(iterator)
    state = iterator.get_state()
    fresh = iter(train_dataset(prepared, labels=None, batch_size=8, seed=5))
    fresh.set_state(state)
    for expected in whole[done:]:
        same(next(fresh), expected)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_processes_share_the_same_global_batches(prepared, count):
    whole = batches(train_dataset(prepared, labels=None, batch_size=8, seed=5), 5)
    shared = [
        batches(
            train_dataset(
                prepared,
                labels=None,
                batch_size=8,
                seed=5,
                process_index=index,
                process_count=count,
            ),
            5,
        )
        for index in range(count)
    ]
    for expected, parts in zip(whole, zip(*shared, strict=True), strict=True):
        same({k: np.concatenate([part[k] for part in parts]) for k in expected}, expected)


@pytest.mark.parametrize("count", [1, 2])
def test_evaluation_gives_every_image_in_order_and_marks_what_fills_up(prepared, count):
    parts = [
        list(
            eval_batches(
                prepared,
                split="test",
                labels=None,
                batch_size=8,
                process_index=index,
                process_count=count,
            )
        )
        for index in range(count)
    ]
    whole = [
        {k: np.concatenate([part[k] for part in batch]) for k in batch[0]}
        for batch in zip(*parts, strict=True)
    ]
    assert [[len(batch["index"]) for batch in part] for part in parts] == [[8 // count] * 2] * count
    np.testing.assert_array_equal(whole[1]["valid"], [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(whole[1]["index"][4:], [8] * 4)
    kept = np.concatenate([batch["index"][batch["valid"] == 1] for batch in whole])
    np.testing.assert_array_equal(kept, range(12))


def test_labels_can_be_chosen_and_ordered(prepared):
    chosen = [prepared.labels[4], prepared.labels[0]]
    (batch,) = eval_batches(prepared, split="test", labels=chosen, batch_size=12)
    truth = prepared.records("test")[chosen].to_numpy()
    np.testing.assert_array_equal(batch["labels"], truth == 1)


def test_every_epoch_and_seed_has_an_order_of_its_own(prepared):
    """Batches of all images, so that a batch is an epoch."""
    orders = [
        tuple(batch["index"])
        for seed in range(4)
        for batch in batches(train_dataset(prepared, labels=None, batch_size=23, seed=seed), 4)
    ]
    assert len(set(orders)) == 16
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(23))}


def test_the_order_never_changes(prepared):
    """If this fails, every run of the past is repeated in another order: say so, or mend it."""
    dataset = train_dataset(prepared, labels=None, batch_size=4, seed=3, rows=np.arange(9))
    found = [batch["index"].tolist() for batch in batches(dataset, 4)]
    # Philox4x64-10 with the key (seed, epoch), sorted, as NumPy's own raw bits give it.
    expected = []
    for epoch in (0, 1):
        bits = np.random.Philox(key=3 + (epoch << 64)).random_raw(9).tolist()
        order = sorted(range(9), key=bits.__getitem__)
        expected += [order[:4], order[4:8]]
    assert found == expected


def test_an_epoch_ends_where_no_whole_batch_is_left(prepared):
    """23 images in batches of 5: four to an epoch, the next begins anew."""
    found = batches(train_dataset(prepared, labels=None, batch_size=5, seed=1), 8)
    for epoch in (found[:4], found[4:]):
        assert len(set(np.concatenate([batch["index"] for batch in epoch]))) == 20
    whole = batches(train_dataset(prepared, labels=None, batch_size=23, seed=1), 2)
    for epoch, order in zip((found[:4], found[4:]), whole, strict=True):
        np.testing.assert_array_equal(
            np.concatenate([batch["index"] for batch in epoch]), order["index"][:20]
        )


def test_a_last_batch_that_is_full_is_not_filled_up(prepared):
    found = list(eval_batches(prepared, split="test", labels=None, batch_size=4))
    assert [batch["valid"].tolist() for batch in found] == [[1] * 4] * 3
    assert [batch["valid"].dtype for batch in found] == [np.float32] * 3
    assert [batch["index"].dtype for batch in found] == [np.int32] * 3


def test_images_are_read_by_their_rows(prepared):
    (whole,) = eval_batches(prepared, split="test", labels=None, batch_size=12)
    np.testing.assert_array_equal(
        images_at(prepared, "test", np.array([7, 0, 7])), whole["image"][[7, 0, 7]]
    )


def test_other_splits_can_be_trained_on(prepared):
    (batch,) = batches(
        train_dataset(prepared, labels=None, batch_size=12, seed=0, split="validation"), 1
    )
    (whole,) = eval_batches(prepared, split="validation", labels=None, batch_size=12)
    np.testing.assert_array_equal(batch["image"], whole["image"][batch["index"]])
    assert prepared.splits == ("train", "validation", "test")


def test_as_many_processes_as_images_of_a_batch_can_share_it(prepared):
    dataset = train_dataset(
        prepared, labels=None, batch_size=4, seed=0, process_index=3, process_count=4
    )
    (whole,) = batches(train_dataset(prepared, labels=None, batch_size=4, seed=0), 1)
    assert batches(dataset, 1)[0]["index"] == whole["index"][3:]


def test_a_batch_may_be_a_single_image(prepared):
    (batch,) = batches(train_dataset(prepared, labels=None, batch_size=1, seed=0), 1)
    assert batch["image"].shape == (1, 24, 24)


def test_batches_never_end(prepared):
    """A training reads as many epochs as it likes: here a hundred of one batch."""
    found = batches(
        train_dataset(prepared, labels=None, batch_size=2, seed=0, rows=np.arange(2)), 100
    )
    assert len(found) == 100
    assert {tuple(batch["index"]) for batch in found} == {(0, 1), (1, 0)}
