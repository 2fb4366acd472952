"""The attention command: rollout against NumPy, which images it chooses, what it refuses."""

import numpy as np
import pandas as pd
import pytest
from tiny import get_config

from input_pipeline.loader import eval_batches, open_prepared
from jaxcxr.explain import main
from jaxcxr.inference.attention import rollout
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.rollout import read_rollout
from jaxcxr.main import run_experiment
from jaxcxr.results.examples import choose_examples
from jaxcxr.results.predictions import read_predictions

REGISTERS = 3


@pytest.fixture(scope="module")
def run(tiny_data, tmp_path_factory):
    """A run of a model with register tokens, whose attention must not be taken for patches'."""
    config = get_config()
    config.data, config.epochs = str(tiny_data), 1
    config.model.spec.register_tokens = REGISTERS
    directory = tmp_path_factory.mktemp("run")
    run_experiment(config, directory)
    return directory


def _main(run, out, *more):
    main(["--run", str(run), "--out", str(out), *map(str, more)])
    return read_rollout(out)


def _rollout(layers):
    """As the paper of 2020 says it, in float64: mix with the identity, normalise, multiply."""
    followed = None
    for probabilities in layers:
        mixed = probabilities.mean(axis=0) + np.eye(probabilities.shape[-1])
        mixed = mixed / mixed.sum(axis=-1, keepdims=True)
        followed = mixed if followed is None else mixed @ followed
    return followed


def test_maps_are_the_rollout_of_the_class_token_over_the_patches(run, tiny_data, tmp_path):
    wanted = ["test007.png", "test003.png", "test049.png"]
    found = _main(run, tmp_path / "maps.npz", "--images", *wanted)
    assert found["image_id"].tolist() == wanted
    batch = next(eval_batches(open_prepared(tiny_data), split="test", labels=None, batch_size=50))
    model, _, (mean, std), origin = load_run(run)
    assert found["origin"] == {"weights_sha256": origin["weights_sha256"]}
    for place, row in enumerate((7, 3, 49)):
        image = batch["image"][row]
        np.testing.assert_array_equal(found["image"][place], image)
        pixels = (np.repeat(image[None, :, :, None], 3, -1) / 255 - mean) / std
        _, out = model(pixels.astype(np.float32))
        layers = [np.asarray(out[f"attention{block:02}"][0], np.float64) for block in range(2)]
        expected = _rollout(layers)[0, 1 + REGISTERS :].reshape(4, 4)
        np.testing.assert_allclose(found["rollout"][place], expected, rtol=1e-4)


def test_a_rollout_without_heads_to_average_is_a_product_by_hand():
    one = np.array([[[[0.5, 0.5], [0.0, 1.0]]]])
    two = np.array([[[[1.0, 0.0], [1.0, 0.0]]]])
    # (two + I) / 2 @ (one + I) / 2 = [[1, 0], [.5, .5]] @ [[.75, .25], [0, 1]]
    expected = [[[0.75, 0.25], [0.375, 0.625]]]
    np.testing.assert_allclose(rollout([one, two]), expected)


def test_all_images_of_a_split_where_none_are_named(run, tmp_path):
    found = _main(run, tmp_path / "maps.npz", "--split", "validation")
    assert len(found["image_id"]) == len(found["rollout"]) == 40
    assert (found["rollout"].sum(axis=(1, 2)) < 1).all()


def test_examples_are_the_positives_with_the_highest_scores(run, tmp_path):
    predictions = read_predictions(run / "predictions.parquet").of_split("test")
    name = "Cardiomegaly"
    frame = pd.DataFrame(
        {
            "id": predictions.image_id,
            "truth": predictions.labels[:, 0],
            "score": predictions.scores[:, 0],
        }
    ).query("truth >= 0")
    youden = {
        at: (frame[frame.truth == 1].score >= at).mean()
        - (frame[frame.truth == 0].score >= at).mean()
        for at in frame.score
    }
    threshold = max(youden, key=lambda at: (round(youden[at], 12), at))
    expected = {}
    for kind, truth in (("true positive", 1), ("false positive", 0)):
        called = frame[(frame.truth == truth) & (frame.score >= threshold)]
        expected[kind] = called.sort_values(["score", "id"], ascending=[False, True]).id[:3]
    found = choose_examples(predictions, [name], 3)
    for kind, ids in expected.items():
        assert [one.image_id for one in found if one.kind == kind] == ids.tolist()
    assert {one.threshold for one in found} == {float(threshold)}
    maps = _main(run, tmp_path / "maps.npz", "--labels", name, "--count", 3)
    assert maps["image_id"].tolist() == [one.image_id for one in found]


def test_a_label_without_both_classes_gives_no_image(run, tmp_path):
    found = _main(run, tmp_path / "maps.npz", "--labels", "Rare")
    assert found["image"].shape == (0, 28, 28) and found["rollout"].shape == (0, 4, 4)


def test_the_same_maps_are_the_same_file(run, tmp_path):
    for name in ("one.npz", "two.npz"):
        _main(run, tmp_path / name, "--images", "test001.png")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize(
    "more",
    [
        ("--images", "absent.png"),
        ("--labels", "Hernia"),
        ("--split", "other"),
        ("--count", "0"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, tmp_path, capsys, more):
    with pytest.raises(SystemExit) as stopped:
        main(["--run", str(run), "--out", str(tmp_path / "maps.npz"), *more])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "maps.npz").exists()


def test_another_suffix_and_a_damaged_file_are_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--run", str(run), "--out", str(tmp_path / "maps.png")])
    assert "ends in .npz" in capsys.readouterr().err
    for content in (b"PK\x03\x04 and then nothing", b"", b"no archive"):
        (tmp_path / "damaged.npz").write_bytes(content)
        with pytest.raises(ValueError, match="make them again"):
            read_rollout(tmp_path / "damaged.npz")
