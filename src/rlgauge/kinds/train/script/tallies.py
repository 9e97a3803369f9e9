"""Counting the episodes of one environment, by a `step` of its own that adds up what the real one returns.

An environment's instance gets the counting `step` as an attribute, so that its class and its copies keep theirs. It is
called as often as the environment steps, and does as little as it can.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from rlgauge.kinds.train.script.counts import INNER, Counts
from rlgauge.kinds.train.script.layers import MADE, Env, attribute, counted, ends_lives, is_vector
from rlgauge.kinds.train.script.seats import Seat
from rlgauge.kinds.train.script.steps import Step, is_cut, is_end, takes_action
from rlgauge.kinds.train.script.telling import Told, telling
from rlgauge.kinds.train.script.turns import START, Origin

_MANY_RESETS = 3
_UNSEEN = (
    "An environment, {}, was reset {} times and no step of it was seen. What is stepped beneath the wrappers that are "
    "reset, as by env.unwrapped.step, is not counted."
)


_DONE_AFTER_RESET = {
    ("gymnasium.wrappers.common", "OrderEnforcing"),
    ("gymnasium.wrappers.order_enforcing", "OrderEnforcing"),
    ("gym.wrappers.order_enforcing", "OrderEnforcing"),
}
"""Wrappers whose `step` only passes on what it is given, once they have been reset: module and class."""


class _Resetting(threading.local):
    """The tally of the new environment whose `reset` this thread is in."""

    tally: Tally | None = None


RESETTING = _Resetting()


class Tally:
    """The count of an environment's episodes: found by its first step, and begun anew by each reset.

    Which of an environment's layers is stepped shows in the first step alone, for there are wrappers that step what
    they wrap in a method of their own. Until then all of them wait for it.
    """

    __slots__ = (
        "__weakref__",
        "begun_at",
        "counts",
        "end_above",
        "ends_lives",
        "env",
        "is_noted",
        "is_over",
        "layers",
        "length",
        "name",
        "num_resets",
        "origin",
        "place",
        "plain",
        "plain_above",
        "plain_reset",
        "plain_reset_above",
        "plain_step",
        "reset_at",
        "rewards",
        "seats",
        "total",
    )

    def __init__(self, counts: Counts, layers: list[Env], *, name: str, place: int, origin: Origin) -> None:
        self.counts = counts
        self.layers = layers
        self.origin = origin
        self.is_noted = False
        self.reset_at = self.begun_at = START
        self.num_resets = 0
        self.name = name
        self.place = place
        self.env: Env = None
        self.total: Any = 0.0
        self.length = 0
        self.is_over = False
        self.end_above: Any = False
        self.ends_lives = False
        self.rewards: list[float] | None = [] if counts.journal is not None and counts.journal.keeps_rewards else None
        self.plain: Any = None
        self.plain_step: Any = None
        self.plain_above: Any = None
        self.plain_reset: Any = None
        self.plain_reset_above: Any = None
        self.seats: list[Seat] = []

    def wait(self) -> None:
        """Wait for the first step of any layer."""
        self.counts.enlist(self, self.layers)
        self.origin.take(self)
        self.reset_at = self.counts.turns.moment(self.origin)
        self.seats = [Seat(layer) for layer in self._steppable()]
        for index, seat in enumerate(self.seats):
            seat.take(_First(self, index, seat.plain).step)

    def is_within(self, layer: Env) -> bool:
        """Whether it is a layer of which the step is not waited for: one inside of what `make` returned."""
        return self.env is None and not any(one is layer for one in self._steppable())

    def decide(self, index: int) -> Env:
        """The layer of that index, which is the one that is stepped; from now on that one counts, or one in it."""
        self.leave()
        stepped = self.layers[index]
        self.env = counted(self.layers[index:])
        self.counts.see(self.name, self.layers[-1])
        if self.counts.is_part and self.env is stepped:  # the vector sees all that is to be seen
            self._mark()
            return stepped
        self.plain = self.plain_step = self._sit(self.env, self.first)
        self._shorten_resets()
        self._shorten_steps()
        if self.env is not stepped and not is_vector(self.layers[-1]):
            place = next(place for place, layer in enumerate(self.layers) if layer is self.env)
            self.ends_lives = ends_lives(self.layers[index:place])
            self.plain_above = self._sit(stepped, self.step_telling if self.counts.is_part else self.step_above)
        return stepped

    def reset(self, *args: object, **named: object) -> Any:  # noqa: ANN401  # what the environment returns
        """The environment's reset."""
        if self.counts.journal is None:
            return self._reset_copy(self.env, *args, **named)
        if RESETTING.tally is not None:
            self.counts.belong_to_another(self.env)
            return self.env.reset(*args, **named)
        self.begin(named.get("options"))
        return self.plain_reset(*args, **named)

    def reset_above(self, *args: object, **named: object) -> Any:  # noqa: ANN401  # what the environment returns
        """The reset of the outermost wrapper."""
        if self.counts.journal is None:
            return self._reset_copy(self.layers[0], *args, **named)
        return self.plain_reset_above(*args, **named)

    def leave(self) -> None:
        """Give all layers their own methods back."""
        for seat in self.seats:
            seat.leave()
        self.seats = []

    def close(self) -> None:
        """Leave for good; an episode that has ended by a wrapper's word is counted, unless that may be a life's end."""
        if not self.ends_lives:
            self._end_by_wrapper()
        if self.env is None and self.num_resets >= _MANY_RESETS:
            self.counts.problem(_UNSEEN.format(type(self.layers[0]).__name__, self.num_resets))
        self.counts.turns.left(self.origin, self.length, reset=self.reset_at, begun=self.begun_at)
        self.leave()
        self.counts.drop(self, self.layers)

    def begin(self, options: object) -> None:  # noqa: ARG002  # vectors have options that matter
        """Start anew: an episode in progress has been abandoned, and is none, unless a wrapper said that it ended."""
        self._end_by_wrapper()
        if self.length and self._is_stepping():
            return
        if self.length:
            self.counts.abandon(self.total, self.length)
        self.total = 0.0
        self.length = 0
        self.is_over = False
        if self.rewards:
            self.rewards = []
        if self.counts.turns.is_several:
            self.stand()

    def stand(self) -> None:
        """Note where all environments stand, and again at the next step if it is the first of an episode."""
        if self.env is not None and not self.length:
            self.reset_at = self.counts.turns.moment(self.origin)
            self.plain = self.opening

    def opening(self, *args: object, **named: object) -> Step:
        """The environment's own step, the first of an episode: others may have stepped since its reset."""
        self.plain = self.plain_step
        self.begun_at = self.counts.turns.begin(self.origin)
        return self.plain(*args, **named)

    def first(self, *args: object, **named: object) -> Step:
        """A step that shows what the environment returns, and so how it is counted."""
        self.begun_at = self.counts.turns.begin(self.origin)
        result = self.plain(*args, **named)
        try:
            shape: tuple[int, ...] = getattr(result[1], "shape", ())
            if is_vector(self.env) or shape:
                self._hand_over().count(result)
            else:
                is_quick = len(result) == 5 and takes_action(self.plain_step)  # noqa: PLR2004  # the values of a step
                is_exact = isinstance(result[1], float | int) and self.rewards is None
                self._swap(self.step if is_quick and is_exact else self.step_any)
                self._count(result)
                self.counts.witness.begun(self)
        except Exception as problem:  # noqa: BLE001  # a stranger's result: counting it may fail, the script may not
            self.give_up(problem)
        return result

    def step(self, action: object) -> Step:
        """The environment's step, counted, where that returns plain numbers."""
        plain = self.plain  # as a method it would be looked for in the class first
        result = plain(action)
        try:
            self.total += result[1]
            self.length += 1
            self.origin.steps += 1
            if result[2] or result[3]:
                self.end(is_truncated=not result[2])
        except Exception as problem:  # noqa: BLE001  # as above
            self.give_up(problem)
        return result

    def step_any(self, *args: object, **named: object) -> Step:
        """The environment's step, counted, whatever it takes and returns."""
        result = self.plain(*args, **named)
        try:
            self._count(result)
        except Exception as problem:  # noqa: BLE001  # as above
            self.give_up(problem)
        return result

    def step_above(self, *args: object, **named: object) -> Step:
        """The step of a wrapper that may end episodes of its own accord: if it is reset then, they have ended."""
        result = self.plain_above(*args, **named)
        try:
            self.end_above = result if is_end(result) else False
        except Exception as problem:  # noqa: BLE001  # as above
            self.give_up(problem)
        return result

    def step_telling(self, *args: object, **named: object) -> Step:
        """The step of a part of a vector that another process steps: it tells which episode has ended."""
        result = self.plain_above(*args, **named)
        try:
            if is_end(result):
                return telling(result, self._told(result))
        except Exception as problem:  # noqa: BLE001  # as above
            self.give_up(problem)
        return result

    def _told(self, result: Step) -> Told:
        """What has ended with a step of the outermost layer, or in a reset before it."""
        if self.counts.played is None and self.length and not self.ends_lives:
            self.end(is_truncated=is_cut(result))
        played, self.counts.played = self.counts.played, None
        return Told() if played is None else Told(played.total, played.length, tuple(played.rewards))

    def end(self, *, is_truncated: bool) -> None:
        """Write the episode. A step after its end that ends it again is none of another one."""
        total, length, rewards = self.total, self.length, self.rewards
        is_again = self.is_over and length == 1
        self.total = 0.0
        self.length = 0
        self.is_over = True
        self.end_above = False
        if rewards:
            self.rewards = []
        if is_again:
            self.counts.num_past += 1
        else:
            self.counts.write(
                self, self.place, float(total), length, is_truncated, rewards or (), self.reset_at, self.begun_at
            )
        if not isinstance(total, float) and self.seats:
            # Rewards of lesser precision, which would be added up with no more.
            self._swap(self.step_any)

    def _count(self, result: Step) -> None:
        reward = float(result[1])
        self.total += reward
        self.length += 1
        self.origin.steps += 1
        if self.rewards is not None:
            self.rewards.append(reward)
        if is_end(result):
            self.end(is_truncated=is_cut(result))

    def _end_by_wrapper(self) -> None:
        if self.length and self.end_above is not False:
            self.end(is_truncated=is_cut(self.end_above))
        self.end_above = False

    def _hand_over(self) -> Any:  # noqa: ANN401  # a VectorTally: its module needs NumPy, which not every script has
        from rlgauge.kinds.train.script.vectors import VectorTally

        self.leave()
        tally = VectorTally(self.counts, self.env, name=self.name, layers=self.layers, origin=self.origin)
        tally.sit()
        self.counts.witness.begun(tally)
        return tally

    def _sit(self, layer: Env, step: object) -> Any:  # noqa: ANN401  # the layer's own step
        seat = Seat(layer)
        seat.take(step)
        self.seats.append(seat)
        return seat.plain

    def _steppable(self) -> list[Env]:
        """The layers that a script may step: those round what `make` returned, for one that was made."""
        made = next((index for index, layer in enumerate(self.layers) if attribute(layer, MADE)), None)
        return self.layers if made is None else self.layers[: made + 1]

    def _shorten_resets(self) -> None:
        """Have each wrapper reset by its own method: those of classes, which look for new environments, take longer."""
        for layer in self.layers:
            if layer is self.layers[-1] and layer is not self.env:
                break  # It has most attributes, and room for few.
            seat = Seat(layer, "reset")
            seat.take(seat.plain)
            if layer is self.env:
                self.plain_reset = seat.plain
                seat.take(self.reset)
            elif layer is self.layers[0]:
                self.plain_reset_above = seat.plain
                seat.take(self.reset_above)
            self.seats.append(seat)

    def _shorten_steps(self) -> None:
        """Pass by the wrapper that sees to it that an environment is reset before it is stepped: it has been.

        That takes as long as counting does.
        """
        place = next(index for index, layer in enumerate(self.layers) if layer is self.env)
        for layer in self.layers[place + 1 : -1]:
            if (type(layer).__module__, type(layer).__name__) in _DONE_AFTER_RESET:
                seat = Seat(layer)
                seat.take(layer.env.step)
                self.seats.append(seat)

    def _reset_copy(self, layer: Env, *args: object, **named: object) -> Any:  # noqa: ANN401  # as above
        """Reset a copy of an environment, which is one of its own from now on."""
        self.close()
        return layer.reset(*args, **named)

    def _is_stepping(self) -> bool:
        """Whether the environment is within a step, and resets itself at the end of an episode."""
        frame = sys._getframe()  # noqa: SLF001  # rarely asked, where noting each step would cost each step
        steps = {method.__code__ for method in (Tally.step, Tally.step_any, Tally.first)}
        while frame.f_back is not None:
            frame = frame.f_back
            if frame.f_code in steps and frame.f_locals.get("self") is self:
                return True
        return False

    def _swap(self, step: object) -> None:
        self.seats[0].take(step)

    def give_up(self, problem: Exception) -> None:
        """Count no more, and say why."""
        self.counts.problem(not_counted(self.layers[0] if self.env is None else self.env, problem))
        self._mark()

    def _mark(self) -> None:
        """Leave, and have the environment be met no more."""
        self.leave()
        for layer in self.layers:
            self.counts.mark(layer, INNER)


