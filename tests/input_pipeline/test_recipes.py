"""The recipes against the study's own steps, OpenCV, SciPy and plain arithmetic."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import zoom

from input_pipeline.decoding import recipes, spline
from input_pipeline.decoding.decode import UnreadableImageError
from input_pipeline.decoding.recipes import RECIPES, faithful, paper

# The reference of these two was decoded by libjpeg (pylibjpeg-libjpeg, GPL), whose rounding differs
# by 1 in 3 % of the pixels from libjpeg-turbo (Pillow, OpenCV, GDCM); equalization makes up to 5
# of it, in an eighth of the pixels.
LOSSY_JPEG_DICOM = ("chest_pa_monochrome2_jpeg_8bit", "chest_pa_header_monochrome1_jpeg_8bit")


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.mark.data
def test_paper_equals_the_reference_on_real_radiographs(shared_data):
    references = sorted((shared_data / "paper_preprocessing").glob("*.png"))
    assert len(references) == 11
    for reference in references:
        source = shared_data / "chestxray14_sample" / "images" / reference.name
        if not source.exists():
            source = shared_data / "dicom" / f"{reference.stem}.dcm"
        ours = paper(source.read_bytes(), 224).astype(int)
        difference = np.abs(ours - np.asarray(Image.open(reference)))
        if reference.stem in LOSSY_JPEG_DICOM:
            assert difference.max() <= 5 and (difference > 1).mean() < 0.125, reference.name
        else:
            assert difference.max() <= 1, reference.name


@pytest.mark.data
def test_all_real_radiographs_under_both_recipes(shared_data):
    files = sorted((shared_data / "chestxray14_sample" / "images").glob("*.png"))[::8]
    files += sorted((shared_data / "dicom").glob("*.dcm"))
    for file in files:
        study, full = (recipe(file.read_bytes(), 224) for recipe in (paper, faithful))
        for image in (study, full):
            assert image.shape == (224, 224) and image.dtype == np.uint8
            assert image.max() == 255
        # Both show the same picture. A LUT may reorder the levels of the synthetic patterns.
        if "pattern" not in file.name:
            assert np.corrcoef(study.ravel(), full.ravel())[0, 1] > 0.95, file.name


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("shape", [(50, 70), (31, 400), (224, 224), (7, 9), (1000, 801), (2, 3)])
@pytest.mark.parametrize("size", [16, 224, 37])
def test_resize_equals_scipy(dtype, shape, size):
    bounds = np.iinfo(dtype)
    rng = np.random.default_rng(shape[0])
    image = rng.integers(bounds.min // 2, bounds.max // 2, shape).astype(dtype)
    wanted = zoom(image, (size / shape[0], size / shape[1]), order=2)
    ours = spline.resize(image, size)
    assert ours.shape == wanted.shape and ours.dtype == wanted.dtype
    # The two sum in another order: a tie may round to the other side.
    difference = np.abs(ours.astype(int) - wanted)
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def study(gray, size):
    """The steps of the study's code, written out."""
    resized = zoom(gray, (size / gray.shape[0], size / gray.shape[1]), order=2).astype(float)
    scaled = (resized - resized.min()) / (resized.max() - resized.min())
    return cv2.equalizeHist(np.rint(scaled * 255).astype(np.uint8))


@pytest.mark.parametrize("size", [96, 224, 512, 1024])
def test_paper_takes_the_steps_of_the_study(size):
    rng = np.random.default_rng(size)
    gray = cv2.GaussianBlur(rng.integers(0, 256, (300, 260), np.uint8), (0, 0), 3)
    np.testing.assert_array_equal(paper(png(gray), size), study(gray, size))
    deep = gray.astype(np.uint16) << 8 | 0x5A
    np.testing.assert_array_equal(paper(png(deep), size), study(gray, size))


def test_faithful_averages_areas():
    """Of an image of 4 x 4 blocks each pixel is the mean of its block."""
    deep = np.random.default_rng(0).integers(0, 65536, (96, 128), np.uint16)
    means = deep.reshape(24, 4, 32, 4)[:, :, :24].mean((1, 3))
    ours = faithful(png(deep[:, :96]), 24)
    order = np.argsort(means, axis=None, kind="stable")
    assert (np.diff(ours.ravel()[order].astype(int)) >= 0).all()


def test_faithful_does_not_alias():
    """A grating finer than the result has no trace; the study's resize keeps one."""
    grating = np.tile(np.array([0, 200], np.uint8), (512, 256)) + np.uint8(20)
    ramp = np.linspace(0, 30, 512).astype(np.uint8)[:, None]
    content = png(grating + ramp)

    def trace(image):
        return image.astype(float).std(axis=1).mean()

    assert trace(faithful(content, 64)) < 1 < 20 < trace(paper(content, 64))


def test_faithful_keeps_the_depth_that_the_high_byte_loses():
    y, x = np.mgrid[0:256, 0:256]
    deep = (x + y * 2).astype(np.uint16)  # below 768: the high byte knows three levels
    assert len(np.unique(faithful(png(deep), 64))) > 150  # of 190 sums
    assert len(np.unique(paper(png(deep), 64))) < 10


def test_equalization_is_opencvs_on_8_bits():
    gray = np.random.default_rng(1).binomial(255, 0.3, (64, 64)).astype(np.uint8)
    gray[0, :2] = 0, 255
    wide = gray.astype(np.uint16) * 257  # 0 to 65535 in 256 steps
    np.testing.assert_array_equal(recipes.equalize(wide), cv2.equalizeHist(gray))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("shape", [(40, 30), (300, 20), (20, 300), (1, 50), (50, 1), (1024, 1024)])
def test_any_shape_becomes_a_square(recipe, shape):
    image = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    out = recipe(png(image), 64)
    assert out.shape == (64, 64) and out.dtype == np.uint8 and out.min() < out.max()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((50, 50), np.uint8),
        np.full((50, 50), 255, np.uint8),
        np.full((50, 50), 4000, np.uint16),
        np.full((1, 1), 7, np.uint8),
        np.full((50, 50, 4), 90, np.uint8),
    ],
)
def test_a_constant_image_is_refused(recipe, image):
    with pytest.raises(UnreadableImageError, match="constant image"):
        recipe(png(image), 32)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_rgba_equals_its_gray(recipe):
    gray = cv2.resize(np.random.default_rng(3).integers(0, 256, (9, 9), np.uint8), (200, 180))
    file = io.BytesIO()
    Image.fromarray(gray).convert("RGBA").save(file, "PNG")
    np.testing.assert_array_equal(recipe(file.getvalue(), 64), recipe(png(gray), 64))
