"""`rlgauge runs merge`: what was run on several machines, in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rlgauge.cli import targets
from rlgauge.cli.console import say
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.runs import store_at
from rlgauge.cli.train_view import say_error
from rlgauge.cli.units import count_text
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.core.merging import Merged, merge
from rlgauge.core.store import Store

_MEASURED = "throughput_*.json"
"""What `rlgauge throughput` writes beside its runs, under names of their own."""


def merge_runs(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge runs merge`. Raises UserError."""
    parser = make_parser(
        "runs merge", "Copy the runs of other folders into one. What is there stays; to merge again copies what is new."
    )
    parser.add_argument("out", type=str, help="the folder that gets them; it is made where it is not there")
    parser.add_argument("sources", type=str, nargs="+", metavar="FROM", help="folders, as given to --out elsewhere")
    options = parse(parser, argv)
    if options is None:
        return FINE
    sources = [store_at(source) for source in options.sources]
    store = Store(options.out)
    if store.root.resolve() in (source.root.resolve() for source in sources):
        raise UserError(f"{options.out} can't be merged into itself.")
    store.make()
    for given, source in zip(options.sources, sources, strict=True):
        found = merge(store, source, lambda text: say_error(f"Left out: {text}"))
        _copy_measured(store.root, source.root)
        targets.merge_kept(store.root, source.root)
        say(f"{given}: {_told(found)}.")
    return FINE


def _told(found: Merged) -> str:
    there = f", {found.num_there} there before" if found.num_there else ""
    running = f", {found.num_running} still running and left out" if found.num_running else ""
    return f"{count_text(found.num_copied, 'run')} copied{there}{running}"


def _copy_measured(root: Path, source: Path) -> None:
    for path in sorted(source.glob(_MEASURED)):
        target = root / path.name
        with plain_errors(target):
            if not target.exists():
                shutil.copyfile(path, target)
            elif target.read_bytes() != path.read_bytes():
                say_error(f"Left out: {path}, as {target} is another of that name.")
