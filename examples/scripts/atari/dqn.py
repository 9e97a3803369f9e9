"""DQN (Mnih et al. 2015) on Atari games, as Stable-Baselines3 has it: `python dqn.py --env ALE/Pong-v5`."""

from __future__ import annotations

import argparse

import ale_py
import gymnasium
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

gymnasium.register_envs(ale_py)


def main(
    env: str = "ALE/Pong-v5",
    seed: int = 0,
    total_steps: int = 10_000_000,
    max_frames: int = 108_000,
    buffer_size: int = 100_000,
    learning_starts: int = 100_000,
) -> DQN:
    """The trained model; a step is four frames, and no action sticks."""
    one_frame = {"frameskip": 1, "repeat_action_probability": 0.0, "max_episode_steps": max_frames}
    world = make_atari_env(env, n_envs=1, seed=seed, env_kwargs=one_frame)
    model = DQN(
        "CnnPolicy",
        VecFrameStack(world, n_stack=4),
        buffer_size=buffer_size,
        learning_starts=learning_starts,
        target_update_interval=1000,
        gradient_steps=1,
        exploration_fraction=0.1,
        exploration_final_eps=0.01,
        optimize_memory_usage=False,
        seed=seed,
    )
    model.learn(total_steps)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="ALE/Pong-v5")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--total-steps", type=int, default=10_000_000)
    parser.add_argument("--max-frames", type=int, default=108_000, help="frames after which an episode is cut off")
    parser.add_argument("--buffer-size", type=int, default=100_000, help="steps that are remembered, 56 kB each")
    parser.add_argument("--learning-starts", type=int, default=100_000, help="steps before the first update")
    main(**vars(parser.parse_args()))
