"""What all tallies of a process share: which environments they have, and where the episodes go that they count."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rlgauge.kinds.train.journal import TESTING, Journal, Role
from rlgauge.kinds.train.script.layers import Env
from rlgauge.kinds.train.script.turns import Moment, Turns
from rlgauge.kinds.train.script.witness import Witness

THROUGH, INNER = "through", "inner"
"""Stand in place of a tally: for a vector whose parts have theirs, and for what the reset of another one resets."""
_FEW_LEFT = 10
"""Of so many episodes that ended one may have been left by a reset, and nothing needs to be said of it."""

_MOST_FORMS = 4
_DIFFERENT = (
    "Environments that are all called {} come in {} sizes of observations or actions ({}): they are different tasks, "
    "and the training's figures are a mixture of them."
)


class Played(NamedTuple):
    """An episode that has ended: its return, and its rewards where they are kept."""

    total: float
    length: int
    is_truncated: bool
    rewards: Sequence[float]


class Counts:
    """What all tallies of a process share: where episodes go, and how many steps all environments took.

    Of a process that `is_part` of a vector nothing is written: the last episode that ended is kept as `played`.
    """

    __slots__ = (
        "__weakref__",
        "_known",
        "forms",
        "is_part",
        "journal",
        "num_dropped",
        "num_left",
        "num_past",
        "num_paused",
        "num_tests",
        "paused_at",
        "played",
        "problems",
        "steps_left",
        "total_left",
        "total_of_tests",
        "turns",
        "witness",
    )

    def __init__(self, journal: Journal | None) -> None:
        self.journal = journal
        self.is_part = False
        self.played: Played | None = None
        self.paused_at: int | None = None
        self.num_paused = 0
        self.num_tests = 0
        self.total_of_tests = 0.0
        self.num_dropped = 0
        self.num_left = 0
        self.steps_left = 0
        self.total_left = 0.0
        self.num_past = 0
        self.turns = Turns()
        self.witness = Witness()
        self.problems: list[str] = []
        self.forms: dict[str, dict[str, None]] = {}
        self._known: dict[int, Callable[[], Any]] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> Counts:
        return ASLEEP

    def __reduce__(self) -> tuple[Callable[[], Counts], tuple[()]]:
        return _asleep, ()

    @property
    def steps(self) -> int:
        """How many steps were taken in all environments that the script trains in."""
        total = self.turns.total if self.paused_at is None else self.paused_at
        return total - self.num_paused - self.turns.num_other_steps

    @property
    def num_episodes(self) -> int:
        """How many episodes have ended in these."""
        return sum(one.num_episodes for one in self.turns.origins if one not in self.turns.others)

    @property
    def num_others(self) -> int:
        """How many episodes have ended that are none of the training."""
        return self.num_tests + sum(one.num_episodes for one in self.turns.others)

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

    def close(self, *, trains_elsewhere: bool = False) -> None:
        """Have all tallies leave; see `Turns.judge`."""
        self.witness.close()
        for found in list(self._known.values()):
            tally = found()
            if tally is not None and not isinstance(tally, str):
                tally.close()
        self.tell(self.turns.judge(trains_elsewhere=trains_elsewhere))
        if self.journal is not None:
            self.journal.close()

    def drop(self, tally: Any, layers: Sequence[Env]) -> None:  # noqa: ANN401  # of either kind
        """Know a tally no more."""
        for layer in layers:
            if self.known(layer) is tally:
                del self._known[id(layer)]

    def write(
        self,
        by: Any,  # noqa: ANN401  # a tally of either kind
        place: int,
        total: float,
        length: int,
        is_truncated: bool,  # noqa: FBT001  # by names a call takes longer, and here that is seen
        rewards: Sequence[float],
        reset_at: Moment,
        begun_at: Moment,
    ) -> None:
        """Write an episode that has ended, as a tally counted it; what it makes known before it."""
        if self.is_part:
            self.played = Played(total, length, is_truncated, rewards)
            return
        journal = self.journal
        if journal is None:
            return
        number, steps = TESTING, 0
        if self.paused_at is None:
            turns = self.turns
            number = by.origin.number
            roles = turns.ended(by.origin, total, length, reset_at, begun_at)
            if roles:
                self.tell(roles)
            # Where there is but one, its own number is that of all: most scripts have one, and cheap steps.
            steps = self.steps if turns.only is None else turns.only.steps - self.num_paused
            if steps >= self.witness.next or not by.is_noted:
                self.witness.ended(by, steps)
        if total - total != 0:
            self.num_dropped += 1
            return
        if self.paused_at is not None:
            steps = self.steps
            self.num_tests += 1
            self.total_of_tests += total
        journal.episode(total, length, steps, is_truncated, place, by.name, number, rewards)

    def tell(self, roles: Sequence[Role]) -> None:
        """Write what has become known of environments."""
        if self.journal is None:
            return
        for role in roles:
            self.journal.role(role)

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the episodes should know."""
        found = [*self.problems, *self.turns.warnings]
        for name, forms in self.forms.items():
            if name and len(forms) > 1:
                found.append(_DIFFERENT.format(name, len(forms), ", ".join([*forms][:_MOST_FORMS])))
        if self.num_tests:
            episodes = "1 episode" if self.num_tests == 1 else f"{self.num_tests} episodes"
            found.append(
                f"{episodes} by which evaluate_policy tested (mean return {self.total_of_tests / self.num_tests:.4g}) "
                "are no part of the training's figures."
            )
        if self.journal is not None and self.journal.num_unwritten:
            found.append(f"{self.journal.num_unwritten} episodes or logs could not be written: see that there is room.")
        if self.num_dropped:
            found.append(f"{self.num_dropped} episodes had rewards that are not finite, and are left out.")
        if self.num_past:
            found.append(
                f"{self.num_past} steps were taken after an episode had ended and before a reset, as by a script that "
                "does not look at `truncated`: they count as steps, and what they gave is part of no return."
            )
        if self.num_left and self.journal is not None and self.num_left * _FEW_LEFT > self.journal.num_episodes:
            length, total = self.steps_left / self.num_left, self.total_left / self.num_left
            of_the_rest = "" if not self.journal.num_episodes else ": the training's figures are of those that ended"
            found.append(
                f"{self.num_left} episodes were left by a reset before they ended (after {length:.4g} steps and with a "
                f"return of {total:.4g} on average), and are not counted{of_the_rest}. An environment's TimeLimit ends "
                "episodes; a loop of the script that stops does not."
            )
        return found

    def see(self, name: str, env: Env) -> None:
        """Note how large an environment without layers is: another one of the same name may be another task."""
        with contextlib.suppress(Exception):  # a stranger's properties
            sizes = [str(getattr(space, "n", space.shape)) for space in (env.observation_space, env.action_space)]
            self.forms.setdefault(name, {})[" and ".join(sizes)] = None

    def abandon(self, total: float, length: int) -> None:
        """Note an episode in progress that a reset has left: it is none."""
        self.num_left += 1
        self.steps_left += length
        with contextlib.suppress(TypeError, ValueError):  # a stranger's rewards: the script is in the middle of a reset
            self.total_left += float(total)

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
