"""Stopping an evaluation once it is decided: the rule that is asked for, and what it came to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, Literal

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.stats.sequential import Decision
from rlgauge.stats.summary import Summary

Quantity = Literal["success", "return", "sign"]
"""What is compared: success rates, mean returns between declared bounds, or which of two returns is larger."""
NOTE = (
    "the number of episodes was decided by looking at them, so intervals and tests for a number fixed beforehand "
    "(Wilson, Student t, McNemar) do not hold"
)


class Stopping(msgspec.Struct, frozen=True, kw_only=True):
    """When an evaluation stops that looks at its episodes as they come in. Raises UserError.

    Of several policies, the first is compared with each other one, on the same episodes, until it is decided which has
    the higher success rate: wrongly, where there is no difference, with a probability of at most `alpha` in all. Of one
    policy, the success rate is measured until its confidence sequence is no wider than `precision`. With
    `return_bounds`, between which every return lies, it is about the mean return instead. Where success is unmeasured
    and there are no bounds, only signs are compared: which policy returns more in an episode. At most `max_episodes` of
    every policy in every task are played.
    """

    alpha: float = 0.05
    max_episodes: int = 500
    precision: float | None = None
    return_bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what can't be."""
        if not _is_number(self.alpha) or not 0 < self.alpha < 1:
            raise UserError(f"alpha={self.alpha!r}: a share of false alarms between 0 and 1 is needed, such as 0.05.")
        if not _is_whole(self.max_episodes) or not 1 <= self.max_episodes <= _MOST_EPISODES:
            raise UserError(
                f"max_episodes={self.max_episodes!r}: a whole number from 1 to {_MOST_EPISODES:,} is needed."
            )
        if self.precision is not None and not (_is_number(self.precision) and 0 < self.precision < math.inf):
            raise UserError(f"precision={self.precision!r}: the width of an interval is needed, more than 0.")
        if self.return_bounds is not None:
            _check_bounds(self.return_bounds)

    def check(self, policies: Sequence[str]) -> None:
        """Raise UserError where the rule does not go with the policies, one name for each."""
        family = next((name for name in policies if policies.count(name) > 1), None)
        if family is not None:
            raise UserError(
                f"{family} is a family of training seeds, whose unit is the training and not the episode: stopping "
                "compares single checkpoints. Give one training seed, or a number of episodes."
            )
        if len(policies) == 1 and self.precision is None:
            raise UserError(
                f"There is one policy, {policies[0]}, and nothing to be decided: say how narrow the interval must be "
                "(precision), or give a second policy."
            )
        if len(policies) > 1 and self.precision is not None:
            raise UserError(
                f"A precision goes with one policy, and {len(policies)} were given: their comparison stops once it is "
                "decided, however wide the interval is."
            )


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two policies after `n_episodes` in each task; see `Decision`. Differences are candidate minus baseline.

    For the sign, `difference` is the share of episodes in which the candidate returns more minus that in which it
    returns less.
    """

    candidate: str
    baseline: str
    quantity: Quantity
    n_episodes: int
    n_tasks: int
    decision: Decision

    def sentence(self, max_episodes: int) -> str:
        """What was decided, or that nothing was, with how sure that is."""
        decision = self.decision
        where = "" if self.n_tasks == 1 else f" in each of {self.n_tasks} tasks"
        if decision.difference is None:
            return f"Not decided after {self.n_episodes} episodes{where}: no pair of them could be compared."
        sure = f"at any time, alpha {decision.alpha:g}, p = {decision.p_value:.2g}"
        names = f"{self.candidate} {{}} {self.baseline}"
        shown = _difference(self.quantity, decision.difference)
        if decision.decided_for is None:
            count = f"Not decided after {self.n_episodes} episodes{where}"
            text = f"{names.format('against')}, no difference in {_CALLED[self.quantity]} shown"
            return f"{count}: {text}: {shown} ({sure})."
        verb = _VERBS[self.quantity][decision.decided_for == "baseline"]
        count = f"Decided after {self.n_episodes} of at most {max_episodes} episodes{where}"
        return f"{count}: {names.format(verb)}: {shown} ({sure})."


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation that stopped by a rule came to.

    The results are of the first `n_episodes` of every policy in every task. `n_played` are there: they come in blocks,
    and what lies beyond the decision is kept but no part of it. `n_saved` of the `n_allowed` episodes of all policies
    and tasks were not needed. `comparisons` has the first policy against each other one, `estimate` the success rate or
    mean return of a single policy with its confidence sequence.
    """

    rule: Stopping
    quantity: Quantity | None
    n_episodes: int
    n_played: int
    n_allowed: int
    n_saved: int
    comparisons: list[Compared] = []
    estimate: Summary | None = None
    notes: list[str] = []

    def sentences(self) -> Iterator[str]:
        """What it came to, in words."""
        for comparison in self.comparisons:
            yield comparison.sentence(self.rule.max_episodes)
        if self.estimate is not None:
            yield self._estimated(self.estimate)
        yield from self.notes
        used = f" (the first {self.n_episodes} are used)" if self.n_played > self.n_episodes else ""
        saved = f"{self.n_saved:,} of {self.n_allowed:,} episodes saved"
        yield f"Played: {self.n_played} episodes of each policy in each task{used}; {saved}."

    def _estimated(self, estimate: Summary) -> str:
        precision = self.rule.precision or 0.0
        is_narrow = estimate.high is not None and estimate.low is not None and estimate.high - estimate.low <= precision
        wide = f"no wider than {precision:g}" if is_narrow else f"still wider than {precision:g}"
        what = "Success rate" if self.quantity == "success" else "Mean return"
        text = _percent(estimate) if self.quantity == "success" else _plain(estimate)
        count = f"{self.n_episodes} of at most {self.rule.max_episodes} episodes"
        return f"{what} after {count}: {text}, {wide} ({estimate.confidence:.0%} confidence sequence)."


