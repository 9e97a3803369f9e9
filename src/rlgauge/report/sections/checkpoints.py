"""Which of several policies is better, each of them one checkpoint: what their episodes tell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from rlgauge.compare.checkpoint import compare_checkpoints
from rlgauge.compare.effect import Effect
from rlgauge.compare.phrases import count, joined
from rlgauge.compare.quantity import Quantity, quantity_of
from rlgauge.compare.references import UNSCALED
from rlgauge.report.best import ALPHA, allowing_for_the_choice
from rlgauge.report.numbers import fixed, places
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.stats.holm import holm
from rlgauge.stats.normalise import Reference

_ONE_SIDED = 0.975
"""Limits of 95 % intervals."""
_PAIR, _MOST_TASKS = 2, 5


def verdicts(overview: Overview) -> Iterator[str]:
    """Task by task the best, and which others its episodes show to be worse; nothing where no task has a test.

    Each run is compared with the best of its task over the same episodes, or over all where they played different
    ones. The two-sided p-values allow for the best being chosen by looking, and are adjusted together by Holm's method.
    """
    quantity = quantity_of(overview.score, overview.unit)
    if quantity.is_ratio:
        return
    firsts, effects = _effects(overview, quantity)
    p_values = {pair: _two_sided(effect) for pair, effect in effects.items()}
    nums = {task: sum(one == task for one, _ in effects) + 1 for task in firsts}
    adjusted = holm([allowing_for_the_choice(p, nums[task]) for (task, _), p in p_values.items()])
    worse = {pair: p < ALPHA for pair, p in zip(p_values, adjusted, strict=True) if p is not None}
    tasks = [task for task in firsts if any(one == task for one, _ in worse)]
    for task in tasks[:_MOST_TASKS]:
        first = firsts[task]
        own = {group: effects[task, group] for one, group in worse if one == task}
        beaten = [group for group in own if worse[task, group]]
        where, neither = (f"On {task} ", "neither") if len(firsts) > 1 else ("", "Neither")
        score = f"{'normalised ' * overview.is_normalised}{overview.score}"
        yield f"{where}{_sentence(first.group, own, beaten, score, neither=neither)}"
    if len(tasks) > _MOST_TASKS:
        yield f"So it is told of {count(len(tasks) - _MOST_TASKS, 'more task')} by `rlgauge compare`."


def _effects(overview: Overview, quantity: Quantity) -> tuple[Mapping[str, Scored], Mapping[tuple[str, str], Effect]]:
    """The best run of each task that has several, and the best against each other one, by task and group."""
    by_task: dict[str, list[Scored]] = defaultdict(list)
    for run in overview.runs:
        if _shown(run, overview) is not None:
            by_task[run.reading.task].append(run)
    sign = -1.0 if overview.less_is_shown_better else 1.0
    firsts = {
        task: max(own, key=lambda run: sign * (_shown(run, overview) or 0.0))
        for task, own in by_task.items()
        if own[1:]
    }
    return firsts, {
        (task, run.group): compare_checkpoints(
            candidate=first.reading,
            baseline=run.reading,
            quantity=quantity,
            ends=(_ends(first), _ends(run)),
            confidence=_ONE_SIDED,
        )
        for task, first in firsts.items()
        for run in by_task[task]
        if run is not first
    }


def _shown(run: Scored, overview: Overview) -> float | None:
    return run.normalised if overview.is_normalised else run.score


def _ends(run: Scored) -> Reference:
    """What becomes 0 and 1 of its episodes."""
    return UNSCALED if run.low is None or run.high is None else Reference(run.low, run.high)


def _two_sided(effect: Effect) -> float | None:
    if effect.p_below is None or effect.p_above is None:
        return None
    return min(1.0, 2 * min(effect.p_below, effect.p_above))


def _sentence(first: str, own: Mapping[str, Effect], beaten: Sequence[str], score: str, *, neither: str) -> str:
    """Who is the best, and of whom that is shown."""
    num = min(effect.n[0] for effect in own.values())
    over = f"over {'the same ' if all(one.means is not None for one in own.values()) else ''}{count(num, 'episode')}"
    if len(own) + 1 == _PAIR:
        ((other, effect),) = own.items()
        if not beaten:
            return f"{neither} {first} nor {other} is shown to be better {over}{_by(effect, score)}."
        return f"{first} is better than {other} {over}{_by(effect, score)}."
    alike = [group for group, effect in own.items() if effect.point == 0]
    rest = [group for group in own if group not in beaten and group not in alike]
    is_one = bool(beaten) or not alike
    if beaten:
        parts = [f"{first} is better than {joined(beaten)}"]
        parts += [f"has the same mean as {joined(alike)}"] if alike else []
    else:
        parts = [f"{first} has the best mean" if is_one else f"{joined([first, *alike])} have the same mean"]
    if rest:
        parts.append(f"but {'is' if is_one else 'are'} not shown to be better than {joined(rest)}")
    return f"{', '.join(parts)}, {over}."


def _by(effect: Effect, score: str) -> str:
    """By how much, with its interval."""
    if effect.low is None or effect.high is None:
        return ""
    digits = places(effect.point, effect.high - effect.low)
    low, high = sorted((effect.low, effect.high))
    return f": {score} {fixed(effect.point, digits)} [{fixed(low, digits)}, {fixed(high, digits)}] apart"
