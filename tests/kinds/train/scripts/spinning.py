"""A function that trains, called with what argparse read; its option for the environment has two names."""

import argparse

from told import tell


def train(env_name="CartPole-v0", hidden_sizes=(32,), lr=1e-2):
    logits_net = [lr] * hidden_sizes[0]
    tell(env=env_name, lr=lr, size=len(logits_net))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--env_name", "--env", type=str, default="CartPole-v0")
    parser.add_argument("--lr", type=float, default=1e-2)
    args = parser.parse_args()
    train(env_name=args.env_name, lr=args.lr)
