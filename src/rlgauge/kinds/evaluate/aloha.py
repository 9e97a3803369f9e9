"""ALOHA: two arms that hand a cube over, or put a peg into a socket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlgauge.envs import aloha
from rlgauge.kinds.evaluate.simulated import SimulatedBenchmark, Simulator, check_observation, chosen


class AlohaBenchmark(SimulatedBenchmark):
    """The tasks of gym-aloha, both or one of them.

    An episode ends where the reward is 4, which means handed over or put in, or after `max_steps` of a fiftieth of a
    second. `observation` is "pixels_agent_pos", as gym-aloha calls it, or "environment_state_agent_pos", which draws
    nothing.
    """

    simulator = Simulator("rlgauge.envs.aloha")
    defined_by_task = ("task", "task_names", "observation")

    def __init__(
        self,
        task: str | Sequence[str] = tuple(aloha.TASKS),
        *,
        num_episodes: int = 20,
        max_steps: int | None = aloha.MAX_STEPS,
        seed: int = 42,
        observation: aloha.Observed = "pixels_agent_pos",
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        check_observation(observation, aloha.Observed)
        self.task_names = chosen(task, known=tuple(aloha.TASKS), where="Aloha")
        self.observation = observation
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )

    def task_arguments(self) -> dict[str, dict[str, str]]:
        """The chosen tasks."""
        return {name: {"task": name, "observation": self.observation} for name in self.task_names}
