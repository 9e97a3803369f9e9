"""How far trainings are, on standard error: a line a run on a terminal, elsewhere lines now and then."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rlgauge.cli.train_table import ended
from rlgauge.cli.train_watch import Watch, title_of
from rlgauge.cli.units import count_text
from rlgauge.core.execute import Event
from rlgauge.core.store import Store

if TYPE_CHECKING:
    from rich.table import Table

LINE_SECONDS = 10.0
"""How often lines come where nothing can be drawn anew."""
_TURNS = 6
"""In so many turns every run is told of, whether or not it has come further."""
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
            if case is not None:
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
    """Tell of every run that has come further, and now and then of the others."""
    told: set[str] = set()
    for turn in itertools.count(1):
        if is_over.wait(LINE_SECONDS):
            return
        before, told = told if turn % _TURNS else set(), set()
        for run in watch.look():
            text = f"{title_of(run.case)}: {run.text()}"
            told.add(text)
            if text not in before:
                say_error(text)


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
