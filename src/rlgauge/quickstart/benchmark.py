"""The benchmark of `rlgauge quickstart`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

if TYPE_CHECKING:
    from rlgauge.episodes.rollout import Played

ENVIRONMENTS = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1")


class QuickstartBenchmark(GymnasiumBenchmark):
    """Classic control; the first episode of each is filmed.

    An episode is a success where its return reaches the `reward_threshold` of the environment's registration, and
    unmeasured where that names none.
    """

    def __init__(
        self,
        env: Sequence[str] = ENVIRONMENTS,
        *,
        num_episodes: int = 100,
        video_dir: str | Path | None = None,
        record_mode: str = "first:1",
    ) -> None:
        """Keep the settings."""
        super().__init__(env, num_episodes=num_episodes, video_dir=video_dir, record_mode=record_mode)

    def is_success(self, played: Played) -> bool | None:
        """Whether the return reached the threshold of the task's registration."""
        from rlgauge.envs.gymnasium import find_spec

        threshold = find_spec(played.task_id).reward_threshold
        return None if threshold is None or played.total_return is None else played.total_return >= threshold
