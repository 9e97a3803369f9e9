"""How the runs came about: the commands, the code, the machines."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.core.run import Start
from rlgauge.core.run_files import decode_file
from rlgauge.report.content import Block, Code, Note, Section
from rlgauge.report.table import Table

_MOST_COMMANDS = 200
_SHORT = 12
"""Of the digits of a commit."""
_COMMAND, _SECOND = "rlgauge", 19
"""What is typed, wherever it is installed, and the characters of a time as far as its seconds."""


def section(readings: Iterable[Reading], command: Sequence[str] = ()) -> Iterator[Section]:
    """How the report was asked for, what runs of ours tell of how they came about, and the files of other scores."""
    readings = list(readings)
    asked: list[Block] = [Note("This report:"), Code(shlex.join(command))] if command else []
    body = [*asked, *_runs(readings), *_files(readings)]
    if body:
        yield Section(name="reproduce", title="To have it again", body=body)


def dates(readings: Iterable[Reading]) -> str:
    """On which days (UTC) the runs began, to go on with; nothing where none tells."""
    days = sorted({reading.started[:10] for reading in readings if reading.started})
    if not days:
        return ""
    return f"; runs began on {days[0]}" if len(days) == 1 else f"; runs began from {days[0]} to {days[-1]}"


def _files(readings: Iterable[Reading]) -> Iterator[Table]:
    """The tables of scores, by which each can be told from another of its name."""
    nums = Counter(reading.source for reading in readings if not reading.folders and Path(reading.source).is_file())
    if nums:
        rows = [[path, _digest(Path(path)), f"{num:,}"] for path, num in nums.items()]
        header = ["file", "sha256", "results"]
        yield Table(name="files", title="Files that were read", header=header, rows=rows, num_text=2)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"can't be read: {error.strerror}"


def _typed(command: str) -> str:
    """A command as it is typed, without the folder in which the program lies."""
    try:
        program, *rest = shlex.split(command)
    except ValueError:
        return command
    path = Path(program)
    is_ours = path.name == _COMMAND or path.parts[-2:] == (_COMMAND, "__main__.py")
    return shlex.join([_COMMAND, *rest]) if is_ours else command


def _runs(readings: Sequence[Reading]) -> Iterator[Block]:
    folders = [Path(folder) for reading in readings for folder in reading.folders]
    read = [_start(folder) for folder in folders]
    starts = [start for start in read if start is not None]
    if not starts:
        return
    commands = Counter(_typed(start.command) for start in starts if start.command)
    facts: dict[str, Counter[str]] = {}
    for start in starts:
        for name, value in dict.fromkeys(_facts(start)):
            facts.setdefault(name, Counter())[value] += 1
    rows = [[command, f"{num:,}"] for command, num in commands.most_common(_MOST_COMMANDS)]
    yield Table(name="commands", title="Commands", header=["command", "runs"], rows=rows, num_text=1)
    if len(commands) > _MOST_COMMANDS:
        more = f"{len(commands) - _MOST_COMMANDS:,} more commands are not listed; each run's run.json has its own."
        yield Note(more)
    facts_rows = [[name, value, f"{num:,}"] for name, values in facts.items() for value, num in values.most_common()]
    header = ["what", "value", "runs"]
    yield Table(name="facts", title="Code and machines", header=header, rows=facts_rows, num_text=2)
    times = sorted(start.start_time for start in starts if start.start_time)
    if times:
        first, last = (time[:_SECOND].replace("T", " ") for time in (times[0], times[-1]))
        yield Note(f"Begun at {first} (UTC)." if first == last else f"Begun between {first} and {last} (UTC).")
    num_results = sum(bool(reading.folders) for reading in readings)
    if num_results < len(folders):
        yield Note(
            f"A result can rest on several runs: {count(len(folders), 'run')} for {count(num_results, 'result')}."
        )
    if lost := len(read) - len(starts):
        why = "don't tell how they came about: their run.json can't be read"
        yield Note(f"{lost:,} of {len(read):,} runs {why}.")


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
