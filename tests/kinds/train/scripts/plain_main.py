"""`main(env=...)` with a global SEED, which a helper and a line of the module read, too."""

import random

from told import tell

SEED = 567
rng = random.Random(SEED)


def helper():
    return SEED


def main(env="CartPole-v1"):
    policy = {"weights": [1, 2, 3]}
    tell(env=env, seed=SEED, helper=helper(), module=rng.random(), name=__name__, drawn=random.random())
    return policy


if __name__ == "__main__":
    for name in ("CartPole-v1", "Acrobot-v1"):
        main(name)
