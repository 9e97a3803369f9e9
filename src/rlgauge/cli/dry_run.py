"""`rlgauge benchmark --dry-run`: what would be played, and how long and large it would be."""

from __future__ import annotations

import copy
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.cli import tables, words
from rlgauge.cli.evaluation import Manner, write
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.units import bytes_text, count_text, seconds_text
from rlgauge.core.case import Case
from rlgauge.core.execute import execute
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.video import VideoRecorder
from rlgauge.kinds.evaluate.run import results_of
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, blocks, episode
from rlgauge.launch.local import Local

_SHOWN_AT_EACH_END = 3

Key = tuple[str, int | None, str]
"""Policy, training seed and task."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of the list."""

    policy: str
    train_seed: int | None
    task: str
    index: int
    seed: int
    is_there: bool

    @property
    def key(self) -> Key:
        """What it shares with the other episodes that a policy plays in a task."""
        return self.policy, self.train_seed, self.task


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one episode of a policy in a task costs, as the probe measured it."""

    seconds: float
    record_bytes: int
    run_bytes: int
    film_bytes: int


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """Predicted from one real episode of each policy in each task."""

    seconds: float
    bytes: float
    probe_seconds: float
    films_at_most: int


def predict(workload: EvaluateWorkload, manner: Manner) -> int:
    """The exit code, after printing the list and the prediction: 1 where the probe failed. Raises UserError."""
    episodes = list_episodes(workload, Store(manner.out))
    with tempfile.TemporaryDirectory(prefix="rlgauge-probe-") as folder:
        probed = _probe(workload, manner, Path(folder))
        failed = [run for run in probed.runs.values() if run is None or run.status is not Status.COMPLETED]
        prediction = None if failed else _predicted(workload, manner, episodes, probed)
        reasons = [words.what_went_wrong(run) for run in failed if run is not None]
    if manner.json:
        print(json.dumps(_as_json(episodes, prediction, reasons), indent=1))
    else:
        _tell(episodes, prediction, reasons, manner)
    return FINE if prediction else FAILED


def list_episodes(workload: EvaluateWorkload, store: Store) -> list[Planned]:
    """Every episode in the order in which they are played."""
    planned = []
    for case in workload.cases():
        run = store.find(case) if store.root.is_dir() else None
        there = set() if run is None else {record.index for record in run.records}
        first = case.params["first"]
        for index in range(first, first + workload.num_wanted(case)):
            seed = episode(case.seed, case.params["task"], index).seed
            policy, train_seed, task = _key(case)
            planned.append(
                Planned(
                    policy=policy, train_seed=train_seed, task=task, index=index, seed=seed, is_there=index in there
                )
            )
    return planned


class _Probed:
    """One real episode of each policy in each task, in a folder that is soon gone."""

    def __init__(
        self, workload: EvaluateWorkload, runs: Mapping[str, Run | None], folder: Path, seconds: float
    ) -> None:
        self.workload = workload
        self.runs = runs
        self.folder = folder
        self.seconds = seconds

    def costs(self) -> dict[Key, Cost]:
        """By policy, training seed and task."""
        return {_key(run.case): _cost(run, self.workload.lanes) for run in self.runs.values() if run is not None}

    def results_bytes(self) -> float:
        """What one episode takes in the files of results."""
        write(results_of(self.workload, self.runs), self.folder)
        files = [path for path in self.folder.iterdir() if path.is_file()]
        return sum(path.stat().st_size for path in files) / max(1, len(self.runs))


def _probe(workload: EvaluateWorkload, manner: Manner, folder: Path) -> _Probed:
    benchmark = copy.copy(workload.benchmark)
    benchmark.num_episodes = 1
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


def _cost(run: Run, lanes: int) -> Cost:
    """The probe had one lane; with several, a policy call is shared by them."""
    result = run.file.result or {}
    latency = Latency()
    latency.add_json(result.get("latency", {}))
    shared = result["steps"] * (latency.policy.quantile(0.5) or 0.0) * (1 - 1 / min(lanes, 10))
    records = (run.folder / "records.jsonl").stat().st_size
    everything = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    film = next((record.values["video"] for record in run.records if record.values.get("video")), None)
    return Cost(
        seconds=max(0.0, result["seconds"] - shared),
        record_bytes=records,
        run_bytes=everything - records,
        film_bytes=Path(str(film)).stat().st_size if film else 0,
    )


def _predicted(workload: EvaluateWorkload, manner: Manner, episodes: list[Planned], probed: _Probed) -> Prediction:
    costs = probed.costs()
    todo = [planned for planned in episodes if not planned.is_there]
    playing = sum(costs[planned.key].seconds for planned in todo)
    starting = max(
        0.0, probed.seconds - sum(run.file.result["seconds"] for run in probed.runs.values() if run and run.file.result)
    )
    filmed = [planned for planned in todo if _films(workload) and _may_be_filmed(workload, planned.index)]
    num_runs = {
        (*planned.key, block.first)
        for planned in todo
        for block in blocks(planned.index + 1)
        if block.last > planned.index
    }
    size = sum(costs[planned.key].record_bytes for planned in todo)
    size += sum(costs[key[0], key[1], key[2]].run_bytes for key in num_runs)
    size += sum(costs[planned.key].film_bytes for planned in filmed)
    return Prediction(
        seconds=playing / manner.workers + (starting if todo else 0.0),
        bytes=size + probed.results_bytes() * len(episodes),
        probe_seconds=probed.seconds,
        films_at_most=len(filmed),
    )


def _films(workload: EvaluateWorkload) -> bool:
    return workload.benchmark.video_dir is not None and workload.benchmark.record_mode != "none"


def _may_be_filmed(workload: EvaluateWorkload, index: int) -> bool:
    return VideoRecorder(workload.benchmark.video_dir or ".", record_mode=workload.benchmark.record_mode).wants(index)


def _key(case: Case) -> Key:
    return case.labels["policy"], case.params["train_seed"], case.params["task"]


def _as_json(episodes: list[Planned], prediction: Prediction | None, reasons: list[str]) -> dict[str, Any]:
    return {
        "episodes": [msgspec.structs.asdict(planned) for planned in episodes],
        "predicted": None if prediction is None else msgspec.structs.asdict(prediction),
        "predicted_from": "one real episode of each policy in each task",
        "failures": reasons,
    }


def _tell(episodes: list[Planned], prediction: Prediction | None, reasons: list[str], manner: Manner) -> None:
    header = ["policy", "task", "episode", "seed", ""]
    rows = [
        [
            p.policy if p.train_seed is None else f"{p.policy} (train seed {p.train_seed})",
            p.task,
            str(p.index),
            str(p.seed),
        ]
        + ["there already" if p.is_there else ""]
        for p in episodes
    ]
    left_out = len(rows) - 2 * _SHOWN_AT_EACH_END
    if left_out > 0:
        rows[_SHOWN_AT_EACH_END:-_SHOWN_AT_EACH_END] = [["...", f"{left_out} more", "", "", ""]]
    tables.show(header, rows)
    there = sum(planned.is_there for planned in episodes)
    print(f"\n{count_text(len(episodes), 'episode')}, {there} of them in {manner.out} already. --json lists them all.")
    for reason in reasons:
        print(f"The probe failed: {reason}")
    if prediction is not None:
        films = f", at most {count_text(prediction.films_at_most, 'film')} included" if prediction.films_at_most else ""
        print(
            f"Predicted: about {seconds_text(prediction.seconds)} with {count_text(manner.workers, 'worker')}, "
            f"{bytes_text(prediction.bytes)} on disk{films}. This rests on one real episode of each policy in each task "
            f"(played just now, in {seconds_text(prediction.probe_seconds)}); episodes differ in length."
        )
