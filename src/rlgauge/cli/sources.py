"""What `summary`, `compare` and others share: what they read and how it is understood, and where their answers go."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.count import counted
from rlgauge.cli.options import as_list
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
}
_NOT_SCANNED = "--no-scan: what an index has was taken from it alone and not verified against the folders of the runs."


def add_source_options(parser: ArgumentParser, *, positional: bool = True) -> None:
    """Add the paths and what says how they are read."""
    if positional:
        parser.add_argument("out", nargs="+", type=str, metavar="OUT", help="folders, zip files or score tables")
    group = parser.add_argument_group("How the sources are read")
    group.add_argument("--no-scan", action="store_true", help="trust the index; do not look at the folders again")
    group.add_argument(
        "--columns",
        type=str | None,
        metavar="A=B,...",
        help="columns of a score table, such as algorithm=method,task=env",
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
    return named or endings[path.suffix]


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


def referred(readings: list[Reading], options: Namespace) -> list[Reading]:
    """The readings with the scores of --references, where that was given. Raises UserError."""
    if options.references is None:
        return readings
    return with_references(readings, read_references(Path(options.references)))


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
            [Path(path) for path in (options.out if paths is None else paths)],
            scan=not options.no_scan,
            columns=_pairs(_split(options.columns), "--columns"),
            names=_pairs(as_list(options.rename), "--rename"),
            listen=listen,
        )
    if options.no_scan and any(reading.folders for reading in collected.readings):
        return Collected(collected.readings, [*collected.notes, _NOT_SCANNED])
    return collected


def _split(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")


def _pairs(texts: Sequence[str], option: str) -> Mapping[str, str]:
    """New names by old ones; the last `=` divides them, since an old name may hold one."""
    pairs = {}
    for text in texts:
        old, equals, new = text.rpartition("=")
        if not equals or not old.strip() or not new.strip():
            raise UserError(f"{option} takes OLD=NEW, not {text!r}.")
        pairs[old.strip()] = new.strip()
    return pairs
