"""A flat file, which makes its environment itself."""

import gymnasium as gym
from told import tell

SEED: int = 3
env = gym.make("CartPole-v1")
table = [0.0] * 4
observation, _ = env.reset()
total = 0.0
is_done = False
while not is_done:
    observation, reward, terminated, truncated, _ = env.step(0)
    total += float(reward)
    is_done = terminated or truncated
tell(seed=SEED, total=total, name=__name__, observation=observation.tolist())