def checked(stop: object) -> Stopping:
    """The rule that was given. Raises UserError where it is something else."""
    if not isinstance(stop, Stopping):
        raise UserError(f"stop={stop!r}: a rule is needed, such as rlgauge.Stopping(max_episodes=500), or None.")
    return stop


def with_repeated(stopped: Stopped, num_starts: int | None) -> Stopped:
    """The same with a note where episodes began as earlier ones did, of the `num_starts` ways that there are."""
    if num_starts is None or stopped.n_episodes <= num_starts:
        return stopped
    note = (
        f"Episodes from {num_starts} on begin where earlier ones did: a policy without randomness of its own plays the "
        "same again, so what they decided is less sure than it says."
    )
    return msgspec.structs.replace(stopped, notes=[*stopped.notes, note])


def to_metadata(stopped: Stopped) -> dict[str, Any]:
    """The same as plain JSON."""
    return msgspec.to_builtins(stopped)  # type: ignore[no-any-return]  # a struct becomes a dict


def from_metadata(metadata: dict[str, Any]) -> Stopped | None:
    """What `to_metadata` wrote under `stopping`; None where nothing was stopped."""
    return msgspec.convert(metadata["stopping"], Stopped) if "stopping" in metadata else None


_MOST_EPISODES = 1_000_000
_CALLED = {"success": "success", "return": "mean return", "sign": "which returns more"}
_VERBS = {
    "success": ("succeeds more often than", "succeeds less often than"),
    "return": ("returns more on average than", "returns less on average than"),
    "sign": (
        "is more likely to return more than to return less than",
        "is more likely to return less than to return more than",
    ),
}


def _difference(quantity: Quantity, difference: Summary) -> str:
    if quantity == "return":
        return f"difference {_plain(difference)}"
    if quantity == "success":
        point, low, high = (100 * (value or 0.0) for value in (difference.point, difference.low, difference.high))
        return f"difference {point:+.1f} points [{low:+.1f}, {high:+.1f}]"
    point, low, high = ((1 + (value or 0.0)) / 2 for value in (difference.point, difference.low, difference.high))
    return f"it returns more in {point:.1%} of the episodes, ties counted half [{low:.1%}, {high:.1%}]"


def _percent(summary: Summary) -> str:
    return f"{summary.point:.1%} [{summary.low:.1%}, {summary.high:.1%}]"


def _plain(summary: Summary) -> str:
    return f"{summary.point:.4g} [{summary.low:.4g}, {summary.high:.4g}]"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_bounds(bounds: object) -> None:
    given = tuple(bounds) if isinstance(bounds, Sequence) else ()
    is_pair = len(given) == len(("low", "high")) and all(map(_is_number, given))
    if not is_pair or not (math.isfinite(given[1] - given[0]) and given[0] < given[1]):
        raise UserError(f"return_bounds={bounds!r}: the lowest and the highest return are needed, such as (0, 500).")
