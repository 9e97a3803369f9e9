"""`rlgauge runs watch`: the runs of a folder while they go on, whoever runs them and wherever."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlgauge.cli.console import say
from rlgauge.cli.interruption import code_of
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.runs import Row, rows_of, store_at
from rlgauge.cli.train_watch import Running
from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.run import Status
from rlgauge.core.store import Store
from rlgauge.kinds.train.spec import SPEC

if TYPE_CHECKING:
    from rich.table import Table

_OPEN = (Status.RUNNING, Status.QUEUED)
_BAD = (Status.FAILED, Status.TIMEOUT, Status.DIED, Status.INTERRUPTED)
_SHARE = 0.2
"""So much of the time is spent on reading at most, of a store with many runs."""
_MOST_SHOWN = 20
"""So many runs that go on have a line of their own."""


def watch_runs(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge runs watch`: 1 where a run has not completed when nothing goes on. Raises UserError."""
    parser = make_parser(
        "runs watch", "Follow the runs of a folder until none goes on and none is waited for; Ctrl-C ends only this."
    )
    parser.add_argument("out", type=str, help="the folder, as given to --out")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="look every so many seconds")
    parser.add_argument("--once", action="store_true", help="look once")
    options = parse(parser, argv)
    if options is None:
        return FINE
    state = _State(store_at(options.out))
    try:
        state.look()
        with contextlib.nullcontext(say) if options.once else _shown(state) as tell:
            while state.is_open and not options.once:
                begun = time.monotonic()
                for row in state.look():
                    tell(_ended(row))
                time.sleep(max(options.every, (time.monotonic() - begun) / _SHARE))
    except KeyboardInterrupt as error:
        say(state.counts())
        return code_of(error)
    say(state.counts())
    return FAILED if any(row.status in _BAD for row in state.rows) else FINE


class _State:
    """What there is of the runs, as of the last look."""

    def __init__(self, store: Store) -> None:
        self.rows: list[Row] = []
        self._store = store
        self._damaged: set[str] = set()
        self._seen: dict[str, Status] = {}
        self._running: dict[str, Running] = {}

    @property
    def is_open(self) -> bool:
        """Whether something goes on or is waited for."""
        return any(row.status in _OPEN for row in self.rows)

    def look(self) -> list[Row]:
        """Read what has come; the runs that have ended since the last look."""
        self.rows = list(rows_of(self._store, self._damaged.add))
        before, self._seen = self._seen, {row.id: row.status for row in self.rows}
        return [row for row in self.rows if row.status not in _OPEN and before.get(row.id) in _OPEN]

    def counts(self) -> str:
        """How many runs are how far."""
        numbers = Counter(row.status for row in self.rows)
        told = [f"{number} {status.lower()}" for status, number in sorted(numbers.items(), key=lambda one: one[0])]
        return f"{count_text(len(self.rows), 'run')}: {', '.join(told)}." if told else "There are no runs."

    def lines(self) -> Iterator[tuple[str, str]]:
        """The name and the state of every run that goes on."""
        going = [row for row in self.rows if row.status is Status.RUNNING]
        for row in going[:_MOST_SHOWN]:
            where = f" on {row.host}" if row.host else ""
            yield row.name, f"{self._text(row)}, for {seconds_text(row.seconds or 0.0)}{where}"
        if len(going) > _MOST_SHOWN:
            yield f"and {len(going) - _MOST_SHOWN} more", ""

    def _text(self, row: Row) -> str:
        """How far a run is: a training by its own files, any other by its records."""
        artifacts = Path(row.folder or "") / "artifacts"
        if row.folder is None or not (artifacts / SPEC).is_file():
            return count_text(row.num_records, "record")
        if row.folder not in self._running:
            case = next(run.case for run in self._store.attempts(artifacts.parent.parent))
            self._running[row.folder] = Running(case, artifacts, length=None, num_tests=case.params["tests"])
        found = self._running[row.folder]
        found.look()
        return found.text()


def _ended(row: Row) -> str:
    """What is told of a run that has ended."""
    took = f" after {seconds_text(row.seconds)}" if row.seconds is not None else ""
    return f"{row.name}: {row.status}{took}{f': {row.failure}' if row.failure else ''}"


@contextlib.contextmanager
def _shown(state: _State) -> Iterator[Callable[[str], None]]:
    """Draws the state on a terminal while it lasts; tells of what has ended."""
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    if not console.is_terminal:
        if state.is_open:
            print(state.counts(), flush=True)
        yield lambda text: print(text, flush=True)
        return
    with Live(get_renderable=lambda: _table(state), console=console, transient=True, refresh_per_second=1) as live:
        yield lambda text: live.console.print(text, markup=False)


def _table(state: _State) -> Table:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for name, text in state.lines():
        table.add_row(name, text)
    table.add_row(state.counts(), "")
    return table
