"""What `summary`, `compare` and others share: what they read and how it is understood, and where their answers go."""

from __future__ import annotations

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.count import counted
from rlgauge.cli.options import as_list
from rlgauge.compare.phrases import some
from rlgauge.compare.references import Normalisation, read_references, with_references
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.importers import Collected

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PAIR = 2
_ENDINGS = {
    ".txt": "table",
    ".csv": "csv",
    ".md": "markdown",
    ".tex": "latex",
    ".json": "json",
    ".xml": "junit",
    ".html": "html",
    ".htm": "html",
}
_NOT_SCANNED = "--no-scan: what an index has was taken from it alone and not verified against the folders of the runs."


def add_source_options(parser: ArgumentParser, *, positional: bool = True) -> None:
    """Add the paths and what says how they are read."""
    if positional:
        parser.add_argument("source", nargs="+", type=str, metavar="SOURCE", help="folders, zip files or score tables")
    group = parser.add_argument_group("How the sources are read")
    group.add_argument("--no-scan", action="store_true", help="trust the index; do not look at the folders again")
    group.add_argument(
        "--columns",
        type=str | None,
        metavar="MEANING=TITLE,...",
        help="columns of a score table, such as algorithm=method,task=env,settings=lr+gamma",
    )
    group.add_argument(
        "--rename", type=list[str] | str, default=[], metavar="OLD=NEW", help="another name for an algorithm or task"
    )


def add_normalise_options(add: Callable[..., object]) -> None:
    """Add what says how scores are normalised; `add` is the `add_argument` of a parser or a group."""
    add(
        "--normalise",
        type=str | None,
        metavar="LOW,HIGH",
        help="reference scores by name or number, such as random,expert or 0,expert",
    )
    add("--references", type=str | None, metavar="FILE", help="CSV file of task,random,expert")


def add_output_options(parser: ArgumentParser, formats: Sequence[str]) -> None:
    """Add where the answer goes, and in which of the formats, of which the first is the default."""
    group = parser.add_argument_group("Where it goes")
    group.add_argument("--format", type=str | None, metavar="NAME", help=f"{', '.join(formats)} ({formats[0]})")
    group.add_argument("-o", "--output", type=str | None, metavar="FILE", help="write it there instead of printing it")
    group.add_argument("--json", action="store_true", help="the same as --format json")


def output_format(options: Namespace, formats: Sequence[str]) -> str:
    """The format asked for, or the one that the file's ending says. Raises UserError."""
    endings = {ending: name for ending, name in _ENDINGS.items() if name in formats}
    named: str | None = "json" if options.json else options.format
    if named is not None and named not in formats:
        raise unknown("format", named, formats)
    if options.json and options.format not in {None, "json"}:
        raise UserError(f"--json and --format {options.format} contradict each other.")
    if options.output is None:
        return named or formats[0]
    path = Path(options.output)
    if named is None and path.suffix not in endings:
        raise UserError(f"--output {path}: say what to write with --format, or end it with {', '.join(endings)}.")
    if not path.parent.is_dir():
        raise UserError(f"--output {path}: there is no folder '{path.parent}'.")
    _check_not_read(path, options)
    return named or endings[path.suffix]


def _check_not_read(path: Path, options: Namespace) -> None:
    """Raise UserError where the answer would replace what it is made from."""
    named = [name for name in ("source", "candidate", "baseline", "references") if options.get(name) is not None]
    given = [options[name] for name in named]
    read = [text for value in given for text in ([value] if isinstance(value, str) else value)]
    if path.exists() and any(Path(text).exists() and path.samefile(text) for text in read):
        raise UserError(f"--output {path}: that is one of the files to read, and would be replaced. Name another.")


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in a file, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    first, *lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return [first, "-" * max(map(len, (first, *lines))), *lines]


def normalisation(options: Namespace) -> Normalisation | None:
    """What --normalise says. Raises UserError."""
    text = options.normalise
    if text is None:
        if options.references is not None:
            raise UserError(
                "--references holds scores to normalise by: say how with --normalise, such as random,expert."
            )
        return None
    ends = [end.strip() for end in text.split(",")]
    if len(ends) != _PAIR or not all(ends):
        raise UserError(f"--normalise takes two reference scores, such as random,expert, not {text!r}.")
    low, high = (number(end) if NUMBER.fullmatch(end) else end for end in ends)
    if low == high:
        raise UserError(f"--normalise {text}: the two reference scores are the same.")
    return Normalisation(low, high)


def referred(readings: list[Reading], options: Namespace, told: list[str] | None = None) -> list[Reading]:
    """The readings with the scores of --references, where that was given; `told` gets what there is to say of them.

    Raises UserError where the file has none of the scores asked for.
    """
    if options.references is None:
        return readings
    references = read_references(Path(options.references))
    referred = with_references(readings, references)
    asked = normalisation(options)
    names = [] if asked is None else [end for end in (asked.low, asked.high) if isinstance(end, str)]
    notes = list(_lacking(names, references, {reading.task for reading in readings}, options.references))
    if told is not None:
        told += notes
    return referred


def _lacking(
    names: Sequence[str], references: Mapping[str, Mapping[str, float]], tasks: set[str], path: str
) -> Iterator[str]:
    """What a file of references does not say, in sentences. Raises UserError where it says nothing that was asked."""
    columns = {name for own in references.values() for name in own}
    missing = [name for name in names if name not in columns]
    for name in missing:
        near = difflib.get_close_matches(name, columns - set(names), n=1)
        if near or len(missing) == len(names):
            hint = f" Is {near[0]!r} meant to be it?" if near else ""
            have = ", ".join(sorted(columns)) or "none with a number"
            raise UserError(f"{path} has no column {name}: its columns of scores are {have}.{hint}")
        yield f"{path} has no column {name}: what the runs say of it counts."
    uncovered: dict[str, list[str]] = defaultdict(list)
    for name in names:
        lacking = sorted(task for task in tasks if name not in references.get(task, {}))
        if lacking and name in columns:
            uncovered[some(lacking)].append(name)
    for where, own in uncovered.items():
        yield f"{path} has no {' and no '.join(own)} score of {where}: there, what the runs say of it counts."


def number(text: str) -> float:
    """The finite number. Raises UserError."""
    value = float(text)
    if not math.isfinite(value):
        raise UserError(f"{text} is too large a number.")
    return value


def check_names(what: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raise UserError for the name of an algorithm or a task that was not run."""
    names = set(known)
    for name in sorted(wanted):
        if name not in names:
            raise unknown(what, name, names)


def collect(options: Namespace, paths: Sequence[str] | None = None) -> Collected:
    """What the paths hold. Raises UserError."""
    from rlgauge.importers import Collected, read

    with counted("Reading") as listen:
        collected = read(
            [Path(path) for path in (options.source if paths is None else paths)],
            scan=not options.no_scan,
            columns=_pairs(_split(options.columns), "--columns", "MEANING=TITLE, such as score=mean"),
            names=_pairs(as_list(options.rename), "--rename", "OLD=NEW"),
            listen=listen,
        )
    if options.no_scan and any(reading.folders for reading in collected.readings):
        return Collected(collected.readings, [*collected.notes, _NOT_SCANNED])
    return collected


def _split(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")


def _pairs(texts: Sequence[str], option: str, what: str) -> Mapping[str, str]:
    """What stands right of the last `=` by what stands left of it, since an old name may hold one."""
    pairs = {}
    for text in texts:
        old, equals, new = text.rpartition("=")
        if not equals or not old.strip() or not new.strip():
            raise UserError(f"{option} takes {what}, not {text!r}.")
        pairs[old.strip()] = new.strip()
    return pairs
