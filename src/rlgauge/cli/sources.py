"""The folders and files that `summary`, `compare` and others read, and how their columns and names are understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.count import counted
from rlgauge.cli.options import as_list
from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.importers import Collected

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
