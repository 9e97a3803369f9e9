"""Whether the work that was timed is the work that was meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rlgauge.envs.libraries import EXPECTED, Expectation, common_name
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.prepared import Done, Prepared

_FEWEST_EPISODES = 200
LENGTHS = "mean length"
"""What the sentence begins with that says that the lengths of episodes were checked."""
_Z = 5.0
"""Standard errors beyond the expected range at which chance is no explanation."""


class CheckError(Exception):
    """What was measured is not what was meant; the point fails."""


def check_work(point: Point, done: Sequence[Done], facts: dict[str, Any], *, is_settled: bool = True) -> list[str]:
    """What was checked, a sentence each. Raises CheckError.

    Where the environments are not settled, all in about the same step of their first episodes, lengths tell nothing.
    """
    if min(one.num_steps for one in done) < 1:
        raise CheckError(f"A repetition took no step of {point.environment}.")
    checked = [_check_rewards(done)]
    expected = EXPECTED.get(common_name(point.environment, point.library))
    if facts.get("flops") is not None:
        checked.append(_check_flops(facts["flops"], has_floats=expected is not None))
    if expected is not None and point.policy == "random" and is_settled:
        checked += _check_lengths(point, done, expected)
    return checked


def why_lengths_are_unchecked(point: Point, done: Sequence[Done], *, is_settled: bool = True) -> str | None:
    """Why `check_work` does not look at the lengths of episodes; None where it does."""
    if common_name(point.environment, point.library) not in EXPECTED:
        return "how long they must be is not known"
    if point.policy != "random":
        return f"{point.policy} actions"
    if not is_settled:
        return "episodes in step"
    num_episodes = sum(one.num_episodes for one in done)
    return f"fewer than {_FEWEST_EPISODES} episodes" if num_episodes < _FEWEST_EPISODES else None


def _check_lengths(point: Point, done: Sequence[Done], expected: Expectation) -> list[str]:
    """What was checked; nothing where episodes are too few to tell."""
    num_steps, num_episodes = (sum(getattr(one, name) for one in done) for name in ("num_steps", "num_episodes"))
    if num_episodes == 0 and num_steps > 100 * expected.high:
        raise CheckError(f"No episode ended in {num_steps} random steps of {point.environment}.")
    if num_episodes < _FEWEST_EPISODES:
        return []
    length, error = num_steps / num_episodes, expected.deviation / math.sqrt(num_episodes)
    if not expected.low - _Z * error <= length <= expected.high + _Z * error:
        raise CheckError(
            f"Episodes of {point.environment} with random actions last {expected.low} to {expected.high} steps "
            f"on average; here {length:.2f} of {num_episodes} episodes."
        )
    return [f"{LENGTHS} {length:.2f} of {num_episodes} episodes, expected {expected.low}..{expected.high}"]


def check_change(point: Point, done: Sequence[Done], *, has_changed: bool | None) -> list[str]:
    """What was checked, where it is known whether the state is another than at the start. Raises CheckError."""
    is_idle = not any(one.num_episodes for one in done)
    if has_changed is None and is_idle and not any(one.reward for one in done):
        raise CheckError(f"Nothing shows that {point.environment} was stepped: no episode ended, no reward was given.")
    if has_changed is False and is_idle:
        raise CheckError(f"Steps of {point.environment} do nothing: all is as it was at the start, no episode ended.")
    return ["the state changes"] if has_changed else []


def warnings_of(prepared: Prepared, num_trips: int, last: Done) -> list[str]:
    """What a person should look at, a sentence each: environments that stand still after the last of the repetitions.

    They are stepped as often once more, and only where the repetition ended no episode and gave no reward. It is no
    failure, for what happens seldom may be all that happens.
    """
    if last.num_episodes or last.reward or not prepared.stands_still(num_trips):
        return []
    told = (
        "one repetition more ended no episode, gave no reward, and left all as it was, as far as one sees: the "
        "environments may have stopped, and the speed may be that of doing nothing."
    )
    return [told]


def check_counts(point: Point, one: Done, other: Done, *, how: str) -> str:
    """What two ways of doing the same came to. Raises CheckError where they differ."""
    if (one.num_steps, one.num_episodes) != (other.num_steps, other.num_episodes):
        raise CheckError(
            f"The same steps of {point.environment} ended {one.num_episodes} episodes, and {other.num_episodes} {how}."
        )
    if not math.isclose(one.reward, other.reward, rel_tol=1e-4, abs_tol=1e-4 * one.num_steps):
        raise CheckError(f"The same steps of {point.environment} returned {one.reward}, and {other.reward} {how}.")
    return f"{one.num_episodes} episodes of {one.num_steps} steps, and as many {how}"


def _check_rewards(done: Sequence[Done]) -> str:
    rewards = [one.reward for one in done]
    if not all(map(math.isfinite, rewards)):
        raise CheckError("The sum of the rewards is not finite.")
    return f"rewards sum to {math.fsum(rewards):g}"


def _check_flops(flops: float, *, has_floats: bool) -> str:
    """What the compiler counts of the environment itself, where it is known to reckon in floats or not."""
    if flops <= 0 and has_floats:
        raise CheckError("The compiled step holds no floating-point operation: the compiler has removed the work.")
    return f"at least {flops:g} floating-point operations in the compiled step of a block, without the loop's own"
