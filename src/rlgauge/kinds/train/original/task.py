"""What the process of a library's script is told, and tells: two JSON files in the run's folder of artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

TASK, TOLD, WORK = "task.json", "told.json", "work"
"""Names of the files with a `Task` and with what it came to, and of the folder that the script runs in."""
LIBRARIES = ("imitation",)
"""Those that there is an isolated environment of, with scripts that are known."""
SCRIPTS = {
    "airl": "train_adversarial",
    "bc": "train_imitation",
    "dagger": "train_imitation",
    "gail": "train_adversarial",
    "preference_comparisons": "train_preference_comparisons",
}
"""The library's script of each algorithm."""
UNSHOWN = frozenset({"preference_comparisons"})
"""Those that nothing is shown to: they learn from comparisons, which the script makes by the environment's reward."""
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "preference_comparisons": (
        "active_selection",
        "active_selection_oversampling",
        "agent_path",
        "allow_variable_horizon",
        "checkpoint_interval",
        "comparison_queue_size",
        "environment",
        "exploration_frac",
        "fragment_length",
        "fragmenter_kwargs",
        "gatherer_cls",
        "gatherer_kwargs",
        "initial_comparison_frac",
        "logging",
        "num_iterations",
        "policy",
        "policy_evaluation",
        "preference_model_kwargs",
        "query_schedule",
        "reward",
        "reward_trainer_kwargs",
        "rl",
        "save_preferences",
        "total_comparisons",
        "total_timesteps",
        "trajectory_generator_kwargs",
        "transition_oversampling",
        "uncertainty_on",
    ),
}
"""The settings of scripts that are looked at before anything runs, without what lies in them."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is trained: `updates` are Sacred's words after `with`, `demonstrations` the path of an npz file of ours.

    It is None where nothing is shown. `expert` is a name that `rlgauge expert` knows, `began_in` the folder from which
    a path in it begins. `folder` is the run's folder of artifacts. Both are absolute.
    """

    algorithm: str
    env: str
    seed: int
    updates: list[str]
    demonstrations: str | None
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
