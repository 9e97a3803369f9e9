"""Columns made narrower by breaking cells where a reader would: never within a word, a number or a number's unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

_GLUE = "\N{NO-BREAK SPACE}"
_INTERVAL = re.compile(r"\[[^\[\]\n]{,60}\]")
_UNIT = r"(?:%|points|\w*/s|[mµun]?s|min|h|bytes|[kKMGT]?i?B|Hz)(?!\w)"
_GLUED = re.compile(rf"(?<=\d) (?={_UNIT})|(?<=\S) (?=/ )|(?<= /) |(?<=[<±=]) ")
"""Spaces between a number and what it counts, around a slash and after a sign."""
_IN_NAME = re.compile(r"(?<=[^\W\d_]{2}/)(?=\w{2})|(?<=\w{3}-)(?=[^\W\d_]{2})")
"""Where a name can be broken: behind a slash, or behind a hyphen that begins another word."""


def glue(text: str) -> str:
    """The text with spaces that must not become line ends as no-break spaces."""
    text = _INTERVAL.sub(lambda found: found[0].replace(" ", _GLUE), text)
    return _GLUED.sub(_GLUE, text)


def unglue(text: str) -> str:
    """The text with plain spaces again."""
    return text.replace(_GLUE, " ")


def narrowed(columns: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The columns, the widest broken first until their widths add up to `width`, or no cell can be broken any more.

    Intervals are broken last.
    """
    found = _narrowed(columns, width, _pieces)
    if sum(map(_width, found)) <= width:
        return found
    return _narrowed(columns, width, lambda line: [part for piece in _pieces(line) for part in _ends(piece)])


def _narrowed(columns: Sequence[Sequence[str]], width: int, divide: Callable[[str], Sequence[str]]) -> list[list[str]]:
    texts = [[[divide(line) for line in cell.split("\n")] for cell in column] for column in columns]
    widths = [_width(column) for column in columns]
    found = [list(column) for column in columns]
    stuck: set[int] = set()
    while sum(widths) > width and len(stuck) < len(columns):
        widest = max((index for index in range(len(columns)) if index not in stuck), key=lambda index: widths[index])
        tried = [_wrapped(cell, widths[widest] - 1) for cell in texts[widest]]
        if _width(tried) < widths[widest]:
            found[widest], widths[widest] = tried, _width(tried)
        else:
            stuck.add(widest)
    return found


def _pieces(line: str) -> list[str]:
    """What the line can be broken into; a space at a piece's end is dropped where a line ends with it."""
    parts = re.split(r"(?<= )", glue(line))
    return [unglue(piece) for part in parts for piece in _IN_NAME.split(part) if piece]


def _ends(piece: str) -> list[str]:
    """The lower and the upper end of an interval; anything else is whole."""
    return re.split(r"(?<=, )", piece, maxsplit=1) if _INTERVAL.match(piece) else [piece]


def _wrapped(cell: Iterable[Sequence[str]], width: int) -> str:
    """The lines of a cell, each broken so that it is no wider than `width` where its pieces allow that."""
    lines: list[str] = []
    for pieces in cell:
        line = ""
        for piece in pieces:
            if line and len(line) + len(piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    return "\n".join(lines)


def _width(column: Iterable[str]) -> int:
    return max(len(line) for cell in column for line in cell.split("\n"))
