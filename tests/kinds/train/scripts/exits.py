"""A script that ends itself: with the code that it is given, or a text."""

import sys

from told import tell


def leave(code):
    sys.exit(code)


def main(env="CartPole-v1", code=3):
    tell(env=env)
    leave(code)


if __name__ == "__main__":
    main()
