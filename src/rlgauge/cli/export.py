"""`rlgauge export`: runs as one zip file that others read as it is, or as folders of another system."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli.console import say
from rlgauge.cli.count import counted
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.units import bytes_text, count_text
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.store import Store

if TYPE_CHECKING:
    from rlgauge.core.release import Manifest

_FILES = ("physicalai", "lerobot")
"""Formats that are files of results in a new folder."""
_FORMATS = ("zip", "sacred", *_FILES)


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge export`. Raises UserError."""
    parser = make_parser(
        "export", "Write the runs of a folder for others: as a zip file, or as another system keeps them."
    )
    parser.add_argument("out", type=str, metavar="OUT", help="the folder of runs, as given to --out")
    parser.add_argument("dest", type=str, metavar="DEST", help="the zip file, or the new folder, to write")
    parser.add_argument(
        "--format",
        type=str | None,
        metavar="NAME",
        help="zip (where DEST ends with .zip), sacred (imitation's tree), or the result files of physicalai or lerobot",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    options = parse(parser, argv)
    if options is None:
        return FINE
    kind = _format(options.format, options.dest)
    out, dest = Path(options.out), Path(options.dest)
    _check(out, dest)
    told = _write_zip(out, dest) if kind == "zip" else _write_tree(kind, out, dest)
    if options.json:
        print(json.dumps(told[0], indent=1))
        return FINE
    for line in told[1]:
        say(line)
    return FINE


def _format(named: str | None, dest: str) -> str:
    """The format asked for, or the one that the name of what is written says. Raises UserError."""
    if named is not None and named not in _FORMATS:
        raise unknown("format", named, _FORMATS)
    is_zip = dest.endswith(".zip")
    if named is None and not is_zip:
        raise UserError(
            f"Name a file that ends with .zip, not '{dest}', or say --format sacred, physicalai or lerobot for folders."
        )
    if (named == "zip") != is_zip and named is not None:
        raise UserError(f"--format {named} and '{dest}' contradict each other.")
    if named in _FILES and dest.endswith(".json"):
        raise UserError(f"--format {named} writes a file for each policy and seed: name a folder, not '{dest}'.")
    return named or "zip"


def _check(out: Path, dest: Path) -> None:
    """Raise UserError where there is nothing to read, or what is written would be among what is read."""
    if not out.is_dir():
        raise UserError(f"There is no folder '{out}'." if not out.exists() else f"'{out}' is no folder of runs.")
    if dest.resolve().is_relative_to(out.resolve()):
        raise UserError(f"'{dest}' lies in '{out}', where it would be read again with the runs: name another place.")


def _write_zip(out: Path, dest: Path) -> tuple[dict[str, Any], list[str]]:
    from rlgauge.exporters.release import write_release

    if dest.is_dir():
        raise UserError(f"'{dest}' is a folder: name a zip file.")
    with counted("Packing", total=_num_cases(out)) as listen:
        written = write_release(out, dest, listen=listen)
    with dest.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    manifest = written.manifest
    as_json = {"file": str(dest), "sha256": digest, "bytes": written.num_bytes, "runs": manifest.num_runs}
    size = f"{count_text(len(manifest.files), 'file')}, {bytes_text(written.num_bytes)}"
    lines = [
        f"Wrote {count_text(manifest.num_runs, 'run')}{_unfinished(manifest)} to {dest}: {size}.",
        *_left_out(manifest),
        *[f"note: {note}" for note in written.notes],
        f"sha256 {digest}",
    ]
    return {**as_json, "statuses": manifest.statuses, "notes": written.notes}, lines


def _num_cases(out: Path) -> int:
    return sum(1 for _ in Store(out).case_folders())


def _unfinished(manifest: Manifest) -> str:
    others = [f"{number} {status}" for status, number in manifest.statuses.items() if status != "COMPLETED"]
    return f" ({', '.join(others)})" if others else ""


def _left_out(manifest: Manifest) -> list[str]:
    """What the zip file does not have, in a sentence."""
    told = [f"{count_text(one.files, 'file')} of {kind} ({bytes_text(one.bytes)})" for kind, one in _sorted(manifest)]
    return [f"Left out: {', '.join(told)}."] if told else []


def _sorted(manifest: Manifest) -> list[tuple[str, Any]]:
    return sorted(manifest.left_out.items(), key=lambda pair: -pair[1].bytes)


def _write_tree(kind: str, out: Path, dest: Path) -> tuple[dict[str, Any], list[str]]:
    told, what = _write_sacred(out, dest) if kind == "sacred" else _write_results(kind, out, dest)
    return {"folder": str(dest), **told}, [f"Wrote {what}.", *[f"note: {note}" for note in told["notes"]]]


def _write_sacred(out: Path, dest: Path) -> tuple[dict[str, Any], str]:
    from rlgauge.exporters.sacred import write_sacred

    with counted("Writing", total=_num_cases(out)) as listen:
        written = write_sacred(out, dest, listen=listen)
    told = {"runs": written.num_runs, "notes": written.notes}
    return told, f"{count_text(written.num_runs, 'run')} to {dest}"


def _write_results(kind: str, out: Path, dest: Path) -> tuple[dict[str, Any], str]:
    if kind == "physicalai":
        from rlgauge.exporters.physicalai import write_physicalai as write
    else:
        from rlgauge.exporters.lerobot import write_lerobot as write
    with counted("Writing") as listen:
        written = write(out, dest, listen=listen)
    told = {"results": written.num_results, "files": written.num_files, "notes": written.notes}
    files = count_text(written.num_files, "file")
    return told, f"{count_text(written.num_results, 'result')} to {dest}, in {files}"
