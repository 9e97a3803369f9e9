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
from rlgauge.launch.slurm_onlooker import Onlooker

if TYPE_CHECKING:
    from rich.table import Table

_OPEN = (Status.RUNNING, Status.QUEUED)
_LEFT = (Status.DIED, Status.INTERRUPTED)
"""With these the same command goes on."""
_BAD = (Status.FAILED, Status.TIMEOUT, *_LEFT)
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
    store = store_at(options.out)
    state = _State(store)
    try:
        state.look()
        with contextlib.nullcontext(say) if options.once else _shown(state) as tell:
            onlooker = Onlooker(store, tell)
            while _look(state, onlooker, tell) and not options.once:
                time.sleep(max(options.every, state.seconds / _SHARE))
    except KeyboardInterrupt as error:
        say(state.counts())
        return code_of(error)
    say(state.counts())
    if state.is_left and not state.is_open and not onlooker.has_told_of_missing:
        say("The same command goes on with what is missing.")
    return FAILED if state.is_bad else FINE


def _look(state: _State, onlooker: Onlooker, tell: Callable[[str], None]) -> bool:
    """Whether something goes on, or will, after another look of which `tell` is told."""
    if state.is_open or state.is_left:
        onlooker.look(state.queued, is_quiet=not state.is_running)
    for row in state.look():
        tell(_ended(row))
    return state.is_open or any(row.status in _LEFT and row.id in onlooker.coming for row in state.rows)


class _State:
    """What there is of the runs, as of the last look."""

    def __init__(self, store: Store) -> None:
        self.rows: list[Row] = []
        self.seconds = 0.0
        """How long the last look took."""
        self._store = store
        self._damaged: set[str] = set()
        self._seen: dict[str, Status] = {}
        self._queued: set[str] = set()
        self._running: dict[str, Running] = {}

    @property
    def is_open(self) -> bool:
        """Whether something goes on or is waited for."""
        return any(row.status in _OPEN for row in self.rows)

    @property
    def is_running(self) -> bool:
        """Whether a run goes on."""
        return any(row.status is Status.RUNNING for row in self.rows)

    @property
    def queued(self) -> set[str]:
        """The ids of the cases that wait."""
        return {row.id for row in self.rows if row.status is Status.QUEUED}

    @property
    def num_lost(self) -> int:
        """How many were queued at an earlier look, were not begun, and are waited for by nobody now."""
        return len(self._queued - {row.id for row in self.rows})

    @property
    def is_left(self) -> bool:
        """Whether there is something that the same command would go on with."""
        return self.num_lost > 0 or any(row.status in _LEFT for row in self.rows)

    @property
    def is_bad(self) -> bool:
        """Whether a run has not completed and is not being run, or was never begun."""
        return self.num_lost > 0 or any(row.status in _BAD for row in self.rows)

    def look(self) -> list[Row]:
        """Read what has come; the runs that have ended since the last look."""
        begun = time.monotonic()
        self.rows = list(rows_of(self._store, self._damaged.add))
        self._queued |= self.queued
        self.seconds = time.monotonic() - begun
        before, self._seen = self._seen, {row.id: row.status for row in self.rows}
        return [row for row in self.rows if row.status not in _OPEN and before.get(row.id) in _OPEN]

    def counts(self) -> str:
        """How many runs are how far."""
        numbers = Counter(row.status for row in self.rows)
        told = [f"{number} {status.lower()}" for status, number in sorted(numbers.items(), key=lambda one: one[0])]
        if self.num_lost:
            told.append(f"{self.num_lost} not begun")
        number = len(self.rows) + self.num_lost
        return f"{count_text(number, 'run')}: {', '.join(told)}." if told else "There are no runs."

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
