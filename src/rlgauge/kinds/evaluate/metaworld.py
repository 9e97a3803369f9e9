"""Meta-World: 50 tasks of an arm at a table, each with 50 goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlgauge.core.errors import UserError, unknown
from rlgauge.envs import metaworld
from rlgauge.kinds.evaluate.simulated import SimulatedBenchmark, Simulator, check_observation, check_size, chosen


class MetaWorldBenchmark(SimulatedBenchmark):
    """The tasks of Meta-World's set MT10 or MT50, or those named, such as "reach-v3".

    Episode i has goal i, modulo the 50 that Meta-World draws by `seed`. It ends where the task is solved, or after
    `max_steps`, which are 500 at most. `observation` is "state", which tells the goal, "pixels_agent_pos" or "pixels";
    with pixels, `instructions` gives tasks a text by their names, which policies see as `task`.
    """

    simulator = Simulator("rlgauge.envs.metaworld")
    most_steps = metaworld.MAX_STEPS
    num_starts = metaworld.NUM_GOALS
    defined_by_task = ("task", "task_names", "observation", "observation_height", "observation_width", "instructions")

    def __init__(
        self,
        task: str | Sequence[str] = "MT10",
        *,
        num_episodes: int = metaworld.NUM_GOALS,
        max_steps: int | None = metaworld.MAX_STEPS,
        seed: int = 42,
        observation: metaworld.Observed = "state",
        observation_height: int = 480,
        observation_width: int = 480,
        instructions: Mapping[str, str] | None = None,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        check_observation(observation, metaworld.Observed)
        check_size(observation_height, observation_width)
        self.task_names = chosen(task, known=metaworld.TASKS, sets=metaworld.SETS, where="Meta-World")
        self.observation = observation
        self.observation_height = observation_height
        self.observation_width = observation_width
        self.instructions = dict(instructions or {})
        for name in self.instructions:
            if name not in self.task_names:
                raise unknown("task in instructions", name, self.task_names)
        if self.instructions and observation == "state":
            raise UserError("observation='state' has no text: instructions need 'pixels_agent_pos' or 'pixels'.")
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )

    def task_arguments(self) -> dict[str, dict[str, Any]]:
        """The chosen tasks."""
        seen = {
            "observation": self.observation,
            "height": self.observation_height,
            "width": self.observation_width,
            "goal_seed": self.seed,
        }
        return {name: {"task": name, **seen, "instruction": self.instructions.get(name)} for name in self.task_names}