class _First:
    """Stands for a layer's `step` until it is known which layer is stepped."""

    __slots__ = ("_index", "_plain", "tally")

    def __init__(self, tally: Tally, index: int, plain: object) -> None:
        self.tally = tally
        self._index = index
        self._plain: Any = plain

    def step(self, *args: object, **named: object) -> Step:
        """The layer's own step, from where its tally counts; one that a reset takes decides nothing."""
        if RESETTING.tally is not None:
            return self._plain(*args, **named)
        try:
            stepped = self.tally.decide(self._index)
        except Exception as problem:  # noqa: BLE001  # a stranger's wrappers: counting may fail, the script may not
            self.tally.give_up(problem)
            return self._plain(*args, **named)
        return stepped.step(*args, **named)


def wake(env: Env) -> None:
    """Have a tally leave that was copied with its environment."""
    for name in ("step", "reset", "step_wait"):
        tally: Any = getattr(getattr(env, name, None), "__self__", None)
        if isinstance(tally, _First):
            tally = tally.tally
        counts = getattr(tally, "counts", None)
        if isinstance(counts, Counts) and counts.journal is None:
            tally.close()


def not_counted(env: Env, problem: Exception) -> str:
    """The sentence that tells why an environment is no longer counted."""
    kind = type(env).__name__
    return f"The episodes of {kind} could not be counted any further: {type(problem).__name__}: {problem}."
