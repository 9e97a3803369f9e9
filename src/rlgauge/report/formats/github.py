"""A report as the summary that GitHub shows of a job."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rlgauge.core.errors import UserError
from rlgauge.report.content import Report
from rlgauge.report.formats.markdown import head, parts

VARIABLE = "GITHUB_STEP_SUMMARY"
"""In which a job on GitHub is told the file."""
MOST_BYTES = 1024 * 1024
"""What GitHub takes of each step; of a file with more it shows nothing."""
_KEPT = 4096
"""Bytes that are kept for what is said of the parts that are left out."""


def append(report: Report, path: Path) -> int:
    """Append the report to the file as Markdown; how many bytes that is. Raises UserError where nothing has room."""
    before = path.stat().st_size if path.exists() else 0
    room = MOST_BYTES - before
    if room < 2 * _KEPT:
        raise UserError(f"{VARIABLE}: {path} holds {before:,} bytes, and GitHub takes {MOST_BYTES:,} of a step.")
    text = fitted(report, most_bytes=room - 1).encode()
    with path.open("ab") as file:
        file.write(b"\n" + text if before else text)
    return len(text)


def fitted(report: Report, *, most_bytes: int) -> str:
    """The report in Markdown with all parts that fit, in their order; how many are left out is said at the end."""
    kept = [head(report)]
    room = most_bytes - len(kept[0].encode()) - _KEPT
    left: Counter[str] = Counter()
    for section in report.sections:
        for part in parts(section):
            room_after = room - len(part.encode()) - 2
            if room_after < 0:
                left[section.name] += 1
            else:
                room = room_after
                kept.append(part)
    if left:
        told = ", ".join(f"{num} of {name}" for name, num in left.items())
        kept.append(f"> [!NOTE]\n> Parts that are left out for want of room: {told}.")
    return "\n\n".join(kept) + "\n"
