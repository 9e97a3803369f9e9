"""Gymnasium's spaces as plain data, so that no policy needs Gymnasium itself."""

from __future__ import annotations

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
