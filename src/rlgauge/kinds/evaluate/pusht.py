"""PushT: a disc that pushes a T onto its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlgauge.envs import pusht
from rlgauge.kinds.evaluate.simulated import SimulatedBenchmark, Simulator, check_observation, check_size


class PushTBenchmark(SimulatedBenchmark):
    """The task PushT-v0 of gym-pusht.

    An episode ends where more than 95 % of the T's place are covered, or after `max_steps` of a tenth of a second.
    `observation` is one of gym-pusht's own: "pixels_agent_pos", "pixels", "environment_state_agent_pos" or "state".
    """

    simulator = Simulator("rlgauge.envs.pusht")
    defined_by_task = ("observation", "observation_height", "observation_width")

    def __init__(
        self,
        *,
        num_episodes: int = 20,
        max_steps: int | None = pusht.MAX_STEPS,
        seed: int = 42,
        observation: pusht.Observed = "pixels_agent_pos",
        observation_height: int = 96,
        observation_width: int = 96,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; nothing is built, imported or opened. Raises UserError."""
        check_observation(observation, pusht.Observed)
        check_size(observation_height, observation_width)
        self.observation = observation
        self.observation_height = observation_height
        self.observation_width = observation_width
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )

    def task_arguments(self) -> dict[str, dict[str, Any]]:
        """The one task."""
        size = {"height": self.observation_height, "width": self.observation_width}
        return {"PushT-v0": {"observation": self.observation, **size}}
