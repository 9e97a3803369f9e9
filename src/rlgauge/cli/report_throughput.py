"""What a report holds of `rlgauge throughput`: speeds, memory, chunks, compiling, A against B, and how noisy it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rlgauge.cli import report_fastest, report_noise
from rlgauge.cli.plot_kinds import figures, is_doubtful
from rlgauge.cli.plot_points import FILES, Points, newest
from rlgauge.cli.throughput_files import Written, read_json
from rlgauge.cli.throughput_table import compile_seconds, efficiencies, manner_of
from rlgauge.cli.units import bytes_text, count_text, seconds_text
from rlgauge.compare.measurements import is_of_memory, place_of
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.memory import Memory, Slope, memory_of
from rlgauge.kinds.throughput.pairs import Ratio, ratio_of
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.charts import Intervals, Mark, Row
from rlgauge.report.content import Block, Figure, Heading, Section, Text, Warnings
from rlgauge.report.numbers import short_count
from rlgauge.report.table import Table
from rlgauge.stats.summary import Summary

_SPEED = ("throughput_scaling", "scaling_efficiency", "library_comparison")
_CHUNKS = ("chunk_surface", "scan_chunk_sensitivity")
_PAIR = 2
_SPEEDS = (
    "Steps/s: of all environments together; of several processes the geometric mean of their medians, with its 95 % "
    "interval (Student's, of logarithms). Of best, of linear: against the library's best point, and against its single "
    "environment's speed times the number."
)
_BANDWIDTH = "of bandwidth"
_OF_BANDWIDTH = "Of bandwidth: part of what the memory's bandwidth allows."
_NOISE = (
    "Noise: quiet is at most 1 % of time stolen and a tenth of a processor busy elsewhere; invalid above 10 % or a "
    "half: such numbers are too low by an unknown amount. Lengths: whether episodes were checked to be as long as they "
    "must be."
)


class Found(NamedTuple):
    """The files of the sources, the oldest first, and sentences on those that can't be read."""

    files: list[Written]
    lost: list[str]


def is_of_throughput(reading: Reading) -> bool:
    """Whether it is a measurement of speed or memory: it has no score that could be averaged over tasks."""
    return is_of_memory(reading) or place_of(reading) is not None


def sections(sources: Sequence[Path]) -> Iterator[Section]:
    """What the files of `rlgauge throughput` in the sources, or one folder below, have something for."""
    found = read(sources)
    points = Points(
        timed=newest(file for file in found.files if file.tells_speed), all=newest(file for file in found.files)
    )
    failed = _failed(found.files)
    if not (points.all or failed or found.lost):
        return
    environments = list(dict.fromkeys([*points.environments(), *(one.point.environment for one in failed)]))

    def drawn(names: Sequence[str], more: Callable[[str], list[Block]] = lambda _environment: []) -> list[Block]:
        parts = [(one, [*figures(points, one, names), *more(one)]) for one in environments]
        shown = [(one, own) for one, own in parts if own]
        return [block for one, own in shown for block in ([Heading(one), *own] if len(environments) > 1 else own)]

    answers = [answer for one in environments for answer in report_fastest.answers(points.of(one), one)]
    speeds = drawn(
        _SPEED, lambda one: _points(points.of(one), [each for each in failed if each.point.environment == one])
    )
    yield Section(
        name="throughput", title="Throughput", body=[*answers, *_lost(found), Text(_told(found.files)), *speeds]
    )
    for name, title, body in (
        ("memory", "Memory", drawn(["memory_scaling"], lambda one: _memory(points.of(one)))),
        ("chunks", "Size of a chunk", drawn(_CHUNKS)),
        ("compiling", "Tracing and compiling", drawn(["compile_times"])),
        ("ab", "A against B, in turns", _turns(found.files)),
        ("noise", "Noise and calibration", report_noise.body(found.files, points)),
    ):
        if body:
            yield Section(name=name, title=title, body=body)


def read(sources: Sequence[Path]) -> Found:
    """The files that `rlgauge throughput` wrote into the sources, or one folder below them."""
    paths = [
        path
        for source in sources
        for path in ([*source.glob(FILES), *source.glob(f"*/{FILES}")] if source.is_dir() else _alone(source))
    ]
    files, lost = [], []
    for path in dict.fromkeys(path.resolve() for path in paths):
        try:
            files.append(read_json(path))
        except UserError as error:
            lost.append(str(error))
    return Found(sorted(files, key=lambda file: file.timestamp), lost)


def _alone(source: Path) -> list[Path]:
    return [source] if source.match(FILES) else []


def _lost(found: Found) -> list[Block]:
    return [Warnings(found.lost)] if found.lost else []


