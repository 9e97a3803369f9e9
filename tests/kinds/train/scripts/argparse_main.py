"""A `main` that reads the command line, and calls what trains."""

import argparse

from told import tell


def train(args):
    policy = [args.lr]
    for _ in range(2):
        step(policy)
    tell(env=args.environment, seed=args.seed, lr=args.lr)


def step(policy):
    policy.append(0.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-e", "--environment", default="CartPole-v1")
    parser.add_argument("--seed", "-s", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.1)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
