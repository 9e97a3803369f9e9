"""What follows from several task results: aggregates, comparisons, and the table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.stats.intervals import student_t, wilson
from rlgauge.stats.paired import PairedSuccess, mcnemar_exact, paired_difference
from rlgauge.stats.rates import success_over_seeds
from rlgauge.stats.summary import Summary

if TYPE_CHECKING:
    from rlgauge.kinds.evaluate.results import TaskResult


class Aggregate(msgspec.Struct, frozen=True, kw_only=True):
    """A policy over all its tasks.

    macro: the mean of the tasks' rates, every task counting the same; micro: episodes pooled. `..._all` count errors
    and timeouts as failures. With several training seeds, `success_over_seeds` and `return_over_seeds` have the seed as
    their unit: n counts seeds, not episodes; episodes pooled over seeds have no interval.
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
    success_macro_all: float | None = None
    success_micro_all: float | None = None
    success_over_seeds: Summary | None = None
    return_over_seeds: Summary | None = None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two policies on the same episodes of one task; differences are candidate minus baseline.

    `n_pairs` episodes were played by both. Of the `n_wanted`, `n_left_out` have no valid measurement of one of them (it
    is missing, an error or a timeout) and are part of no difference.
    """

    task_id: str
    candidate: str
    baseline: str
    n_pairs: int
    n_wanted: int
    n_left_out: int
    success: PairedSuccess | None
    return_difference: Summary | None


def over_tasks(results: Sequence[TaskResult]) -> Aggregate:
    """The aggregate of one policy's results."""
    seeds = sorted({result.train_seed for result in results if result.train_seed is not None})
    n_tasks = len({result.task_id for result in results})
    n_success = sum(result.n_success for result in results)
    n_measured = sum(result.n_success_measured for result in results)
    # Where success is not measured, an error is no failure either.
    n_broken = sum(result.n_errors + result.n_timeouts for result in results if result.success_rate_all is not None)
    return Aggregate(
        policy=results[0].policy,
        n_tasks=n_tasks,
        n_train_seeds=len(seeds),
        n_episodes=sum(result.n_episodes for result in results),
        n_errors=sum(result.n_errors for result in results),
        n_timeouts=sum(result.n_timeouts for result in results),
        n_missing=sum(result.n_missing for result in results),
        success_macro=_mean([result.success_rate for result in results]),
        success_micro=_pooled(n_success, n_measured, is_one_seed=len(seeds) < _SEVERAL) if n_measured else None,
        success_macro_all=_mean([result.success_rate_all for result in results]),
        success_micro_all=n_success / (n_measured + n_broken) if n_measured or _is_broken(results) else None,
        success_over_seeds=_success_over_seeds(results, seeds),
        return_over_seeds=_over_seeds(results, seeds, "mean_reward") if n_tasks == 1 else None,
    )


_SEVERAL = 2


def _is_broken(results: Sequence[TaskResult]) -> bool:
    """Whether there are episodes, and none of them has a valid measurement."""
    n_episodes = sum(result.n_episodes for result in results)
    return 0 < n_episodes == sum(result.n_errors + result.n_timeouts for result in results)


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def _pooled(n_success: int, n_measured: int, *, is_one_seed: bool) -> Summary:
    pooled = wilson(n_success, n_measured)
    if is_one_seed:
        return pooled
    warning = "Episodes of several training seeds are not independent: see the interval over seeds."
    return msgspec.structs.replace(pooled, low=None, high=None, method="pooled", warnings=(warning,))


def _over_seeds(results: Sequence[TaskResult], seeds: Sequence[int], field: str) -> Summary | None:
    """The mean over training seeds of each seed's mean over tasks, with a t interval over seeds."""
    means = [_mean([getattr(result, field) for result in results if result.train_seed == seed]) for seed in seeds]
    known = [mean for mean in means if mean is not None]
    return student_t(known) if len(known) == len(means) >= _SEVERAL else None


def _success_over_seeds(results: Sequence[TaskResult], seeds: Sequence[int]) -> Summary | None:
    """The same of success rates; by their counts where every task counts as many episodes."""
    if len({result.n_success_measured for result in results}) > 1:
        return _as_rate(_over_seeds(results, seeds, "success_rate"))
    counts = [[(one.n_success, one.n_success_measured) for one in results if one.train_seed == seed] for seed in seeds]
    successes, episodes = ([sum(pair[part] for pair in seed) for seed in counts] for part in range(2))
    return success_over_seeds(successes, episodes) if len(seeds) >= _SEVERAL and all(episodes) else None


def _as_rate(interval: Summary | None) -> Summary | None:
    """The interval without what no rate can be: below 0 and above 1. It covers as often as before."""
    if interval is None or interval.low is None or interval.high is None:
        return interval
    return msgspec.structs.replace(interval, low=max(interval.low, 0.0), high=min(interval.high, 1.0))


def without_pooled_interval(aggregate: Aggregate) -> Aggregate:
    """The same without an interval of the pooled rate, which is one for a number of episodes fixed beforehand."""
    pooled = aggregate.success_micro
    if pooled is None:
        return aggregate
    warning = "The number of episodes was decided by looking: see the confidence sequences of the tasks."
    changed = msgspec.structs.replace(pooled, low=None, high=None, method="pooled", warnings=(warning,))
    return msgspec.structs.replace(aggregate, success_micro=changed)


def with_warning(comparison: Comparison, warning: str) -> Comparison:
    """The same with a warning at each of its differences."""
    success, returned = comparison.success, comparison.return_difference
    if success is not None:
        success = msgspec.structs.replace(success, difference=_warned(success.difference, warning))
    if returned is not None:
        returned = _warned(returned, warning)
    return msgspec.structs.replace(comparison, success=success, return_difference=returned)


