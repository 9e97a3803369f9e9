"""The answers of `rlgauge power` from given figures: a table, sentences, and the figures for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from rlgauge.cli.units import count_text
from rlgauge.stats.power import detectable_difference, power_of_seeds, seeds_needed
from rlgauge.stats.rate_power import DetectableRates, RatePower, detectable_rates, episodes_needed, power_of_episodes

_SEEDS, _EPISODES = (3, 5, 10, 20), (20, 50, 100, 200)
"""What the tables show beside the answer."""


class Answer(msgspec.Struct, frozen=True):
    """A table, sentences below it, and the figures for a program."""

    header: list[str]
    rows: list[list[str]]
    sentences: list[str]
    data: dict[str, Any]


def number_text(value: float) -> str:
    """Three digits, all of those before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004  # from where `g` writes an exponent


class SeedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison of two algorithms' scores; `deviation` is that of the differences where it is paired."""

    deviation: float
    power: float
    alpha: float
    tasks: int = 1
    paired: bool = False

    def needed(self, difference: float) -> int:
        """The fewest seeds of each that show the difference. Raises ImpossibleStudyError."""
        return seeds_needed(
            difference, self.deviation, power=self.power, alpha=self.alpha, tasks=self.tasks, paired=self.paired
        )

    def detectable(self, seeds: int) -> float:
        """The smallest difference that so many seeds show."""
        return detectable_difference(
            seeds, self.deviation, power=self.power, alpha=self.alpha, tasks=self.tasks, paired=self.paired
        )

    def power_of(self, seeds: int, difference: float) -> float:
        """The probability that so many seeds show the difference."""
        return power_of_seeds(
            seeds, difference, deviation=self.deviation, alpha=self.alpha, tasks=self.tasks, paired=self.paired
        )

    def seeds(self, number: int) -> str:
        """So many seeds, in words."""
        whose = "that both share" if self.paired else "of each algorithm"
        return f"{count_text(number, 'seed')} {whose}" + (f" in each of {self.tasks} tasks" if self.tasks > 1 else "")

    @property
    def basis(self) -> str:
        """What the figures rest on, as a sentence."""
        what = "differences of the same seed" if self.paired else "scores"
        within = " within a task" if self.tasks > 1 else ""
        kind = "paired" if self.paired else "two-sample"
        return (
            f"Student's {kind} test, two-sided at {self.alpha:.2g}; {what} normally distributed with a standard "
            f"deviation of {number_text(self.deviation)}{within}."
        )


class RatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison of two checkpoints' success rates."""

    power: float
    alpha: float
    discordance: float | None = None

    def needed(self, rates: Sequence[float], *, paired: bool) -> RatePower:
        """The episodes of each that tell the two rates apart. Raises ImpossibleStudyError."""
        return episodes_needed(
            candidate=rates[0],
            baseline=rates[1],
            power=self.power,
            alpha=self.alpha,
            paired=paired,
            discordance=self.discordance if paired else None,
        )

    def power_of(self, episodes: int, rates: Sequence[float], *, paired: bool) -> RatePower:
        """The probability that so many episodes tell the two rates apart."""
        return power_of_episodes(
            episodes,
            candidate=rates[0],
            baseline=rates[1],
            alpha=self.alpha,
            paired=paired,
            discordance=self.discordance if paired else None,
        )

    def detectable(self, episodes: int, rate: float, *, paired: bool) -> DetectableRates:
        """The nearest rates that so many episodes tell from one."""
        return detectable_rates(
            episodes,
            rate,
            power=self.power,
            alpha=self.alpha,
            paired=paired,
            discordance=self.discordance if paired else None,
        )


def about_seeds(plan: SeedPlan, *, difference: float | None, seeds: int | None) -> Answer:
    """How many seeds show the difference, or which difference so many show. Raises ImpossibleStudyError."""
    needed = None if difference is None else plan.needed(difference)
    numbers = sorted({*_SEEDS, *(n for n in (needed, seeds) if n is not None)})
    powers = {} if difference is None else {n: plan.power_of(n, difference) for n in numbers}
    detectable = {n: plan.detectable(n) for n in numbers}
    header = ["seeds of both" if plan.paired else "seeds of each", f"smallest difference, {plan.power:.0%} power"]
    rows = [[str(n), number_text(detectable[n]), *([f"{powers[n]:.1%}"] if powers else [])] for n in numbers]
    return Answer(
        header=[*header, *([] if difference is None else [f"power for {difference:g}"])],
        rows=rows,
        sentences=[*_told_of_seeds(plan, difference, seeds, needed), plan.basis],
        data={
            **msgspec.structs.asdict(plan),
            "difference": difference,
            "seeds": seeds,
            "seeds_needed": needed,
            "smallest_difference": None if seeds is None else detectable[seeds],
            "power_found": None if seeds is None else powers.get(seeds),
            "table": [
                {"seeds": n, "smallest_difference": detectable[n], "power_found": powers.get(n)} for n in numbers
            ],
        },
    )


