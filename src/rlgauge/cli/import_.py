"""`rlgauge import`: other systems' results as runs of a folder of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rlgauge.cli.console import say
from rlgauge.cli.count import counted
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.sources import add_source_options, collect
from rlgauge.cli.units import count_text
from rlgauge.core.errors import UserError
from rlgauge.core.run import Status
from rlgauge.core.store import Store

if TYPE_CHECKING:
    from rlgauge.core.reading import Reading
    from rlgauge.importers.write import Written

_SYSTEMS = {
    "sacred": "Sacred",
    "physicalai": "physical-ai",
    "lerobot": "lerobot",
    "sb3": "Stable-Baselines3",
    "tensorboard": "TensorBoard",
    "jaxarc": "JaxARC",
    "myriad": "Myriad",
    "scores": "score tables",
}


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge import`. Raises UserError."""
    parser = make_parser("import", "Write the results of other systems as runs into a folder of ours.")
    parser.add_argument("source", nargs="+", type=str, metavar="SOURCE", help="folders, zip files or score tables")
    parser.add_argument("--out", type=str | None, metavar="DIR", help="the folder that the runs are written to")
    parser.add_argument("--json", action="store_true", help="print what was imported as JSON")
    add_source_options(parser, positional=False)
    options = parse(parser, argv, repeated=["--rename"])
    if options is None:
        return FINE
    if options.out is None:
        raise UserError("rlgauge import needs --out DIR, the folder that the runs are written to.")
    from rlgauge.importers.write import write

    collected = collect(options, options.source)
    with counted("Writing", total=len(collected.readings)) as listen:
        written = write(collected.readings, Store(options.out), listen=listen)
    if not written.new and not written.known and not written.unended:
        raise UserError(
            f"{' '.join(options.source)} holds runs of rlgauge already: copy its folders into {options.out} instead."
        )
    if options.json:
        print(
            json.dumps({"imported": len(written.new), "known": len(written.known), "notes": collected.notes}, indent=1)
        )
        return FINE
    for line in [*_told(written, options.out), *collected.notes]:
        say(line)
    return FINE


def _told(written: Written, out: str) -> Iterator[str]:
    by_system = Counter(reading.kind for reading in written.new)
    for kind, number in by_system.items():
        name = _SYSTEMS.get(kind.removeprefix("imported-"), kind)
        yield f"Imported {count_text(number, 'run')} of {name} into {out}{_unfinished(written.new, kind)}."
    for readings, why in (
        (written.known, "there already"),
        (written.unended, "left out: not ended yet, so import again then"),
        (written.own, "left out: of rlgauge already, so copy the folders instead"),
    ):
        if readings:
            yield f"{count_text(len(readings), 'run')} {'was' if len(readings) == 1 else 'were'} {why}."


def _unfinished(readings: Iterable[Reading], kind: str) -> str:
    """How many of them ended otherwise than completed, by status."""
    statuses = Counter(r.status for r in readings if r.kind == kind and r.status is not Status.COMPLETED)
    told = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
    return f" ({told})" if told else ""
