"""Which environments a script trains in, and in which it only tests: by how they are stepped, and by their names.

An environment in which a script tests as it trains is stepped for whole episodes, while the one that it trains in
stands still, perhaps in the middle of an episode, and goes on from there afterwards. Where neither this nor the names
that the script itself uses tell them apart, all are counted, and a warning says so.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from types import FrameType
from typing import Any, NamedTuple

from rlgauge.kinds.train.journal import TESTING, Role
from rlgauge.kinds.train.script.callers import Way, is_told_by_its_own_name, name_of_tests, way_to

_WAITED, _BROKEN = 1, 2
"""Others stepped while an environment waited between its reset and its first step; and in the middle of an episode."""
_MOST = 10
"""An environment in which a script trains has a tenth of the steps of its tests, at the least, unless the script calls
these tests where it steps them; of environments that are stepped in turn a tenth of the episodes, at the most, goes by
without a step of the others."""
_FEW = 64
"""So many environments may be there before it is looked which of them are gone."""


class Moment(NamedTuple):
    """How many steps all environments have taken, and how many of these were another's."""

    total: int
    foreign: int


START = Moment(0, 0)


class Origin:
    """An environment of a script, or a vector of them, and what has become known of it.

    One that is made where another was made that is gone takes its place. `steps` are all its own. `interrupts` holds
    others that stood still during one of its whole episodes and went on, and how far into theirs they were.
    """

    __slots__ = (
        "__weakref__",
        "first",
        "foreign",
        "interrupts",
        "is_anew",
        "kind",
        "last",
        "level",
        "num_episodes",
        "num_stays",
        "num_whole",
        "number",
        "steps",
        "tallies",
        "thread",
        "total",
        "way",
        "way_number",
        "whole_since",
    )

    def __init__(self, number: int, kind: str, way: Way, way_number: int = 0) -> None:
        self.number = number
        self.kind = kind
        self.way = way
        self.way_number = way_number
        self.steps = 0
        self.num_episodes = 0
        self.total = 0.0
        self.level = 0
        self.interrupts: dict[Origin, int] = {}
        self.num_stays = 0
        self.is_anew = False
        self.num_whole = 0
        self.thread = 0
        self.first: int | None = None
        self.last = 0
        self.foreign = 0
        self.whole_since = 0
        self.tallies: weakref.WeakSet[Any] = weakref.WeakSet()

    def __deepcopy__(self, memo: dict[int, object]) -> Origin:
        return NOWHERE

    def __reduce__(self) -> tuple[type[Origin], tuple[int, str, Way]]:
        return Origin, (TESTING - 1, "", ())

    def take(self, tally: Any) -> None:  # noqa: ANN401  # of either kind
        """Have a tally count its steps here."""
        self.tallies.add(tally)


NOWHERE = Origin(TESTING - 1, "", ())
"""That of copies of environments, which nobody reads."""


