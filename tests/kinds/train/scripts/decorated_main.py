"""A `main` that is decorated, whose definition takes several lines, and that returns early."""

import functools

from told import tell


def logged(*, prefix):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **named):
            wrapper.calls += 1
            return function(*args, **named)

        wrapper.calls = 0
        wrapper.prefix = prefix
        return wrapper

    return decorate


@logged(
    prefix="training",
)
def main(
    env: str = "CartPole-v1",
    *,
    steps: int = 10,
    name: str = "1",
):
    """A docstring that stays one."""
    agent = {"table": [0.0] * steps}
    tell(env=env, steps=steps, name=name, doc=main.__doc__, calls=main.calls)
    if steps < 100:
        return agent
    raise AssertionError("this line is not reached")


if __name__ == "__main__":
    main()
