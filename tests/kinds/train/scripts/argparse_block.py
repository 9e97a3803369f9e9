"""All of it under `if __name__ == "__main__"`, with argparse."""

import argparse
import random
from pathlib import Path

from told import tell


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--exp-name", type=str, default=Path(__file__).stem)
    parser.add_argument("--seed", type=int, default=1, help="seed of the experiment")
    parser.add_argument("--num-envs", type=int, default=4)
    parser.add_argument("--env-id", type=str, default="CartPole-v1", help="the id of the environment")
    return parser.parse_args()


if __name__ == "__main__":
    args = parse_args()
    random.seed(args.seed)
    agent = {"weights": [args.seed]}
    tell(env=args.env_id, seed=args.seed, num_envs=args.num_envs, name=args.exp_name, module=__name__)
