"""How long policies take to act, and what else a step of an evaluation consists of, as runs kept it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from rlgauge.core.files import read_if_there
from rlgauge.core.run import Status
from rlgauge.episodes.latency import BINS_PER_DECADE, Durations, Latency
from rlgauge.report.charts import Line, Lines, Mark
from rlgauge.report.content import Block, Figure, Heading, Note, Section
from rlgauge.report.order import natural
from rlgauge.report.overview import Overview
from rlgauge.report.scored import Scored
from rlgauge.report.table import Table

_KIND = "evaluate"
_PARTS = {
    "policy": "policy's answer",
    "network": "network",
    "queue": "server's queue",
    "inference": "server's inference",
    "environment": "environment's step",
    "render": "rendering",
}
"""What is measured, in the order in which it is shown."""
_DRAWN = ("policy", "network", "queue", "inference")
_QUANTILES = (0.5, 0.95, 0.99)
_MOST_LINES = 8
"""As many as there are colours."""
_MILLI = 1e3
_File = TypeVar("_File", bound=msgspec.Struct)


class _Result(msgspec.Struct, frozen=True):
    latency: dict[str, dict[int, int]] = {}


class _End(msgspec.Struct, frozen=True):
    """What is needed of run.json."""

    result: _Result | None = None
    host: dict[str, Any] = {}


class _Params(msgspec.Struct, frozen=True):
    width: int | None = None


class _Case(msgspec.Struct, frozen=True):
    params: _Params = _Params()


class _Config(msgspec.Struct, frozen=True):
    """What is needed of config.json."""

    case: _Case = _Case()


class _Found(NamedTuple):
    """The latencies by group and how many lanes a call was for, and the machines on which they were measured."""

    latencies: dict[tuple[str, int | None], Latency]
    hosts: set[str]
    tasks: set[str]


def sections(overview: Overview, series: Mapping[str, int]) -> Iterator[Section]:
    """One, where evaluations kept how long their policies took; `series` numbers the groups."""
    found = _found(overview.found)
    keys = sorted(found.latencies, key=lambda key: (natural(key[0]), key[1] or 0))
    names = _names(keys)
    parts = [part for part in _PARTS if any(_of(found.latencies[key], part).num for key in keys)]
    if not any(part in _DRAWN for part in parts):
        return
    body: list[Block] = []
    for part in parts:
        if part in _DRAWN:
            body += [Heading(_PARTS[part])] if len(set(parts) & set(_DRAWN)) > 1 else []
            body.append(_figure(part, {names[key]: (key[0], _of(found.latencies[key], part)) for key in keys}, series))
    body.append(_table(parts, {names[key]: found.latencies[key] for key in keys}))
    yield Section(name="latency", title="Latency", body=[*body, *_notes(found)])


def _found(runs: Sequence[Scored]) -> _Found:
    found = _Found({}, set(), set())
    for run in runs:
        reading = run.reading
        if reading.kind != _KIND or reading.status is not Status.COMPLETED or not run.is_used:
            continue
        for folder in map(Path, reading.completed or reading.folders):
            end = _decoded(folder / "run.json", _End)
            if end is None or end.result is None or not end.result.latency:
                continue
            config = _decoded(folder / "config.json", _Config)
            width = None if config is None else config.case.params.width
            counts = {name: {str(bin_): num for bin_, num in own.items()} for name, own in end.result.latency.items()}
            found.latencies.setdefault((run.group, width), Latency()).add_json(counts)
            found.tasks.add(reading.task)
            found.hosts.add(f"{end.host.get('hostname', '')} {end.host.get('cpu', '')}".strip())
    return found


def _decoded(path: Path, kind: type[_File]) -> _File | None:
    """The file, None where it is lost or of another form: such a run has no latency to show."""
    content = read_if_there(path)
    try:
        return None if content is None else msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return None


def _names(keys: Sequence[tuple[str, int | None]]) -> dict[tuple[str, int | None], str]:
    """Groups by their names, with the lanes of a call where these differ."""
    if len({width for _, width in keys}) == 1:
        return {key: key[0] for key in keys}
    return {key: f"{key[0]}, {key[1]} lanes" if key[1] is not None else key[0] for key in keys}


def _of(latency: Latency, part: str) -> Durations:
    return vars(latency).get(part) or Durations()


def _figure(part: str, found: Mapping[str, tuple[str, Durations]], series: Mapping[str, int]) -> Figure:
    measured = {name: one for name, one in found.items() if one[1].num}
    lines = []
    for name, (group, durations) in itertools.islice(measured.items(), _MOST_LINES):
        xs, ys = _shares(durations)
        lines.append(Line(name=f"{name} (n = {durations.num:,})", xs=xs, ys=ys, series=series[group]))
    marks = [Mark(value=q, name=f"p{q * 100:g}") for q in _QUANTILES[:2]]
    chart = Lines(
        title=f"Latency, {_PARTS[part]}",
        lines=lines,
        x_axis="milliseconds",
        y_axis="share of calls that took no longer",
        is_x_log=True,
        is_y_from_zero=True,
        marks=marks,
    )
    captions = ["n: calls."]
    if len(measured) > _MOST_LINES:
        captions.append(f"The first {_MOST_LINES} of {len(measured):,} are drawn; the table has all.")
    return Figure("latency", chart, captions, of=part)


def _shares(durations: Durations) -> tuple[list[float], list[float]]:
    """Milliseconds, and the share of the calls that took no longer: a step at the upper end of every bin."""
    counts = sorted((int(bin_), num) for bin_, num in durations.to_json().items())
    first = counts[0][0]
    ends = [first, *(bin_ + 1 for bin_, _ in counts)]
    below = [0, *itertools.accumulate(num for _, num in counts)]
    return [_MILLI * 10 ** (end / BINS_PER_DECADE) for end in ends], [num / below[-1] for num in below]


def _table(parts: Sequence[str], found: Mapping[str, Latency]) -> Table:
    rows = [
        [name, _PARTS[part], f"{own.num:,}", *(_milliseconds(own.quantile(q)) for q in _QUANTILES)]
        for part in parts
        for name, latency in found.items()
        for own in [_of(latency, part)]
        if own.num
    ]
    header = ["group", "what", "n", *(f"p{q * 100:g} (ms)" for q in _QUANTILES)]
    return Table(name="latency", title="Latency", header=header, rows=rows, num_text=2)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * _MILLI:.3g}"


def _notes(found: _Found) -> Iterator[Note]:
    widths = sorted({width for _, width in found.latencies if width is not None})
    lanes = f" ({', '.join(map(str, widths))} of them)" if widths else ""
    yield Note(
        f"A call of the policy answers for all lanes together{lanes}; steps at which nothing is decided, since chunks "
        "of actions are executed, are no calls. Durations were kept in bins of 2.3 %: a quantile is right to 1.2 %."
    )
    if len(found.tasks) > 1:
        yield Note(
            f"Calls of all {len(found.tasks)} tasks are put together: groups whose episodes are unlike long differ in "
            "how many are of which."
        )
    if len(found.hosts) > 1:
        yield Note(
            f"Measured on {len(found.hosts)} different machines, put together: {', '.join(sorted(found.hosts))}."
        )
