"""How the runs came about: the commands, the code, the machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Start
from rlgauge.core.run_files import decode_file
from rlgauge.report.content import Block, Note, Section
from rlgauge.report.table import Table

_MOST_COMMANDS = 200
_SHORT = 12
"""Of the digits of a commit."""


def section(readings: Iterable[Reading]) -> Iterator[Section]:
    """One, where runs of ours tell how they came about."""
    folders = [Path(folder) for reading in readings for folder in reading.folders]
    read = [_start(folder) for folder in folders]
    starts = [start for start in read if start is not None]
    if not starts:
        return
    commands = Counter(start.command for start in starts if start.command)
    facts: dict[str, Counter[str]] = {}
    for start in starts:
        for name, value in dict.fromkeys(_facts(start)):
            facts.setdefault(name, Counter())[value] += 1
    rows = [[command, f"{num:,}"] for command, num in commands.most_common(_MOST_COMMANDS)]
    told: list[Block] = [Table(name="commands", title="Commands", header=["command", "runs"], rows=rows, num_text=1)]
    if len(commands) > _MOST_COMMANDS:
        more = f"{len(commands) - _MOST_COMMANDS:,} more commands are not listed; each run's run.json has its own."
        told.append(Note(more))
    facts_rows = [[name, value, f"{num:,}"] for name, values in facts.items() for value, num in values.most_common()]
    header = ["what", "value", "runs"]
    told.append(Table(name="facts", title="Code and machines", header=header, rows=facts_rows, num_text=2))
    times = sorted(start.start_time for start in starts if start.start_time)
    if times:
        told.append(Note(f"Begun between {times[0]} and {times[-1]} (UTC)."))
    if lost := len(read) - len(starts):
        why = "don't tell how they came about: their run.json can't be read"
        told.append(Note(f"{lost:,} of {len(read):,} runs {why}."))
    yield Section(name="reproduce", title="To have it again", body=told)


def _start(folder: Path) -> Start | None:
    """What a run says of its beginning; None where that is lost, which the caller tells."""
    try:
        return decode_file(folder / "run.json", Start)
    except (UserError, ValueError):
        return None


def _facts(start: Start) -> Iterator[tuple[str, str]]:
    """What may differ between runs, by name."""
    found, host = start.provenance, start.host
    yield "repository", _repository(found.get("repository") or {})
    yield "Python", f"{found.get('python_implementation', '')} {found.get('python', '')}".strip()
    for name, version in sorted((found.get("packages") or {}).items()):
        yield name, str(version)
    for name in ("hostname", "os", "cpu"):
        if host.get(name):
            yield name, str(host[name])
    if host.get("num_cores"):
        yield "cores", str(host["num_cores"])
    for gpu in host.get("gpus") or []:
        yield "GPU", str(gpu.get("name", gpu) if isinstance(gpu, dict) else gpu)


def _repository(found: Mapping[str, Any]) -> str:
    commit = found.get("commit")
    if not commit:
        return str(found.get("reason") or "unknown")
    if not found.get("dirty"):
        return str(commit)[:_SHORT]
    diff = found.get("diff_hash")
    return f"{str(commit)[:_SHORT]} with changes" + (f" (hash {str(diff)[:_SHORT]})" if diff else "")
