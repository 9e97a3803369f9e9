"""`rlgauge benchmark --dry-run`: what would be played, and how long and large it would be."""

from __future__ import annotations

import copy
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.evaluation import Manner, write
from rlgauge.cli.faults import what_went_wrong
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.units import bytes_text, count_text, seconds_text
from rlgauge.core.execute import execute
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.video import VideoRecorder, picture_of
from rlgauge.episodes.video_grid import FEWEST_CELLS, MOST_CELLS
from rlgauge.kinds.evaluate.results import BenchmarkResults, TaskResult
from rlgauge.kinds.evaluate.run import results_of
from rlgauge.kinds.evaluate.there import Key, key_of, look
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, episode
from rlgauge.launch.local import Local

_SHOWN_AT_EACH_END = 3


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of the list; `run` is the id of the case that it belongs to.

    It is played unless it `is_there`, or is given up: its run failed and is not tried again.
    """

    policy: str
    train_seed: int | None
    task: str
    run: str
    index: int
    seed: int
    is_there: bool
    is_given_up: bool

    @property
    def is_due(self) -> bool:
        """Whether it will be played."""
        return not (self.is_there or self.is_given_up)

    @property
    def key(self) -> Key:
        """What it shares with the other episodes that a policy plays in a task."""
        return self.policy, self.train_seed, self.task


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one episode of a policy in a task costs, as the probe measured it."""

    seconds: float
    film_seconds: float
    record_bytes: float
    run_bytes: int
    film_bytes: int


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """Predicted from some real episodes of each policy in each task."""

    seconds: float
    bytes: float
    probe_seconds: float
    films_at_most: int
    probe_episodes: int

    @property
    def basis(self) -> str:
        """What it rests on, in words."""
        num = "one real episode" if self.probe_episodes == 1 else f"{self.probe_episodes} real episodes"
        return f"{num} of each policy in each task"


def predict(workload: EvaluateWorkload, manner: Manner) -> int:
    """The exit code, after printing the list and the prediction: 1 where the probe failed. Raises UserError."""
    episodes = list_episodes(workload, Store(manner.out), rerun_failed=manner.rerun_failed)
    with tempfile.TemporaryDirectory(prefix="rlgauge-probe-") as folder:
        probed = _probe(workload, manner, Path(folder))
        failed = [run for run in probed.runs.values() if run is None or run.status is not Status.COMPLETED]
        prediction = None if failed else _predicted(workload, manner, episodes, probed)
        reasons = [what_went_wrong(run) for run in failed if run is not None]
    if manner.quiet:
        for reason in reasons:
            print(f"The probe failed: {reason}", file=sys.stderr)
    elif manner.json:
        print(json.dumps(_as_json(episodes, prediction, reasons), indent=1))
    else:
        _tell(episodes, prediction, reasons, manner)
    return FINE if prediction else FAILED


def list_episodes(workload: EvaluateWorkload, store: Store, *, rerun_failed: bool) -> list[Planned]:
    """Every episode in the order in which they are played."""
    planned = []
    there = look(workload, store, rerun_failed=rerun_failed)
    for case in workload.cases():
        key = policy, train_seed, task = key_of(case)
        first = case.params["first"]
        for index in range(first, first + workload.num_wanted(case)):
            seed = episode(case.seed, task, index).seed
            planned.append(
                Planned(
                    policy=policy,
                    train_seed=train_seed,
                    task=task,
                    run=case.id,
                    index=index,
                    seed=seed,
                    is_there=index in there.kept.get(key, ()),
                    is_given_up=index in there.given_up.get(key, ()),
                )
            )
    return planned


class _Probed:
    """Real episodes of each policy in each task, in a folder that is soon gone."""

    def __init__(
        self, workload: EvaluateWorkload, runs: Mapping[str, Run | None], folder: Path, seconds: float
    ) -> None:
        self.workload = workload
        self.runs = runs
        self.folder = folder
        self.seconds = seconds

    @property
    def starting_seconds(self) -> float:
        """What was no playing: starting a worker, making environments, loading policies."""
        played: float = sum(run.file.result["seconds"] for run in self.runs.values() if run and run.file.result)
        return max(0.0, self.seconds - played)

    def costs(self, *, sharing: int) -> dict[Key, Cost]:
        """By policy, training seed and task, with a policy call shared by so many lanes."""
        runs = [run for run in self.runs.values() if run is not None]
        return {key_of(run.case): _cost(run, self.workload.benchmark.video_dir, sharing=sharing) for run in runs}

    def results_bytes(self, num_episodes: int) -> float:
        """What the files of results take: measured with each episode once, and with each twice."""
        found = results_of(self.workload, self.runs)
        num_probed = sum(result.n_episodes for result in found.results)
        once, twice = (self._written(found, times) for times in (1, 2))
        return once + (twice - once) * (num_episodes / num_probed - 1)

    def _written(self, found: BenchmarkResults, times: int) -> int:
        results = [
            TaskResult.from_episodes(r.task_id, r.episodes * times, policy=r.policy, train_seed=r.train_seed)
            for r in found.results
        ]
        write(BenchmarkResults(results, found.metadata), self.folder)
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())


def _num_probed(workload: EvaluateWorkload) -> int:
    """How many episodes of each policy in each task are played: on a device a lane each, which takes as long as one."""
    return min(workload.lanes, workload.benchmark.num_episodes) if workload.is_on_device else 1


