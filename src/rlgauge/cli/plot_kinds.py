"""The figures of `rlgauge plot`: which points each shows, and as which series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rlgauge.cli.figure import Figure, Told
from rlgauge.cli.plot_points import Points
from rlgauge.cli.units import count_text
from rlgauge.kinds.throughput.memory import over_floor
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report import plots
from rlgauge.report.plots import Series

_AXES = ("policy", "emit", "scan_chunk_size", "block", "devices", "rng")
_DIVISION = ("scan_chunk_size", "block")
"""How the work is divided, which changes nothing of it."""
Sets = dict[str, list[Measured]]
"""What each series holds, by its name."""


class Kind(NamedTuple):
    """`draw` draws on Axes, and says which points it has shown: none where there is nothing to show."""

    draw: Callable[[Any, Points], Sets]
    needs: str
    has_bars: bool = False
    has_speeds: bool = True


def title_of(sets: Sets) -> str:
    """What all points have in common, in words: `random actions, outcomes dropped`."""
    found = _all(sets)
    return ", ".join(filter(None, (_words(name, found[0]) for name in _AXES if _is_shared(name, found))))


def figure_of(name: str, points: Points, environment: str) -> Figure:
    """The figure of that name, of the points of an environment."""

    def draw(axes: Any) -> Told | None:  # noqa: ANN401  # matplotlib's
        sets = KINDS[name].draw(axes, points.of(environment))
        return Told(title_of(sets), small_print(KINDS[name], sets)) if sets else None

    return Figure(name, environment, draw)


def small_print(kind: Kind, sets: Sets) -> str:
    """What bars and hollow markers are, where there are such."""
    found = _all(sets)
    bars = "; ".join(filter(None, dict.fromkeys(map(_bar_name, found)))) if kind.has_bars else ""
    notes = [*([f"Bars: {bars}."] if bars else [])]
    if kind.has_speeds and any(map(_is_doubtful, found)):
        notes.append("Hollow: the machine did something else meanwhile; too low by an unknown amount.")
    return " ".join(notes)


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


def _series(name: str, part: Sequence[Measured], *, over: str = "num_envs") -> Series:
    ends = [_ends(one) for one in part]
    return Series(
        name=name,
        xs=[float(getattr(one.point, over)) for one in part],
        ys=[one.steps_per_second or 0.0 for one in part],
        lows=[low for low, _ in ends],
        highs=[high for _, high in ends],
        is_doubtful=[_is_doubtful(one) for one in part],
    )


def _ends(one: Measured) -> tuple[float | None, float | None]:
    """Of the interval over processes; of one process, the quartiles of its repetitions."""
    if one.low is not None and one.high is not None:
        return one.low, one.high
    return one.quartiles or (None, None)


def _bar_name(one: Measured) -> str:
    if one.low is not None and one.high is not None:
        return "95 % intervals over processes"
    return "quartiles of the repetitions in one process" if one.quartiles else ""


def _is_doubtful(one: Measured) -> bool:
    return one.noise is Noise.INVALID


def _throughput(axes: Any, points: Points) -> Sets:  # noqa: ANN401  # matplotlib's
    sets = _of_several_numbers(points.timed)
    series = [_series(name, part) for name, part in sets.items()]
    plots.throughput_scaling(axes, series, rooflines=[_roofline(part) for part in sets.values()])
    return sets


def _roofline(part: Sequence[Measured]) -> Series | None:
    """What memory allows at most, where that was measured."""
    known = [(float(one.point.num_envs), one.roofline) for one in part if one.roofline is not None]
    if not known:
        return None
    return Series(name="memory bandwidth", xs=[x for x, _ in known], ys=[y for _, y in known])


def _efficiency(axes: Any, points: Points) -> Sets:  # noqa: ANN401
    sets = _of_several_numbers(points.timed)
    best: dict[str, float] = {}
    for one in _all(sets):
        best[one.point.name] = max(best.get(one.point.name, 0.0), one.steps_per_second or 0.0)
    bests = [best[part[0].point.name] for part in sets.values()]
    plots.scaling_efficiency(axes, [_series(name, part) for name, part in sets.items()], bests=bests)
    return sets


def _memory(axes: Any, points: Points) -> Sets:  # noqa: ANN401
    sets = _of_several_numbers(points.all)
    planned = {name: _bytes(name, part, [one.planned_bytes for one in part]) for name, part in sets.items()}
    held = {name: _bytes(name, part, [_held(one, points.all) for one in part]) for name, part in sets.items()}
    shown = {name: part for name, part in sets.items() if planned[name].xs or held[name].xs}
    plots.memory_scaling(axes, [planned[name] for name in shown], held=[held[name] for name in shown])
    return shown


def _held(one: Measured, found: Sequence[Measured]) -> float | None:
    """On a device with memory of its own, else by the process beyond one with a single environment; only above 0."""
    held = one.device_peak_bytes if one.device_peak_bytes is not None else over_floor(one, found)
    return held if held is not None and held > 0 else None


def _bytes(name: str, part: Sequence[Measured], sizes: Sequence[float | None]) -> Series:
    known = [(float(one.point.num_envs), float(size)) for one, size in zip(part, sizes, strict=True) if size]
    return Series(name=name, xs=[x for x, _ in known], ys=[y for _, y in known])


def _chunks(axes: Any, points: Points) -> Sets:  # noqa: ANN401
    """Points of the same library and number whose chunk was chosen, in rising chunk, where there are several."""
    but = ["scan_chunk_size"]
    groups = _groups([one for one in points.timed if one.point.scan_chunk_size is not None], but=but)
    sets = {
        f"{name}, {count_text(number, 'env')}": sorted(own, key=lambda one: one.point.scan_chunk_size or 0)
        for name, group in _named(groups, but=but).items()
        for number in dict.fromkeys(one.point.num_envs for one in group)
        if len(own := [one for one in group if one.point.num_envs == number]) > 1
    }
    plots.scan_chunk_sensitivity(axes, [_series(name, part, over="scan_chunk_size") for name, part in sets.items()])
    return sets


def _libraries(axes: Any, points: Points) -> Sets:  # noqa: ANN401
    """The fastest point of each library and way of measuring, however the work was divided."""
    groups = _named(_groups(points.timed, but=_DIVISION), but=_DIVISION)
    sets = {name: [max(part, key=lambda one: one.steps_per_second or 0.0)] for name, part in groups.items()}
    if len(sets) <= 1:
        return {}
    plots.library_comparison(axes, [_series(name, part) for name, part in sets.items()])
    return sets


_NUMBERS = "measure several numbers with --num-envs"
KINDS: dict[str, Kind] = {
    "throughput_scaling": Kind(_throughput, _NUMBERS, has_bars=True),
    "scaling_efficiency": Kind(_efficiency, _NUMBERS),
    "memory_scaling": Kind(_memory, _NUMBERS, has_speeds=False),
    "scan_chunk_sensitivity": Kind(_chunks, "measure several sizes with --scan-chunk-size", has_bars=True),
    "library_comparison": Kind(_libraries, "measure several libraries with --library"),
}