def _told_of_seeds(plan: SeedPlan, difference: float | None, seeds: int | None, needed: int | None) -> Iterator[str]:
    if seeds is not None and difference is not None:
        found = plan.power_of(seeds, difference)
        yield f"{plan.seeds(seeds)} show a difference of {difference:g} with {found:.1%} power."
    elif seeds is not None:
        found = plan.detectable(seeds)
        yield f"{plan.seeds(seeds)} show a difference of {number_text(found)} or more with {plan.power:.0%} power."
    if difference is not None and needed is not None and needed != seeds:
        found = plan.power_of(needed, difference)
        yield f"{plan.seeds(needed)} are needed to show a difference of {difference:g} with {found:.1%} power."


def about_rates(plan: RatePlan, *, rates: Sequence[float], episodes: int | None) -> Answer:
    """How many episodes tell two success rates apart, or which so many tell from one. Raises ImpossibleStudyError."""
    return _two_rates(plan, rates, episodes) if len(set(rates)) > 1 else _one_rate(plan, rates[0], episodes or 1)


def _two_rates(plan: RatePlan, rates: Sequence[float], episodes: int | None) -> Answer:
    own, same = (plan.needed(rates, paired=paired) for paired in (False, True))
    numbers = sorted({*_EPISODES, own.n, same.n, *([] if episodes is None else [episodes])})
    lines = {n: [plan.power_of(n, rates, paired=paired) for paired in (False, True)] for n in numbers}
    names = f"{rates[0]:.4g} and {rates[1]:.4g}"
    sentences = []
    if episodes is not None:
        ours, theirs = lines[episodes]
        sentences.append(
            f"{count_text(episodes, 'episode')} of each tell success rates of {names} apart with {_about(ours)} power, "
            f"{_about(theirs)} if both play the same ones."
        )
    sentences.append(
        f"{count_text(own.n, 'episode')} of each are needed to tell success rates of {names} apart with "
        f"{_about(own)} power, {same.n:,} if both play the same ones ({_about(same)})."
    )
    return Answer(
        header=["episodes of each", "power, own episodes", "power, same episodes"],
        rows=[[str(n), *map(_about, line)] for n, line in lines.items()],
        sentences=[*sentences, _rate_basis(plan, [found for line in lines.values() for found in line])],
        data={
            **msgspec.structs.asdict(plan),
            "success": list(rates),
            "episodes": episodes,
            "needed": {"own": msgspec.to_builtins(own), "same": msgspec.to_builtins(same)},
            "table": [{"own": msgspec.to_builtins(a), "same": msgspec.to_builtins(b)} for a, b in lines.values()],
        },
    )


def _one_rate(plan: RatePlan, rate: float, episodes: int) -> Answer:
    numbers = sorted({*_EPISODES, episodes})
    lines = {n: [plan.detectable(n, rate, paired=paired) for paired in (False, True)] for n in numbers}
    own, same = lines[episodes]
    sentence = (
        f"{count_text(episodes, 'episode')} of each tell a success rate of {rate:.4g} from {_either(own)} with "
        f"{plan.power:.0%} power, from {_either(same)} if both play the same ones."
    )
    return Answer(
        header=["episodes of each", f"told from {rate:.4g}, own episodes", "same episodes"],
        rows=[[str(n), *(_either(found).replace(" or ", ", ") for found in line)] for n, line in lines.items()],
        sentences=[sentence, _rate_basis(plan, [found for line in lines.values() for found in line])],
        data={
            **msgspec.structs.asdict(plan),
            "success": [rate],
            "episodes": episodes,
            "table": [
                {"n": n, "own": msgspec.to_builtins(a), "same": msgspec.to_builtins(b)} for n, (a, b) in lines.items()
            ],
        },
    )


def _about(found: RatePower) -> str:
    return f"{'' if found.is_exact else '~'}{found.power:.1%}"


def _either(found: DetectableRates) -> str:
    about = "" if found.is_exact else "~"
    ends = [f"{about}{rate:.3f}" for rate in (found.lower, found.higher) if rate is not None]
    return " or ".join(ends) or "none"


def _rate_basis(plan: RatePlan, found: Sequence[RatePower | DetectableRates]) -> str:
    same = (
        "as often solved by one alone as if they had nothing to do with each other"
        if plan.discordance is None
        else f"{plan.discordance:.3g} of them solved by one alone"
    )
    approximate = "" if all(line.is_exact for line in found) else " ~ marks normal approximations."
    return (
        f"Two-sided at {plan.alpha:.2g}: Boschloo's test for episodes of their own; McNemar's exact test for the same "
        f"ones, {same}.{approximate}"
    )
