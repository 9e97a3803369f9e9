"""How many there are so far, on standard error, of what takes longer than two seconds."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rlgauge.cli.units import count_text, seconds_text

_QUIET_SECONDS = 2.0
_TERMINAL_SECONDS, _LINE_SECONDS = 0.2, 10.0
"""How often a terminal's line is rewritten, and a new one printed elsewhere."""


@contextlib.contextmanager
def counted(
    doing: str, *, total: int | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """What to tell of every further run: a line that counts, with the time left where the total is known."""
    start = last = clock()
    is_terminal = sys.stderr.isatty()
    pause = _TERMINAL_SECONDS if is_terminal else _LINE_SECONDS
    width = 0

    def listen(number: int) -> None:
        nonlocal last, width
        present = clock()
        if present - start < _QUIET_SECONDS or present - last < pause:
            return
        last = present
        text = _line(doing, number, total=total, seconds=present - start)
        width = max(width, len(text))
        print(
            f"\r{text:<{width}}" if is_terminal else text, end="" if is_terminal else "\n", file=sys.stderr, flush=True
        )

    try:
        yield listen
    finally:
        if is_terminal and width:
            print(f"\r{' ' * width}\r", end="", file=sys.stderr, flush=True)


def _line(doing: str, number: int, *, total: int | None, seconds: float) -> str:
    if total is None:
        return f"{doing}: {count_text(number, 'run')} so far"
    left = seconds_text((total - number) * seconds / number) if number else "unknown time"
    return f"{doing}: {number:,} of {count_text(total, 'run')}, about {left} left"
