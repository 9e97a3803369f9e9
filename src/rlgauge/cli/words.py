"""Results in words: comparisons, timing, failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.errors import UserError
from rlgauge.kinds.evaluate.aggregate import Comparison, label
from rlgauge.kinds.evaluate.results import BenchmarkResults
from rlgauge.kinds.evaluate.there import There
from rlgauge.stats.paired import PairedSuccess
from rlgauge.stats.summary import Summary

_SIGNIFICANT = 0.05
_MINUTES = len("2026-11-21 11:23")


def comparisons(results: BenchmarkResults) -> Iterator[str]:
    """The first policy against each other one, task by task."""
    for baseline in results.policies[1:]:
        try:
            for comparison in results.compare(candidate=results.policies[0], baseline=baseline):
                yield _compared(comparison, results)
        except UserError as error:  # the runs of one of them failed, which is told elsewhere
            yield str(error)


def _compared(comparison: Comparison, results: BenchmarkResults) -> str:
    parts = []
    if comparison.return_difference is not None:
        parts.append(_return(comparison.return_difference))
    elif (difference := _of_one(comparison, results)) is not None:
        parts.append(f"return {difference:+.1f}, without an interval")
    if comparison.success is not None:
        parts.append(_success(comparison.success))
    told = "; ".join(parts) or "nothing that both measured"
    names = f"{comparison.candidate} against {comparison.baseline}"
    left_out = comparison.n_left_out
    valid = comparison.n_wanted - left_out
    more = (
        f" ({left_out} of {comparison.n_wanted} left out: one of the two has no valid measurement)" if left_out else ""
    )
    same = "same episode" if valid == 1 else f"same {valid} episodes"
    return f"{names} in {comparison.task_id}, {same}{more}: {told}."


def _of_one(comparison: Comparison, results: BenchmarkResults) -> float | None:
    """The difference in return where a single episode was measured by both; None where none or more were."""
    returns = [
        {(one.index, one.seed): one.total_return for one in result.episodes if one.total_return is not None}
        for name in (comparison.candidate, comparison.baseline)
        for result in results.results
        if result.task_id == comparison.task_id and label(result) == name
    ]
    if len(returns) != len(("candidate", "baseline")):
        return None
    candidate, baseline = returns
    differences = [candidate[key] - baseline[key] for key in candidate.keys() & baseline.keys()]
    return differences[0] if len(differences) == 1 else None


def _return(difference: Summary) -> str:
    point, low, high = difference.point, difference.low, difference.high
    if low is None or high is None:
        return f"return {point:+.1f}, without an interval"
    if low == high == 0:
        return "return the same in every episode"
    if low > 0:
        return f"return higher by {point:.1f} [{low:.1f}, {high:.1f}]"
    if high < 0:
        return f"return lower by {-point:.1f} [{-high:.1f}, {-low:.1f}]"
    return f"no difference in return shown: {point:+.1f} [{low:.1f}, {high:.1f}]"


def _success(success: PairedSuccess) -> str:
    point, low, high = (100 * (value or 0.0) for value in _bounds(success.difference))
    is_significant = success.p_value < _SIGNIFICANT
    test = f"p = {success.p_value:.2g}"
    if low <= 0 <= high and not is_significant:
        return f"no difference in success shown: {point:+.1f} points [{low:.1f}, {high:.1f}], {test}"
    end = test if is_significant else f"though {test}"
    if point > 0:
        return f"success higher by {point:.1f} points [{low:.1f}, {high:.1f}], {end}"
    return f"success lower by {-point:.1f} points [{-high:.1f}, {-low:.1f}], {end}"


def _bounds(difference: Summary) -> tuple[float, float | None, float | None]:
    return difference.point, difference.low, difference.high


def already(results: BenchmarkResults, there: There) -> Iterator[str]:
    """How many episodes were not played now, since when they are there, and what they are called there."""
    num_there = there.num_in(results)
    if not num_there:
        return
    since = f", measured from {there.since.replace('T', ' ')[:_MINUTES]} (UTC)" if there.since is not None else ""
    num = sum(result.n_episodes + result.n_missing for result in results.results)
    yield f"{num_there} of {count_text(num, 'episode')} were there already{since}."
    for name, stored in there.names.items():
        yield f"{name} was measured as {stored} there, and that is its name for `rlgauge summary` and `compare`."


def timing(results: BenchmarkResults, *, num_before: int) -> Iterator[str]:
    """Steps per second, and what a step consists of; nothing where all episodes are from before."""
    told: dict[str, Any] = results.metadata["timing"]
    if told["steps_per_process_second"] is None or num_before == sum(result.n_episodes for result in results.results):
        return
    before = "In runs of now and before: " if num_before else ""
    yield (
        f"{before}{told['steps']:,} steps in {seconds_text(told['process_seconds'])} of measuring: "
        f"{told['steps_per_process_second']:,.0f} steps per second and process."
    )
    parts = [
        f"{name} {seconds_text(found['p50'])} / {seconds_text(found['p95'])}"
        for name, found in told["latency_seconds"].items()
        if found["n"]
    ]
    if parts:
        yield f"Median / 95th percentile: {', '.join(parts)} (the policy's for all lanes together)."
    yield from _on_device(results.metadata)


def _on_device(metadata: dict[str, Any]) -> Iterator[str]:
    """What compiling took, and which policies were asked on the host although they are functions."""
    found: dict[str, Any] | None = metadata.get("on_device")
    if found is None:
        return
    seconds = metadata["timing"].get("compile_seconds")
    compiled = "" if seconds is None else f"Compiling took {seconds_text(seconds)} besides. "
    is_all_asked = len(found["asked_on_host"]) >= len(metadata["policies"])
    unmeasured = (
        "The environment's latency is unmeasured."
        if is_all_asked
        else "The latency of what is compiled together is unmeasured: nothing tells an environment's time from its "
        "policy's."
    )
    yield f"{compiled}{unmeasured}"
    for name, reason in found["asked_on_host"].items():
        if reason is not None:
            yield f"{name} {reason}, so it was asked at each step on the host; functions of jax.numpy are compiled."
