"""What the network is measured by."""

import gymnasium

from rlgauge import Benchmark
from rlgauge.episodes.rollout import Played


class Pole(Benchmark):
    """CartPole; an episode is a success where the pole stands for so many steps."""

    def __init__(self, steps: int = 400, num_episodes: int = 20, seed: int = 42) -> None:
        self.steps = steps
        super().__init__(num_episodes=num_episodes, seed=seed)

    def create_gyms(self) -> list[gymnasium.Env]:
        """One environment."""
        return [gymnasium.make("CartPole-v1")]

    def is_success(self, played: Played) -> bool:
        """Whether it stood."""
        return played.length >= self.steps
