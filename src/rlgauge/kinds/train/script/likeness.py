"""Whether what was found acts as the script did: asked for what the script observed, does it do what the script did?

A script explores, draws its actions and goes on learning, so that what it did need not be repeated. But two things are
plain. A network of torch is given the same numbers for the same observation, or the script changes observations outside
of what was found. And whoever acted tells best what was done: if a rival that sees the same tells it much better,
somebody else has acted. Rivals are the same actor with its actions shifted, scaled or renamed, the same actor with
observations scaled in a usual way, and fits to the other pairs. Without a much better rival nothing is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.kinds.train.script.asking import converter
from rlgauge.kinds.train.script.inputs import Given, Inputs
from rlgauge.kinds.train.script.rivals import EXACT, FITTED, SAME, ActionSpec, Done, Rival
from rlgauge.kinds.train.script.witness import Pair

if TYPE_CHECKING:
    import gymnasium
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Act = Callable[[Any], Any]

_FEWEST = 40
"""Fewer pairs tell nothing."""
_ALIKE = 0.1
"""An actor that misses no more has acted."""
_DRAWS = 7
"""How often an actor is asked again that does not always say the same."""
_MOST_SECONDS = 20.0
_APART = 0.2
"""Inputs that are no further apart are the same: statistics that a policy learns may have moved on."""
_FEW_SAME, _MOST_SAME = 0.25, 0.5
"""With a lesser share of them the same an actor is given something else; with a greater it is not."""
_MOST_ASKED, _MOST_BEYOND = 0.5, 0.2
"""Of an actor that was asked for more than the first share of actions no more than the second is beyond its draws."""
_BYTE = 255
_ENDLESS = 1e6


class Likeness:
    """What a script observed and did, to hold actors against."""

    def __init__(
        self, pairs: Sequence[Pair], env: gymnasium.Env[Any, Any], space: ActionSpec, *, deadline: float
    ) -> None:
        """Keep those whose observations have the form that the environment's have."""
        self._observed = env.observation_space
        self._convert = converter(space)
        kept = [found for pair in pairs if (found := self._read(pair)) is not None]
        self._observations = [one.observation for one in kept]
        self._inputs = [one.inputs for one in kept]
        done_nd = np.array([one.action for one in kept], dtype=float)
        self._done = Done(done_nd.reshape(len(kept), -1 if kept else 0), space)
        self._deadline = min(deadline, time.monotonic() + _MOST_SECONDS)
        self._rivals: list[Rival] = []
        self._fit: list[Rival] | None = None
        self._has_doubts = False
        self._forget: Callable[[], object] = lambda: None

    def doubt(
        self,
        act: Act,
        *,
        module: int | None = None,
        read: Act | None = None,
        forget: Callable[[], object] = lambda: None,
        exploring: Act | None = None,
    ) -> str | None:
        """Why what acts is not what acted, as the end of a sentence; None where nothing says so.

        Where all of `act` is a module of torch, and to `read` what that returns, it is held against what it returned
        then: it has learned since. Before it is asked for all observations it is to `forget` what it remembers. Where
        it can be told to explore, as the script did, `exploring` does: what that draws shows between which bounds.
        """
        self._forget = forget
        if len(self._observations) < _FEWEST:
            return None
        answers_mnd = self._all_said(act, self._observations)
        if answers_mnd is None:  # After another one was doubted, what can't be asked is not trusted in its place.
            return "it could not be held against what the script did" if self._has_doubts else None
        said_nd = self._done.middle(answers_mnd)
        drawn_mnd = answers_mnd if exploring is None else self._all_said(exploring, self._observations)
        found = self._doubt_of(act, said_nd, drawn_mnd, module=module, read=read)
        if found is None and self._has_doubts and not self._done.is_told_by(said_nd):
            found = "nothing that the script did shows that it acted"
        self._has_doubts = self._has_doubts or found is not None
        return found

    def _doubt_of(
        self, act: Act, said_nd: Floats, drawn_mnd: Floats | None, *, module: int | None, read: Act | None
    ) -> str | None:
        apart_n = self._inputs_apart(act)
        share = float(np.mean(apart_n < _APART)) if len(apart_n) >= _FEWEST // 2 else None
        if share is not None and share < _FEW_SAME:
            num = len(apart_n)
            return f"of {num} observations of the script its network was given {share:.0%} as it is given them in tests"
        if module is not None and read is not None:
            found = self._doubt_of_outputs(module, read)
            if found is not None:
                return found
        is_given_the_same = share is not None and share > _MOST_SAME
        if is_given_the_same and drawn_mnd is not None and len(apart_n) > _MOST_ASKED * len(self._observations):
            beyond = self._done.beyond(drawn_mnd)
            if beyond > _MOST_BEYOND:
                return f"{beyond:.0%} of {len(self._observations)} actions of the script lie beyond all that it says"
        return self._doubt_of_actions(act, said_nd, is_given_the_same=is_given_the_same)

    def _inputs_apart(self, act: Act) -> Floats:
        """How far what it is given is from what it was given, for each observation for which that is known: 0 to 2."""
        apart: list[float] = []
        inputs = Inputs()
        inputs.open()
        try:
            for observation, before in zip(self._observations, self._inputs, strict=True):
                inputs.clear()
                if before:
                    act(observation)
                    apart += _least_apart(inputs.of_one(int(np.size(observation))), before)
        except Exception:  # noqa: BLE001  # a stranger's code
            return np.zeros(0)
        finally:
            inputs.close()
        return np.array(apart)

    def _doubt_of_outputs(self, module: int, read: Act) -> str | None:
        """Whether actions were changed after the module had returned them."""
        returned = [_last_returned(inputs, module) for inputs in self._inputs]
        known = np.array([one is not None for one in returned])
        if known.sum() < _FEWEST:
            return None
        try:
            said_nd = np.stack([_row(read(one)) for one in returned if one is not None])
        except Exception:  # noqa: BLE001  # a stranger's distributions and arrays
            return None
        done = self._done.part(known)
        missed_n = done.missed(said_nd)
        return None if missed_n.mean() <= _ALIKE else done.better([done.recast(said_nd, EXACT)], missed_n)

    def _doubt_of_actions(self, act: Act, said_nd: Floats, *, is_given_the_same: bool) -> str | None:
        """Whether a rival tells much better what was done."""
        missed_n = self._done.missed(said_nd)
        if missed_n.mean() <= _ALIKE:
            return None
        self._rivals.append(self._done.recast(said_nd, FITTED))
        if not is_given_the_same:
            self._rivals += self._regiven(act)
            if self._fit is None:
                self._fit = list(self._fitted())
        return self._done.better([*self._rivals, *(self._fit or ())], missed_n)

    def _read(self, pair: Pair) -> Pair | None:
        try:
            observation = plain(pair.observation)
            if not _has_form(observation, self._observed):
                return None
            return Pair(observation, _row(self._convert(plain(pair.action))), pair.inputs)
        except Exception:  # noqa: BLE001  # a stranger's observations and actions
            return None

    def _all_said(self, act: Act, observations: Sequence[Any]) -> Floats | None:
        """What the actor says, (m, n, d), with m over 2 where it draws that; None where it can't be had."""
        try:
            answers = [self._answers(act, observations) for _ in range(2)]
            if not np.array_equal(answers[0], answers[1]):
                answers += [self._answers(act, observations) for _ in range(_DRAWS - 1)]
        except Exception:  # noqa: BLE001  # a stranger's code, which takes too long or fails
            return None
        return np.stack(answers)

    def _answers(self, act: Act, observations: Sequence[Any]) -> Floats:
        rows = []
        self._forget()
        for observation in observations:
            if time.monotonic() > self._deadline:
                raise TimeoutError
            rows.append(_row(act(observation)))
        return np.stack(rows)

    def _regiven(self, act: Act) -> Iterator[Rival]:
        """The same actor, given observations as scripts often change them."""
        for text, change in self._changes():
            answers_mnd = self._all_said(act, [change(observation) for observation in self._observations])
            if answers_mnd is not None:
                missed_n = self._done.missed(self._done.middle(answers_mnd))
                yield Rival(f"{{}} given observations {text}", missed_n, SAME)

    def _changes(self) -> Iterator[tuple[str, Act]]:
        space: Any = self._observed
        if type(space).__name__ != "Box":
            return
        if float(np.max(space.high)) == _BYTE:
            yield f"divided by {_BYTE}", lambda x: np.asarray(x, np.float32) / _BYTE
            yield "scaled to -1..1", lambda x: np.asarray(x, np.float32) / (_BYTE / 2) - 1
            return
        seen = np.stack(self._observations).astype(np.float32)
        mean, deviation = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-6)
        yield "less their mean and divided by their deviation", lambda x: _float32((x - mean) / deviation)
        yield "divided by their deviation", lambda x: _float32(x / deviation)
        low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)
        is_bounded = np.isfinite(high) & np.isfinite(low) & (high < _ENDLESS)
        if is_bounded.any():
            low, span = np.where(is_bounded, low, 0), np.where(is_bounded, high - low, 1)
            yield "scaled to 0..1 by their bounds", lambda x: _float32((x - low) / span)
            yield "scaled to -1..1 by their bounds", lambda x: _float32(2 * (x - low) / span - is_bounded)

    def _fitted(self) -> Iterator[Rival]:
        from gymnasium import spaces

        try:
            flat: list[Any] = [spaces.flatten(self._observed, observation) for observation in self._observations]
            seen_nf = np.stack(flat).astype(np.float64)
        except Exception:  # noqa: BLE001  # a space that can't be flattened, such as a graph
            return
        if np.isfinite(seen_nf).all():
            yield self._done.fitted(seen_nf)