def _told(files: Sequence[Written]) -> str:
    """How many measurements there are, and which counts of what was measured again."""
    points = [one for file in files for one in file.points]
    again = len(points) - len({one.point for one in points})
    newest_one = f" Of the {again:,} that were measured again, the newest that completed is shown." if again else ""
    machines = sorted({report_noise.machine(file) for file in files})
    several = f" They are of {len(machines)} machines, whose speeds do not compare: {'; '.join(machines)}."
    told = f"{count_text(len(points), 'point')} of {count_text(len(files), 'measurement')}.{newest_one}"
    return f"{told}{several if len(machines) > 1 else ''}"


def _failed(files: Sequence[Written]) -> list[Measured]:
    """Points that failed when they were measured last; of some an older speed is shown, too."""
    found = {one.point: one for file in files for one in file.points}
    return [one for one in found.values() if one.status is not Status.COMPLETED]


def _points(points: Points, failed: Sequence[Measured]) -> list[Block]:
    """All points in a table, those that failed below, and what must be known of them."""
    several = len({manner_of(one) for one in [*points.timed, *failed]}) > 1
    shown = [*points.timed, *failed]
    if not shown:
        return []
    lines = [
        _line(one, [each for each in points.timed if manner_of(each) == manner_of(one)], has_work=several)
        for one in shown
    ]
    header = ["library", "environments", *(["work"] if several else []), "steps/s", "an env", "of best", "of linear"]
    header += [_BANDWIDTH, "a CPU-second", "reset", "compile", "peak", "processes", "noise", "lengths"]
    header, lines = _without_empty(header, lines)
    place = header.index("steps/s")
    environment = shown[0].point.environment
    summaries = {(row, place): _summary(one) for row, one in enumerate(shown) if one.steps_per_second is not None}
    table = Table(
        name=f"points-{environment}",
        title=f"All points, {environment}",
        header=header,
        rows=lines,
        num_text=3 if several else 2,
        summaries=summaries,
        notes=[f"{_SPEEDS} {_OF_BANDWIDTH}" if _BANDWIDTH in header else _SPEEDS, _NOISE],
    )
    doubts = [f"{one.point.name}, {one.task}: {text}" for one in points.timed for text in one.warnings]
    doubts += [f"{one.point.name}, {one.task} failed: {one.reason}" for one in failed]
    return [*([Warnings(doubts)] if doubts else []), table]


def _line(one: Measured, found: Sequence[Measured], *, has_work: bool) -> list[str]:
    chosen = [("chunk", one.point.scan_chunk_size), ("block", one.point.block), ("", one.point.rng)]
    number = f"{one.point.num_envs:,}" + "".join(f" {name} {value}" for name, value in chosen if value is not None)
    first = [one.point.name, number, *([manner_of(one).partition(": ")[2]] if has_work else [])]
    if one.steps_per_second is None:
        return [*first, str(one.status).lower(), *["-"] * 11]
    best, linear = efficiencies(one, found)
    limit = None if one.roofline is None else one.steps_per_second / one.roofline
    return [
        *first,
        _speed(one),
        short_count(one.per_env or 0.0),
        *("-" if part is None else f"{100 * part:.3g} %" for part in (best, linear, limit)),
        "-" if one.steps_per_cpu_second is None else short_count(one.steps_per_cpu_second),
        *("-" if time is None else seconds_text(time) for time in (one.seconds.get("reset"), compile_seconds(one))),
        "-" if one.peak_bytes is None else bytes_text(one.peak_bytes),
        str(one.num_processes),
        str(one.noise or "-"),
        "checked" if one.has_checked_lengths else "not checked",
    ]


def _speed(one: Measured) -> str:
    ends = "" if one.low is None or one.high is None else f" [{short_count(one.low)}, {short_count(one.high)}]"
    return f"{short_count(one.steps_per_second or 0.0)}{ends}"


