"""A script that draws wherever nothing gives a seed."""

import random

import numpy as np
from gymnasium.spaces import Discrete
from told import tell

space = Discrete(10**6)
tell(
    python=random.random(),
    numpy=np.random.random(),  # noqa: NPY002  # the old way is seeded, too
    generator=np.random.default_rng().random(),
    space=[int(space.sample()) for _ in range(3)],
)
