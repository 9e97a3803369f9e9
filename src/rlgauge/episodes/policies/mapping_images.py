"""Images as other policies want them: (height, width, channels) or (channels, height, width)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.spaces import is_image

Image = NDArray[Any]


def channels_first(image: Image) -> Image:
    """(height, width, channels) as (channels, height, width). Raises ValueError."""
    if not is_image(image.shape):
        raise ValueError(f"takes an image (height, width, channels), not the shape {image.shape}")
    return np.moveaxis(image, -1, 0)


def channels_last(image: Image) -> Image:
    """(channels, height, width) as (height, width, channels). Raises ValueError."""
    if not _is_channels_first(image.shape):
        raise ValueError(f"takes an image (channels, height, width), not the shape {image.shape}")
    return np.moveaxis(image, 0, -1)


def unit(image: Image) -> Image:
    """Bytes 0..255 as floats 0..1. Raises ValueError for anything but bytes."""
    if image.dtype != np.uint8:
        raise ValueError(f"takes bytes (uint8, 0..255), not {image.dtype}")
    return image.astype(np.float32) / np.float32(255)


def flip_vertical(image: Image) -> Image:
    """Upside down."""
    return np.flip(image, _axes(image)[0])


def flip_horizontal(image: Image) -> Image:
    """Left and right exchanged."""
    return np.flip(image, _axes(image)[1])


def rotate_180(image: Image) -> Image:
    """Upside down, left and right exchanged."""
    return np.flip(image, _axes(image))


def resize(image: Image, height: int, width: int) -> Image:
    """The image in another size, bilinear and without aliasing, as Pillow's BILINEAR; bytes are rounded."""
    if _is_channels_first(image.shape):
        return np.moveaxis(resize(np.moveaxis(image, 0, -1), height, width), -1, 0)
    if _checked(image).shape[:2] == (height, width):
        return image
    resized = _resample(_resample(image.astype(np.float32), height, axis=0), width, axis=1)
    return np.rint(resized).clip(0, 255).astype(np.uint8) if image.dtype == np.uint8 else resized.astype(image.dtype)


def resize_with_pad(image: Image, height: int, width: int) -> Image:
    """The image in another size with its own proportions, in the middle; the rest is zero."""
    if _is_channels_first(image.shape):
        return np.moveaxis(resize_with_pad(np.moveaxis(image, 0, -1), height, width), -1, 0)
    rows, columns, channels = _checked(image).shape
    ratio = max(rows / height, columns / width)
    inner = resize(image, max(1, int(rows / ratio)), max(1, int(columns / ratio)))
    padded = np.zeros((height, width, channels), image.dtype)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    padded[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return padded


def _resample(image: Image, size: int, *, axis: int) -> Image:
    """The image in another size along one of its axes."""
    taps = _taps(image.shape[axis], size)
    shape = [size if index == axis else 1 for index in range(image.ndim)]
    resampled = np.zeros([size if index == axis else old for index, old in enumerate(image.shape)], np.float32)
    for indices, weights in taps:
        resampled += image.take(indices, axis) * weights.reshape(shape)
    return resampled


@lru_cache(maxsize=32)
def _taps(old: int, new: int) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """Which old pixels make each new one and how much they weigh: the first of each, then the second, and so on.

    The weights are a triangle as wide as what is drawn together.
    """
    reach = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * old / new
    first = np.floor(centres - reach).astype(np.intp)
    indices = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 1)
    weights = np.maximum(0.0, 1.0 - np.abs(indices + 0.5 - centres[:, None]) / reach)
    weights[(indices < 0) | (indices >= old)] = 0.0
    weights /= weights.sum(1, keepdims=True)
    inside = indices.clip(0, old - 1)
    return [(inside[:, tap], weights[:, tap].astype(np.float32)) for tap in range(indices.shape[1])]


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return not is_image(shape) and bool(shape) and is_image((*shape[1:], shape[0]))


def _axes(image: Image) -> tuple[int, int]:
    """Of the height and the width."""
    return (1, 2) if _is_channels_first(image.shape) else (_checked(image).ndim - 3, image.ndim - 2)


def _checked(image: Image) -> Image:
    if not is_image(image.shape):
        raise ValueError(f"takes an image, not the shape {image.shape}")
    return image
