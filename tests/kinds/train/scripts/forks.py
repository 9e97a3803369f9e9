"""A script that forks: both go on to its end, and only one of them has been started."""

import os

from told import tell


def main(env="CartPole-v1", code=0):
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        tell(env=env, child=os.waitstatus_to_exitcode(status))
    elif code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