def _without_empty(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Without columns of which nothing was measured."""
    kept = [place for place in range(len(header)) if any(row[place] != "-" for row in rows)]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _summary(one: Measured) -> Summary:
    return Summary(
        point=one.steps_per_second or 0.0,
        low=one.low,
        high=one.high,
        n=max(one.num_processes, 1),
        method="geometric mean of processes' medians, Student's interval of logarithms"
        if one.num_processes > 1
        else f"median of {one.num_repetitions} repetitions in one process",
    )


def _memory(points: Points) -> list[Block]:
    """Bytes of each environment, as slopes over their number."""
    found = [one for one in memory_of(points.all) if one.planned or one.peak or one.device_peak]
    if not found:
        return []
    several = len({(one.emit, one.scan_chunk_size) for one in found}) > 1
    rows = [[_memory_name(one) if several else one.name, *_slopes(one)] for one in found]
    header = ["library", "planned, an environment", "process, an environment", "device, an environment"]
    header += ["process with one environment"]
    note = (
        "Slopes over the number of environments, of numbers that are stepped in two blocks or more, by least squares, "
        "with 95 % intervals from three such numbers on. What a process held is told where it rises by 32 MiB or more "
        "over these: less may be an allocator's habit."
    )
    environment = found[0].environment
    title = f"Bytes of an environment, {environment}"
    return [Table(name=f"bytes-{environment}", title=title, header=header, rows=rows, num_text=1, notes=[note])]


def _memory_name(one: Memory) -> str:
    written = "outcomes written" if one.emit == "write" else "outcomes dropped"
    chunk = "" if one.scan_chunk_size is None else f", chunk {one.scan_chunk_size}"
    return f"{one.name}, {written}{chunk}"


def _slopes(one: Memory) -> list[str]:
    floor = "-" if one.floor is None else bytes_text(one.floor)
    return [*map(_slope, (one.planned, one.peak, one.device_peak)), floor]


def _slope(one: Slope | None) -> str:
    if one is None:
        return "-"
    ends = "" if one.low is None or one.high is None else f" [{one.low:,.1f}, {one.high:,.1f}]"
    return f"{one.point:,.1f}{ends}"


def _turns(files: Sequence[Written]) -> list[Block]:
    """The newest ratios of each candidate to each baseline, where both were measured in turns."""
    ratios = {
        (one.candidate.point, one.baseline.point): one for file in files if file.tells_speed for one in ratios_of(file)
    }
    if not ratios:
        return []
    rows = [_ratio_row(one) for one in sorted(ratios.values(), key=_sides)]
    chart = Intervals(
        title="speed of the candidate, as a multiple of the baseline's",
        rows=rows,
        axis="times as fast as the baseline",
        is_log=True,
        marks=[Mark(value=1.0, name="as fast")],
    )
    caption = "Points with 95 % intervals (Student's, of the logarithms of pairs); small dots are pairs of processes."
    return [Figure("ab", chart, [caption]), _ratio_table(list(ratios.values()))]


def ratios_of(file: Written) -> list[Ratio]:
    """The ratios of a file whose points are two sides in turns, candidate first; none of any other.

    All processes run to and fro over the points, so that two that follow one another are pairs as `throughput ab` has
    them where there are just two sides at one number, too.
    """
    pairs = list(zip(file.points[::2], file.points[1::2], strict=False))
    if len(file.points) % 2 or any(ours.task != theirs.task for ours, theirs in pairs):
        return []
    sides = {(ours.point.name, theirs.point.name) for ours, theirs in pairs}
    known = [(a, b) for a, b in pairs if len(a.process_medians) == len(b.process_medians) >= _PAIR]
    if len(sides) != 1 or len(set(*sides)) != _PAIR:
        return []
    return [ratio for a, b in known if (ratio := ratio_of(a, b)) is not None]


def _sides(one: Ratio) -> tuple[str, str, str, int]:
    return (
        one.candidate.point.name,
        one.baseline.point.name,
        one.candidate.point.environment,
        one.candidate.point.num_envs,
    )


def _ratio_row(one: Ratio) -> Row:
    own = [a / b for a, b in zip(one.candidate.process_medians, one.baseline.process_medians, strict=True)]
    versus = f"{one.candidate.point.name} against {one.baseline.point.name}"
    return Row(
        label=one.candidate.task,
        group=versus,
        point=one.ratio,
        low=one.low,
        high=one.high,
        others=own,
        series=0,
        told=f"{versus}, {one.candidate.task}: {_ratio(one)} times as fast, 95 %; {one.num_pairs} pairs; {one.verdict}",
        is_doubtful=any(map(is_doubtful, (one.candidate, one.baseline))),
    )


def _ratio(one: Ratio) -> str:
    return f"{one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _ratio_table(found: Sequence[Ratio]) -> Table:
    rows = [
        [
            one.candidate.point.name,
            one.baseline.point.name,
            one.candidate.task,
            *(short_count(side.steps_per_second or 0.0) for side in (one.candidate, one.baseline)),
            _ratio(one),
            one.verdict,
            str(one.num_pairs),
            "/".join(dict.fromkeys(str(side.noise) for side in (one.candidate, one.baseline))),
        ]
        for one in sorted(found, key=_sides)
    ]
    header = ["candidate", "baseline", "task", "steps/s", "baseline's", "ratio", "verdict", "pairs", "noise"]
    note = "The ratio is that of pairs, above 1 where the candidate is faster, with its 95 % interval."
    return Table(name="ab", title="A against B", header=header, rows=rows, num_text=3, notes=[note])