class Turns:
    """All environments of a script, and which of them it trains in, as far as that shows."""

    def __init__(self) -> None:
        """There are none."""
        self.origins: list[Origin] = []
        self.only: Origin | None = None
        self.is_several = False
        self.others: dict[Origin, str] = {}
        self._told: dict[Origin, str] = {}
        self._live: list[Origin] = []
        self._gone = 0
        self._most = _FEW
        self._ways: dict[tuple[tuple[int, int], ...], int] = {}
        self._places: dict[tuple[str, int], list[Origin]] = {}
        self._names: dict[tuple[int, int], str] = {}
        self._whole: OrderedDict[Origin, None] = OrderedDict()
        self._last: Origin | None = None
        self._num_switches = 0
        self._next_judgement = 1

    @property
    def total(self) -> int:
        """How many steps all environments have taken."""
        if self.only is not None:
            return self.only.steps
        return self._gone + sum(one.steps for one in self._live)

    @property
    def num_other_steps(self) -> int:
        """How many of these were taken in environments that the script does not train in."""
        return sum(one.steps for one in self.others) if self.others else 0

    def meet(self, kind: str, frame: FrameType | None) -> Origin:
        """What a new environment is: of that kind, first reset by who called `frame`."""
        way = way_to(frame)
        way_number = self._ways.setdefault(tuple(caller[:2] for caller in way), len(self._ways))
        there = self._places.setdefault((kind, way_number), [])
        for one in there:
            if not one.tallies:
                one.is_anew = True
                if one not in self._live:
                    self._gone -= one.steps
                    self._live.append(one)
                return one
        if len(self._live) >= self._most:
            self._pass_over_the_gone()
        found = Origin(len(self.origins), kind, way, way_number)
        there.append(found)
        self.origins.append(found)
        self._live.append(found)
        self.only = found if len(self.origins) == 1 else None
        if len(self.origins) > 1 and not self.is_several:
            self.is_several = True
            for tally in self.origins[0].tallies:
                tally.stand()
        return found

    def has(self, origin: Origin) -> bool:
        """Whether it is one of these: not that of a process from which this one was forked, or of a copy."""
        return origin in self.origins[origin.number : origin.number + 1] if origin.number >= 0 else False

    def moment(self, origin: Origin) -> Moment:
        """Where all environments stand, seen from one."""
        total = self.total
        return Moment(total, total - origin.steps)

    def begin(self, origin: Origin) -> Moment:
        """The moment of an episode's first step, before it is taken."""
        found = self.moment(origin)
        origin.thread = threading.get_ident()
        if origin.first is None:
            origin.first = found.total
        return found

    def ended(self, origin: Origin, total: float, length: int, reset: Moment, begun: Moment) -> list[Role]:
        """Note that an episode has ended, which was reset and begun then; what it makes known of any environment."""
        if total - total == 0:
            origin.num_episodes += 1
            origin.total += total
        if self.only is not None:
            origin.num_stays = 1
            origin.last = origin.steps
            return []
        present = self.moment(origin)
        if origin.first is None:
            origin.first = begun.total
        if not origin.num_stays or present.foreign != origin.foreign:
            origin.num_stays += 1
        origin.foreign, origin.last = present.foreign, present.total
        self._place(origin, present, length, reset, begun)
        if origin is not self._last:
            self._last = origin
            self._num_switches += 1
        if self._num_switches < self._next_judgement:
            return []
        self._next_judgement = self._num_switches + 1 + self._num_switches // 4
        return self.judge()

    def left(self, origin: Origin, length: int, *, reset: Moment, begun: Moment) -> None:
        """Note where an environment stands at the script's end, of which no episode has ended."""
        if length and not origin.num_episodes and self.is_several:
            self._place(origin, self.moment(origin), length, reset, begun)
            origin.last = self.total

    def _place(self, origin: Origin, present: Moment, length: int, reset: Moment, begun: Moment) -> None:
        """Find out whether others stepped during an episode, and who played whole ones then."""
        level = 0
        if present.foreign != begun.foreign:
            level = _BROKEN
        elif length > 1:
            origin.num_whole += 1
        if not level and present.foreign != reset.foreign and origin.steps > length:
            level = _WAITED
        origin.level = max(origin.level, level)
        since = begun.total if level == _BROKEN else reset.total
        for other in reversed(self._whole) if level else ():
            if other.last <= since:
                break
            is_alike = other is not origin and other.kind == origin.kind and other.thread == origin.thread
            if is_alike and other.whole_since >= since:
                other.interrupts[origin] = max(level, other.interrupts.get(origin, 0))
        if origin.level == _BROKEN:
            self._whole.pop(origin, None)
        elif origin.num_episodes:
            origin.whole_since = begun.total
            self._whole[origin] = None
            self._whole.move_to_end(origin)

    def judge(self, *, trains_elsewhere: bool = False) -> list[Role]:
        """Find out anew which environments the script does not train in; of which that is new, or no longer so.

        Where it `trains_elsewhere`, in other processes, all here may be there for tests, if their names say so.
        """
        named = self._all_by_name() if trains_elsewhere else {}
        named = named or self._by_name()
        self.others = {**named, **self._by_steps(named)}
        changed = [one for one in self.origins if self.others.get(one) != self._told.get(one)]
        self._told = dict(self.others)
        return [
            Role(one.number, is_training=one not in self.others, env=one.kind, reason=self.others.get(one, ""))
            for one in changed
        ]

    def _by_name(self) -> dict[Origin, str]:
        """Those that the script calls tests, beside another one that it steps first, or both before and after."""
        ended = [one for one in self.origins if one.num_episodes and one.first is not None]
        found: dict[Origin, str] = {}
        for base in ended[:_FEW]:
            names = {one: name for one in ended if (name := self._name(one, base))}
            first = base.first or 0
            is_first = all((one.first or 0) >= first for one in names)
            kept = {one: name for one, name in names.items() if is_first or first <= (one.first or 0) < base.last}
            if _MOST * max(base.steps, 1) < sum(one.steps for one in kept):
                kept = {one: name for one, name in kept.items() if is_told_by_its_own_name(one.way, base.way)}
            known = {(name, one.way[-1].code) for one, name in kept.items()}
            alike = {one: name for one, name in names.items() if (name, one.way[-1].code) in known}
            found.update({one: _called(name) for one, name in alike.items()})
        return found

    def _all_by_name(self) -> dict[Origin, str]:
        """All, if the script calls each of them one for tests."""
        ended = [one for one in self.origins if one.num_episodes]
        names = {one: name_of_tests(one.way, ()) for one in ended}
        return {one: _called(name) for one, name in names.items()} if all(names.values()) else {}

    def _name(self, one: Origin, base: Origin) -> str:
        """The name by which the script calls one an environment for tests, and not the other."""
        key = one.way_number, base.way_number
        if key not in self._names:
            self._names[key] = name_of_tests(one.way, base.way)
        return self._names[key]

    def _by_steps(self, named: dict[Origin, str]) -> dict[Origin, str]:
        """Those that were stepped for whole episodes alone, while another one waited in the middle of its own."""
        found: dict[Origin, str] = {}
        for one in self.origins:
            waiting = [level for other, level in one.interrupts.items() if other not in named]
            is_broken = _BROKEN in waiting and one.level < _BROKEN
            is_waited_for = _WAITED in waiting and not one.level and one.num_stays > 1
            if one not in named and (is_broken or is_waited_for):
                found[one] = _WHOLE
        return found

    def _pass_over_the_gone(self) -> None:
        gone = [one for one in self._live if not one.tallies]
        self._gone += sum(one.steps for one in gone)
        self._live = [one for one in self._live if one.tallies]
        self._most = max(_FEW, 2 * len(self._live))

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the episodes should know."""
        return [*self._of_others(), *self._of_doubts()]

    def _of_others(self) -> list[str]:
        """Which episodes are none of the training, and why."""
        reasons = dict.fromkeys(self.others.values())
        return [_told([one for one in self.others if self.others[one] == why], why) for why in reasons]

    def _of_doubts(self) -> list[str]:
        """A sentence where several environments are counted together, and one may be there for tests."""
        ended = [one for one in self.origins if one.num_episodes and one not in self.others]
        if all(one.level == _BROKEN and _MOST * one.num_whole <= one.num_episodes for one in ended):
            return []  # they are stepped in turn, as a vector made by hand
        stays = _stays(ended)
        if len(stays) < 2:  # noqa: PLR2004  # one environment
            return []
        first = stays[0].num_episodes
        others = sum(one.num_episodes for one in stays[1:])
        names = dict.fromkeys(name for one in ended if (name := name_of_tests(one.way, ())))
        hint = _UNTOLD.format(", ".join(names)) if names else _HINT
        if any(two.first < one.last for one, two in itertools.pairwise(stays)):
            return [_IN_TURNS.format(first=first, others=others, hint=hint)]
        return [_IN_SEQUENCE.format(num=len(stays), first=first, others=others, hint=hint)]


class _Stay(NamedTuple):
    """From when to when a script steps an environment, or those that it makes anew in one place, and for how much."""

    first: int
    last: int
    num_episodes: int


def _stays(origins: list[Origin]) -> list[_Stay]:
    """Those of environments, by when they begin.

    Where a script made one anew in the place of another that was gone, all that it made there are one: when Python
    finds that an environment is gone is chance.
    """
    places: dict[tuple[str, int], list[Origin]] = {}
    for one in origins:
        places.setdefault((one.kind, one.way_number), []).append(one)
    found = []
    for there in places.values():
        is_anew = any(one.is_anew for one in there) or _are_apart(there)
        for group in [there] if is_anew else [[one] for one in there]:
            first, last = min(one.first or 0 for one in group), max(one.last for one in group)
            found.append(_Stay(first, last, sum(one.num_episodes for one in group)))
    return sorted(found)


def _are_apart(origins: list[Origin]) -> bool:
    """Whether each was stepped after the one before it."""
    ordered = sorted(origins, key=lambda one: one.first or 0)
    return all((two.first or 0) >= one.last for one, two in itertools.pairwise(ordered))


_HINT = "That it does so would show in names such as eval_env or evaluate."
_UNTOLD = (
    "Its names that speak of tests ({}) do not tell which: they stand for all of these environments, or for one that "
    "is stepped first, or for more than ten times the steps of what is left."
)
_IN_TURNS = (
    "Episodes of several environments were counted together, {first} of the first and {others} of others that took "
    "turns with it. Where the script tests in those, its training return and its steps are a mixture. {hint}"
)
_IN_SEQUENCE = (
    "Episodes of {num} environments that were stepped one after the other were counted together, {first} of the first "
    "and {others} of those after it. Where the script tests in the last, its training return is that of tests. "
    "{hint}"
)
_WHOLE = "the script steps it for whole episodes only, while the one that it trains in stands still and then goes on"


def _called(name: str) -> str:
    return f"the script calls it, or what steps it, {name}"


def _told(others: list[Origin], reason: str) -> str:
    num = sum(one.num_episodes for one in others)
    mean = sum(one.total for one in others) / num if num else 0.0
    episodes = "1 episode" if num == 1 else f"{num} episodes"
    where = "1 other environment" if len(others) == 1 else f"{len(others)} other environments"
    return (
        f"{episodes} in {where} (mean return {mean:.4g}) are taken for tests, and are no part of the training's "
        f"figures: {reason}."
    )
