"""The figures of what `rlgauge throughput` measured, as charts: which points each shows, and as which series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rlgauge.cli.plot_points import Points
from rlgauge.cli.throughput_table import compile_seconds
from rlgauge.cli.units import bytes_text, count_text, seconds_text
from rlgauge.kinds.throughput.memory import over_floor
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.charts import Chart, Heat, Intervals, Key, Line, Lines, Manner, Row
from rlgauge.report.content import Figure
from rlgauge.report.numbers import short_count

_AXES = ("policy", "emit", "scan_chunk_size", "block", "devices", "rng")
_DIVISION = ("scan_chunk_size", "block")
"""How the work is divided, which changes nothing of it."""
_PAIR = 2
_STEPS = "steps per second"
_ENVS = "environments"
_PLANNED, _HELD = "planned by the compiler", "held beyond a single environment's process"
Sets = dict[str, list[Measured]]
"""What each series holds, by its name."""


class Kind(NamedTuple):
    """`draw` yields the charts of an environment's points with the points in each; none where there are too few."""

    draw: Callable[[Points, str], Iterator[tuple[Chart, Sets]]]
    needs: str
    has_bars: bool = False
    has_markers: bool = True
    """Of speeds, which are hollow where they can't be trusted."""


def figures(points: Points, environment: str, names: Sequence[str] | None = None) -> Iterator[Figure]:
    """The figures of these names, or of all, that there are points of the environment for."""
    own = points.of(environment)
    for name in KINDS if names is None else names:
        for chart, sets in KINDS[name].draw(own, environment):
            is_alone = name != _SURFACE or len(surfaces(own)) == 1
            of = environment if is_alone else f"{environment}, {next(iter(sets))}"
            yield Figure(name, chart, captions(KINDS[name], sets), of=of)


def captions(kind: Kind, sets: Sets) -> list[str]:
    """How the points were measured, as far as all in the same way; what bars and hollow markers are."""
    found = _all(sets)
    shared = title_of(sets)
    told = [f"{shared[0].upper()}{shared[1:]}."] if shared else []
    bars = "; ".join(filter(None, dict.fromkeys(map(bar_name, found)))) if kind.has_bars else ""
    told += [f"Bars: {bars}."] if bars else []
    if kind.has_markers and any(map(is_doubtful, found)):
        told.append("Hollow: the machine did something else meanwhile; too low by an unknown amount.")
    return told


def title_of(sets: Sets) -> str:
    """What all points have in common, in words: `random actions, outcomes dropped`."""
    found = _all(sets)
    return ", ".join(filter(None, (_words(name, found[0]) for name in _AXES if _is_shared(name, found))))


def ends_of(one: Measured) -> tuple[float | None, float | None]:
    """Of the interval over processes; of two processes their medians, of one the quartiles of its repetitions.

    An interval of two reaches over decades, and would hide all else in a figure; tables have it.
    """
    if len(one.process_medians) == _PAIR:
        return min(one.process_medians), max(one.process_medians)
    if one.low is not None and one.high is not None:
        return one.low, one.high
    return one.quartiles or (None, None)


def bar_name(one: Measured) -> str:
    """What its `ends_of` are; nothing where there are none."""
    if len(one.process_medians) == _PAIR:
        return "the medians of two processes"
    if one.low is not None and one.high is not None:
        return "95 % intervals over processes"
    return "quartiles of the repetitions in one process" if one.quartiles else ""


def is_doubtful(one: Measured) -> bool:
    """Whether the machine did too much else for the number to be trusted."""
    return one.noise is Noise.INVALID


def told_of(one: Measured) -> str:
    """The speed of a point, in words."""
    ends = ends_of(one)
    bars = "" if ends[0] is None or ends[1] is None else f" [{short_count(ends[0])}, {short_count(ends[1])}]"
    what = f", {bar_name(one)}" if bars else ""
    speed = short_count(one.steps_per_second or 0.0)
    noise = "" if one.noise is None else f"; noise: {one.noise}"
    return f"{one.point.name}, {one.task}: {speed}{bars} steps/s{what}; {processes(one)}{noise}"


def processes(one: Measured) -> str:
    """How many processes measured it: `1 process`."""
    return f"{one.num_processes} process{'' if one.num_processes == 1 else 'es'}"


def _all(sets: Sets) -> list[Measured]:
    return [one for part in sets.values() for one in part]


