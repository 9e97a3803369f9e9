"""How far measurements of throughput can be trusted: what else the machine did, and how processes differ."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

from rlgauge.cli.plot_kinds import bar_name, ends_of, is_doubtful, spot_of
from rlgauge.cli.plot_points import Points
from rlgauge.cli.throughput_files import Written
from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.charts import Intervals, Mark, Row, Share, Shares
from rlgauge.report.content import Block, Figure, Text
from rlgauge.report.numbers import short_count
from rlgauge.report.table import Table
from rlgauge.stats.intervals import two_sided
from rlgauge.stats.quantiles import student_t_quantile

_MOST = 40
"""Points whose spread is shown."""
_SEVERAL = 2
_CONFIDENCE = 0.95
_SECOND = 15
"""Characters of DATE_TIME."""
_VERDICTS = (
    "What else the machine did meanwhile. Quiet: at most 1 % of the time was stolen by a hypervisor, and a tenth of a "
    "processor was busy with other processes; invalid: above 10 %, or a half; noisy: between; unknown: the system "
    "tells neither."
)


def body(files: Sequence[Written], points: Points) -> list[Block]:
    """The verdicts on noise, how far processes are apart, and how each measurement was timed."""
    if not points.all:
        return []
    return [_verdicts(points), *_calibration(files), *_spread(points.timed), _measurements(files)]


def _verdicts(points: Points) -> Figure:
    names = [noise for noise in Noise if any(one.noise is noise for one in points.all)] or [Noise.UNKNOWN]
    rows = []
    for environment in points.environments():
        own = points.of(environment).all
        for library in dict.fromkeys(one.point.name for one in own):
            found = Counter(one.noise or Noise.UNKNOWN for one in own if one.point.name == library)
            counts = ", ".join(f"{found[name]} {name}" for name in names if found[name])
            told = f"{library}, {environment}: {counts}"
            rows.append(Share(label=library, group=environment, parts=[found[name] for name in names], told=told))
    chart = Shares(title="verdicts on noise", names=list(map(str, names)), rows=rows, axis="points", is_counts=True)
    return Figure("noise", chart, [_VERDICTS])


def _calibration(files: Sequence[Written]) -> list[Block]:
    """How far two processes of the same point are apart, A against A, over all points with several.

    Of all measurements on the machine of the newest one, each by itself.
    """
    timed = [file for file in files if file.tells_speed and machine(file) == machine(files[-1])]
    found = [one for file in timed for one in file.points if one.status is Status.COMPLETED and _is_of_several(one)]
    own = [[math.log(speed) for speed in one.process_medians] for one in found]
    df = sum(len(part) - 1 for part in own)
    if not df:
        what = "Every point was measured in one process, which can't tell how much the next would differ"
        return [Text(f"{what}: --full, or --processes 3, measures that.")]
    squares = math.fsum((value - math.fsum(part) / len(part)) ** 2 for part in own for value in part)
    deviation = math.sqrt(squares / df)
    reach = math.exp(student_t_quantile(two_sided(_CONFIDENCE), df) * deviation * math.sqrt(2))
    of = f"{count_text(len(own), 'point')} of {count_text(len(timed), 'measurement')}, {df} degrees of freedom"
    return [
        Text(
            f"A against A: medians of processes that measured the same point deviate by a factor of "
            f"{math.exp(deviation):.3f} (pooled over {of}). So one process must be more than {reach:.3f} times as fast "
            "as another to be told apart from chance (95 %)."
        )
    ]


def _is_of_several(one: Measured) -> bool:
    return len(one.process_medians) >= _SEVERAL


def _spread(found: Sequence[Measured]) -> list[Block]:
    """How far the processes of each point, or the repetitions of its one, are apart: the widest first."""
    known = sorted((one for one in found if _width(one) is not None), key=lambda one: -(_width(one) or 0.0))
    if not known:
        return []
    rows = [_row(one) for one in known[:_MOST]]
    marks = [Mark(value=1.0, name="the point's speed")]
    chart = Intervals(title="spread of each point", rows=rows, axis="part of the point's speed", marks=marks)
    bars = "; ".join(dict.fromkeys(map(_what, known[:_MOST])))
    captions = [f"Bars: {bars}{'; small dots are processes' if any(row.others for row in rows) else ''}."]
    if len(known) > _MOST:
        captions.append(f"The {_MOST} widest of {len(known):,} points.")
    if any(map(is_doubtful, known[:_MOST])):
        captions.append("Hollow: the machine did something else meanwhile.")
    return [Figure("spread", chart, captions)]


def _what(one: Measured) -> str:
    return "from the slowest to the fastest process" if _is_of_several(one) else bar_name(one)


def _ends(one: Measured) -> tuple[float | None, float | None]:
    return (min(one.process_medians), max(one.process_medians)) if _is_of_several(one) else ends_of(one)


def _width(one: Measured) -> float | None:
    """The upper end over the lower one."""
    low, high = _ends(one)
    return None if low is None or high is None or low <= 0 or not one.steps_per_second else high / low


def _row(one: Measured) -> Row:
    (low, high), speed = _ends(one), one.steps_per_second or 1.0
    parts = [median / speed for median in one.process_medians] if _is_of_several(one) else []
    ends = None if low is None or high is None else (low / speed, high / speed)
    told = "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f} of {short_count(speed)} steps/s, {_what(one)}"
    return Row(
        label=f"{one.point.name}, {spot_of(one)}",
        group=one.point.environment,
        point=1.0,
        low=None if ends is None else min(ends[0], 1.0),
        high=None if ends is None else max(ends[1], 1.0),
        others=parts,
        series=0,
        told=f"{one.point.name}, {one.task}: {told}; noise: {one.noise or Noise.UNKNOWN}",
        is_doubtful=is_doubtful(one),
    )


def _measurements(files: Sequence[Written]) -> Table:
    header = ["when (UTC)", "tag", "description", "machine", "points", "failed", "invalid", "processes", "repetitions"]
    rows = [
        [
            _when(file.timestamp),
            file.tag or "-",
            file.description or "-",
            machine(file),
            f"{len(file.points):,}",
            f"{sum(one.status is not Status.COMPLETED for one in file.points):,}",
            f"{sum(map(is_doubtful, file.points)):,}",
            "-" if file.settings.processes is None else f"{file.settings.processes:,}",
            _repetitions(file),
        ]
        for file in reversed(files)
    ]
    note = (
        "Repetitions: how many were counted of each process, and the least that one takes; the number of trips "
        "through the loop is raised until it does. The newest measurement is first."
    )
    title = "Measurements"
    return Table(name="throughput_files", title=title, header=header, rows=rows, num_text=4, notes=[note])


def _when(stamp: str) -> str:
    """DATE_TIME_MILLISECONDS as people write it; another stamp as it is."""
    try:
        return f"{dt.datetime.strptime(stamp[:_SECOND], '%Y%m%d_%H%M%S'):%Y-%m-%d %H:%M:%S}"  # noqa: DTZ007  # local
    except ValueError:
        return stamp or "-"


def machine(file: Written) -> str:
    """The processor and how many cores there are; a dash where nothing tells."""
    cores = "" if file.host.num_cores is None else count_text(file.host.num_cores, "core")
    return ", ".join(filter(None, [file.host.cpu, cores])) or "-"


def _repetitions(file: Written) -> str:
    given = file.settings
    if given.repeats is None:
        return "-"
    return f"{given.repeats} x {'-' if given.min_seconds is None else seconds_text(given.min_seconds)}"
