"""Evaluating: through a store and a launcher, or in this process alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core import provenance
from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.execute import Launcher, execute
from rlgauge.core.run import Record, Run, Status
from rlgauge.core.store import Store
from rlgauge.core.workload import Context
from rlgauge.episodes.latency import Latency
from rlgauge.kinds.evaluate import stopping
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.candidates import Live, check_apart, parse_candidates
from rlgauge.kinds.evaluate.films import index_films
from rlgauge.kinds.evaluate.results import BenchmarkResults, EpisodeResult, TaskResult
from rlgauge.kinds.evaluate.rounds import Played, play_until_decided
from rlgauge.kinds.evaluate.session import Memory
from rlgauge.kinds.evaluate.stopping import Stopped, Stopping
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, episode
from rlgauge.launch.inline import Inline
from rlgauge.launch.local import Local

Runs = Mapping[str, Run | None]
"""By case id."""


def make_workload(
    benchmark: Benchmark,
    policy: object,
    *,
    lanes: int | None = None,
    trust: bool = False,
    episode_seconds: float | None = None,
    train_seeds: Sequence[int] | None = None,
) -> EvaluateWorkload:
    """All policies in all tasks of the benchmark, as a workload; see `Benchmark.evaluate`."""
    policies = parse_candidates(policy, train_seeds)
    return EvaluateWorkload(benchmark, policies, lanes=lanes, trust=trust, episode_seconds=episode_seconds)


def evaluate(
    workload: EvaluateWorkload,
    out: Path | None,
    *,
    workers: int | None,
    resume: bool,
    rerun_failed: bool = False,
    stop: Stopping | None = None,
) -> BenchmarkResults:
    """The results of a workload: in memory without `out`, else stored; see `Benchmark.evaluate`."""
    if stop is not None:
        stop.check([policy.name for policy in workload.policies])
        check_apart(workload.policies)
    workload.check_policies()
    if out is None and workers is not None:
        raise UserError("Workers keep what they measure in a folder: give out=DIR.")
    if out is None:
        results = _in_memory(workload, stop)
    else:
        results = _stored(workload, out, workers=workers, resume=resume, rerun_failed=rerun_failed, stop=stop)
    _index_films(results)
    return results


def _stored(
    workload: EvaluateWorkload,
    out: Path,
    *,
    workers: int | None,
    resume: bool,
    rerun_failed: bool,
    stop: Stopping | None,
) -> BenchmarkResults:
    store = Store(out)
    if not resume and any(store.find(case) is not None for case in workload.cases()):
        raise UserError(f"{out} holds runs of this evaluation already: resume=True goes on with them.")
    launcher: Launcher = Inline() if workers is None else Local(workers)
    described = workers is not None or not _is_live(workload)

    def run(part: EvaluateWorkload) -> Runs:
        return execute(part, store, launcher=launcher, rerun_failed=rerun_failed, described=described)

    if stop is None:
        return results_of(workload, run(workload))
    return run_until_decided(workload, stop, workers=workers or 1, run=run)[0]


def _index_films(results: BenchmarkResults) -> None:
    """Write the page of the films; what prevents it is no reason to lose what was measured."""
    video_dir = results.metadata["settings"]["video_dir"]
    if video_dir is None:
        return
    try:
        index_films(Path(video_dir), results)
    except UserError as error:
        warnings.warn(str(error), stacklevel=4)


def run_until_decided(
    workload: EvaluateWorkload, rule: Stopping, *, workers: int, run: Callable[[EvaluateWorkload], Runs]
) -> tuple[BenchmarkResults, Runs]:
    """The results up to where it was decided, and all the runs that were needed; `run` executes part after part."""
    runs: dict[str, Run | None] = {}

    def play(part: EvaluateWorkload) -> Played:
        found = run(part)
        runs.update(found)
        return _played(_parts(part, found))

    stopped = play_until_decided(workload, rule, workers=workers, play=play)
    results = results_of(workload.part(0, stopped.n_episodes), runs)
    return _at_any_time(results, stopped), runs


def results_of(workload: EvaluateWorkload, runs: Runs) -> BenchmarkResults:
    """The results that the runs of a workload add up to; failed and missing runs are counted."""
    completed = [run for run in runs.values() if run is not None]
    reports = [run.file.result for run in completed if run.file.result is not None]
    return _collect(workload, _parts(workload, runs), reports)


def _parts(workload: EvaluateWorkload, runs: Runs) -> list[_Part]:
    return [_Part(case, _wanted(case, runs[case.id], workload.num_wanted(case))) for case in workload.cases()]


class _Part:
    """One case's share of the results."""

    def __init__(self, case: Case, records: Sequence[Record]) -> None:
        self.case = case
        self.records = records

    def episodes(self) -> list[EpisodeResult]:
        """Its episodes, each with the seed that the list gave it: what hung took it along."""
        found = map(EpisodeResult.from_record, self.records)
        return [one if one.seed is not None else msgspec.structs.replace(one, seed=self._seed(one)) for one in found]

    def _seed(self, one: EpisodeResult) -> int:
        return episode(self.case.seed, self.case.params["task"], one.index).seed


