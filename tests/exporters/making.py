"""Stores of trainings that learn from demonstrations, made without training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlgauge.core.case import Case
from rlgauge.core.run import ConfigFile, Record, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.kinds.train.journal import EPISODES, SCALARS, Episode, Scalars, encoded, line_of

CARTPOLE, HOPPER = "seals/CartPole-v0", "seals/Hopper-v1"
RETURNS = (10.0, 20.5, 40.25)
EXPERT = {"return_mean": 500.0, "return_min": 490.0, "return_max": 510.0, "return_std": 5.0, "n_traj": 50}
REFERENCES = {"random": 25.0, "expert": 500.0}


def case(algorithm: str = "bc", env: str = CARTPOLE, seed: int = 0, *, name: str = "", **config: Any) -> Case:
    name = name or algorithm
    own = {"environment": {"gym_id": env}, "demonstrations": {"n_expert_demos": 3}, **config}
    told = {"name": name, "train": algorithm, "config": own, "expert": "0123456789ab"}
    params = {"protocol": 1, "algorithm": told, "environment": {"gym_id": env}, "tests": 3}
    labels = {"algorithm": name, "task": env, "train_seed": str(seed), "settings": "s", "config_name": "bc_of_seals"}
    return Case(workload="train", name=f"{name}-{env}-s{seed}", params=params, seed=seed, labels=labels)


def begun(root: Path, what: Case) -> Attempt:
    environment = what.params.get("environment")
    units = {"return": "reward", "length": "steps"}
    config = ConfigFile(seed=what.seed, case=what, units=units, environment=environment)
    provenance = {"python": "3.11.7", "packages": {"rlgauge": "0.1.0"}, "repository": {"commit": "abc", "dirty": True}}
    host = {"hostname": "here", "os": "Linux 6.1", "cpu": "one"}
    start = Start(start_time=now(), host=host, provenance=provenance, command="rlgauge train --algo bc")
    attempt = Store(root).claim(what, Need(), config, start)
    assert attempt is not None
    return attempt


def trained(
    root: Path,
    what: Case | None = None,
    *,
    returns: Sequence[float] = RETURNS,
    status: Status = Status.COMPLETED,
    result: dict[str, Any] | None = None,
    reason: str | None = None,
) -> Path:
    """A run with scalars, episodes of its training, weights, checkpoints and a film; its folder."""
    attempt = begun(root, what or case())
    folder = attempt.folder / "artifacts"
    logged = [Scalars({"loss": 1.0 / (step + 1), "odd": None}, step * 10, step + 0.5) for step in range(3)]
    played = [Episode(step, step + 0.25, 5, 5 * (step + 1), step + 0.5, place=step % 2) for step in range(3)]
    (folder / SCALARS).write_bytes(b"".join(line_of(encoded(one)) for one in logged))
    (folder / EPISODES).write_bytes(b"".join(line_of(encoded(one)) for one in played))
    for name in ("weights/policy.safetensors", "checkpoints/state.pt", "checkpoints/round.json", "videos/1.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(bytes(100))
    (folder / "spec.json").write_text(json.dumps(attempt.folder.parent.name))
    (attempt.folder / "cout.txt").write_text("hello\n")
    for index, value in enumerate(returns):
        attempt.append(Record(index + 1, {"return": value, "length": 5 + index}))
    attempt.close()
    told = {"expert_stats": EXPERT, "references": REFERENCES} if result is None else result
    attempt.commit(
        status,
        result=told if status is Status.COMPLETED else None,
        fail_kind=None if status is Status.COMPLETED else "error",
        fail_trace=reason,
    )
    return attempt.folder


def store(root: Path, num_seeds: int = 2, algorithms: Sequence[str] = ("bc", "gail")) -> Path:
    for algorithm in algorithms:
        for seed in range(num_seeds):
            trained(root, case(algorithm, seed=seed), returns=[seed + value for value in RETURNS])
    return root
