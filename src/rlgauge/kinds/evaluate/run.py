"""Evaluating: through a store and a launcher, or in this process alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlgauge.core import provenance
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Launcher, execute
from rlgauge.core.run import Record, Run
from rlgauge.core.store import Store
from rlgauge.core.workload import Context
from rlgauge.episodes.latency import Latency
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.candidates import Live, parse_candidates
from rlgauge.kinds.evaluate.results import BenchmarkResults, EpisodeResult, TaskResult
from rlgauge.kinds.evaluate.session import Memory, Session
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local


def make_workload(
    benchmark: Benchmark,
    policy: object,
    *,
    lanes: int = 8,
    trust: bool = False,
    episode_seconds: float | None = None,
    train_seeds: Sequence[int] | None = None,
) -> EvaluateWorkload:
    """All policies in all tasks of the benchmark, as a workload; see `Benchmark.evaluate`."""
    policies = parse_candidates(policy, train_seeds)
    return EvaluateWorkload(benchmark, policies, lanes=lanes, trust=trust, episode_seconds=episode_seconds)


def evaluate(
    workload: EvaluateWorkload, out: Path | None, *, workers: int | None, resume: bool, rerun_failed: bool = False
) -> BenchmarkResults:
    """The results of a workload: in memory without `out`, else stored; see `Benchmark.evaluate`."""
    if out is None:
        if workers is not None:
            raise UserError("Workers keep what they measure in a folder: give out=DIR.")
        return _in_memory(workload)
    store = Store(out)
    if not resume and any(store.find(case) is not None for case in workload.cases()):
        raise UserError(f"{out} holds runs of this evaluation already: resume=True goes on with them.")
    launcher: Launcher = Inline() if workers is None else Local(workers)
    described = workers is not None or not _is_live(workload)
    runs = execute(workload, store, launcher=launcher, rerun_failed=rerun_failed, described=described)
    return results_of(workload, runs)


def results_of(workload: EvaluateWorkload, runs: Mapping[str, Run | None]) -> BenchmarkResults:
    """The results that the runs of a workload add up to; failed and missing runs are counted."""
    parts = [
        _Part(case, _wanted(case, runs[case.id], workload.num_wanted(case)), runs[case.id]) for case in workload.cases()
    ]
    completed = [run for run in runs.values() if run is not None]
    return _collect(workload, parts, [run.file.result for run in completed if run.file.result is not None])


class _Part:
    """One case's share of the results."""

    def __init__(self, case: Case, records: Sequence[Record], run: Run | None) -> None:
        self.case = case
        self.records = records
        self.run = run


def _wanted(case: Case, run: Run | None, num_wanted: int) -> list[Record]:
    if run is None:
        return []
    last = case.params["first"] + num_wanted
    return [record for record in run.records if case.params["first"] <= record.index < last]


def _in_memory(workload: EvaluateWorkload) -> BenchmarkResults:
    parts, reports = [], []
    with contextlib.closing(Session(workload)) as session:
        for case in workload.whole_cases():
            context: Context = Memory(workload.num_wanted(case))
            parts.append(_Part(case, list(session.measure(case, context)), None))
            reports.append(context.result)
    return _collect(workload, parts, reports)


def _collect(
    workload: EvaluateWorkload, parts: Iterable[_Part], reports: Sequence[Mapping[str, Any]]
) -> BenchmarkResults:
    grouped: dict[tuple[str, int | None, str], list[_Part]] = {}
    for part in parts:
        key = (part.case.labels["policy"], part.case.params["train_seed"], part.case.params["task"])
        grouped.setdefault(key, []).append(part)
    results = []
    for (policy, train_seed, task), own in grouped.items():
        episodes = [EpisodeResult.from_record(record) for part in own for record in part.records]
        missing = sum(workload.num_wanted(part.case) for part in own) - len(episodes)
        results.append(
            TaskResult.from_episodes(task, episodes, policy=policy, train_seed=train_seed, n_missing=missing)
        )
    return BenchmarkResults(results, _metadata(workload, reports))


def _metadata(workload: EvaluateWorkload, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    latency = Latency()
    for report in reports:
        latency.add_json(report.get("latency", {}))
    seconds = sum(report["seconds"] for report in reports if "seconds" in report)
    steps = sum(report["steps"] for report in reports if "steps" in report)
    unstable = [report for report in reports if report.get("bit_stable") is False]
    return {
        "benchmark": workload.benchmark.identity(),
        "settings": workload.benchmark.settings(),
        "policies": {p.name: "live object" if isinstance(p, Live) else p.uri for p in workload.policies},
        "lanes": workload.lanes,
        "bit_stable": not unstable,
        "timing": {
            "steps": steps,
            "process_seconds": seconds,
            "steps_per_process_second": steps / seconds if seconds else None,
            "latency_seconds": {
                name: {"p50": part.quantile(0.5), "p95": part.quantile(0.95), "n": part.num}
                for name, part in vars(latency).items()
            },
        },
        "provenance": provenance.collect(),
    }


def _is_live(workload: EvaluateWorkload) -> bool:
    try:
        workload.describe()
    except UserError:
        return True
    return False
