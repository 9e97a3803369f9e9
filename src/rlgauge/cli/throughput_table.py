"""What was measured of environments, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.units import bytes_text, count_text, seconds_text
from rlgauge.core.errors import unknown
from rlgauge.core.run import Status
from rlgauge.envs.libraries import EXPECTED, NAMES, common_name
from rlgauge.kinds.throughput.memory import memory_of
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.numbers import short_count

HEADER = (
    *("library", "envs", "steps/s", "an env", "of best", "of linear", "a CPU-second"),
    *("reset", "compile", "run", "planned", "peak", "noise"),
)
_EXPENDABLE = ("run", "planned", "of best", "reset", "compile", "peak", "of linear", "a CPU-second", "an env")
"""What is left out of a table that is too wide, the first first."""


def tell(found: Sequence[Measured], *, baseline: str | None = None) -> None:
    """Print a table for each environment and way of measuring, and below what must be known of it."""
    for manner in dict.fromkeys(map(manner_of, found)):
        part = [one for one in found if manner_of(one) == manner]
        print(f"\n{manner}")
        header = (*HEADER[:3], *((f"x {baseline}",) if baseline else ()), *HEADER[3:])
        show_table(header, [_cells(one, part, baseline) for one in part], expendable=_EXPENDABLE)
    print()
    _explain(found)
    if baseline:
        for compared in _compared(found, baseline):
            say(f"x {baseline}: {same_work(compared)}")


def check_baseline(names: Sequence[str], baseline: str | None) -> None:
    """Raise UserError for a baseline that is not measured."""
    if baseline is not None and baseline not in names:
        raise unknown("baseline", baseline, list(dict.fromkeys(names)))


def ratio_to(one: Measured, found: Sequence[Measured], baseline: str) -> float | None:
    """How many times as fast as the baseline at the same point, in chunks of the same size or of its default.

    None where either was not measured.
    """
    theirs = [each for each in found if each.point.name == baseline and _work(each) == _work(one)]
    same = [each for each in theirs if each.task == one.task]  # in chunks and blocks of the same size
    defaults = [each for each in theirs if each.point.scan_chunk_size is None and each.point.block is None]
    other = next(iter([*same, *defaults]), None)
    if other is None or other.steps_per_second is None or one.steps_per_second is None:
        return None
    return one.steps_per_second / other.steps_per_second


def _work(one: Measured) -> Point:
    """What was done, however it was divided."""
    return msgspec.structs.replace(one.point, library="", source=None, scan_chunk_size=None, block=None)


def efficiencies(one: Measured, found: Sequence[Measured]) -> tuple[float | None, float | None]:
    """Speed as a part of the library's best, and of its single environment's times the number of environments."""
    own = [each for each in found if each.point.name == one.point.name and each.steps_per_second is not None]
    if one.steps_per_second is None:
        return None, None
    best = max(each.steps_per_second or 0.0 for each in own)
    singles = [each for each in own if each.point.num_envs == 1]
    single = next((each.steps_per_second for each in singles if _division(each) == _division(one)), None)
    return one.steps_per_second / best, None if single is None else one.steps_per_second / (single * one.point.num_envs)


def same_work(found: Sequence[Measured]) -> str:
    """What is known of the work on both sides of ratios, of all their points, which are of one environment."""
    own = "Random numbers, and how an episode starts, are each library's own."
    names = {common_name(one.point.environment, one.point.library) for one in found}
    if names <= EXPECTED.keys():
        return f"the same dynamics, actions, rewards and limits; {_lengths(found)}. {own}"
    if names <= NAMES.keys():
        return f"the same task as docs/performance.md describes it for each library. {own}"
    environment = found[0].point.environment
    return f"both call it {environment}; whether they do the same work was not checked. {own}"


def _lengths(found: Sequence[Measured]) -> str:
    """Whether episodes were as long as they must be, as far as that was checked."""
    unchecked = [one for one in found if not one.has_checked_lengths]
    if not unchecked:
        return "episodes of both were as long as they must be"
    of = "" if len(unchecked) == len(found) else f" of {len(unchecked)} of {count_text(len(found), 'point')}"
    why = ", ".join(dict.fromkeys(reason for one in unchecked for reason in one.lengths_unchecked))
    return f"how long episodes were was not checked{of}{f' ({why})' if why else ''}"


def _compared(found: Sequence[Measured], baseline: str) -> Iterator[list[Measured]]:
    """Environment by environment, the points that have a ratio to the baseline, and those of the baseline."""
    for environment in dict.fromkeys(one.point.environment for one in found):
        compared = [one for one in found if one.point.environment == environment and _has_ratio(one, found, baseline)]
        if any(one.point.name != baseline for one in compared):
            yield compared


def _has_ratio(one: Measured, found: Sequence[Measured], baseline: str) -> bool:
    return ratio_to(one, found, baseline) is not None


def _division(one: Measured) -> tuple[int | None, int | None, str | None]:
    """How the work was divided, and whose random numbers it had, as far as somebody chose."""
    return one.point.scan_chunk_size, one.point.block, one.point.rng


def compile_seconds(one: Measured) -> float | None:
    """Tracing and compiling; None where nothing is compiled."""
    return one.seconds["trace"] + one.seconds["compile"] if "compile" in one.seconds else None


def manner_of(one: Measured) -> str:
    """The environment and the way of measuring, in words."""
    observed = "outcomes dropped" if one.point.emit == "drop" else "outcomes written"
    devices = f", {one.point.devices} devices" if one.point.devices > 1 else ""
    return f"{one.point.environment}: {one.point.policy} actions, {observed}{devices}"


def _cells(one: Measured, part: Sequence[Measured], baseline: str | None) -> list[str]:
    number = f"{one.point.num_envs:,}" + "".join(
        f" {name} {value}"
        for name, value in (("chunk", one.point.scan_chunk_size), ("block", one.point.block), ("", one.point.rng))
        if value is not None
    )
    if one.facts.get("chunk_is_tuned"):
        number += f" tuned chunk {one.facts['scan_chunk_size']}"
    if one.steps_per_second is None:
        return [one.point.name, number, str(one.status), *["-"] * (len(HEADER) - 3 + bool(baseline))]
    best, linear = efficiencies(one, part)
    ratio = [] if baseline is None else [_rounded(ratio_to(one, part, baseline))]
    return [
        one.point.name,
        number,
        _speed(one),
        *ratio,
        short_count(one.per_env or 0.0),
        _percent(best),
        _percent(linear),
        "-" if one.steps_per_cpu_second is None else short_count(one.steps_per_cpu_second),
        *map(_seconds, (one.seconds.get("reset"), compile_seconds(one), one.seconds.get("run"))),
        "-" if one.planned_bytes is None else bytes_text(one.planned_bytes),
        "-" if one.peak_bytes is None else bytes_text(one.peak_bytes),
        str(one.noise),
    ]


def _speed(one: Measured) -> str:
    """With the interval where there are several processes, else with the deviation of the repetitions."""
    speed = short_count(one.steps_per_second or 0.0)
    if one.low is not None and one.high is not None:
        return f"{speed} [{short_count(one.low)}, {short_count(one.high)}]"
    return speed if one.deviation is None else f"{speed} ± {short_count(one.deviation)}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.3g} %"


def _seconds(duration: float | None) -> str:
    return "-" if duration is None else seconds_text(duration)


def _rounded(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.3g}"


def _explain(found: Sequence[Measured]) -> None:
    done = [one for one in found if one.status is Status.COMPLETED]
    if not done:
        return
    is_mixed = len({one.point.environment for one in done}) > 1
    if done[0].num_processes > 1:
        say(f"Steps per second: geometric mean of {done[0].num_processes} processes' medians, 95 % interval.")
    else:
        say(
            "Steps per second: median ± standard deviation of repetitions in one process, which can't tell how much "
            "the next process would differ; --full, or --processes 3, measures that."
        )
    for memory in memory_of(done):
        if memory.planned is not None:
            where = f"{memory.name}, {memory.environment}" if is_mixed else memory.name
            say(f"{where}: {memory.planned.point:,.0f} bytes an environment, as the compiler plans it.")
    for one in done:
        for sentence in _remarks(one):
            say(f"{one.point.name}, {one.task}: {sentence}")
    noisy = [one for one in done if one.noise in {Noise.NOISY, Noise.INVALID}]
    if noisy:
        say(
            f"{count_text(len(noisy), 'point')} of {len(done)} measured while the machine did something else, even the "
            "quietest of up to three tries: such numbers are too low by an unknown amount."
        )


def _remarks(one: Measured) -> Iterator[str]:
    """What must be known of a point."""
    if one.facts.get("block_is_odd"):
        yield (
            f"stepped in blocks of {one.facts['block']:,}, for no divisor is nearer to what a cache holds; a round "
            "number of environments, which has many divisors, may be much faster."
        )
    if one.roofline is not None and one.steps_per_second is not None:
        yield (
            f"{_percent(one.steps_per_second / one.roofline)} of the {short_count(one.roofline)} steps/s that the "
            "memory's bandwidth allows."
        )
    if one.burn_in is not None:
        yield (
            f"burnt in for {count_text(one.burn_in, 'step')} only, since steps take so long; episodes are in step, and "
            "their lengths were not checked."
        )
    yield from one.warnings
