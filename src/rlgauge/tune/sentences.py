"""What phase 2 came to in sentences, and values as they are written in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rlgauge.stats.summary import Summary
from rlgauge.tune.phase2 import Final

DASH = "-"


def luck(final: Final) -> Iterator[str]:
    """By how much the search had those too high that gave a return with every fresh seed."""
    drops = [one.drop for one in final.configurations if one.drop is not None]
    if not drops:
        return
    found = [one for one in final.configurations if one.searched is not None]
    who = "they" if all(one.is_complete for one in found) else "those that have all of them"
    drop = sum(drops) / len(drops)
    if drop > 0:
        yield (
            "Phase 1 chose them by returns that are too high by luck (the winner's curse): on fresh seeds "
            f"{who} came to {number_text(drop)} less, on average."
        )
    else:
        more = f"{number_text(-drop)} more than" if drop < 0 else "as much as"
        yield f"On fresh seeds {who} came to {more} in phase 1, on average: no winner's curse shows."


def outcome(final: Final) -> Iterator[str]:
    """Who won, and who did not for want of seeds."""
    won = final.won
    if won is None:
        yield "No configuration came to a return on fresh seeds."
        return
    if not won.is_complete:
        yield (
            "No configuration has a return of every fresh seed, so none is shown to be better. The winner, "
            f"{won.name}, is incomplete: it has the highest mean of those with the most seeds, {len(won.returns)} of "
            f"{len(final.seeds)}."
        )
    elif won.number is None:
        which = "with a return of every seed" if final.passed_over else "that was found"
        others = [one.gain for one in final.configurations if one.number is not None and one.gain is not None]
        is_open = any(one.high is None or one.high > 0 for one in others)
        yield f"No configuration {which} came to more than the default{', nor is that shown to be better' * is_open}."
    else:
        yield f"The winner is {won.name}: {_verdict(won.gain)}"
    for one in final.passed_over:
        mean = number_text(one.mean.point if one.mean else None)
        num = f"only {len(one.returns)} of its {len(final.seeds)} seeds gave a return"
        yield f"{one.name} has a higher mean, {mean}, and was passed over: {num}."
    if won.number is not None:
        yield f"{won.name}: {settings_text(won.values)}"


def _verdict(gain: Summary | None) -> str:
    if gain is None:
        return "what it gains on the default is not known."
    if gain.low is None or gain.high is None:
        where = "above" if gain.point >= 0 else "below"
        return f"{number_text(abs(gain.point))} {where} the default, without an interval."
    if gain.high < 0:
        return "worse than the default, as the whole interval of its gain is below 0."
    if gain.low > 0:
        return "better than the default, as the whole interval of its gain is above 0."
    return "not shown to be better than the default, as the interval of its gain holds 0."


def settings_text(values: Mapping[str, Any]) -> str:
    """`lr=0.001, batch_size=32`."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in values.items())


def value_text(value: object) -> str:
    """One setting's value."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def number_text(value: float | None) -> str:
    """Five digits of a return."""
    return DASH if value is None else f"{value:.5g}"
