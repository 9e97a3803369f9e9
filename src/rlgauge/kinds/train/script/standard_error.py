"""The last line that a script prints to standard error, where it says why it ends."""

from __future__ import annotations

import contextlib
import re
import sys
from collections import deque
from collections.abc import Sequence

_PIECES: deque[str] = deque(maxlen=64)
_LONGEST = 400
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def install() -> None:
    """Note from now on what is printed there."""
    stream = sys.stderr
    if stream is None:
        return
    write = stream.write

    def noting(text: str) -> int:
        num = write(text)
        _PIECES.append(text[-_LONGEST:])
        return num

    with contextlib.suppress(AttributeError):  # of a stream that bears no other `write`
        stream.write = noting  # type: ignore[method-assign]


def last_line(args: Sequence[str]) -> str:
    """The last line that has words, cut to some length, with the secrets among the arguments masked; "" for none."""
    lines = _COLOUR.sub("", "".join(_PIECES)).splitlines()
    line = next((" ".join(one.split()) for one in reversed(lines) if any(map(str.isalnum, one))), "")
    from rlgauge.core.provenance import MASK

    for word in _secrets(args):
        line = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", MASK, line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def _secrets(args: Sequence[str]) -> list[str]:
    """The arguments that are masked, and values in them, the longest first."""
    from rlgauge.core.provenance import masked

    hidden = [word for word, shown in zip(args, masked(args), strict=True) if word != shown]
    return sorted({part for word in hidden for part in (word, word.partition("=")[2]) if part}, key=len, reverse=True)