def _warned(summary: Summary, warning: str) -> Summary:
    return msgspec.structs.replace(summary, warnings=(*summary.warnings, warning))


def warnings_over_seeds(aggregate: Aggregate) -> Iterator[str]:
    """What a reader of the intervals over training seeds must know."""
    for name, interval in (("success", aggregate.success_over_seeds), ("return", aggregate.return_over_seeds)):
        for text in interval.warnings if interval is not None else ():
            yield f"{aggregate.policy}, {name} over {aggregate.n_train_seeds} train seeds: {text}"


def compare(candidate: TaskResult, baseline: TaskResult) -> Comparison:
    """Two policies' episodes of one task, paired by episode. Raises UserError where no episode is shared."""
    theirs = {episode.index: episode for episode in baseline.episodes}
    pairs = [(e, theirs[e.index]) for e in candidate.episodes if e.index in theirs and e.seed == theirs[e.index].seed]
    if not pairs:
        raise UserError(f"{candidate.policy} and {baseline.policy} share no episode of {candidate.task_id}.")
    num_wanted = max(result.n_episodes + result.n_missing for result in (candidate, baseline))
    success = [(a.success, b.success) for a, b in pairs if a.success is not None and b.success is not None]
    returns = [
        (a.total_return, b.total_return) for a, b in pairs if a.total_return is not None and b.total_return is not None
    ]
    return Comparison(
        task_id=candidate.task_id,
        candidate=label(candidate),
        baseline=label(baseline),
        n_pairs=len(pairs),
        n_wanted=num_wanted,
        n_left_out=num_wanted - sum(a.error is None and b.error is None for a, b in pairs),
        success=mcnemar_exact(
            candidate=[a for a, _ in success], baseline=[b for _, b in success], missing=num_wanted - len(success)
        )
        if success
        else None,
        return_difference=paired_difference(
            candidate=[a for a, _ in returns], baseline=[b for _, b in returns], missing=num_wanted - len(returns)
        )
        if len(returns) > 1
        else None,
    )


def label(result: TaskResult) -> str:
    """The policy's name, with its training seed where it has one."""
    return result.policy if result.train_seed is None else f"{result.policy} (train seed {result.train_seed})"


HEADER = ["policy", "task", "episodes", "success rate", "return", "length", "errors", "timeouts"]


def table(results: Sequence[TaskResult], aggregates: Sequence[Aggregate]) -> tuple[list[str], list[list[str]]]:
    """Header and rows as text; a policy with several results is followed by its aggregates."""
    rows: list[list[str]] = []
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
    if result.success_rate is None:
        return "unmeasured" + _with_errors(None, result.success_rate_all)
    text = _rate(result.success_rate, result.success_low, result.success_high)
    if result.n_success_measured + result.n_errors + result.n_timeouts < result.n_episodes:
        text += f" of the {result.n_success_measured} measured"
    return text + _with_errors(result.success_rate, result.success_rate_all)


def _with_errors(rate: float | None, rate_all: float | None) -> str:
    return "" if rate_all is None or rate_all == rate else f"; {rate_all:.1%} with errors as failures"


def _aggregate_rows(aggregate: Aggregate) -> list[list[str]]:
    rows = [[name, success, total, ""] for name, success, total in _aggregate_cells(aggregate)]
    end = [str(aggregate.n_errors), str(aggregate.n_timeouts)]
    return [[aggregate.policy, name, str(aggregate.n_episodes), *cells, *end] for name, *cells in rows]


def _aggregate_cells(aggregate: Aggregate) -> Iterator[tuple[str, str, str]]:
    """What each row is over, its success and its return."""
    macro, micro = aggregate.success_macro, aggregate.success_micro
    if (macro is not None or aggregate.success_macro_all is not None) and aggregate.n_tasks > 1:
        told = "unmeasured" if macro is None else f"{macro:.1%}"
        yield f"mean of {aggregate.n_tasks} tasks", told + _with_errors(macro, aggregate.success_macro_all), ""
    if micro is not None:
        text = _rate(micro.point, micro.low, micro.high)
        is_all = micro.n + aggregate.n_errors + aggregate.n_timeouts == aggregate.n_episodes
        measured = "" if is_all else f" of the {micro.n} measured"
        yield "all episodes", text + measured + _with_errors(micro.point, aggregate.success_micro_all), ""
    rate, total = aggregate.success_over_seeds, aggregate.return_over_seeds
    if rate is not None or total is not None:
        success = "unmeasured" if rate is None else _rate(rate.point, rate.low, rate.high)
        yield f"{aggregate.n_train_seeds} train seeds", success, "" if total is None else _estimate(total)


def _rate(point: float, low: float | None, high: float | None) -> str:
    return f"{point:.1%}" if low is None or high is None else f"{point:.1%} [{low:.1%}, {high:.1%}]"


def _estimate(total: Summary) -> str:
    places = _places(total.point)
    interval = "" if total.low is None else f" [{total.low:.{places}f}, {total.high:.{places}f}]"
    return f"{total.point:.{places}f}{interval}"


def _plus_minus(mean: float, deviation: float | None) -> str:
    places = _places(mean)
    return f"{mean:.{places}f}" if deviation is None else f"{mean:.{places}f} ± {deviation:.{places}f}"


def _places(value: float) -> int:
    """Decimal places that show a return: more for those of sparse rewards in 0..1."""
    return 1 if abs(value) >= _LARGE else 3


_LARGE = 10
