"""What the process of a library's script is told, and tells: two JSON files in the run's folder of artifacts."""

from __future__ import annotations

from typing import Any

import msgspec

TASK, TOLD, WORK = "task.json", "told.json", "work"
"""Names of the files with a `Task` and with what it came to, and of the folder that the script runs in."""
SCRIPTS = {
    "airl": "train_adversarial",
    "bc": "train_imitation",
    "dagger": "train_imitation",
    "gail": "train_adversarial",
}
"""The library's script of each algorithm."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is trained: `updates` are Sacred's words after `with`, `demonstrations` the path of an npz file of ours.

    `expert` is a name that `rlgauge expert` knows, `began_in` the folder from which a path in it begins. `folder` is
    the run's folder of artifacts. Both are absolute.
    """

    algorithm: str
    env: str
    seed: int
    updates: list[str]
    demonstrations: str
    expert: str | None
    began_in: str
    num_tests: int
    folder: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What it came to: `result` is what the script returned, `sacred` the folder that Sacred wrote, relative to WORK.

    `train_seconds` are those of the trainer's own `train`, without the start and the tests; `num_steps` are those of
    the environment in it, None where it steps none to learn.
    """

    sacred: str
    result: dict[str, Any]
    train_seconds: float
    num_steps: int | None
