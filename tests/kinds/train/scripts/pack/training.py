"""A function that trains, for `pack.training:train`."""

from told import tell

from .parts import size

SEED = 5


def train(env_id="CartPole-v1", seed=0):
    agent = [0.0] * size()
    tell(env=env_id, seed=seed, size=len(agent), own=SEED, name=__name__)
    return agent


if __name__ == "__main__":
    raise AssertionError("this is a module here")
