"""What an environment returned that it should not have, in words: looked for where stepping it raised an error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

from rlgauge.core.errors import UserError

_RAW = (TypeError, ValueError, AttributeError)
"""What Python and JAX raise where what they were given is of another form."""


@contextlib.contextmanager
def in_plain_words(check: Callable[[], object]) -> Iterator[None]:
    """Where an error of form is raised inside, the UserError of `check`, which looks for its cause; else that error."""
    try:
        yield
    except _RAW:
        with contextlib.suppress(*_RAW):  # the environment's own, which is raised below
            check()
        raise


def told(returned: object) -> str:
    """What was returned: `4 values (int64[], float, bool, dict)`, or of a single one its type."""
    if isinstance(returned, tuple | list) and not hasattr(returned, "_fields"):
        return f"{len(returned)} {'value' if len(returned) == 1 else 'values'} ({', '.join(map(form, returned))})"
    return form(returned)


def form(value: Any) -> str:  # noqa: ANN401  # whatever an environment returns
    """The type of a value; of an array, type and shape: `float32[8, 2]`."""
    shape = getattr(value, "shape", None)
    if shape is None or not hasattr(value, "dtype"):
        return type(value).__name__
    return f"{value.dtype}{list(shape)}"


def check_single(name: str, returned: object) -> None:
    """Raise UserError for what a step of one environment must not return."""
    if not isinstance(returned, tuple | list) or len(returned) != len(_OF_ONE):
        raise UserError(f"{name}.step returned {told(returned)}; it must return three: {', '.join(_OF_ONE)}.")
    for part, value, wanted in zip(_OF_ONE[1:], returned[1:], ("a number", "True or False"), strict=True):
        if not isinstance(value, Real) and getattr(value, "shape", None) != ():
            raise UserError(f"{name}.step returned {form(value)} as {part}; it must be {wanted}.")


def check_vector(name: str, returned: object) -> None:
    """Raise UserError for what a step of many environments must not return."""
    lacking = [part for part in _OF_MANY if not hasattr(returned, part)]
    if lacking:
        raise UserError(
            f"{name}.step returned {told(returned)}, without {', '.join(lacking)}; it must return a "
            f"HostOutcome({', '.join(_OF_MANY)})."
        )
    for part in ("reward", "is_over"):
        value = getattr(returned, part)
        if not hasattr(value, "shape"):
            raise UserError(f"{name}.step returned {form(value)} as {part}; it must be an array, one an environment.")


def check_native(name: str, returned: object) -> None:
    """Raise UserError for what a run of compiled loops must not return."""
    lacking = [part for part in _OF_RUNS if not hasattr(returned, part)]
    if lacking:
        raise UserError(f"{name}.run returned {told(returned)}; it must return NativeCounts({', '.join(_OF_RUNS)}).")


_OF_ONE = ("observation", "reward", "is_over")
_OF_MANY = (*_OF_ONE, "num_steps")
_OF_RUNS = ("num_episodes", "reward")
