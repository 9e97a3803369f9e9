"""Fetch: an arm that reaches a place, or pushes, slides or carries a block there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlgauge.envs import fetch
from rlgauge.kinds.evaluate.simulated import SimulatedBenchmark, Simulator, chosen


class FetchBenchmark(SimulatedBenchmark):
    """The Fetch tasks of gymnasium-robotics, all of them or those named.

    An episode takes `max_steps`, and is a success where the goal is reached in the last of them. Observations are the
    dictionaries of `observation`, `achieved_goal` and `desired_goal` that policies with goals know.
    """

    simulator = Simulator("rlgauge.envs.fetch")
    defined_by_task = ("task", "task_names")

    def __init__(
        self,
        task: str | Sequence[str] = fetch.TASKS,
        *,
        num_episodes: int = 20,
        max_steps: int | None = fetch.MAX_STEPS,
        seed: int = 42,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        self.task_names = chosen(task, known=fetch.TASKS, where="Fetch")
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )

    def task_arguments(self) -> dict[str, dict[str, str]]:
        """The chosen tasks."""
        return {name: {"task": name} for name in self.task_names}
