"""`rlgauge compare OUT`: measurements of throughput one after the other, each with its change."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.sources import aligned
from rlgauge.cli.units import count_text
from rlgauge.compare.history import Cell, Change, Row, history
from rlgauge.compare.measurements import Measurement, Place, Spot
from rlgauge.compare.tables import Table
from rlgauge.core.errors import UserError
from rlgauge.core.files import write_atomic
from rlgauge.core.reading import Reading
from rlgauge.core.run import RunFile, Status
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.report.numbers import short_count

FORMATS = ("table", "json")
FORMAT = 1
_BEST = "best steps/s"
_HEADER = ["started (UTC)", "tag", "description", "library", "one env", "change", "envs", _BEST, "change", "noise"]
_WORST = (Noise.QUIET, Noise.UNKNOWN, Noise.NOISY, Noise.INVALID)
_SEVERAL = 2
_Item = TypeVar("_Item")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: tables with what stands above each, sentences below them, and all of it as JSON."""

    tables: list[tuple[str, Table]]
    sentences: list[str]
    content: dict[str, Any]


def listed(
    found: Sequence[Measurement],
    source: str,
    *,
    num_envs: int | None = None,
    allowed: Collection[str] = (),
    notes: Iterable[str] = (),
) -> Told:
    """All measurements by time, with their changes; the batch is that of `num_envs`, else the fastest.

    `allowed` (machine, versions, configuration) may differ.
    """
    rows = history(found, num_envs=num_envs, allowed=allowed)
    header = [title if num_envs is None or title != _BEST else "steps/s" for title in _HEADER]
    tables = [
        (title, cut(Table(header, [_cells(row) for row in own])))
        for title, own in grouped(rows, lambda row: title_of(row.environment, row.manner))
    ]
    sentences = [*_sentences(rows, source, num_envs), *notes]
    content = {"format": FORMAT, "notes": sentences, "measurements": [_as_json(one, rows) for one in found]}
    return Told(tables=tables, sentences=sentences, content=content)


def write(told: Told, kind: str, output: str | None) -> None:
    """Print it, or write it to a file. Raises UserError for a format that is of comparisons alone."""
    if kind not in FORMATS:
        raise UserError(
            f"--format {kind} is of a comparison of two sides, and there is one: name the other, or take "
            f"{' or '.join(FORMATS)}."
        )
    text = _text(told) if kind == FORMATS[0] else _json(told)
    if output is not None:
        write_atomic(Path(output), text.encode())
        print(f"Wrote {output}.", file=sys.stderr)
    elif kind == FORMATS[0]:
        _show(told)
    else:
        print(text, end="")


def _show(told: Told) -> None:
    for number, (title, table) in enumerate(told.tables):
        print(title if number == 0 else f"\n{title}")
        show_table(table.header, table.rows, expendable=("description", "noise", "of best"))
    print()
    for sentence in told.sentences:
        say(sentence)


def _text(told: Told) -> str:
    parts = ["\n".join([title, *aligned(table.header, table.rows)]) for title, table in told.tables]
    return "\n\n".join([*parts, "\n".join(told.sentences)]) + "\n"


def _json(told: Told) -> str:
    return msgspec.json.format(msgspec.json.encode(told.content), indent=1).decode() + "\n"


