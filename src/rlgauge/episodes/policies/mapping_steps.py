"""The steps of a mapping: what is done with an observation before a policy sees it, and with its action after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError, unknown
from rlgauge.episodes.policies import mapping_images as images

Values = NDArray[Any]


class Step(NamedTuple):
    """One step. `keeps_order` is true where a larger number never makes a smaller one, so that bounds can be told."""

    name: str
    apply: Callable[[Values], Values]
    keeps_order: bool = True


_PLAIN: Mapping[str, Callable[[Values], Values]] = {
    "channels_first": images.channels_first,
    "channels_last": images.channels_last,
    "unit": images.unit,
    "flip_vertical": images.flip_vertical,
    "flip_horizontal": images.flip_horizontal,
    "rotate_180": images.rotate_180,
}


def observation_step(given: object) -> Step:
    """A step as a mapping's file names it. Raises UserError."""
    name, value = _named(given)
    if name in _PLAIN:
        _expect(value is None, name, "nothing")
        return Step(name, _PLAIN[name])
    match name:
        case "resize" | "resize_with_pad":
            height, width = _integers(value, name, length=2)
            resize = images.resize if name == "resize" else images.resize_with_pad
            return Step(name, lambda image: resize(image, height, width))
        case "dtype":
            dtype = _dtype(value)
            return Step(name, lambda values: values.astype(dtype))
        case "normalize":
            mean, std = _statistics(value, name)
            if not (std > 0).all():
                raise UserError(
                    f"The step {name!r} of a mapping divides by its std, which is {std.tolist()}: each number must be "
                    "above 0. One that never changes is usually given 1."
                )
            return Step(name, lambda values: ((values - mean) / std).astype(np.float32))
        case "axis_angle":
            return Step(name, axis_angle, keeps_order=False)
        case "slice" | "take":
            return _chosen(name, value)
        case _:
            known = (*_PLAIN, "resize", "resize_with_pad", "dtype", "normalize", "axis_angle", "slice", "take")
            raise unknown("step of an observation", name, known)


def action_step(given: object) -> Step:
    """A step as a mapping's file names it. Raises UserError."""
    name, value = _named(given)
    match name:
        case "slice" | "take":
            return _chosen(name, value)
        case "unnormalize":
            scale, offset = _unnormalizing(value)
            return Step(name, lambda action: action * scale + offset)
        case "negate":
            return _at(name, value, np.negative)
        case "binarize":
            return _at(name, value, lambda part: np.where(part < 0, -1.0, 1.0))
        case "widen":
            return _at(name, value, lambda part: 2.0 * part - 1.0)
        case _:
            raise unknown("step of an action", name, ("slice", "take", "unnormalize", "negate", "binarize", "widen"))


def axis_angle(quaternion: Values) -> Values:
    """The rotation vector of a quaternion (x, y, z, w): the axis, as long as the angle in radians."""
    if quaternion.shape != (4,):
        raise ValueError(f"takes a quaternion (x, y, z, w), not the shape {quaternion.shape}")
    *vector, w = np.clip(quaternion.astype(np.float64), -1.0, 1.0)
    sine = np.sqrt(1.0 - w * w)
    scale = 0.0 if np.isclose(sine, 0.0) else 2.0 * np.arccos(w) / sine
    return (np.array(vector) * scale).astype(quaternion.dtype)


def _named(given: object) -> tuple[str, Any]:
    """The step's name and what it is told. Raises UserError."""
    if isinstance(given, str):
        return given, None
    if isinstance(given, dict) and len(given) == 1:
        name, value = next(iter(given.items()))
        return str(name), value
    raise UserError(f"{given!r} is no step of a mapping: write a name, or a name with one value, `resize: [224, 224]`.")


def _expect(fits: bool, name: str, what: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not fits:
        raise UserError(f"The step {name!r} of a mapping takes {what}.")


def _integers(value: object, name: str, *, length: int | None = None) -> list[int]:
    what = "a list of whole numbers" if length is None else f"{length} whole numbers"
    fits = isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
    _expect(fits and isinstance(value, list) and len(value) == (length or len(value)) > 0, name, what)
    return list(value) if isinstance(value, list) else []


def _floats(value: object, name: str, what: str) -> NDArray[np.float32]:
    try:
        return np.asarray(value, np.float32)
    except (TypeError, ValueError):
        raise UserError(f"The step {name!r} of a mapping takes numbers for {what!r}, not {value!r}.") from None


def _dtype(value: object) -> np.dtype[Any]:
    known = ("float32", "float64", "float16", "uint8", "int32", "int64")
    if value not in known:
        raise unknown("dtype of a mapping", str(value), known)
    return np.dtype(str(value))


def _statistics(value: object, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    _expect(isinstance(value, dict) and value.keys() == {"mean", "std"}, name, "`{mean: ..., std: ...}`")
    told: dict[str, object] = value if isinstance(value, dict) else {}
    return _floats(told["mean"], name, "mean"), _floats(told["std"], name, "std")


def _unnormalizing(value: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The factors and what is added: of a mean and a deviation, or of the values that -1 and 1 stand for."""
    name = "unnormalize"
    if isinstance(value, dict) and value.keys() == {"low", "high"}:
        low, high = _floats(value["low"], name, "low"), _floats(value["high"], name, "high")
        return np.float32(0.5) * (high - low), np.float32(0.5) * (high + low)
    _expect(
        isinstance(value, dict) and value.keys() == {"mean", "std"},
        name,
        "`{mean: ..., std: ...}`, or `{low: ..., high: ...}` of what -1 and 1 stand for",
    )
    mean, std = _statistics(value, name)
    return std, mean


def _chosen(name: str, value: object) -> Step:
    """Some of the numbers: `slice: [first, after the last]`, or `take: [index, ...]`."""
    indices = _integers(value, name, length=2 if name == "slice" else None)
    if name == "take":
        return Step(name, lambda values: _inside(values, indices)[..., indices])
    first, last = indices

    def sliced(values: Values) -> Values:
        _inside(values, [last - 1])
        return values[..., first:last]

    return Step(name, sliced)


def _at(name: str, value: object, change: Callable[[Values], Values]) -> Step:
    """Some of an action's numbers changed, the others as they are."""
    indices = _integers(value, name)

    def changed(action: Values) -> Values:
        copy = np.array(_inside(action, indices))
        copy[..., indices] = change(copy[..., indices])
        return copy

    return Step(name, changed)


def _inside(values: Values, indices: Sequence[int]) -> Values:
    """The same values. Raises ValueError for an index that none of them has."""
    size = values.shape[-1] if values.ndim else 0
    if max(indices) >= size:
        raise ValueError(f"names number {max(indices)} (from 0) of {size}")
    return values
