"""How far trainings are, on standard error: a line a run on a terminal, elsewhere lines now and then."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rlgauge.cli.train_table import ended
from rlgauge.cli.train_watch import Watch, title_of
from rlgauge.cli.units import count_text, seconds_text
from rlgauge.core.execute import Event
from rlgauge.core.run import USAGE
from rlgauge.core.store import Store

if TYPE_CHECKING:
    from rich.table import Table

LINE_SECONDS = 10.0
"""How often lines come where nothing can be drawn anew."""
_OFTEN, _SELDOM = 6, 6
"""After so many lines of a run they come so many times more seldom."""
_FRAMES_PER_SECOND = 2

Listener = Callable[[Event], None]
Tell = Callable[[str], None]


@contextlib.contextmanager
def shown(watch: Watch, store: Store) -> Iterator[tuple[Listener, Tell]]:
    """What to tell of every event, and what tells a sentence without disturbing what is drawn."""
    view = _drawn if sys.stderr.isatty() else _lines
    with view(watch) as tell:

        def listen(event: Event) -> None:
            case = watch.take(event)
            if case is not None and event.fail_kind != USAGE:  # which the command says as it ends
                tell(f"{watch.num_done} of {watch.num_runs}: {title_of(case)}: {ended(store.find(case))}")

        yield listen, tell


def say_error(text: str) -> None:
    """Tell a line on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _lines(watch: Watch) -> Iterator[Tell]:
    is_over = threading.Event()
    thread = threading.Thread(target=_tell_until, args=(is_over, watch), daemon=True)
    thread.start()
    try:
        yield say_error
    finally:
        is_over.set()
        thread.join()


def _tell_until(is_over: threading.Event, watch: Watch) -> None:
    """Tell now and then of every run: how far it is, or for how long it has come no further."""
    told: dict[Path, _Told] = {}
    for turn in itertools.count(1):
        if is_over.wait(LINE_SECONDS):
            return
        before, told = told, {}
        for run in watch.look():
            told[run.artifacts] = own = before.get(run.artifacts, _Told()).after(run.text(), turn)
            if own.turn == turn:
                say_error(f"{title_of(run.case)}: {own.line}")


class _Told(NamedTuple):
    """What was told of a run last, in which turn, how often, and in which turn it had come so far."""

    text: str = ""
    turn: int = 0
    since: int = 0
    number: int = 0

    def after(self, text: str, turn: int) -> _Told:
        """The same where there is nothing to tell in this turn, else what is told in it."""
        is_due = turn - self.turn >= (1 if self.number < _OFTEN else _SELDOM)
        if text != self.text:
            return _Told(text, turn, turn, self.number + 1) if is_due else self
        is_overdue = turn - self.since >= max(_SELDOM, 2 * (self.turn - self.since))
        return self._replace(turn=turn) if is_overdue else self

    @property
    def line(self) -> str:
        """The text, and for how long it has been so."""
        seconds = (self.turn - self.since) * LINE_SECONDS
        return f"{self.text} (the same for {seconds_text(seconds)})" if seconds else self.text


@contextlib.contextmanager
def _drawn(watch: Watch) -> Iterator[Tell]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    frames = _FRAMES_PER_SECOND
    with Live(get_renderable=lambda: _table(watch), console=console, transient=True, refresh_per_second=frames) as live:
        yield lambda text: live.console.print(text, markup=False)


def _table(watch: Watch) -> Table:
    """A line for each run that goes on, and one for all."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for run in watch.look():
        table.add_row(title_of(run.case), run.text())
    failed = f", {watch.num_failed} failed" if watch.num_failed else ""
    table.add_row(f"{watch.num_done} of {count_text(watch.num_runs, 'run')} done{failed}", "")
    return table