def grouped(items: Iterable[_Item], key: Callable[[_Item], str]) -> list[tuple[str, list[_Item]]]:
    """The items by their keys, in the order of the first of each."""
    groups: dict[str, list[_Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def title_of(environment: str, manner: str) -> str:
    """The environment, and what else tells one kind of work from another."""
    return f"{environment}: {manner}" if manner else environment


def cut(table: Table) -> Table:
    """The table without columns that say nothing."""
    kept = [index for index in range(len(table.header)) if any(row[index] not in {"", "-"} for row in table.rows)]
    return Table([table.header[index] for index in kept], [[row[index] for index in kept] for row in table.rows])


def _cells(row: Row) -> list[str]:
    measurement = row.measurement
    return [
        "" if measurement.time is None else f"{measurement.time:%Y-%m-%d %H:%M:%S}",
        measurement.tag,
        measurement.description,
        row.library,
        _speed(row.single),
        _change(row.single),
        "-" if row.batch is None else number_of(row.batch.spot.place),
        _speed(row.batch),
        _change(row.batch),
        str(noise_of([cell.spot for cell in row.cells]) or "-"),
    ]


def number_of(place: Place) -> str:
    """`1,000`, with what is not the default: `1,000 chunk 16`."""
    return f"{place.num_envs:,} {place.variant.replace('scan_chunk_size=', 'chunk ')}".rstrip()


def _speed(cell: Cell | None) -> str:
    return "-" if cell is None else speed_of(cell.spot).partition(" [")[0]


def speed_of(spot: Spot) -> str:
    """With the interval where there are several processes; how it ended where there is no speed."""
    speed = spot.speed
    if speed is None:
        return str(spot.status if spot.status is not Status.COMPLETED else Status.FAILED)
    if speed.low is None or speed.high is None:
        return short_count(speed.point)
    return f"{short_count(speed.point)} [{short_count(speed.low)}, {short_count(speed.high)}]"


def _change(cell: Cell | None) -> str:
    """`+3.1 %`, `+3.1 % [-0.4, +6.8] inconclusive`, `not comparable`; `-` of the first."""
    change = None if cell is None else cell.change
    if change is None:
        return "-"
    if change.ratio is None:
        return "not comparable"
    text = f"{_percent(change.ratio)} %"
    if change.low is not None and change.high is not None:
        text += f" [{_percent(change.low)}, {_percent(change.high)}]"
    return text if change.word is None else f"{text} {change.word}"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+,.1f}"


def _sentences(rows: Sequence[Row], source: str, num_envs: int | None) -> Iterator[str]:
    """What the numbers are, what can't be compared and why, and what would give a verdict."""
    cells = [cell for row in rows for cell in row.cells]
    changes = [cell.change for cell in cells if cell.change is not None]
    yield "Steps per second: of several processes, the geometric mean of their medians."
    if num_envs is None and any(row.batch is not None for row in rows):
        yield "Best: of the batch that was fastest, so by chance a bit too fast; --batch-size N takes one."
    if changes:
        yield (
            "Change: against the last measurement before of the same library and number of environments; above 0 is "
            "faster."
        )
    yield from _of_verdicts(changes)
    if any(change.ratio is not None and change.word is None for change in changes):
        tags = _two_tags([row.measurement for row in rows])
        yield (
            "No verdict where a measurement has one process, which can't tell how much the next would differ: measure "
            f"with --processes 3 or more. `rlgauge compare {shlex.quote(source)} {tags}` is the gate between two."
        )
    yield from _incomparable(rows)
    yield from noisy([cell.spot for cell in cells])


def _of_verdicts(changes: Sequence[Change]) -> Iterator[str]:
    number = sum(change.word is not None for change in changes)
    if number:
        yield (
            f"Intervals of changes are of 90 %, each by itself; the words are the gate's, its p-values adjusted over "
            f"{count_text(number, 'change')} (same: no difference is shown, and the interval is within 5 %)."
        )


def _two_tags(found: Sequence[Measurement]) -> str:
    """The options that name the two newest tags, the newest as the candidate."""
    tags = list(dict.fromkeys(one.tag for one in reversed(found) if one.tag))
    ours, theirs = tags[:2] if len(tags) >= _SEVERAL else ("CANDIDATE", "BASELINE")
    return f"--tag {shlex.quote(ours)} --tag {shlex.quote(theirs)}"


def _incomparable(rows: Sequence[Row]) -> Iterator[str]:
    """In what measurements differ, once for every two of them."""
    told: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.change is not None and cell.change.differs:
                told.setdefault((row.measurement.name, cell.change.before), {}).update(
                    dict.fromkeys(cell.change.differs)
                )
    for (later, earlier), sentences in told.items():
        yield f"Not comparable: {later}, here the candidate, and {earlier}, the baseline. {' '.join(sentences)}"


def noise_of(spots: Iterable[Spot]) -> Noise | None:
    """The worst of what the runs say of the machine; None where they say nothing."""
    found = [noise for spot in spots for reading in spot.readings for noise in _noises(reading.folders)]
    return max(found, key=_WORST.index, default=None)


def noisy_runs(readings: Iterable[Reading]) -> Iterator[str]:
    """A sentence where runs say that the machine was not left alone."""
    told = [set(_noises(reading.folders)) for reading in readings]
    number = sum(bool(noises & {Noise.NOISY, Noise.INVALID}) for noises in told)
    if number:
        yield (
            f"{number} of {count_text(len(told), 'run')} measured while the machine did something else: their speeds "
            "are too low by an unknown amount."
        )


def _noises(folders: Iterable[str]) -> Iterator[Noise]:
    for folder in folders:
        try:
            file = msgspec.json.decode(Path(folder, "run.json").read_bytes(), type=RunFile)
        except (OSError, msgspec.DecodeError):  # the run's status says so
            continue
        noise = (file.result or {}).get("noise")
        if noise in list(Noise):
            yield Noise(noise)


def noisy(spots: Sequence[Spot]) -> Iterator[str]:
    """A sentence where the machine was not left alone."""
    number = sum(noise_of([spot]) in {Noise.NOISY, Noise.INVALID} for spot in spots)
    if number:
        yield (
            f"{number} of {count_text(len(spots), 'speed')} measured while the machine did something else: such "
            "numbers are too low by an unknown amount."
        )


def head_as_json(measurement: Measurement) -> dict[str, Any]:
    """What is said of a measurement as a whole."""
    return {
        "time": None if measurement.time is None else measurement.time.isoformat(),
        "stamp": measurement.stamp,
        "tag": measurement.tag,
        "description": measurement.description,
    }


def _as_json(measurement: Measurement, rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row.measurement is measurement]
    return {
        **head_as_json(measurement),
        "rows": [
            {
                "environment": row.environment,
                "manner": row.manner,
                "library": row.library,
                "single": None if row.single is None else _cell_as_json(row.single),
                "batch": None if row.batch is None else _cell_as_json(row.batch),
            }
            for row in own
        ],
    }


def _cell_as_json(cell: Cell) -> dict[str, Any]:
    return {**spot_as_json(cell.spot), "change": msgspec.to_builtins(cell.change)}


def spot_as_json(spot: Spot) -> dict[str, Any]:
    """A speed, in steps per second, with its 95 % interval."""
    speed = spot.speed
    return {
        "num_envs": spot.place.num_envs,
        "variant": spot.place.variant,
        "status": str(spot.status),
        "steps_per_second": None if speed is None else speed.point,
        "low": None if speed is None else speed.low,
        "high": None if speed is None else speed.high,
        "num_processes": len(spot.readings),
        "noise": noise_of([spot]),
    }
