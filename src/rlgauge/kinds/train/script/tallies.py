"""Counting the episodes of one environment, by a `step` of its own that adds up what the real one returns.

An environment's instance gets the counting `step` as an attribute, so that its class and its copies keep theirs. It is
called as often as the environment steps, and does as little as it can.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType, MethodType
from typing import Any

import msgspec

from rlgauge.kinds.train.journal import Episode, Journal, line_of
from rlgauge.kinds.train.script.layers import MADE, Env, attribute, counted, is_vector
from rlgauge.kinds.train.script.pages import Pages
from rlgauge.kinds.train.script.patching import unwrapped

Step = Any
"""What an environment's `step` returns: five values, or four in older libraries."""


THROUGH, INNER = "through", "inner"
"""Stand in place of a tally: for a vector whose parts have theirs, and for what the reset of another one resets."""


class _Resetting(threading.local):
    """The tally of the new environment whose `reset` this thread is in."""

    tally: Tally | None = None


RESETTING = _Resetting()


class Counts:
    """What all tallies of a process share: where episodes go, and how many steps all environments took."""

    __slots__ = ("__weakref__", "_known", "is_paused", "journal", "num_dropped", "pages", "problems", "steps")

    def __init__(self, journal: Journal | None) -> None:
        self.journal = journal
        self.steps = 0
        self.is_paused = False
        self.num_dropped = 0
        self.problems: list[str] = []
        self._known: dict[int, Callable[[], Any]] = {}
        self.pages: Pages | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> Counts:
        return ASLEEP

    def __reduce__(self) -> tuple[Callable[[], Counts], tuple[()]]:
        return _asleep, ()

    def known(self, env: Env) -> Any:  # noqa: ANN401  # a tally of either kind, or what stands for one
        """The tally of an environment, or what stands for one; None of one that is new."""
        found = self._known.get(id(env))
        return None if found is None else found()

    def enlist(self, tally: Any, layers: Sequence[Env]) -> None:  # noqa: ANN401  # of either kind
        """Know a tally by the environments that it has, as long as there are any."""
        places = [id(layer) for layer in layers]
        found = weakref.ref(tally, functools.partial(_forget, self._known, places))
        for place in places:
            self._known[place] = found

    def mark(self, env: Env, kind: str) -> None:
        """Know an environment that gets no tally of its own."""
        place = id(env)
        with contextlib.suppress(TypeError):  # a class may forbid weak references to its objects
            there = weakref.ref(env, lambda _: self._known.pop(place, None))
            self._known[place] = lambda: None if there() is None else kind

    def belong_to_another(self, env: Env) -> None:
        """Count an environment no more, which is a part of another one that counts."""
        tally = self.known(env)
        if not isinstance(tally, str):
            if tally is not None:
                tally.close()
            self.mark(env, INNER)

    def close(self) -> None:
        """Have all tallies leave."""
        for found in list(self._known.values()):
            tally = found()
            if tally is not None and not isinstance(tally, str):
                tally.close()
        if self.pages is not None:
            self.pages.close()
            self.pages = None

    def drop(self, tally: Any, layers: Sequence[Env]) -> None:  # noqa: ANN401  # of either kind
        """Know a tally no more."""
        for layer in layers:
            if self.known(layer) is tally:
                del self._known[id(layer)]

    def ended(self, tally: Tally, total: float, length: int, *, is_truncated: bool, rewards: Sequence[float]) -> None:
        """Write an episode, unless it is a copy's or belongs to an evaluation."""
        self.write(total, length, is_truncated=is_truncated, place=tally.place, env=tally.name, rewards=rewards)

    def write(
        self, total: float, length: int, *, is_truncated: bool, place: int, env: str, rewards: Sequence[float]
    ) -> None:
        """Write an episode that has ended."""
        if self.journal is None or self.is_paused:
            return
        if total - total != 0:
            self.num_dropped += 1
            return
        if self.pages is not None:
            seconds = time.monotonic() - self.journal.start
            number = self.journal.num_episodes
            if self._append(Episode(number, total, length, self.steps, seconds, is_truncated, place, env)):
                self.journal.num_episodes += 1
                return
        self.journal.episode(
            total, length, num_steps=self.steps, is_truncated=is_truncated, place=place, env=env, rewards=rewards
        )

    def _append(self, episode: Episode) -> bool:
        """Whether there was room for an episode's line among the pages; where not, the journal goes on without them."""
        if self.pages is None:
            return False
        try:
            self.pages.append(line_of(msgspec.json.encode(episode)))
        except OSError:
            self.pages.close()
            self.pages = None
            return False
        return True

    def problem(self, text: str) -> None:
        """Remember a sentence, once."""
        if text not in self.problems:
            self.problems.append(text)


