"""Counting the episodes of environments that are stepped together: in other processes, or as one batch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.kinds.train.script.counts import INNER, Counts, Played
from rlgauge.kinds.train.script.layers import Env
from rlgauge.kinds.train.script.seats import Seat
from rlgauge.kinds.train.script.steps import Step
from rlgauge.kinds.train.script.tallies import not_counted
from rlgauge.kinds.train.script.telling import Told, take
from rlgauge.kinds.train.script.turns import Moment, Origin

NEXT_STEP, SAME_STEP, DISABLED = "NEXT_STEP", "SAME_STEP", "DISABLED"
"""When a part of a vector is reset after its episode's end: by the next step, which is none; by the same; by nobody."""
_TOLERANCE = 1e-3
"""How much, relatively, a return that a part counted may differ from ours and still be the same."""


_GUESSED = (
    "{} does not say when it resets its parts (metadata['autoreset_mode']), and no step showed it: it was taken to do "
    "so in the step after an episode's end, as Gymnasium does. Where it does so at once, lengths are a step too short."
)


_SHAPED = (
    "{} makes other rewards and ends of episodes than the task has ({}), and does not tell those: what was counted is "
    "what it made."
)
_SHAPING = ("episodic_life", "reward_clip")
"""Settings of EnvPool, whose environments are made of what wrappers are elsewhere."""


class Inner(NamedTuple):
    """The return and length of an episode as a wrapper inside a part counted it; 0 where it says nothing of length."""

    total: float
    length: int


class VectorTally:
    """The count of a vector's episodes, of all its parts at once.

    Lengths come from the number at which each part's episode began, so that a step adds one array and looks at two.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_ended",
        "_is_guessed",
        "_is_over",
        "_is_told",
        "_lost",
        "_mode",
        "_moments",
        "_num_steps",
        "_rewards",
        "_seats",
        "_totals_N",
        "counts",
        "env",
        "is_noted",
        "layers",
        "name",
        "num_envs",
        "origin",
        "plain",
    )

    def __init__(
        self, counts: Counts, env: Env, *, name: str, layers: list[Env], origin: Origin, method: str = "step"
    ) -> None:
        self.counts = counts
        self.env = env
        self.name = name
        self.layers = layers
        self.origin = origin
        self.is_noted = False
        self.num_envs: int = 0
        self._moments: list[Moment] = []
        self._num_steps = 0
        self._totals_N: NDArray[np.float64] = np.zeros(0)
        self._begun: list[int] = []
        self._is_over: list[bool] = []
        self._ended: list[int] = []
        self._rewards: list[list[float]] | None = None
        self._mode = autoreset_mode(env)
        self._is_guessed = not _says_mode(env)
        self._is_told = False
        self._lost: set[int] = set()
        self._seats = [Seat(env, method)]
        self.plain = self._seats[0].plain

    def sit(self) -> None:
        """Take the place of the environment's own step."""
        if names := shaping(self.env):
            self.counts.problem(_SHAPED.format(type(self.env).__name__, ", ".join(names)))
        self.counts.enlist(self, self.layers)
        self.origin.take(self)
        self._seats[0].take(self.step)

    def close(self) -> None:
        """Leave for good."""
        if self._is_guessed and any(self._begun):
            self.counts.problem(_GUESSED.format(type(self.env).__name__))
        self.leave()
        self.counts.drop(self, self.layers)

    def leave(self) -> None:
        """Give the environment its own step back."""
        for seat in self._seats:
            seat.leave()
        self._seats = []

    def stand(self) -> None:
        """Nothing: where an episode began is noted when the one before it ends."""

    def begin(self, options: object) -> None:
        """Start anew, or the parts alone that the options of a reset name: what was in progress there is no episode."""
        mask = options.get("reset_mask") if isinstance(options, Mapping) else None
        chosen = range(self.num_envs) if mask is None else np.flatnonzero(mask).tolist()
        for index in chosen:
            self._restart(index)
            self._is_over[index] = False
        self._ended = [index for index in self._ended if index not in set(chosen)]

    def step(self, *args: object, **named: object) -> Step:
        """The vector's step, counted."""
        result = self.plain(*args, **named)
        try:
            self.count(result)
        except Exception as problem:  # noqa: BLE001  # a stranger's result: counting it may fail, the script may not
            self.counts.problem(not_counted(self.env, problem))
            self.leave()
            for layer in self.layers:
                self.counts.mark(layer, INNER)
        return result

    def count(self, result: Step) -> None:
        """Add a step that has just been taken."""
        rewards_N = _array(result[1])
        ends_N = _array(result[2])
        cuts_N = _array(result[3]) if len(result) > 4 else None  # noqa: PLR2004  # five: terminated, truncated
        if not self.num_envs:
            self._open(rewards_N.size)
        self._num_steps += 1
        self.origin.steps += self.num_envs
        self._totals_N += rewards_N
        if self._rewards is not None:
            for reward, kept in zip(rewards_N.tolist(), self._rewards, strict=True):
                kept.append(reward)
        if self._ended:
            self._skip_resets(rewards_N, ends_N, cuts_N)
        if np.count_nonzero(ends_N) or (cuts_N is not None and np.count_nonzero(cuts_N)):
            self._end(ends_N, cuts_N, result[-1])

    def _open(self, size: int) -> None:
        self.num_envs = size
        self._totals_N = np.zeros(size)
        self._begun = [0] * size
        self._moments = [self.counts.turns.begin(self.origin)] * size
        self._is_over = [False] * size
        journal = self.counts.journal
        self._rewards = [[] for _ in range(size)] if journal is not None and journal.keeps_rewards else None

    def _skip_resets(self, rewards_N: NDArray[Any], ends_N: NDArray[Any], cuts_N: NDArray[Any] | None) -> None:
        """Take back what the step added for the parts that it merely reset.

        A reset gives no reward and ends nothing: a vector that does not say when it resets shows by either that it
        had done so before.
        """
        seen = [rewards_N, ends_N, *([] if cuts_N is None else [cuts_N])]
        if self._is_guessed and any(np.any(one[self._ended]) for one in seen):
            self._mode, self._is_guessed, self._ended = SAME_STEP, False, []
            return
        self.origin.steps -= len(self._ended)
        for index in self._ended:
            self._restart(index)
        self._ended = []

    def _end(self, ends_N: NDArray[Any], cuts_N: NDArray[Any] | None, infos: object) -> None:
        done_N = ends_N if cuts_N is None else np.logical_or(ends_N, cuts_N)
        told = take(infos)
        for index in np.flatnonzero(done_N).tolist():
            length = self._num_steps - self._begun[index]
            is_again = length < 1 or (self._is_over[index] and length == 1)
            played = None if is_again else self._played(index, length, infos, told.get(index))
            if played is not None:
                is_cut = _is_cut(infos, index) if cuts_N is None else not ends_N[index]
                self._write(index, played._replace(is_truncated=is_cut))
            self._restart(index)
            if self._mode == NEXT_STEP:
                self._ended.append(index)
            elif self._mode == DISABLED:
                self._is_over[index] = True

    def _played(self, index: int, length: int, infos: object, told: Told | None) -> Played | None:
        """The episode that has ended in a part; None where that was a life, and the game goes on.

        Wrappers that change rewards and ends are in the part's process: it tells, or a wrapper beneath them.
        """
        if told is not None:
            return (
                None
                if told.total is None
                else Played(told.total, told.length, is_truncated=False, rewards=told.rewards)
            )
        total = float(self._totals_N[index])
        rewards = self._rewards[index] if self._rewards is not None else ()
        inner = told_episode(infos, index)
        if inner is None:
            self._lost.add(index)
            return None if self._is_told else Played(total, length, is_truncated=False, rewards=rewards)
        self._is_told = True
        if abs(inner.total - total) > _TOLERANCE * max(1.0, abs(total)) or index in self._lost:
            self._lost.discard(index)
            return Played(inner.total, len(rewards) or inner.length or length, is_truncated=False, rewards=rewards)
        return Played(total, length, is_truncated=False, rewards=rewards)

    def _write(self, index: int, played: Played) -> None:
        since = self._moments[index]
        self.counts.write(self, index, played.total, played.length, played.is_truncated, played.rewards, since, since)

    def _restart(self, index: int) -> None:
        self._totals_N[index] = 0.0
        self._begun[index] = self._num_steps
        if self.counts.turns.is_several:
            self._moments[index] = self.counts.turns.moment(self.origin)
        if self._rewards is not None:
            self._rewards[index] = []


