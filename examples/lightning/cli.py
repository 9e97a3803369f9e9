"""fit, validate, test, predict and benchmark: `python cli.py --help`."""

from cloning import Cloned, Demonstrations

from rlgauge.lightning import CLI

if __name__ == "__main__":
    CLI(Cloned, Demonstrations)
