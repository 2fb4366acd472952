"""Rotation against Pillow's, and randomness that does not depend on the layout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcxr.errors import InputError
from jaxcxr.run.pixels import to_model_input
from jaxcxr.training.augment import augment, mirror_labels, rotate


@pytest.mark.parametrize("side", [31, 224])
@pytest.mark.parametrize("degrees", [-7.0, -0.3, 0.0, 2.5, 6.9])
def test_rotation_is_pillows(side, degrees):
    image = np.random.default_rng(0).integers(1, 256, (side, side)).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.NEAREST))
    ours = np.asarray(jax.jit(rotate)(image, degrees))
    # Pillow steps along a row in 1/65536 of a pixel, so that points near an edge round otherwise.
    assert (ours != theirs).mean() < 2e-3


def test_positive_angles_turn_counter_clockwise():
    image = np.zeros((101, 101), np.uint8)
    image[50, 90] = 255  # right of the centre
    y, x = np.argwhere(np.asarray(rotate(image, 10.0)))[0]
    assert (y, x) == (43, 89)  # above it


def test_each_image_draws_for_itself_whatever_follows_it():
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32)).astype(np.uint8)
    key = jax.random.key(3)
    whole = augment(key, images, flip=True, rotation_degrees=7.0)[0]
    half = augment(key, images[:4], flip=True, rotation_degrees=7.0)[0]
    np.testing.assert_array_equal(whole[:4], half)
    other = augment(jax.random.key(4), images, flip=True, rotation_degrees=7.0)[0]
    assert (np.asarray(whole) != np.asarray(other)).mean() > 0.5


def test_flips_half_of_the_images():
    ramp = np.tile(np.arange(16, dtype=np.uint8), (4000, 16, 1))
    images, flipped = augment(jax.random.key(0), ramp, flip=True, rotation_degrees=0.0)
    np.testing.assert_array_equal(flipped, images[:, 0, 0] == 15)
    assert abs(float(jnp.mean(flipped)) - 0.5) < 0.03
    untouched, none = augment(jax.random.key(0), ramp, flip=False, rotation_degrees=0.0)
    np.testing.assert_array_equal(untouched, ramp)
    assert not none.any()


def test_sided_labels_change_places_in_the_mirror():
    labels = (
        "Cardiomegaly",
        "Pneumonia right",
        "Atelectasis left",
        "Pneumonia left",
        "Atelectasis right",
    )
    np.testing.assert_array_equal(mirror_labels(labels), [0, 3, 4, 1, 2])
    with pytest.raises(InputError, match="'Pneumonia right' has a side and 'Pneumonia left' is"):
        mirror_labels(labels[:3])


def test_model_input_is_torchvisions():
    image = np.random.default_rng(0).integers(0, 256, (1, 5, 5)).astype(np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    ours = to_model_input(image, mean.astype("float32"), std.astype("float32"))
    theirs = (np.repeat(image[..., None], 3, -1) / 255 - mean) / std
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
