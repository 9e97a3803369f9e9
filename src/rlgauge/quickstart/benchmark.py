"""The benchmark of `rlgauge quickstart`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

if TYPE_CHECKING:
    import gymnasium

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

    def create_gyms(self) -> list[Callable[[], gymnasium.Env[Any, Any]]]:
        """The environments, each saying at its end whether its threshold was reached."""
        return [partial(_judged, make) for make in super().create_gyms()]


def _judged(make: Callable[[], gymnasium.Env[Any, Any]]) -> gymnasium.Env[Any, Any]:
    import gymnasium

    env = make()
    if env.spec is None or env.spec.reward_threshold is None:
        return env
    threshold = env.spec.reward_threshold

    class Judged(gymnasium.Wrapper[Any, Any, Any, Any]):
        """Adds `is_success` to `info` at the end of an episode."""

        total_return = 0.0

        def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401  # as Gymnasium has it
            self.total_return = 0.0
            return super().reset(**options)

        def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401
            observation, reward, terminated, truncated, info = super().step(action)
            self.total_return += float(reward)
            if terminated or truncated:
                info = {**info, "is_success": self.total_return >= threshold}
            return observation, reward, terminated, truncated, info

    return Judged(env)