def _wanted(case: Case, run: Run | None, num_wanted: int) -> list[Record]:
    """Its episodes; none of a run that did not complete, since those that end soon are first to be recorded."""
    if run is None or run.status is not Status.COMPLETED:
        return []
    last = case.params["first"] + num_wanted
    return [record for record in run.records if case.params["first"] <= record.index < last]


def _in_memory(workload: EvaluateWorkload, rule: Stopping | None) -> BenchmarkResults:
    parts: list[_Part] = []
    reports: list[dict[str, Any]] = []
    with workload.session() as measure:

        def play(span: EvaluateWorkload) -> Played:
            played = []
            for case in span.whole_cases():
                context: Context = Memory(span.num_wanted(case))
                played.append(_Part(case, list(measure(case, context))))
                reports.append(context.result)
            parts.extend(played)
            return _played(played)

        if rule is None:
            play(workload)
            return _collect(workload, parts, reports)
        stopped = play_until_decided(workload, rule, workers=1, play=play)
    whole = workload.part(0, stopped.n_episodes)
    used = [_Part(part.case, [r for r in part.records if r.index < stopped.n_episodes]) for part in parts]
    return _at_any_time(_collect(whole, used, reports), stopped)


def _played(parts: Iterable[_Part]) -> Played:
    """The episodes of one training seed a policy."""
    episodes: dict[tuple[str, str], list[EpisodeResult]] = {}
    for part in parts:
        key = (part.case.labels["policy"], part.case.params["task"])
        episodes.setdefault(key, []).extend(part.episodes())
    return episodes


def _at_any_time(results: BenchmarkResults, stopped: Stopped) -> BenchmarkResults:
    """The results with intervals that hold although looking decided how many episodes there are."""
    metadata = {**results.metadata, "stopping": stopping.to_metadata(stopped)}
    return BenchmarkResults([result.at_any_time() for result in results.results], metadata)


def _collect(
    workload: EvaluateWorkload, parts: Iterable[_Part], reports: Sequence[Mapping[str, Any]]
) -> BenchmarkResults:
    grouped: dict[tuple[str, int | None, str], list[_Part]] = {}
    for part in parts:
        key = (part.case.labels["policy"], part.case.params["train_seed"], part.case.params["task"])
        grouped.setdefault(key, []).append(part)
    results = []
    for (policy, train_seed, task), own in grouped.items():
        episodes = [found for part in own for found in part.episodes()]
        missing = sum(workload.num_wanted(part.case) for part in own) - len(episodes)
        results.append(
            TaskResult.from_episodes(
                task,
                episodes,
                policy=policy,
                train_seed=train_seed,
                n_missing=missing,
                num_starts=workload.benchmark.num_starts,
            )
        )
    return BenchmarkResults(results, _metadata(workload, reports))


def _metadata(workload: EvaluateWorkload, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    latency = Latency()
    for report in reports:
        latency.add_json(report.get("latency", {}))
    seconds = sum(report["seconds"] for report in reports if "seconds" in report)
    steps = sum(report["steps"] for report in reports if "steps" in report)
    unstable = [report for report in reports if report.get("bit_stable") is False]
    asked = {name: reason for report in reports for name, reason in report.get("asked", {}).items()}
    wayward = sorted({task for report in reports for task in report.get("not_reproducible", ())})
    return {
        "benchmark": workload.benchmark.identity(),
        "settings": workload.benchmark.settings(),
        "policies": {p.name: "live object" if isinstance(p, Live) else p.uri for p in workload.policies},
        "lanes": workload.lanes,
        "bit_stable": not unstable,
        "not_reproducible": wayward,
        **({"on_device": {"asked_on_host": asked}} if workload.is_on_device else {}),
        "timing": {
            "steps": steps,
            "process_seconds": seconds,
            "steps_per_process_second": steps / seconds if seconds else None,
            **_compiling(reports),
            "latency_seconds": {
                name: {"p50": part.quantile(0.5), "p95": part.quantile(0.95), "n": part.num}
                for name, part in vars(latency).items()
            },
        },
        "provenance": provenance.collect(),
    }


def _compiling(reports: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What compiling took, which is no part of the seconds of measuring; nothing where nothing was compiled."""
    told = [report["compile_seconds"] for report in reports if "compile_seconds" in report]
    return {"compile_seconds": sum(told)} if told else {}


def _is_live(workload: EvaluateWorkload) -> bool:
    try:
        workload.describe()
    except UserError:
        return True
    return False
