"""Counting the episodes of environments that are stepped together: in other processes, or as one batch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlgauge.kinds.train.script.counts import INNER, Counts, Played
from rlgauge.kinds.train.script.layers import Env
from rlgauge.kinds.train.script.seats import Seat
from rlgauge.kinds.train.script.tallies import Step, not_counted
from rlgauge.kinds.train.script.turns import Moment, Origin

NEXT_STEP, SAME_STEP, DISABLED = "NEXT_STEP", "SAME_STEP", "DISABLED"
"""When a part of a vector is reset after its episode's end: by the next step, which is none; by the same; by nobody."""
_TOLERANCE = 1e-3
"""How much, relatively, a return that a part counted may differ from ours and still be the same."""


class VectorTally:
    """The count of a vector's episodes, of all its parts at once.

    Lengths come from the number at which each part's episode began, so that a step adds one array and looks at two.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_ended",
        "_is_over",
        "_mode",
        "_moments",
        "_num_steps",
        "_rewards",
        "_seats",
        "_totals_N",
        "counts",
        "env",
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
        self.num_envs: int = 0
        self._moments: list[Moment] = []
        self._num_steps = 0
        self._totals_N: NDArray[np.float64] = np.zeros(0)
        self._begun: list[int] = []
        self._is_over: list[bool] = []
        self._ended: list[int] = []
        self._rewards: list[list[float]] | None = None
        self._mode = autoreset_mode(env)
        self._seats = [Seat(env, method)]
        self.plain = self._seats[0].plain

    def sit(self) -> None:
        """Take the place of the environment's own step."""
        self.counts.enlist(self, self.layers)
        self.origin.take(self)
        self._seats[0].take(self.step)

    def close(self) -> None:
        """Leave for good."""
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
            self._skip_resets()
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

    def _skip_resets(self) -> None:
        """Take back what the step added for the parts that it merely reset."""
        self.origin.steps -= len(self._ended)
        for index in self._ended:
            self._restart(index)
        self._ended = []

    def _end(self, ends_N: NDArray[Any], cuts_N: NDArray[Any] | None, infos: object) -> None:
        done_N = ends_N if cuts_N is None else np.logical_or(ends_N, cuts_N)
        for index in np.flatnonzero(done_N).tolist():
            length = self._num_steps - self._begun[index]
            is_again = length < 1 or (self._is_over[index] and length == 1)
            if not is_again:
                is_cut = _is_cut(infos, index) if cuts_N is None else not ends_N[index]
                self._write(index, length, infos, is_truncated=is_cut)
            self._restart(index)
            if self._mode == NEXT_STEP:
                self._ended.append(index)
            elif self._mode == DISABLED:
                self._is_over[index] = True

    def _write(self, index: int, length: int, infos: object, *, is_truncated: bool) -> None:
        total = float(self._totals_N[index])
        told = told_return(infos, index)
        # A wrapper beneath those that change rewards saw those of the task: in other processes only it could.
        if told is not None and abs(told - total) > _TOLERANCE * max(1.0, abs(total)):
            total = told
        rewards = self._rewards[index] if self._rewards is not None else ()
        self.counts.write(
            Played(total, length, is_truncated, rewards),
            by=self,
            place=index,
            reset_at=self._moments[index],
            begun_at=self._moments[index],
        )

    def _restart(self, index: int) -> None:
        self._totals_N[index] = 0.0
        self._begun[index] = self._num_steps
        if self.counts.turns.is_several:
            self._moments[index] = self.counts.turns.moment(self.origin)
        if self._rewards is not None:
            self._rewards[index] = []


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


def told_return(infos: object, index: int) -> float | None:
    """The return of the episode that a part has just ended, where a wrapper inside it counted that; else None."""
    try:
        episode = _told_episode(infos, index)
        return None if episode is None else float(np.asarray(episode["r"]).reshape(-1)[0])
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None


def _told_episode(infos: Any, index: int) -> Mapping[str, Any] | None:  # noqa: ANN401  # as libraries have it
    if isinstance(infos, Sequence):
        found = infos[index].get("episode")
        return found if isinstance(found, Mapping) else None
    final = infos.get("final_info", infos)
    if not isinstance(final, Mapping):
        return None if final[index] is None else final[index].get("episode")
    if "episode" not in final or not final["_episode"][index]:
        return None
    return {"r": final["episode"]["r"][index]}


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
