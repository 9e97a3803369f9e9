"""What follows from several task results: aggregates, comparisons, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.stats.intervals import student_t, wilson
from rlgauge.stats.paired import PairedSuccess, mcnemar_exact, paired_difference
from rlgauge.stats.summary import Summary

if TYPE_CHECKING:
    from rlgauge.kinds.evaluate.results import TaskResult


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A policy over all its tasks.

    macro: the mean of the tasks' rates, every task counting the same; micro: episodes pooled. With several training
    seeds, `success_over_seeds` and `return_over_seeds` have the seed as their unit: n counts seeds, not episodes.
    """

    policy: str
    n_tasks: int
    n_train_seeds: int
    n_episodes: int
    n_errors: int
    n_timeouts: int
    n_missing: int
    success_macro: float | None
    success_micro: Summary | None
    success_over_seeds: Summary | None = None
    return_over_seeds: Summary | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two policies on the same episodes of one task; differences are candidate minus baseline."""

    task_id: str
    candidate: str
    baseline: str
    n_pairs: int
    success: PairedSuccess | None
    return_difference: Summary | None


def over_tasks(results: Sequence[TaskResult]) -> Aggregate:
    """The aggregate of one policy's results."""
    seeds = sorted({result.train_seed for result in results if result.train_seed is not None})
    rates = [result.success_rate for result in results if result.success_rate is not None]
    n_measured = sum(result.n_success_measured for result in results)
    return Aggregate(
        policy=results[0].policy,
        n_tasks=len({result.task_id for result in results}),
        n_train_seeds=len(seeds),
        n_episodes=sum(result.n_episodes for result in results),
        n_errors=sum(result.n_errors for result in results),
        n_timeouts=sum(result.n_timeouts for result in results),
        n_missing=sum(result.n_missing for result in results),
        success_macro=statistics.fmean(rates) if len(rates) == len(results) else None,
        success_micro=wilson(sum(result.n_success for result in results), n_measured) if n_measured else None,
        success_over_seeds=_over_seeds(results, seeds, "success_rate"),
        return_over_seeds=_over_seeds(results, seeds, "mean_reward") if len({r.task_id for r in results}) == 1 else None,
    )


def _over_seeds(results: Sequence[TaskResult], seeds: Sequence[int], field: str) -> Summary | None:
    """The mean over training seeds of each seed's mean over tasks, with a t interval over seeds."""
    if len(seeds) < 2:  # noqa: PLR2004  # one seed has no deviation
        return None
    means = []
    for seed in seeds:
        values = [getattr(result, field) for result in results if result.train_seed == seed]
        if any(value is None for value in values):
            return None
        means.append(statistics.fmean(values))
    return student_t(means)


def compare(candidate: TaskResult, baseline: TaskResult) -> Comparison:
    """Two policies' episodes of one task, paired by episode. Raises UserError where no episode is shared."""
    theirs = {episode.index: episode for episode in baseline.episodes}
    pairs = [(e, theirs[e.index]) for e in candidate.episodes if e.index in theirs and e.seed == theirs[e.index].seed]
    if not pairs:
        raise UserError(f"{candidate.policy} and {baseline.policy} share no episode of {candidate.task_id}.")
    success = [(a.success, b.success) for a, b in pairs if a.success is not None and b.success is not None]
    returns = [(a.total_return, b.total_return) for a, b in pairs if a.total_return is not None and b.total_return is not None]
    return Comparison(
        task_id=candidate.task_id,
        candidate=label(candidate),
        baseline=label(baseline),
        n_pairs=len(pairs),
        success=mcnemar_exact(candidate=[a for a, _ in success], baseline=[b for _, b in success]) if success else None,
        return_difference=paired_difference(candidate=[a for a, _ in returns], baseline=[b for _, b in returns])
        if len(returns) > 1
        else None,
    )


def label(result: TaskResult) -> str:
    """The policy's name, with its training seed where it has one."""
    return result.policy if result.train_seed is None else f"{result.policy} (train seed {result.train_seed})"


HEADER = ["policy", "task", "episodes", "success rate", "return", "length", "errors", "timeouts"]


def table(results: Sequence[TaskResult], aggregates: Sequence[Aggregate]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text; a policy with several results is followed by its aggregates."""
    rows = []
    for aggregate in aggregates:
        own = [result for result in results if result.policy == aggregate.policy]
        rows.extend(map(_task_row, own))
        if len(own) > 1:
            rows.extend(_aggregate_rows(aggregate))
    return HEADER, rows


def _task_row(result: TaskResult) -> list[str]:
    missing = f" of {result.n_episodes + result.n_missing}" if result.n_missing else ""
    return [
        label(result),
        result.task_id,
        f"{result.n_episodes}{missing}",
        _success(result),
        "-" if result.mean_reward is None else _plus_minus(result.mean_reward, result.std_reward),
        "-" if result.mean_length is None else f"{result.mean_length:.1f}",
        str(result.n_errors),
        str(result.n_timeouts),
    ]


def _success(result: TaskResult) -> str:
    if result.success_rate is None or result.success_low is None or result.success_high is None:
        return "unmeasured"
    text = _rate(result.success_rate, result.success_low, result.success_high)
    if result.success_rate_all is not None and result.success_rate_all != result.success_rate:
        text += f"; {result.success_rate_all:.1%} with errors as failures"
    return text


def _aggregate_rows(aggregate: Aggregate) -> list[list[str]]:
    end = [str(aggregate.n_errors), str(aggregate.n_timeouts)]
    count = str(aggregate.n_episodes)
    rows = []
    if aggregate.success_macro is not None:
        rows.append([aggregate.policy, f"mean of {aggregate.n_tasks} tasks", count, f"{aggregate.success_macro:.1%}", "", "", *end])
    if aggregate.success_micro is not None:
        micro = aggregate.success_micro
        rows.append([aggregate.policy, "all episodes", count, _rate(micro.point, micro.low, micro.high), "", "", *end])
    if aggregate.success_over_seeds is not None or aggregate.return_over_seeds is not None:
        seeds = f"{aggregate.n_train_seeds} train seeds"
        rate, total = aggregate.success_over_seeds, aggregate.return_over_seeds
        cells = ["unmeasured" if rate is None else _rate(rate.point, rate.low, rate.high)]
        cells.append("" if total is None else f"{total.point:.1f} [{total.low:.1f}, {total.high:.1f}]")
        rows.append([aggregate.policy, seeds, count, *cells, "", *end])
    return rows


def _rate(point: float, low: float, high: float) -> str:
    return f"{point:.1%} [{low:.1%}, {high:.1%}]"


def _plus_minus(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" if deviation is None else f"{mean:.1f} ± {deviation:.1f}"