def _words(name: str, one: Measured) -> str:
    """An axis of a point, in words; nothing for what goes without saying."""
    value = getattr(one.point, name)
    if name == "policy":
        return f"{value} actions"
    if name == "emit":
        return "outcomes dropped" if value == "drop" else "outcomes written"
    if value is None or (name == "devices" and value == 1):
        return ""
    return {"scan_chunk_size": f"chunk {value}", "block": f"block {value}", "devices": f"{value} devices"}.get(
        name, str(value)
    )


def _is_shared(name: str, found: Sequence[Measured]) -> bool:
    return len({getattr(one.point, name) for one in found}) == 1


def _groups(found: Sequence[Measured], *, but: Sequence[str] = ()) -> list[list[Measured]]:
    """Points of the same library, measured in the same way but for `but`, in rising number."""
    groups: dict[tuple[object, ...], list[Measured]] = {}
    for one in found:
        groups.setdefault(_way(one, but=but), []).append(one)
    return [sorted(group, key=lambda one: one.point.num_envs) for group in groups.values()]


def _way(one: Measured, *, but: Sequence[str]) -> tuple[object, ...]:
    return one.point.name, *(getattr(one.point, name) for name in _AXES if name not in but)


def _named(groups: Sequence[list[Measured]], *, but: Sequence[str] = ()) -> Sets:
    """The groups by their library, and by that in which they differ."""
    found = [one for group in groups for one in group]
    axes = [name for name in _AXES if name not in but and found and not _is_shared(name, found)]
    return {_name(group[0], axes): group for group in groups}


def _name(one: Measured, axes: Sequence[str]) -> str:
    words = [_words(axis, one).removeprefix("outcomes ") for axis in axes]
    return ", ".join([one.point.name, *filter(None, words)])


def _of_several_numbers(found: Sequence[Measured]) -> Sets:
    """Lines over the number of environments; those whose chunk or block was chosen only where there is no other."""
    groups = [group for group in _groups(found) if len(group) > 1]
    usual = {_way(group[0], but=_DIVISION) for group in groups if _is_usual(group[0])}
    return _named([group for group in groups if _is_usual(group[0]) or _way(group[0], but=_DIVISION) not in usual])


def _is_usual(one: Measured) -> bool:
    """Whether it was left to the runner how the work is divided."""
    return one.point.scan_chunk_size is None and one.point.block is None


def _numbers(sets: Sets, points: Points) -> dict[str, int]:
    """The number of each series; a library measured in one way has the same in all figures of an environment."""
    names = list(_named(_groups(points.all, but=_DIVISION), but=_DIVISION))
    chosen = names if set(sets) <= set(names) else list(sets)
    return {name: chosen.index(name) for name in sets}


