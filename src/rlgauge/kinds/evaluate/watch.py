"""Looking at episodes while they come in: in the order of their index, whatever lane or worker finished first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from rlgauge.core.errors import UserError
from rlgauge.kinds.evaluate.results import EpisodeResult
from rlgauge.kinds.evaluate.stopping import Compared, Quantity, Stopped, Stopping
from rlgauge.stats.confidence_sequence import ConfidenceSequence
from rlgauge.stats.sequential import PairedTest, sign
from rlgauge.stats.summary import Summary

Row = dict[tuple[str, str], EpisodeResult]
"""The episodes of one index, by policy and task."""


class Watch:
    """Applies a rule to episodes, index by index; all tasks' episodes of an index are taken before it is looked at.

    For success, an error or a timeout counts as a failure. For returns, which it does not have, it counts against
    whatever might be claimed: the interval allows for any return.
    """

    def __init__(self, policies: Sequence[str], tasks: Sequence[str], rule: Stopping) -> None:
        """Nothing has come in. Raises UserError where the rule does not go with the policies."""
        rule.check(policies)
        self._policies = policies
        self._tasks = tasks
        self._rule = rule
        self._come: dict[int, Row] = {}
        self._quantity: Quantity | None = None
        self._questions: list[_Question] = []
        self._next = 0
        self._num_broken = 0

    @property
    def is_over(self) -> bool:
        """Whether every question is answered."""
        return bool(self._questions) and all(question.is_answered for question in self._questions)

    @property
    def n_episodes(self) -> int:
        """How many indices were looked at: where it is over, the last that was needed."""
        return self._next

    def take(self, policy: str, task: str, episodes: Iterable[EpisodeResult]) -> None:
        """Keep what has come in, in any order."""
        for episode in episodes:
            self._come.setdefault(episode.index, {})[policy, task] = episode

    def look(self) -> None:
        """Go on as far as episodes of all policies and tasks are there and needed. Raises UserError."""
        if self._quantity is None:
            self._quantity = self._measured()
            if self._quantity is None:
                return
            self._questions = self._asked(self._quantity)
        while not self.is_over and self._next < self._rule.max_episodes and self._is_whole(self._next):
            row = self._come.pop(self._next)
            self._check_success(row)
            self._num_broken += sum(episode.error is not None for episode in row.values())
            self._next += 1
            for question in self._questions:
                question.look(row, self._next)

    def is_stuck(self, num_played: int) -> bool:
        """Whether an episode is missing of those that were to be played by now: its run has failed."""
        return not self.is_over and not all(map(self._is_whole, range(self._next, num_played)))

    def stopped(self, *, n_played: int, n_episodes: int) -> Stopped:
        """What it came to."""
        num = len(self._policies) * len(self._tasks)
        answers = [question.answer() for question in self._questions]
        return Stopped(
            rule=self._rule,
            quantity=self._quantity,
            n_episodes=n_episodes,
            n_played=n_played,
            n_allowed=num * self._rule.max_episodes,
            n_saved=num * (self._rule.max_episodes - n_played),
            comparisons=[answer for answer in answers if isinstance(answer, Compared)],
            estimate=next((answer for answer in answers if isinstance(answer, Summary)), None),
            notes=list(self._notes(n_episodes)),
        )

    def _notes(self, n_episodes: int) -> Iterable[str]:
        if self._quantity is None:
            yield "Nothing could be looked at: no episode has a valid measurement."
        elif self._next < n_episodes:
            yield f"It ends before episode {self._next}, which is missing in a policy or task since its run failed."
        if self._num_broken and self._quantity == "success":
            yield f"{self._num_broken} errors and timeouts count as failures."
        elif self._num_broken:
            yield f"{self._num_broken} errors and timeouts have no return, and count against whatever might be claimed."

    def _is_whole(self, index: int) -> bool:
        return len(self._come.get(index, {})) == len(self._policies) * len(self._tasks)

    def _measured(self) -> Quantity | None:
        """What the episodes so far allow to compare; None where none of them is valid."""
        valid = [e for row in self._come.values() for e in row.values() if e.error is None]
        if self._rule.return_bounds is not None:
            return "return"
        if not valid:
            return None
        return "success" if any(episode.success is not None for episode in valid) else "sign"

    def _check_success(self, row: Row) -> None:
        """Raise UserError where success is measured in some episodes only: a rate of those says nothing."""
        if self._quantity == "return":
            return
        for (policy, task), episode in row.items():
            if episode.error is None and (episode.success is None) == (self._quantity == "success"):
                found = "unmeasured" if episode.success is None else "measured"
                raise UserError(
                    f"Success is {found} in episode {episode.index} of {policy} in {task}, unlike in others, so it "
                    "can't decide: give a rule that always tells (success_return, is_success), or bounds of the return."
                )

    def _asked(self, quantity: Quantity) -> list[_Question]:
        candidate, *baselines = self._policies
        if not baselines:
            return [_Estimate(candidate, self._tasks, self._rule, quantity)]
        alpha = self._rule.alpha / len(baselines)
        return [_Comparison((candidate, other), self._tasks, self._rule, quantity, alpha) for other in baselines]


class _Question(Protocol):
    """Something that episodes answer."""

    @property
    def is_answered(self) -> bool: ...

    def look(self, row: Row, num: int) -> None: ...

    def answer(self) -> Compared | Summary | None: ...


class _Comparison:
    """Which of two policies fares better."""

    def __init__(
        self, policies: tuple[str, str], tasks: Sequence[str], rule: Stopping, quantity: Quantity, alpha: float
    ) -> None:
        self._candidate, self._baseline = policies
        self._tasks = tasks
        self._bounds = rule.return_bounds
        self._quantity = quantity
        span = 1.0 if self._bounds is None else self._bounds[1] - self._bounds[0]
        self._test = PairedTest(span=span, alpha=alpha)
        self._num = 0

    @property
    def is_answered(self) -> bool:
        return self._test.decided_for is not None

    def look(self, row: Row, num: int) -> None:
        if not self.is_answered:
            self._test.add(*(self._difference(row, task) for task in self._tasks))
            self._num = num

    def answer(self) -> Compared:
        return Compared(
            candidate=self._candidate,
            baseline=self._baseline,
            quantity=self._quantity,
            n_episodes=self._num,
            n_tasks=len(self._tasks),
            decision=self._test.decision(),
        )

    def _difference(self, row: Row, task: str) -> float | None:
        ours, theirs = (
            _value(row, policy, task, self._quantity, self._bounds) for policy in (self._candidate, self._baseline)
        )
        if ours is None or theirs is None:
            return None
        return sign(ours - theirs) if self._quantity == "sign" else ours - theirs


class _Estimate:
    """How large the success rate or the mean return of a policy is."""

    def __init__(self, policy: str, tasks: Sequence[str], rule: Stopping, quantity: Quantity) -> None:
        if quantity == "sign":
            raise UserError(
                f"Success is unmeasured in {tasks[0]}, and without bounds the mean return has no interval that holds "
                "at any time: give the bounds of the return (return_bounds), or a rule for success (success_return)."
            )
        self._policy = policy
        self._tasks = tasks
        self._quantity: Quantity = quantity
        self._bounds = rule.return_bounds
        self._precision = rule.precision or 0.0
        low, high = self._bounds or (0.0, 1.0)
        self._sequence = ConfidenceSequence(low=low, high=high, alpha=rule.alpha)

    @property
    def is_answered(self) -> bool:
        return self._sequence.n > self._sequence.num_unknown and self._sequence.is_within(self._precision)

    def look(self, row: Row, num: int) -> None:
        del num
        self._sequence.add(*(_value(row, self._policy, task, self._quantity, self._bounds) for task in self._tasks))

    def answer(self) -> Summary | None:
        return self._sequence.summary() if self._sequence.n > self._sequence.num_unknown else None


def _value(row: Row, policy: str, task: str, quantity: Quantity, bounds: tuple[float, float] | None) -> float | None:
    """What an episode counts as; None where that is not known. Raises UserError for a return beyond the bounds."""
    episode = row[policy, task]
    if quantity == "success":
        return float(bool(episode.success))
    total = episode.total_return
    low, high = bounds or (-math.inf, math.inf)
    if total is not None and not low <= total <= high:
        raise UserError(
            f"The return of episode {episode.index} of {policy} in {task} is {total:g}, which is not between the "
            f"bounds {low:g} and {high:g}: declare bounds that no return can leave."
        )
    return total
