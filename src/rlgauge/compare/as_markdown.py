"""A comparison in Markdown for a pull request: the verdict first, what else there is to say folded away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rlgauge.compare.comparison import Comparison
from rlgauge.compare.tables import Table, legend, notes, tables
from rlgauge.compare.words import names

_LINK = re.compile(r"\](?=[(\[:])")
"""What makes the brackets before it a link."""
_LINKED = re.compile(
    r"@(?=\w)|#(?=\d)|\bGH-(?=\d)|\bwww(?=\.)|(?<=[A-Za-z]):(?=//)|:(?=[a-z+-][\w+-]*:)", re.IGNORECASE
)
"""Where text that GitHub would make a link of, or a picture, may be parted."""


def to_markdown(comparison: Comparison) -> str:
    """The verdict, the table, then the notes."""
    parts = [f"### Comparison: {comparison.headline}", f"**{plain(comparison.verdict)}**"]
    parts += ["\n".join(_table(table)) for table in tables(comparison)]
    said = [*legend(comparison), *notes(comparison)]
    if said:
        items = "\n".join(f"- {plain(text)}" for text in said)
        ours, theirs = names(comparison)
        parts.append(
            f"<details><summary>{plain(ours)} against {plain(theirs)}: notes</summary>\n\n{items}\n\n</details>"
        )
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> Iterator[str]:
    yield row_of(table.header)
    yield row_of(["---"] * len(table.header))
    for cells in table.rows:
        yield row_of([f"**{plain(cell)}**" if cell.startswith("REGRESSION") else plain(cell) for cell in cells])


def row_of(cells: Sequence[str]) -> str:
    """A row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def plain(text: str) -> str:
    """The text on one line, that Markdown, HTML and GitHub take for nothing but text."""
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    escaped = "".join(f"\\{character}" if character in "*_`#$~" else character for character in escaped)
    return unlinked(_LINK.sub(r"\\]", escaped))


def unlinked(text: str) -> str:
    """The text, parted by comments where GitHub would mention somebody, link something, or make a picture of it."""
    return _LINKED.sub(lambda found: f"{found[0]}<!-- -->", text)
