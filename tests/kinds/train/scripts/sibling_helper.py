"""A helper of the script beside it."""

SEED = 11


def draw():
    return SEED