def _says_mode(env: Env) -> bool:
    """Whether a vector says when it resets its parts, or is one of a library that always does so in one way."""
    if "autoreset_mode" in (getattr(env, "metadata", None) or {}):
        return True
    return autoreset_mode(env) != NEXT_STEP or type(env).__module__.startswith("gymnasium.")


def autoreset_mode(env: Env) -> str:
    """When the vector resets its parts, as it says, or as vectors of its library did before they said so."""
    told = (getattr(env, "metadata", None) or {}).get("autoreset_mode")
    if told is not None:
        name = str(getattr(told, "value", told)).replace("_", "").lower()
        return {"nextstep": NEXT_STEP, "disabled": DISABLED}.get(name, SAME_STEP)
    library = next((cls.__module__ for cls in type(env).__mro__ if cls.__name__ == "VectorEnv"), "")
    if not library.startswith("gymnasium."):
        return SAME_STEP
    version = str(getattr(importlib.import_module("gymnasium"), "__version__", "1"))
    return SAME_STEP if version.startswith("0.") else NEXT_STEP


def shaping(env: Env) -> list[str]:
    """The settings of an environment of EnvPool that change its rewards or the ends of its episodes."""
    config = getattr(env, "config", None)
    return [name for name in _SHAPING if isinstance(config, Mapping) and config.get(name) is True]


def told_episode(infos: object, index: int) -> Inner | None:
    """The episode that a part has just ended, where a wrapper inside it counted that; else None."""
    try:
        episode = _told_episode(infos, index)
        if episode is None:
            return None
        return Inner(_first(episode["r"]), int(_first(episode.get("l", 0))))
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None


def _first(number: object) -> float:
    return float(np.asarray(number).reshape(-1)[0])


def _told_episode(infos: Any, index: int) -> Mapping[str, Any] | None:  # noqa: ANN401  # as libraries have it
    if isinstance(infos, Sequence):
        found = infos[index].get("episode")
        return found if isinstance(found, Mapping) else None
    final = infos.get("final_info", infos)
    if not isinstance(final, Mapping):
        return None if final[index] is None else final[index].get("episode")
    if "episode" not in final or not final["_episode"][index]:
        return None
    return {name: final["episode"][name][index] for name in ("r", "l") if name in final["episode"]}


def _is_cut(infos: Any, index: int) -> bool:  # noqa: ANN401  # as libraries have it
    try:
        return bool(infos[index].get("TimeLimit.truncated"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return False


def _array(values: Any) -> NDArray[Any]:  # noqa: ANN401  # an array of NumPy, JAX or torch
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    array = np.asarray(values)
    return array if array.ndim == 1 else array.reshape(-1)