def plain(value: Any) -> Any:  # noqa: ANN401  # an observation or an action of a script
    """The same with arrays of NumPy in place of others."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return value if isinstance(value, int | float | str | np.generic) else np.asarray(value)


def _row(action: Any) -> NDArray[np.float64]:  # noqa: ANN401  # of the action space
    return np.asarray(action, dtype=float).reshape(-1)


def _float32(value: Any) -> NDArray[np.float32]:  # noqa: ANN401
    return np.asarray(value, np.float32)


def _has_form(observation: Any, space: Any) -> bool:  # noqa: ANN401  # of any space
    if space.shape is not None:
        return bool(np.shape(observation) == space.shape)
    return isinstance(observation, dict if type(space).__name__ == "Dict" else tuple)


def _last_returned(inputs: Sequence[Given], module: int) -> Any:  # noqa: ANN401  # an array, or None
    own = [given.returned for given in inputs if given.module == module]
    return own[-1] if own else None


def _least_apart(now: Sequence[Given], before: Sequence[Given]) -> list[float]:
    """How far the first module's input is from the nearest that it got; none where it got none of its size."""
    known = {given.module for given in before}
    first = next((given for given in now if given.module in known), None)
    if first is None:
        return []
    others = [given.numbers for given in before if given.module == first.module]
    size = float(np.linalg.norm(first.numbers))
    apart = [
        2 * float(np.linalg.norm(first.numbers - other)) / max(size + float(np.linalg.norm(other)), 1e-9)
        for other in others
        if other.shape == first.numbers.shape
    ]
    return [min(apart)] if apart else []
