"""What the step does with its random numbers: pictures and labels change together, every time anew.

The flips and angles themselves are tested in `test_augment.py`. Here they are taken for granted,
and the step's loss is computed again from them with PyTorch.
"""

import jax
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flax import nnx

from jaxcxr.config import study_config
from jaxcxr.errors import InputError
from jaxcxr.inference.forward import make_predict_step
from jaxcxr.model import ViT, ViTSpec, flatten, split
from jaxcxr.training.augment import augment
from jaxcxr.training.optimizer import make_optimizer
from jaxcxr.training.step import init_state, make_train_step

SPEC = ViTSpec(patch_size=7, width=16, depth=1, heads=2, mlp_width=16, native_image_size=14)
LABELS = ("Pneumonia right", "Cardiomegaly", "Pneumonia left")
IN_THE_MIRROR = [2, 1, 0]
POS_WEIGHT = np.array([2.0, 0.5, 9.0], "float32")
PIXELS = (np.full(3, 0.45, "float32"), np.full(3, 0.25, "float32"))


def _batch():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (12, 3)).astype("float32")
    labels[:, 2] = 1 - labels[:, 0]  # never the same on both sides, so that an exchange shows
    mask = np.ones((12, 3), "float32")
    mask[::3, 0] = 0  # unknown on one side only
    return {"image": rng.integers(0, 256, (12, 14, 14)).astype("uint8"), "labels": labels} | {
        "mask": mask
    }


@pytest.fixture(scope="module")
def model():
    return ViT(SPEC, num_labels=3, image_size=14, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def logits_of(model):
    params = flatten(split(model)[1])
    predict = jax.jit(make_predict_step(model, PIXELS))
    return lambda images: np.asarray(predict(params, images))


def _config(**changes):
    config = study_config()
    config.learning_rate = 1e-30  # the parameters stay, so that every step can be computed again
    config.update(changes)
    return config


def _losses(model, config, steps, labels=LABELS):
    optimizer = make_optimizer(config, SPEC.depth, steps)
    state = init_state(config, flatten(split(model)[1]), optimizer)
    step = jax.jit(make_train_step(config, model, optimizer, labels, POS_WEIGHT, PIXELS))
    losses = []
    for _ in range(steps):
        state, metrics = step(state, _batch())
        losses.append(float(metrics["loss"]))
    assert int(state["step"]) == steps
    return losses


def _expected(logits_of, config, step):
    """The mean over known labels of PyTorch's loss, on the pictures and labels of one step."""
    batch = _batch()
    key = jax.random.fold_in(jax.random.key(config.seed), step)
    images, flipped = augment(
        key, batch["image"], flip=config.flip, rotation_degrees=config.rotation_degrees
    )
    labels, mask = batch["labels"], batch["mask"]
    for row in np.flatnonzero(flipped):
        labels[row], mask[row] = labels[row, IN_THE_MIRROR], mask[row, IN_THE_MIRROR]
    losses = F.binary_cross_entropy_with_logits(
        torch.tensor(logits_of(images)),
        torch.tensor(labels),
        pos_weight=torch.tensor(POS_WEIGHT),
        reduction="none",
    )
    return float((losses * torch.tensor(mask)).sum() / mask.sum()), np.asarray(flipped)


def test_a_flipped_radiograph_exchanges_right_and_left_and_what_is_known_of_them(model, logits_of):
    config = _config(seed=5, flip=True, rotation_degrees=0.0)
    for step, loss in enumerate(_losses(model, config, steps=3)):
        expected, flipped = _expected(logits_of, config, step)
        assert 0 < flipped.sum() < 12
        assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("flip", [True, False])
def test_flip_and_rotation_are_those_of_the_config(model, logits_of, flip):
    config = _config(flip=flip, rotation_degrees=45.0)
    (found,) = _losses(model, config, steps=1)
    assert found == pytest.approx(_expected(logits_of, config, 0)[0], rel=1e-5)


def test_a_label_of_one_side_needs_the_other_only_where_images_are_flipped(model):
    def make(flip):
        labels, optimizer = ("Pneumonia right", "Edema"), make_optimizer(_config(), 1, 1)
        return make_train_step(_config(flip=flip), model, optimizer, labels, POS_WEIGHT, PIXELS)

    make(flip=False)
    with pytest.raises(InputError, match="'Pneumonia left' is not among the labels"):
        make(flip=True)


def test_the_parts_of_a_step_have_their_names_in_a_profile(model):
    optimizer = make_optimizer(_config(), SPEC.depth, 1)
    state = init_state(_config(), flatten(split(model)[1]), optimizer)
    step = jax.jit(make_train_step(_config(), model, optimizer, LABELS, POS_WEIGHT, PIXELS))
    names = step.lower(state, _batch()).as_text(debug_info=True)
    assert "/augmentation/" in names and "/optimizer/" in names


@pytest.mark.parametrize("parts", [1, 2])
def test_parts_of_a_batch_follow_one_another(model, parts):
    """In a loop, so that the memory of one part is enough; a whole batch has none."""
    config = _config(trainable="head", accumulate=parts)
    optimizer = make_optimizer(config, SPEC.depth, 1)
    state = init_state(config, flatten(split(model)[1]), optimizer)
    step = jax.jit(make_train_step(config, model, optimizer, LABELS, POS_WEIGHT, PIXELS))
    batch = _batch() | {"class_token": np.ones((12, SPEC.width), "float32")}
    del batch["image"]
    assert ("stablehlo.while" in step.lower(state, batch).as_text()) == (parts > 1)


def test_every_image_step_and_seed_draws_anew(model):
    """The same picture in every place of every step: as many outcomes as there are draws."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64)).astype("uint8")
    turned = jax.jit(
        lambda key: augment(key, np.tile(picture, (16, 1, 1)), flip=True, rotation_degrees=180.0)[0]
    )
    keys = (jax.random.fold_in(jax.random.key(seed), step) for seed in (0, 1) for step in range(3))
    outcomes = {np.asarray(image).tobytes() for key in keys for image in turned(key)}
    # Angles less than half a pixel apart at the rim give the same picture; a shared draw, 48.
    assert len(outcomes) > 90
    config = {"flip": True, "rotation_degrees": 180.0}
    losses = [loss for seed in (0, 1) for loss in _losses(model, _config(seed=seed, **config), 6)]
    assert len({round(loss, 6) for loss in losses}) == 12
