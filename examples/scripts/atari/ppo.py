"""PPO (Schulman et al. 2017) on Atari games, as Stable-Baselines3 has it: `python ppo.py --env ALE/Pong-v5`."""

from __future__ import annotations

import argparse

import ale_py
import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

gymnasium.register_envs(ale_py)


def main(
    env: str = "ALE/Pong-v5", seed: int = 0, total_steps: int = 10_000_000, max_frames: int = 108_000, num_envs: int = 8
) -> PPO:
    """The trained model; a step is four frames, and no action sticks."""
    one_frame = {"frameskip": 1, "repeat_action_probability": 0.0, "max_episode_steps": max_frames}
    world = make_atari_env(env, n_envs=num_envs, seed=seed, env_kwargs=one_frame)
    model = PPO(
        "CnnPolicy",
        VecFrameStack(world, n_stack=4),
        learning_rate=2.5e-4,
        n_steps=128,
        batch_size=256,
        n_epochs=4,
        clip_range=0.1,
        ent_coef=0.01,
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
    parser.add_argument("--num-envs", type=int, default=8, help="environments that are stepped together")
    main(**vars(parser.parse_args()))
