"""Images turned, resized and rescaled: as Pillow does it, and told where they can't be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rlgauge.episodes.policies import mapping_images as images


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)


@pytest.mark.parametrize("size", [(7, 9), (20, 9), (40, 62), (33, 16), (1, 1)])
def test_resizing_is_that_of_pillow(picture, size):
    resized = images.resize(picture, *size)
    expected = np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BILINEAR))
    assert resized.dtype == np.uint8
    assert resized.shape == (*size, 3)
    assert np.abs(resized.astype(int) - expected).max() <= 1


def test_an_image_with_channels_first_is_resized_as_the_same_with_channels_last(picture):
    first = images.channels_first(picture)
    np.testing.assert_array_equal(images.channels_last(images.resize(first, 8, 9)), images.resize(picture, 8, 9))
    np.testing.assert_array_equal(
        images.channels_last(images.resize_with_pad(first, 8, 9)), images.resize_with_pad(picture, 8, 9)
    )


def test_floats_stay_floats(picture):
    resized = images.resize(images.unit(picture), 10, 10)
    assert resized.dtype == np.float32
    assert 0 < resized.min() < resized.max() < 1


def test_an_image_of_its_own_size_is_left_alone(picture):
    np.testing.assert_array_equal(images.resize(picture, 20, 31), picture)


def test_padding_keeps_the_proportions_and_the_middle():
    white = np.full((10, 20, 3), 255, np.uint8)
    padded = images.resize_with_pad(white, 16, 16)
    assert padded.shape == (16, 16, 3)
    assert (padded[4:12] == 255).all()
    assert (padded[:4] == 0).all()
    assert (padded[12:] == 0).all()


@pytest.mark.parametrize("layout", [lambda image: image, images.channels_first])
def test_flips_are_along_height_and_width_wherever_the_channels_are(picture, layout):
    back = images.channels_last if layout is images.channels_first else lambda image: image
    np.testing.assert_array_equal(back(images.flip_vertical(layout(picture))), picture[::-1])
    np.testing.assert_array_equal(back(images.flip_horizontal(layout(picture))), picture[:, ::-1])
    np.testing.assert_array_equal(back(images.rotate_180(layout(picture))), picture[::-1, ::-1])


def test_bytes_become_floats_between_zero_and_one(picture):
    floats = images.unit(picture)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, np.float32(picture) / np.float32(255))
    with pytest.raises(ValueError, match="takes bytes"):
        images.unit(floats)


@pytest.mark.parametrize(
    "change",
    [images.channels_first, images.channels_last, images.flip_vertical, lambda image: images.resize(image, 2, 2)],
)
def test_what_is_no_image_is_told(change):
    with pytest.raises(ValueError, match=r"takes an image.*not the shape \(7,\)"):
        change(np.zeros(7))
