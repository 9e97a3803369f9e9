"""Whether a policy reacts to what it sees: the same observations, with one of their parts taken from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.episodes.policies.actions import as_array
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal
from rlgauge.episodes.policies.spaces import is_image
from rlgauge.kinds.evaluate.preflight_play import show

if TYPE_CHECKING:
    import gymnasium

_RELATIVE, _ABSOLUTE = 1e-4, 1e-6
"""Less than this is no reaction: single precision is off by more where a network is deep."""
WHOLE = "all that it sees"


@dataclass(frozen=True)
class Reaction:
    """How many of `num` actions became others when a part of what is seen was another; `flipped`: upside down."""

    changed: int
    num: int
    flipped: int | None = None


def reactions(
    policy: BatchPolicy,
    space: gymnasium.Space[Any],
    sequences: Sequence[Sequence[Any]],
    *,
    pool: Sequence[Any],
    width: int,
) -> dict[str, Reaction] | None:
    """The reactions to each part that is not always the same, and to all at once.

    None of a policy that answers otherwise when it is asked the same again: then nothing can be told.
    """

    def answers(change: Callable[[Any], Any]) -> list[Action]:
        return show(policy, space, [[change(one) for one in sequence] for sequence in sequences], width=width)

    first = answers(lambda one: one)
    if not first:
        return {}
    if num_changed(first, answers(lambda one: one)):
        return None
    rng = np.random.default_rng(0)
    found: dict[str, Reaction] = {}
    if _varies(pool):
        changed = num_changed(first, answers(lambda _one: pool[int(rng.integers(len(pool)))]))
        found[WHOLE] = Reaction(changed, len(first), _flipped(first, answers, None, pool[0]))
    for key in pool[0] if isinstance(pool[0], Mapping) else ():
        parts = [one[key] for one in pool]
        if _varies(parts):
            others = answers(_exchanged(key, parts, rng))
            found[key] = Reaction(num_changed(first, others), len(first), _flipped(first, answers, key, parts[0]))
    return found


def _exchanged(key: str, parts: Sequence[Any], rng: np.random.Generator) -> Callable[[Any], Any]:
    """Changes one part of an observation for that of another."""
    return lambda one: {**one, key: parts[int(rng.integers(len(parts)))]}


def _flipped(
    first: Sequence[Action],
    answers: Callable[[Callable[[Any], Any]], list[Action]],
    key: str | None,
    value: Any,  # noqa: ANN401  # a part of an observation
) -> int | None:
    """How many actions become others when an image is upside down; None for anything but an image."""
    if not is_image(np.shape(value) if isinstance(value, np.ndarray) else ()):
        return None
    if key is None:
        return num_changed(first, answers(lambda one: one[::-1]))
    return num_changed(first, answers(lambda one: {**one, key: one[key][::-1]}))


def num_changed(first: Sequence[Action], others: Sequence[Action]) -> int:
    """How many actions are not the same."""
    return sum(not _same(one, other) for one, other in zip(first, others, strict=True))


def _same(one: Action, other: Action) -> bool:
    if isinstance(one, Illegal) or isinstance(other, Illegal):
        return one is other or repr(one) == repr(other)
    left, right = as_array(one), as_array(other)
    if left.dtype.kind not in "biuf" or left.shape != right.shape:
        return repr(one) == repr(other)
    return bool(np.allclose(left, right, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))


def _varies(values: Sequence[Any]) -> bool:
    return any(not _equal(values[0], one) for one in values[1:])


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401  # parts of observations
    if isinstance(one, Mapping):
        return all(_equal(part, other[key]) for key, part in one.items())
    return bool(np.array_equal(one, other))
