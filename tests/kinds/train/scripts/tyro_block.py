"""A dataclass of arguments, read by tyro."""

import random
from dataclasses import dataclass

import tyro
from told import tell


@dataclass
class Args:
    exp_name: str = "tyro"
    seed: int = 1
    env_id: str = "CartPole-v1"
    num_envs: int = 4


if __name__ == "__main__":
    args = tyro.cli(Args)
    random.seed(args.seed)
    tell(env=args.env_id, seed=args.seed)