def _probe(workload: EvaluateWorkload, manner: Manner, folder: Path) -> _Probed:
    benchmark = copy.copy(workload.benchmark)
    benchmark.num_episodes = _num_probed(workload)
    if _films(workload):
        benchmark.video_dir, benchmark.record_mode = folder / "videos", "all"
    else:
        benchmark.video_dir, benchmark.record_mode = None, "none"
    probe = EvaluateWorkload(
        benchmark, workload.policies, lanes=workload.lanes, trust=workload.trust, episode_seconds=workload.hang_seconds
    )
    start = time.perf_counter()
    runs = execute(probe, Store(folder), launcher=Local(1), limits=manner.limits)
    return _Probed(probe, runs, folder, time.perf_counter() - start)


def _cost(run: Run, video_dir: Path | None, *, sharing: int) -> Cost:
    """What the probe took; a policy call that it had for itself will serve `sharing` lanes."""
    result = run.file.result or {}
    latency = Latency()
    latency.add_json(result.get("latency", {}))
    calling, rendering = (part.num * (part.quantile(0.5) or 0.0) for part in (latency.policy, latency.render))
    records = (run.folder / "records.jsonl").stat().st_size
    everything = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    films = [(video_dir or run.folder) / str(r.values["video"]) for r in run.records if r.values.get("video")]
    return Cost(
        seconds=max(0.0, result["seconds"] - rendering - calling * (1 - 1 / sharing)) / run.num_records,
        film_seconds=rendering,
        record_bytes=records / run.num_records,
        run_bytes=everything - records,
        film_bytes=sum(file.stat().st_size for film in films for file in (film, picture_of(film))),
    )


def _predicted(workload: EvaluateWorkload, manner: Manner, episodes: list[Planned], probed: _Probed) -> Prediction:
    sharing = 1 if workload.is_on_device else min(workload.lanes, workload.benchmark.num_episodes)
    costs = probed.costs(sharing=sharing)
    todo = [planned for planned in episodes if planned.is_due]
    filmed = [planned for planned in todo if _films(workload) and _may_be_filmed(workload, planned.index)]
    runs = {planned.run: planned.key for planned in todo}
    playing = sum(costs[planned.key].seconds for planned in todo)
    playing += sum(costs[planned.key].film_seconds for planned in filmed)
    size = sum(costs[planned.key].record_bytes for planned in todo)
    films = Counter(planned.key for planned in filmed)
    has_grids = workload.benchmark.video_grids
    size += sum(costs[key].film_bytes * (number + _in_grid(number) * has_grids) for key, number in films.items())
    size += sum(costs[key].run_bytes for key in runs.values())
    return Prediction(
        seconds=playing / manner.workers + (probed.starting_seconds if todo else 0.0),
        bytes=size + probed.results_bytes(len(episodes)),
        probe_seconds=probed.seconds,
        films_at_most=len(filmed),
        probe_episodes=_num_probed(workload),
    )


def _in_grid(num_films: int) -> int:
    """Of how many films there is a grid, which is taken to be as large as they are."""
    return min(num_films, MOST_CELLS) if num_films >= FEWEST_CELLS else 0


def _films(workload: EvaluateWorkload) -> bool:
    return workload.benchmark.video_dir is not None and workload.benchmark.record_mode != "none"


def _may_be_filmed(workload: EvaluateWorkload, index: int) -> bool:
    return VideoRecorder(workload.benchmark.video_dir or ".", record_mode=workload.benchmark.record_mode).wants(index)


def _as_json(episodes: list[Planned], prediction: Prediction | None, reasons: list[str]) -> dict[str, Any]:
    return {
        "episodes": [msgspec.structs.asdict(planned) for planned in episodes],
        "predicted": None if prediction is None else msgspec.structs.asdict(prediction),
        "predicted_from": None if prediction is None else prediction.basis,
        "failures": reasons,
    }


def _tell(episodes: list[Planned], prediction: Prediction | None, reasons: list[str], manner: Manner) -> None:
    rows = [_row_of(planned) for planned in episodes]
    left_out = len(rows) - 2 * _SHOWN_AT_EACH_END
    if left_out > 0:
        rows[_SHOWN_AT_EACH_END:-_SHOWN_AT_EACH_END] = [["...", f"{left_out} more", "", "", ""]]
    show_table(["policy", "task", "episode", "seed", ""], rows)
    there = sum(planned.is_there for planned in episodes)
    given_up = sum(planned.is_given_up for planned in episodes)
    print()
    count = ("at most " if manner.stop is not None else "") + count_text(len(episodes), "episode")
    say(f"{count[0].upper()}{count[1:]}, {there} of them in {manner.out} already. --json lists them all.")
    if given_up:
        say(f"{count_text(given_up, 'episode')} of runs that failed will not be played again without --rerun-failed.")
    for reason in reasons:
        say(f"The probe failed: {reason}")
    if prediction is not None:
        say(_in_words(prediction, manner))


def _row_of(planned: Planned) -> list[str]:
    seed = "" if planned.train_seed is None else f" (train seed {planned.train_seed})"
    there = "there already" if planned.is_there else "failed" if planned.is_given_up else ""
    return [planned.policy + seed, planned.task, str(planned.index), str(planned.seed), there]


def _in_words(prediction: Prediction, manner: Manner) -> str:
    films = f", at most {count_text(prediction.films_at_most, 'film')} included" if prediction.films_at_most else ""
    most = "at most " if manner.stop is not None else ""
    return (
        f"Predicted: {most}about {seconds_text(prediction.seconds)} with {count_text(manner.workers, 'worker')}, "
        f"{bytes_text(prediction.bytes)} on disk{films}. This rests on {prediction.basis}, "
        f"played just now in {seconds_text(prediction.probe_seconds)}; episodes differ in length."
    )
