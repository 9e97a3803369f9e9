"""Runs as a training leaves them, made by hand: what trackers follow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlgauge.core.case import Case
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.kinds.train.journal import Journal

UNITS = {
    "return": "reward",
    "length": "steps",
    "training_return": "reward",
    "training_length": "steps",
    "num_episodes": "episodes",
    "num_steps": "steps",
    "train_seconds": "s",
}
PROVENANCE = {"python": "3.11.9", "packages": {"numpy": "2.4.6"}, "repository": {"commit": "abc", "dirty": False}}


def begun(store: Path, *, seed: int = 0) -> Attempt:
    """A training of `reinforce` on CartPole that has just begun, claimed by this process."""
    case = Case(
        workload="train",
        name=f"reinforce-CartPole-v1-s{seed}",
        params={"env": "CartPole-v1", "script": "0123abcd", "args": ["--lr=0.1"]},
        seed=seed,
        labels={"algorithm": "reinforce", "task": "CartPole-v1", "train_seed": str(seed)},
    )
    config = ConfigFile(seed=seed, case=case, units=UNITS, environment={"gym_id": "CartPole-v1", "max_steps": 500})
    start = Start(start_time=now(), host={"hostname": "here"}, provenance=PROVENANCE, command="rlgauge train x.py")
    attempt = Store(store).claim(case, Need(), config, start)
    assert attempt is not None
    return attempt


def train(attempt: Attempt, *, num_episodes: int = 3) -> Journal:
    """Its live data: episodes, and scalars with their steps, without one, and not finite."""
    journal = Journal(attempt.folder / "artifacts")
    for index in range(num_episodes):
        journal.scalars({"loss": 1.0 / (index + 1)}, index * 100)
        journal.scalars({"charts/entropy": 0.5}, index * 100)
        journal.episode(10.0 * (index + 1), 10 + index, num_steps=(index + 1) * 20)
    journal.scalars({"loss": float("nan")}, 900)
    journal.scalars({"unstepped": 7.0}, None)
    journal.scalars({"unstepped": 8.0}, None)
    return journal


def train_oddly(journal: Journal) -> None:
    """What trackers might take for one number, or not at all."""
    for place in range(4):  # a vector's parts, which a time limit ends together
        journal.episode(-200.0, 200, num_steps=800, place=place)
    journal.scalars({"same": 1.0}, 0)
    journal.scalars({"same": 1.0}, 0)
    journal.scalars({"part(0)": 1.0, "part[0]": 2.0, "part_0__2": 3.0}, 0)
    journal.scalars({"step": 7.0}, 1)
    journal.scalars({"far": 1.0}, 2**63 - 1)
    journal.scalars({"far": 2.0}, 1)


def finish(attempt: Attempt, status: Status = Status.COMPLETED, *, num_tests: int = 2) -> None:
    """Its records, weights and end."""
    whole = {"training_return": 20.0, "training_length": 11.0, "num_episodes": 3, "num_steps": 60, "train_seconds": 0.5}
    attempt.append(Record(0, whole))
    for index in range(1, num_tests + 1):
        film = f"videos/CartPole-v1/test-{index}.mp4"
        values = {"return": 100.0 * index, "length": 100 * index, "outcome": "unmeasured", "video": film}
        attempt.append(Record(index, values))
    weights = attempt.folder / "artifacts" / "weights"
    (weights / "nested").mkdir(parents=True)
    (weights / "nested" / "policy.safetensors").write_bytes(b"others")
    (weights / "policy.safetensors").write_bytes(b"weights" * 100)
    attempt.close()
    trace = None if status is Status.COMPLETED else "Traceback\n  ...\nValueError: it went wrong"
    attempt.commit(status, result={"actor": "policy", "warnings": ["One.", "Two."]}, fail_trace=trace)


def ended(store: Path, status: Status = Status.COMPLETED, *, seed: int = 0) -> Path:
    """The folder of a training that has ended."""
    attempt = begun(store, seed=seed)
    train(attempt)
    finish(attempt, status)
    return attempt.folder


def film(folder: Path, name: str = "test-1.mp4") -> Path:
    """A film of half a second of noise in the run's folder of videos."""
    from fractions import Fraction

    import numpy as np

    from rlgauge.episodes.encoder import write_h264

    path = folder / "artifacts" / "videos" / "CartPole-v1" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draws = np.random.default_rng(0).integers(0, 255, (15, 64, 96, 3), np.uint8)
    write_h264(path, Fraction(30), iter(draws))
    return path


def tracked(kind: str, folder: Path, variables: Mapping[str, str] | None = None, **options: Any) -> Any:
    """The process that tracks a run, when it has ended; in a home without anybody's keys."""
    home, passing = folder.parents[3] / "home", folder.parents[3] / "tmp"
    home.mkdir(exist_ok=True)
    passing.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "MLFLOW_", "NETRC"))}
    environment = {**kept, "HOME": str(home), "TMPDIR": str(passing), **(variables or {})}
    command = [sys.executable, "-m", "rlgauge.trackers", kind, str(folder)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=240, cwd=home, **options
    )
