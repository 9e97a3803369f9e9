"""Policies that are live objects: with `act(obs)`, `predict(obs)` or `select_action(obs)`, or callable themselves.

An object is called row by row with single observations, unless it has `batched = True`: then it gets the whole batch
and returns L actions. What has a `reset()` is copied for each row, and the row's copy is reset when an episode begins.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.actions import One, Quick, as_array
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Observations, WrongActionError, observation_of

_Call = Callable[[Any], object]


@runtime_checkable
class _Acts(Protocol):
    def act(self, observation: Any, /) -> object: ...  # noqa: ANN401


@runtime_checkable
class _Predicts(Protocol):
    """As Stable-Baselines3: the action, or the action and a state."""

    def predict(self, observation: Any, /) -> object: ...  # noqa: ANN401


@runtime_checkable
class _Selects(Protocol):
    def select_action(self, observation: Any, /) -> object: ...  # noqa: ANN401


@runtime_checkable
class _Batched(Protocol):
    batched: bool


@runtime_checkable
class _Resets(Protocol):
    def reset(self) -> object: ...


@runtime_checkable
class _Begins(Protocol):
    """A batched policy that may lack what the full protocol has besides."""

    def begin(self, row: int, seed: int) -> None: ...

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]: ...


def adapt(policy: object, convert: One, *, ready: Quick, width: int, name: str) -> BatchPolicy:
    """The object as a batched policy. Raises UserError for an object that has no way to act."""
    if isinstance(policy, type):
        raise UserError(f"The policy {name} is a class; pass an instance of it.")
    if isinstance(policy, BatchPolicy):
        return policy
    if isinstance(policy, _Begins):
        return Completed(policy)
    call = call_of(policy, name)
    batched = isinstance(policy, _Batched) and policy.batched is True
    if not isinstance(policy, _Resets):
        return Batched(call, convert, ready=ready, width=width) if batched else Rows(call, convert, width=width)
    if batched:
        raise UserError(
            f"The policy {name} is batched and has reset(), which would make all rows forget: "
            "give it begin(row, seed) instead."
        )
    return StatefulRows(policy, convert, width=width, name=name)


def acts(policy: object) -> bool:
    """True for an object with one of the methods; a mere callable has none."""
    return isinstance(policy, (_Acts, _Predicts, _Selects))


def call_of(policy: object, name: str) -> _Call:
    """The function from an observation to an action. Raises UserError where there is none."""
    match policy:
        case _Acts():
            return policy.act
        case _Predicts():
            return lambda observation: _action_of(policy.predict(observation))
        case _Selects():
            return policy.select_action
        case _ if callable(policy):
            return policy
    raise UserError(
        f"The policy {name} is of type {type(policy).__name__!r}, which has no act, predict or select_action and "
        "is not callable."
    )


def _action_of(prediction: object) -> object:
    pair = 2
    return prediction[0] if isinstance(prediction, tuple) and len(prediction) == pair else prediction


class Completed:
    """A policy with begin and act, and with the rest of the protocol."""

    def __init__(self, policy: _Begins) -> None:
        self._policy = policy
        self.bit_stable = False  # it makes no such claim
        self.begin = policy.begin
        self.act = policy.act

    def close(self) -> None:
        """The policy has nothing to give back."""


class Rows:
    """A function of one observation, called for each active row."""

    bit_stable = True

    def __init__(self, call: _Call, convert: One, *, width: int) -> None:
        self._call = call
        self._convert = convert
        self._width = width

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for each active row. Raises WrongActionError."""
        actions: list[Action] = [None] * self._width
        for row in active:
            actions[row] = self._convert(self._call(observation_of(observations, row)))
        return actions

    def close(self) -> None:
        """The object belongs to who made it."""


class Batched:
    """A function of the whole batch, at the fixed width. The batch is reused: it copies what it keeps."""

    bit_stable = True

    def __init__(self, call: _Call, convert: One, *, ready: Quick, width: int) -> None:
        self._call = call
        self._ready = ready
        self._convert = convert
        self._width = width

    def begin(self, row: int, seed: int) -> None:
        """Nothing is remembered."""

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for all rows. Raises WrongActionError."""
        returned = self._call(observations)
        if (quick := self._ready(returned)) is not None:
            return quick
        rows = returned if isinstance(returned, (list, tuple)) else as_array(returned)
        if np.ndim(rows) == 0 or len(rows) != self._width:
            raise WrongActionError(f"is batched and returned {len(rows)} actions for {self._width} observations")
        actions: list[Action] = [None] * self._width
        for row in active:
            actions[row] = self._convert(rows[row])
        return actions

    def close(self) -> None:
        """The object belongs to who made it."""


class StatefulRows:
    """An object that remembers, once for each row."""

    bit_stable = True

    def __init__(self, policy: _Resets, convert: One, *, width: int, name: str) -> None:
        self._convert = convert
        self._seeded = "seed" in _parameter_names(policy.reset)
        self._rows = _copies(policy, width, name)
        self._calls = [call_of(own, name) for own in self._rows]

    def begin(self, row: int, seed: int) -> None:
        """The row's object is reset, with the seed where its reset takes one."""
        own: Any = self._rows[row]
        if self._seeded:
            own.reset(seed=seed)
        else:
            own.reset()

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for each active row, to the row's own object. Raises WrongActionError."""
        actions: list[Action] = [None] * len(self._rows)
        for row in active:
            actions[row] = self._convert(self._calls[row](observation_of(observations, row)))
        return actions

    def close(self) -> None:
        """The copies go with this object."""


def _parameter_names(function: Callable[..., object]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:  # built-in functions have no signature to read
        return set()


def _copies(policy: _Resets, width: int, name: str) -> list[_Resets]:
    """One object a row; with one row, the object itself."""
    if width == 1:
        return [policy]
    try:
        return [copy.deepcopy(policy) for _ in range(width)]
    except (TypeError, ValueError, AttributeError, RuntimeError, copy.Error) as error:
        raise UserError(
            f"The policy {name} remembers (it has reset()) and could not be copied for {width} rows "
            f"({type(error).__name__}: {error}): use lanes=1, or give it begin(row, seed)."
        ) from error
