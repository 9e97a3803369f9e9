"""A script that starts processes: a program, and workers that import it again."""

import multiprocessing
import subprocess
import sys

from told import tell


def square(number):
    return number * number


def main(env="CartPole-v1"):
    printed = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, check=True, text=True).stdout
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        tell(env=env, printed=int(printed), squares=pool.map(square, [2, 3]))


if __name__ == "__main__":
    main()
