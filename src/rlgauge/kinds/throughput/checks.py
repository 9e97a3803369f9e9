"""Whether the work that was timed is the work that was meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rlgauge.envs.libraries import EXPECTED, common_name
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.prepared import Done

_FEWEST_EPISODES = 200
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
        num_steps, num_episodes = (sum(getattr(one, name) for one in done) for name in ("num_steps", "num_episodes"))
        if num_episodes == 0 and num_steps > 100 * expected.high:
            raise CheckError(f"No episode ended in {num_steps} random steps of {point.environment}.")
        if num_episodes >= _FEWEST_EPISODES:
            length, error = num_steps / num_episodes, expected.deviation / math.sqrt(num_episodes)
            if not expected.low - _Z * error <= length <= expected.high + _Z * error:
                raise CheckError(
                    f"Episodes of {point.environment} with random actions last {expected.low} to {expected.high} steps "
                    f"on average; here {length:.2f} of {num_episodes} episodes."
                )
            checked.append(
                f"mean length {length:.2f} of {num_episodes} episodes, expected {expected.low}..{expected.high}"
            )
    return checked


def check_change(point: Point, done: Sequence[Done], *, has_changed: bool | None) -> list[str]:
    """What was checked, where it is known whether the state is another than at the start. Raises CheckError."""
    is_idle = not any(one.num_episodes for one in done)
    if has_changed is None and is_idle and not any(one.reward for one in done):
        raise CheckError(f"Nothing shows that {point.environment} was stepped: no episode ended, no reward was given.")
    if has_changed is False and is_idle:
        raise CheckError(f"Steps of {point.environment} do nothing: all is as it was at the start, no episode ended.")
    return ["the state changes"] if has_changed else []


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
