"""Stores of evaluated policies, played or imported, and what comes back from files that were made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import gymnasium

from rlgauge import Benchmark
from rlgauge.core.case import Case
from rlgauge.core.reading import Reading
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Need, Store, now
from rlgauge.exporters.evaluations import Written
from rlgauge.importers import read
from rlgauge.importers.write import write

LIBERO = "libero_10_3: put both moka pots on the stove"
UNITS = {"return": "reward", "length": "steps", "success": "success"}


class Fragile(gymnasium.Wrapper):
    """A pole whose simulator fails in its 20th step."""

    def reset(self, **options):
        self.num_steps = 0
        return super().reset(**options)

    def step(self, action):
        self.num_steps += 1
        if self.num_steps == 20:
            raise RuntimeError("the solver diverged")
        return super().step(action)


class Poles(Benchmark):
    """Two poles, one of which fails now and then."""

    def create_gyms(self):
        return [gymnasium.make("CartPole-v1"), Fragile(gymnasium.make("CartPole-v1"))]

    def is_success(self, played):
        return played.length >= 15


def played(out: Path) -> Path:
    """A store with real episodes of two policies."""
    Poles(num_episodes=6, seed=3).evaluate(["random", "zero"], out=out)
    return out


def evaluated(
    out: Path,
    task: str = LIBERO,
    *,
    policy: str = "act",
    seed: int | None = None,
    values: Iterable[Mapping[str, Any]] = ({"return": 1.0, "length": 9, "success": True, "seed": 5},),
    status: Status = Status.COMPLETED,
    checkpoint: str = "c",
    **params: Any,
) -> Path:
    """A store with one more result, as an evaluation leaves it."""
    own = {"benchmark": {"class_path": "here.is:MyBenchmark"}, "max_steps": 280, "train_seed": seed, "task": task}
    labels = {"policy": policy, "algorithm": policy, "task": task, "settings": "s", "checkpoint": checkpoint}
    labels |= {} if seed is None else {"train_seed": str(seed)}
    case = Case(
        workload="evaluate",
        name=f"{task}-e0000",
        params=own | params | {"policy": [policy, checkpoint]},
        seed=42,
        labels=labels,
    )
    start = Start(start_time=now(), host={})
    attempt = Store(out).claim(case, Need(), ConfigFile(seed=42, case=case, units=UNITS), start)
    assert attempt is not None
    for index, each in enumerate(values):
        attempt.append(Record(index, dict(each)))
    attempt.close()
    attempt.commit(status, fail_trace=None if status is Status.COMPLETED else "ValueError: the arm is gone")
    return out


def imported(out: Path, folder: Path) -> Path:
    """A store of what a folder of another system's files holds."""
    write(read([folder]).readings, Store(out))
    return out


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def files(folder: Path) -> dict[str, Any]:
    """The contents of all JSON files by their paths."""
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))}


def told(readings: Iterable[Reading], *names: str) -> list[Any]:
    """What such files can hold of the readings: of episodes that are no errors, the quantities of these names."""
    return sorted((_of_reading(reading, names) for reading in readings), key=lambda row: row[:3])


def _of_reading(reading: Reading, names: Iterable[str]) -> list[Any]:
    totals = {name: total for name, total in reading.totals.items() if name in names}
    episodes = [_of_episode(record, names) for record in reading.records]
    return [reading.algorithm, reading.task, str(reading.seed), reading.status, totals, episodes]


def _of_episode(record: Record, names: Iterable[str]) -> list[Any]:
    is_error = record.values.get("return") is None
    return [record.index, *([] if is_error else [record.values.get(name) for name in names])]


def round_trip(write_files: Callable[[Path, Path], Written], out: Path, target: Path) -> tuple[list[Reading], Written]:
    """What is read of the files that were written of a store."""
    written = write_files(out, target)
    return read([target]).readings, written
