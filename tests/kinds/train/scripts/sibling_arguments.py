"""The arguments of the script beside it."""

import argparse


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()