def _throughput(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    sets = _of_several_numbers(points.timed)
    if not sets:
        return
    numbers = _numbers(sets, points)
    limits = [limit for name, part in sets.items() if (limit := _limit(part, numbers[name])) is not None]
    chart = Lines(
        title=f"{_STEPS}, {environment}",
        lines=[*(_speeds(name, part, numbers[name]) for name, part in sets.items()), *limits],
        x_axis=_ENVS,
        y_axis=_STEPS,
        is_x_log=True,
        is_y_log=True,
        has_bars=True,
        keys=[Key(name="what the memory's bandwidth allows", manner=Manner.BOUND)] if limits else [],
    )
    yield chart, sets


def _speeds(name: str, part: Sequence[Measured], number: int, *, over: str = "num_envs") -> Line:
    ends = [ends_of(one) for one in part]
    return Line(
        name=name,
        xs=[float(getattr(one.point, over)) for one in part],
        ys=[one.steps_per_second or 0.0 for one in part],
        lows=[low for low, _ in ends],
        highs=[high for _, high in ends],
        series=number,
        is_doubtful=[is_doubtful(one) for one in part],
    )


def _limit(part: Sequence[Measured], number: int) -> Line | None:
    """What memory allows at most, where that was measured."""
    known = [(float(one.point.num_envs), one.roofline) for one in part if one.roofline is not None]
    if not known:
        return None
    xs, ys = zip(*known, strict=True)
    return Line(name="bandwidth", xs=xs, ys=ys, series=number, manner=Manner.BOUND, is_named=False)


def _efficiency(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    sets = _of_several_numbers(points.timed)
    if not sets:
        return
    best: dict[str, float] = {}
    for one in points.timed:
        best[one.point.name] = max(best.get(one.point.name, 0.0), one.steps_per_second or 0.0)
    numbers = _numbers(sets, points)
    chart = Lines(
        title=f"part of the library's best speed, {environment}",
        lines=[_parts(name, part, numbers[name], best=best[part[0].point.name]) for name, part in sets.items()],
        x_axis=_ENVS,
        y_axis="part of the library's best speed",
        is_x_log=True,
        is_y_from_zero=True,
    )
    yield chart, sets


def _parts(name: str, part: Sequence[Measured], number: int, *, best: float) -> Line:
    return Line(
        name=name,
        xs=[float(one.point.num_envs) for one in part],
        ys=[(one.steps_per_second or 0.0) / best for one in part],
        series=number,
        is_doubtful=[is_doubtful(one) for one in part],
    )


def _memory(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    """What was planned is finely dotted where there is what was held, too, which has markers."""
    sets = _of_several_numbers(points.all)
    numbers = _numbers(sets, points)
    held = {
        name: _sizes(name, part, [_held(one, points.all) for one in part], numbers[name]) for name, part in sets.items()
    }
    has_held = any(one.xs for one in held.values())
    manner = Manner.BOUND if has_held else Manner.PLAIN
    planned = {
        name: _sizes(name, part, [one.planned_bytes for one in part], numbers[name], manner=manner)
        for name, part in sets.items()
    }
    shown = {name: part for name, part in sets.items() if planned[name].xs or held[name].xs}
    if not shown:
        return
    has_planned = any(one.xs for one in planned.values())
    both = [Key(name=_PLANNED, manner=Manner.BOUND), Key(name=_HELD, manner=Manner.PLAIN)]
    chart = Lines(
        title=f"memory, {environment}",
        lines=[line for name in shown for line in (planned[name], held[name]) if line.xs],
        x_axis=_ENVS,
        y_axis="bytes" if has_held and has_planned else f"bytes {_HELD if has_held else _PLANNED}",
        is_x_log=True,
        is_y_log=True,
        keys=both if has_held and has_planned else [],
    )
    yield chart, shown


def _held(one: Measured, found: Sequence[Measured]) -> float | None:
    """On a device with memory of its own, else by the process beyond one with a single environment; only above 0."""
    held = one.device_peak_bytes if one.device_peak_bytes is not None else over_floor(one, found)
    return held if held is not None and held > 0 else None


def _sizes(
    name: str, part: Sequence[Measured], sizes: Sequence[float | None], number: int, *, manner: Manner = Manner.PLAIN
) -> Line:
    known = [(float(one.point.num_envs), float(size)) for one, size in zip(part, sizes, strict=True) if size]
    return Line(name=name, xs=[x for x, _ in known], ys=[y for _, y in known], series=number, manner=manner)


def _chunks(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    """Points of the same library and number whose chunk was chosen, in rising chunk, where there are several."""
    but = ["scan_chunk_size"]
    groups = _groups([one for one in points.timed if one.point.scan_chunk_size is not None], but=but)
    sets = {
        f"{name}, {count_text(number, 'env')}": sorted(own, key=lambda one: one.point.scan_chunk_size or 0)
        for name, group in _named(groups, but=but).items()
        for number in dict.fromkeys(one.point.num_envs for one in group)
        if len(own := [one for one in group if one.point.num_envs == number]) > 1
    }
    if not sets:
        return
    chart = Lines(
        title=f"{_STEPS} over the size of a chunk, {environment}",
        lines=[_speeds(name, part, number, over="scan_chunk_size") for number, (name, part) in enumerate(sets.items())],
        x_axis="steps of a chunk",
        y_axis=_STEPS,
        is_x_log=True,
        log_base=2,
        has_bars=True,
        is_y_from_zero=True,
    )
    yield chart, sets


def surfaces(points: Points) -> Sets:
    """Points whose chunk was chosen, where several chunks were tried at several numbers or blocks, by their library."""
    chosen = [one for one in points.timed if one.point.scan_chunk_size is not None]
    sets = _named(_groups(chosen, but=_DIVISION), but=_DIVISION)
    return {name: part for name, part in sets.items() if min(len(_chunks_of(part)), len(_rows_of(part))) > 1}


def _chunks_of(part: Sequence[Measured]) -> list[int]:
    return sorted({one.point.scan_chunk_size or 0 for one in part})


def _rows_of(part: Sequence[Measured]) -> list[tuple[int, int]]:
    return sorted({_row_of(one) for one in part})


def _row_of(one: Measured) -> tuple[int, int]:
    """The number of environments, and the block if one was chosen."""
    return one.point.num_envs, one.point.block or 0


def _surface(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    for name, part in surfaces(points).items():
        columns, rows = _chunks_of(part), _rows_of(part)
        found = {(_row_of(one), one.point.scan_chunk_size): one for one in part}
        cells = [[found.get((row, column)) for column in columns] for row in rows]
        bests = [max(one.steps_per_second or 0.0 for one in row if one is not None) for row in cells]
        chart = Heat(
            title=f"{_STEPS} over chunk and number, {name}, {environment}",
            rows=[count_text(number, "env") + (f", block {block:,}" if block else "") for number, block in rows],
            columns=[f"chunk {column:,}" for column in columns],
            values=[
                [None if one is None else (one.steps_per_second or 0.0) / best for one in row]
                for row, best in zip(cells, bests, strict=True)
            ],
            texts=[["-" if one is None else short_count(one.steps_per_second or 0.0) for one in row] for row in cells],
            told=[["not measured" if one is None else told_of(one) for one in row] for row in cells],
            axis=f"{_STEPS}: a stronger colour is faster, within each row",
        )
        yield chart, {name: list(found.values())}


def _libraries(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    """The fastest point of each library and way of measuring, however the work was divided."""
    found = fastest(points)
    if len(found) <= 1:
        return
    sets = {name: [one] for name, one in found.items()}
    numbers = _numbers(sets, points)
    rows = [_best(name, one, numbers[name]) for name, one in found.items()]
    axis = f"{_STEPS}, the best of each"
    yield Intervals(title=f"{axis}, {environment}", rows=rows, axis=axis, is_log=True), sets


def fastest(points: Points) -> dict[str, Measured]:
    """The fastest point of each library and way of measuring, however the work was divided; the best one first."""
    groups = _named(_groups(points.timed, but=_DIVISION), but=_DIVISION)
    found = {name: max(part, key=_speed_of) for name, part in groups.items()}
    return dict(sorted(found.items(), key=lambda pair: -_speed_of(pair[1])))


def _speed_of(one: Measured) -> float:
    return one.steps_per_second or 0.0


def _best(name: str, one: Measured, number: int) -> Row:
    low, high = ends_of(one)
    speed = one.steps_per_second or 0.0
    return Row(
        label=f"{name}, {short_count(one.point.num_envs)} env{'' if one.point.num_envs == 1 else 's'}",
        point=speed,
        low=None if low is None else min(low, speed),
        high=None if high is None else max(high, speed),
        series=number,
        told=told_of(one),
        is_doubtful=is_doubtful(one),
    )


def _compiling(points: Points, environment: str) -> Iterator[tuple[Chart, Sets]]:
    """How long tracing and compiling took, of every point that was compiled, the longest first."""
    found = [(one, seconds) for one in points.timed if (seconds := compile_seconds(one)) is not None]
    sets = _named(_groups([one for one, _ in found], but=_DIVISION), but=_DIVISION)
    if not found:
        return
    numbers = _numbers(sets, points)
    known = {one.point: seconds for one, seconds in found}
    rows = [
        Row(
            label=spot_of(one),
            group=name if len(sets) > 1 else "",
            point=known[one.point],
            series=numbers[name],
            told=f"{one.point.name}, {one.task}: {_compile_told(one)}",
        )
        for name, part in sets.items()
        for one in part
    ]
    axis = "seconds of tracing and compiling"
    yield Intervals(title=f"{axis}, {environment}", rows=rows, axis=axis, is_log=True), sets


def spot_of(one: Measured) -> str:
    """Its number of environments, and how the work is divided where that was chosen."""
    chosen = [_words(name, one) for name in _DIVISION]
    return ", ".join(filter(None, [count_text(one.point.num_envs, "env"), *chosen]))


def _compile_told(one: Measured) -> str:
    known = [name for name in ("trace", "compile", "first") if name in one.seconds]
    parts = [f"{name} {seconds_text(one.seconds[name])}" for name in known]
    planned = "" if one.planned_bytes is None else f"; planned {bytes_text(one.planned_bytes)}"
    return f"{', '.join(parts)} (first: the first call){planned}"


_NUMBERS = "measure several numbers with --num-envs"
_SURFACE = "chunk_surface"
KINDS: dict[str, Kind] = {
    "throughput_scaling": Kind(_throughput, _NUMBERS, has_bars=True),
    "scaling_efficiency": Kind(_efficiency, _NUMBERS),
    "memory_scaling": Kind(_memory, _NUMBERS, has_markers=False),
    "scan_chunk_sensitivity": Kind(_chunks, "measure several sizes with --scan-chunk-size", has_bars=True),
    _SURFACE: Kind(_surface, "measure several sizes with --scan-chunk-size at several --num-envs", has_markers=False),
    "library_comparison": Kind(_libraries, "measure several libraries with --library", has_bars=True),
    "compile_times": Kind(_compiling, "measure a library that compiles, such as rlgauge", has_markers=False),
}
