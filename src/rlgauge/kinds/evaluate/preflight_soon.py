"""Which episodes are solved one step after their start, whatever is done in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rlgauge.episodes.rollout import Episode, Played
from rlgauge.kinds.evaluate.preflight_play import Plays
from rlgauge.kinds.evaluate.session import success_of

if TYPE_CHECKING:
    from rlgauge.kinds.evaluate.benchmark import Benchmark

_TRIES = 3
"""First steps of each reference: one of random actions may reach a goal that is near by chance."""


def solved_soon(
    references: Sequence[Plays], episodes: Sequence[Episode], again: Callable[[str, Sequence[Episode]], Plays]
) -> frozenset[int]:
    """The indices of the episodes whose first step is a success with every reference.

    `again` plays one step of a reference, judged by `is_success_soon`; only those episodes are played again in which
    all references had success at some time. Of one reference alone nothing is said.
    """
    if len(references) < 2:  # noqa: PLR2004  # chance is no evidence
        return frozenset()
    soon = frozenset.intersection(*map(_succeeded, references))
    at_once = frozenset.intersection(*map(_ended_at_once, references))
    for plays in references:
        for attempt in range(_TRIES):
            tried = [replace(one, action_seed=one.action_seed + attempt) for one in episodes if one.index in soon]
            if tried:
                soon &= _indices(again(plays.policy, tried))
    return soon | at_once


def is_success_soon(benchmark: Benchmark, played: Played) -> bool:
    """Whether an episode of one step is a success by the rule of the benchmark.

    Not where the rule says so of an episode in which nothing has happened, as of a return above -110: it is a rule for
    episodes that are over.
    """
    nothing = replace(played, total_return=0.0, length=0, success_at_end=None, success_ever=None, info={})
    return played.success_at_reset or (_judged(benchmark, played) and not _judged(benchmark, nothing))


def _judged(benchmark: Benchmark, played: Played) -> bool:
    try:
        return bool(success_of(benchmark, played))
    except Exception:  # noqa: BLE001  # a rule may want what only an episode that is over has
        return False


def _succeeded(plays: Plays) -> frozenset[int]:
    """The episodes with success at some time."""
    judged = zip(plays.episodes, plays.successes, strict=True)
    return frozenset(one.index for one, success in judged if success or one.success_ever or one.success_at_reset)


def _ended_at_once(plays: Plays) -> frozenset[int]:
    """The episodes that were over after a step, and a success."""
    judged = zip(plays.episodes, plays.successes, strict=True)
    return frozenset(one.index for one, success in judged if success and one.length <= 1)


def _indices(plays: Plays) -> frozenset[int]:
    return frozenset(one.index for one, success in zip(plays.episodes, plays.successes, strict=True) if success)