ASLEEP = Counts(None)
"""The counts of tallies that nobody reads: those of copies of environments, here or in another process."""


def _asleep() -> Counts:
    return ASLEEP


def _forget(known: dict[int, Callable[[], Any]], places: list[int], gone: object) -> None:
    for place in places:
        if known.get(place) is gone:
            del known[place]


class Seat:
    """A method of one object, in whose place another one is put until it leaves."""

    __slots__ = ("_is_own", "_method", "owner", "plain")

    def __init__(self, owner: object, method: str = "step") -> None:
        self.owner = owner
        self.plain = unwrapped(owner, method)
        self._method = method
        # A method is its class's, unless somebody has put another one in its place before.
        self._is_own = not isinstance(self.plain, MethodType) or self.plain.__self__ is not owner

    def take(self, other: object) -> None:
        """Put `other` in the method's place."""
        object.__setattr__(self.owner, self._method, other)

    def leave(self) -> None:
        """Put the method back."""
        if self._is_own:
            object.__setattr__(self.owner, self._method, self.plain)
        else:
            with contextlib.suppress(AttributeError):
                object.__delattr__(self.owner, self._method)


class Tally:
    """The count of an environment's episodes: found by its first step, and begun anew by each reset.

    Which of an environment's layers is stepped shows in the first step alone, for there are wrappers that step what
    they wrap in a method of their own. Until then all of them wait for it.
    """

    __slots__ = (
        "__weakref__",
        "counts",
        "end_above",
        "env",
        "is_over",
        "layers",
        "length",
        "name",
        "place",
        "plain",
        "plain_above",
        "plain_reset",
        "plain_reset_above",
        "rewards",
        "seats",
        "total",
    )

    def __init__(self, counts: Counts, layers: list[Env], *, name: str, place: int) -> None:
        self.counts = counts
        self.layers = layers
        self.name = name
        self.place = place
        self.env: Env = None
        self.total: Any = 0.0
        self.length = 0
        self.is_over = False
        self.end_above: Any = False
        self.rewards: list[float] | None = [] if counts.journal is not None and counts.journal.keeps_rewards else None
        self.plain: Any = None
        self.plain_above: Any = None
        self.plain_reset: Any = None
        self.plain_reset_above: Any = None
        self.seats: list[Seat] = []

    def wait(self) -> None:
        """Wait for the first step of any layer."""
        self.counts.enlist(self, self.layers)
        self.seats = [Seat(layer) for layer in self._steppable()]
        for index, seat in enumerate(self.seats):
            seat.take(_First(self, index, seat.plain).step)

    def decide(self, index: int) -> Env:
        """The layer of that index, which is the one that is stepped; from now on that one counts, or one in it."""
        self.leave()
        stepped = self.layers[index]
        self.env = counted(self.layers[index:])
        self.plain = self._sit(self.env, self.first)
        self._shorten_resets()
        if self.env is not stepped and not is_vector(self.layers[-1]):
            self.plain_above = self._sit(stepped, self.step_above)
        return stepped

    def reset(self, *args: object, **named: object) -> Any:  # noqa: ANN401  # what the environment returns
        """The environment's reset."""
        if self.counts is ASLEEP:
            return self._reset_copy(self.env, *args, **named)
        if RESETTING.tally is not None:
            self.counts.belong_to_another(self.env)
            return self.env.reset(*args, **named)
        self.begin(named.get("options"))
        return self.plain_reset(*args, **named)

    def reset_above(self, *args: object, **named: object) -> Any:  # noqa: ANN401  # what the environment returns
        """The reset of the outermost wrapper."""
        if self.counts is ASLEEP:
            return self._reset_copy(self.layers[0], *args, **named)
        return self.plain_reset_above(*args, **named)

    def leave(self) -> None:
        """Give all layers their own methods back."""
        for seat in self.seats:
            seat.leave()
        self.seats = []

    def close(self) -> None:
        """Leave for good; an episode that has ended by a wrapper's word is counted."""
        self._end_by_wrapper()
        self.leave()
        self.counts.drop(self, self.layers)

    def begin(self, options: object) -> None:  # noqa: ARG002  # vectors have options that matter
        """Start anew: an episode in progress has been abandoned, and is none, unless a wrapper said that it ended."""
        self._end_by_wrapper()
        if self.length and self._is_stepping():
            return
        self.total = 0.0
        self.length = 0
        self.is_over = False
        if self.rewards:
            self.rewards = []

    def first(self, *args: object, **named: object) -> Step:
        """A step that shows what the environment returns, and so how it is counted."""
        result = self.plain(*args, **named)
        try:
            shape: tuple[int, ...] = getattr(result[1], "shape", ())
            if is_vector(self.env) or shape:
                self._hand_over().count(result)
            else:
                is_quick = len(result) == 5 and _takes_action(self.plain)  # noqa: PLR2004  # the values of a step
                is_exact = isinstance(result[1], float | int) and self.rewards is None
                self._swap(self.step if is_quick and is_exact else self.step_any)
                self._count(result)
        except Exception as problem:  # noqa: BLE001  # a stranger's result: counting it may fail, the script may not
            self.give_up(problem)
        return result

    def step(self, action: object) -> Step:
        """The environment's step, counted, where that returns plain numbers."""
        result = self.plain(action)
        try:
            self.total += result[1]
            self.length += 1
            self.counts.steps += 1
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
            self.end_above = result if _is_end(result) else False
        except Exception as problem:  # noqa: BLE001  # as above
            self.give_up(problem)
        return result

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
        if not is_again:
            self.counts.ended(self, float(total), length, is_truncated=is_truncated, rewards=rewards or ())
        if not isinstance(total, float) and self.seats:
            # Rewards of lesser precision, which would be added up with no more.
            self._swap(self.step_any)

    def _count(self, result: Step) -> None:
        reward = float(result[1])
        self.total += reward
        self.length += 1
        self.counts.steps += 1
        if self.rewards is not None:
            self.rewards.append(reward)
        if _is_end(result):
            self.end(is_truncated=_is_cut(result))

    def _end_by_wrapper(self) -> None:
        if self.length and self.end_above is not False:
            self.end(is_truncated=_is_cut(self.end_above))
        self.end_above = False

    def _hand_over(self) -> Any:  # noqa: ANN401  # a VectorTally: its module needs NumPy, which not every script has
        from rlgauge.kinds.train.script.vectors import VectorTally

        self.leave()
        tally = VectorTally(self.counts, self.env, name=self.name, layers=self.layers)
        tally.sit()
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
    for name in ("step", "reset"):
        tally: Any = getattr(getattr(env, name, None), "__self__", None)
        if isinstance(tally, _First):
            tally = tally.tally
        if getattr(tally, "counts", None) is ASLEEP:
            tally.close()


def not_counted(env: Env, problem: Exception) -> str:
    """The sentence that tells why an environment is no longer counted."""
    kind = type(env).__name__
    return f"The episodes of {kind} could not be counted any further: {type(problem).__name__}: {problem}."


def _is_end(result: Step) -> bool:
    return bool(result[2] or (len(result) > 4 and result[3]))  # noqa: PLR2004  # five values: terminated, truncated


def _is_cut(result: Step) -> bool:
    if len(result) > 4:  # noqa: PLR2004
        return not result[2]
    return bool(isinstance(result[3], dict) and result[3].get("TimeLimit.truncated"))


def _takes_action(step: object) -> bool:
    """Whether a method takes one thing and no more, and calls it as libraries do."""
    code = getattr(getattr(step, "__func__", None), "__code__", None)
    if not isinstance(code, CodeType) or code.co_flags & (CO_VARARGS | CO_VARKEYWORDS) or code.co_kwonlyargcount:
        return False
    return code.co_varnames[: code.co_argcount] == ("self", "action")
