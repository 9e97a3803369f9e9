"""Gymnasium's spaces as plain data, so that no policy needs Gymnasium itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, eq=False)
class Box:
    """Arrays within bounds, which may be infinite."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: NDArray[Any]
    high: NDArray[Any]
    text: str


@dataclass(frozen=True, eq=False)
class Discrete:
    """Integers from `start`, `n` of them."""

    n: int
    start: int
    text: str


@dataclass(frozen=True, eq=False)
class MultiDiscrete:
    """Arrays of integers, `nvec` values each, from `start`."""

    nvec: NDArray[Any]
    start: NDArray[Any]
    dtype: np.dtype[Any]
    text: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one value."""
        return self.nvec.shape


@dataclass(frozen=True, eq=False)
class MultiBinary:
    """Arrays of zeros and ones."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    text: str


@dataclass(frozen=True, eq=False)
class Dict:
    """Named spaces."""

    spaces: dict[str, Spec]
    text: str


@dataclass(frozen=True, eq=False)
class Tuple:
    """Spaces in order."""

    spaces: tuple[Spec, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Chunk:
    """Values of one space in order, as many as there are."""

    of: Spec
    text: str


@dataclass(frozen=True, eq=False)
class Other:
    """A space that is only known by what it can do itself."""

    space: gymnasium.Space[Any]
    text: str


Spec: TypeAlias = "Box | Discrete | MultiDiscrete | MultiBinary | Dict | Tuple | Chunk | Other"


def describe(space: gymnasium.Space[Any]) -> Spec:  # noqa: PLR0911  # one for each kind of space
    """The space as plain data."""
    from gymnasium import spaces

    text = _short(space)
    match space:
        case spaces.Box():
            return Box(space.shape, space.dtype, space.low, space.high, text)
        case spaces.Discrete():
            return Discrete(int(space.n), int(space.start), text)
        case spaces.MultiDiscrete():
            return MultiDiscrete(space.nvec, space.start, space.dtype, text)
        case spaces.MultiBinary():
            return MultiBinary(space.shape, np.dtype(np.int8), text)
        case spaces.Dict():
            return Dict({key: describe(part) for key, part in space.spaces.items()}, text)
        case spaces.Tuple():
            return Tuple(tuple(describe(part) for part in space.spaces), text)
        case spaces.Sequence():
            return Chunk(describe(space.feature_space), text)
        case _:
            return Other(space, text)


def _short(space: gymnasium.Space[Any]) -> str:
    """Its own text, unless that lists bounds over many lines."""
    text = " ".join(str(space).split())
    limit = 100
    return text if len(text) <= limit else f"{type(space).__name__} of shape {space.shape}"


def form(spec: Spec) -> dict[str, Any]:
    """The space as a server tells it: `kind`, and what values of the kind are like; arrays of bounds as they are."""
    own: dict[str, Any] = {"kind": type(spec).__name__, "text": spec.text}
    match spec:
        case Box():
            own |= {"shape": list(spec.shape), "dtype": spec.dtype.name}
            own |= {"low": _bound(spec.low), "high": _bound(spec.high)}
        case Discrete():
            own |= {"n": spec.n, "start": spec.start}
        case MultiDiscrete():
            own |= {"shape": list(spec.shape), "dtype": spec.dtype.name, "nvec": spec.nvec, "start": spec.start}
        case MultiBinary():
            own |= {"shape": list(spec.shape)}
        case Dict():
            own |= {"parts": {key: form(part) for key, part in spec.spaces.items()}}
        case Tuple():
            own |= {"parts": {str(index): form(part) for index, part in enumerate(spec.spaces)}}
        case Chunk():
            own |= {"parts": {"each": form(spec.of)}}
    return own


def _bound(values: NDArray[Any]) -> NDArray[Any]:
    """One number where all are the same: an image's bounds are as large as the image."""
    is_one = values.size > 0 and bool((values == values.flat[0]).all())
    return np.asarray(values.flat[0]) if is_one else values


def difference(own: Mapping[str, Any], other: Mapping[str, Any], *, ignored: Collection[str] = ()) -> str | None:
    """In what two spaces differ, of those that `form` made: the words of the one and of the other; None if in nothing.

    `ignored` names what may differ, such as `low` and `high`.
    """
    kept = [name for name in own if name not in {"text", "parts", *ignored}]
    differing = [name for name in kept if name not in other or not _is_equal(own[name], other[name])]
    parts, others = own.get("parts", {}), other.get("parts", {})
    if differing or parts.keys() != others.keys():
        named = f" (another {differing[0]})" if own["text"] == other.get("text") and differing else ""
        return f"{own['text']}, not {other.get('text')}{named}"
    for name, part in parts.items():
        if (found := difference(part, others[name], ignored=ignored)) is not None:
            return f"{found} (in {name!r})"
    return None


def _is_equal(one: object, other: object) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


def size(spec: Spec) -> tuple[int, ...] | None:
    """The shape of one value; None where a value is not one array."""
    match spec:
        case Discrete():
            return ()
        case Box() | MultiDiscrete() | MultiBinary():
            return spec.shape
        case _:
            return None


def is_image(shape: tuple[int, ...]) -> bool:
    """True for (height, width, channels), the layout of Gymnasium's images."""
    channels = (1, 3, 4)
    return len(shape) == len(channels) and shape[-1] in channels and min(shape[:2]) > max(channels)


def layout_hint(given: tuple[int, ...], expected: tuple[object, ...]) -> str:
    """A sentence (with a space in front) when the two differ in where an image has its channels; else empty."""
    if is_image(given) and expected == (given[2], *given[:2]):
        return " The policy wants channels first, the environment gives channels last: wrap it in a transposition."
    if len(given) == len(expected) and is_image(tuple(d for d in expected if isinstance(d, int))):
        last = tuple(expected)
        if given == (last[2], *last[:2]):
            return " The policy wants channels last, the environment gives channels first: wrap it in a transposition."
    return ""
