"""A class that trains, of which no name is left."""

import sys

from told import tell


class Trainer:
    def __init__(self, env):
        self.env = env
        self.policy = None

    def run(self):
        for number in range(3):
            self.policy = [number]
        return self


if __name__ == "__main__":
    tell(policy=Trainer(sys.argv[sys.argv.index("--env") + 1]).run().policy)
