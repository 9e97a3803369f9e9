"""Playing round after round, until a rule says that it is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from rlgauge.kinds.evaluate.results import EpisodeResult
from rlgauge.kinds.evaluate.stopping import Stopped, Stopping, with_repeated
from rlgauge.kinds.evaluate.watch import Watch
from rlgauge.kinds.evaluate.workload import Block, EvaluateWorkload

Played = Mapping[tuple[str, str], list[EpisodeResult]]
"""Episodes by policy and task."""
_GROWTH = 1.25
"""A round makes of n episodes at least so many times n: a start of workers costs more than some episodes too many."""


def play_until_decided(
    workload: EvaluateWorkload, rule: Stopping, *, workers: int, play: Callable[[EvaluateWorkload], Played]
) -> Stopped:
    """What came of it, after `play` has played round after round. Raises UserError."""
    names = [policy.name for policy in workload.policies]
    watch = Watch(names, [task.id for task in workload.tasks], rule)
    last = 0
    for first, last in rounds(workload, rule, workers=workers):
        for (policy, task), episodes in play(workload.part(first, last)).items():
            watch.take(policy, task, episodes)
        watch.look()
        if watch.is_over or watch.is_stuck(last):
            break
    stopped = watch.stopped(n_played=last, n_episodes=watch.n_episodes if watch.is_over else last)
    return with_repeated(stopped, workload.benchmark.num_starts)


def rounds(workload: EvaluateWorkload, rule: Stopping, *, workers: int) -> Iterator[Block]:
    """The episodes of each round: whole blocks, at least as many as there are workers."""
    least = math.ceil(workers / (len(workload.policies) * len(workload.tasks)))
    first = num = 0
    for block in workload.blocks(rule.max_episodes):
        num += 1
        last = min(block.last, rule.max_episodes)
        if last == rule.max_episodes or (num >= least and last >= _GROWTH * first):
            yield Block(first, last)
            first, num = last, 0
