"""How episodes ended, and why runs failed: kinds of failure, errors with an example, the ends of logs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rlgauge.compare.phrases import count, some
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record, RunFile, Status
from rlgauge.core.run_files import decode_file
from rlgauge.report.charts import Share, Shares
from rlgauge.report.content import Block, Code, Figure, Heading, Note, Section
from rlgauge.report.order import natural
from rlgauge.report.overview import Overview
from rlgauge.report.question import cell_name
from rlgauge.report.scored import Scored
from rlgauge.report.table import Table

_KINDS, _IMPORTED = ("evaluate", "train"), "imported-"
"""Runs of ours that play episodes; of other systems those whose files had them."""
_ENDS = (
    "success",
    "failure, terminated",
    "failure, cut off",
    "failure",
    "no success measured, terminated",
    "no success measured, cut off",
    "no success measured",
    "timeout",
    "error",
)
"""What an episode can come to, in the order in which it is shown."""
_OUTCOMES = {"success": "success", "failure": "failure", "unmeasured": "no success measured"}
_AT = re.compile(r"^(?:timeout: |step \d+: )+|\bin step \d+$")
"""Where an error was, which tells no errors apart."""
_NUMBERS = re.compile(r"\d+")
_MOST_ROWS = 150
_MOST_ERRORS = 200
_MOST_EXAMPLES = 8
_MOST_LETTERS, _MOST_LINES = 2_000, 25
"""Of a log or a trace: its end."""
_MOST_REASON = 300
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_FAILED = {Status.FAILED, Status.TIMEOUT, Status.DIED, Status.INTERRUPTED}


class _Played(NamedTuple):
    """An episode of a run."""

    run: Scored
    record: Record

    @property
    def cell(self) -> tuple[str, str]:
        return self.run.group, self.run.reading.task


def sections(overview: Overview) -> Iterator[Section]:
    """How episodes ended, where runs tell of them, and what failed, where something did."""
    played = list(_played(overview.found))
    if played:
        body = [*_endings(played), *_lacking(overview, played), *_errors(played)]
        yield Section(name="endings", title="How episodes ended", body=body)
    failed = [run for run in overview.found if run.reading.status in _FAILED]
    if failed:
        yield Section(name="failures", title="What failed", body=list(_failures(failed)))


def _played(runs: Sequence[Scored]) -> Iterator[_Played]:
    """The episodes of the runs on which the tables rest, as far as these came to their end."""
    for run in runs:
        reading = run.reading
        is_of_episodes = reading.kind in _KINDS or reading.kind.startswith(_IMPORTED) or bool(reading.episodes)
        if not run.is_used or not is_of_episodes or reading.status is not Status.COMPLETED:
            continue
        records = [record for record in reading.records if "training_return" not in record.values]
        if any(record.error is not None or {"outcome", "success"} & set(record.values) for record in records):
            yield from (_Played(run, record) for record in records)


def _end_of(record: Record) -> str:
    """One of _ENDS. A supervisor that had to kill the process tells the error alone."""
    outcome = record.values.get("outcome")
    if outcome is None and record.error is not None:
        outcome = "timeout" if record.error.startswith("timeout") else "error"
    if outcome is None:
        success = record.values.get("success")
        outcome = "unmeasured" if success is None else "success" if success else "failure"
    name = _OUTCOMES.get(str(outcome), str(outcome))
    if name in {"success", "timeout", "error"}:
        return name
    how = "terminated" if record.values.get("terminated") else "cut off" if record.values.get("truncated") else ""
    return f"{name}, {how}" if how else name


def _endings(played: Sequence[_Played]) -> Iterator[Block]:
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in played:
        cells[one.cell][_end_of(one.record)] += 1
    there = {name for own in cells.values() for name in own}
    names = [name for name in _ENDS if name in there]
    over: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (group, _), own in cells.items():
        over[group, "all tasks"].update(own)
    keys = sorted(cells, key=lambda key: (natural(key[1]), natural(key[0])))
    is_many = len(keys) > _MOST_ROWS
    rows = [_share(key, (over if is_many else cells)[key], names) for key in (over if is_many else keys)]
    chart = Shares(title="How episodes ended", names=names, rows=rows, axis="share of the episodes")
    captions = [f"{count(len(played), 'episode')}, each counted once.", *_meanings(names)]
    if is_many:
        captions.append(f"Tasks are put together, which are {len(keys):,} rows; the table has each.")
    yield Figure("endings", chart, captions)
    yield Table(
        name="endings",
        title="How episodes ended",
        header=["group", "task", "episodes", *names],
        rows=[[*key, f"{cells[key].total():,}", *(f"{cells[key][name]:,}" for name in names)] for key in keys],
        num_text=2,
    )


def _share(key: tuple[str, str], own: Counter[str], names: Sequence[str]) -> Share:
    group, task = key
    told = ", ".join(f"{name} {own[name]:,} ({own[name] / own.total():.1%})" for name in names if own[name])
    return Share(
        label=group,
        group=task,
        parts=[float(own[name]) for name in names],
        told=f"{group} on {task}, {count(own.total(), 'episode')}: {told}.",
    )


def _lacking(overview: Overview, played: Sequence[_Played]) -> Iterator[Note]:
    """Whose episodes are not counted, since those that end soon are the first to be recorded."""
    there = {one.cell for one in played}
    runs = [run for run in overview.found if run.reading.kind == _KINDS[0]]
    names = dict.fromkeys(
        cell_name(run.group, run.reading.task, overview.by)
        for run in runs
        if (run.group, run.reading.task) not in there
    )
    if names:
        yield Note(f"No evaluation came to its end for {some(list(names))}: no episode of these is counted.")


def _meanings(names: Sequence[str]) -> Iterator[str]:
    if any("terminated" in name for name in names):
        yield "Terminated: the environment ended the episode."
    if any("cut off" in name for name in names):
        yield "Cut off: it was out of steps."
    if "timeout" in names:
        yield "Timeout: it took more time than it was given."


def _errors(played: Sequence[_Played]) -> Iterator[Block]:
    """Errors of episodes that say the same as one row, and the whole trace of one of each."""
    alike: dict[tuple[str, str, str], list[_Played]] = defaultdict(list)
    for one in played:
        if one.record.error is not None:
            alike[(*one.cell, _said(one.record.error))].append(one)
    if not alike:
        return
    order = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        [group, task, text, _folder(own[0].run), f"{len(own):,}", str(own[0].record.index)]
        for (group, task, text), own in order[:_MOST_ERRORS]
    ]
    yield Heading("Errors and timeouts of episodes")
    header = ["group", "task", "error", "where", "episodes", "first episode"]
    yield Table(name="errors", title="Errors of episodes", header=header, rows=rows, num_text=4)
    yield from _more(len(order) - len(rows), "error")
    examples = {text: own[0] for (_, _, text), own in reversed(order) if "\n" in (own[0].record.error or "").strip()}
    shown = list(reversed(examples.items()))[:_MOST_EXAMPLES]
    for text, one in shown:
        yield Note(f"{text}: episode {one.record.index} of {one.run.group} on {one.run.reading.task}.")
        yield from _code((one.record.error or "").strip())
    yield from _more(len(examples) - len(shown), "trace")


def _said(error: str) -> str:
    """The first line without the step, so that the same error in other steps is the same."""
    return _AT.sub("", error.partition("\n")[0].strip()).strip() or error.strip()


def _folder(run: Scored) -> str:
    return run.reading.folders[-1] if run.reading.folders else run.reading.source


def _more(number: int, noun: str) -> Iterator[Note]:
    if number > 0:
        yield Note(f"{count(number, f'more {noun}')} not listed.")


def _failures(failed: Sequence[Scored]) -> Iterator[Block]:
    """Failures that differ in numbers alone as one row, then an example of each with the end of its log."""
    alike: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for run in failed:
        reason = (run.reading.reason or "").partition("\n")[0]
        alike[str(run.reading.status).lower(), _NUMBERS.sub("0", reason)].append(run)
    order = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        [
            status,
            _short(own[0].reading.reason or "no reason is known"),
            some(list(dict.fromkeys(run.group for run in own))),
            some(list(dict.fromkeys(run.reading.task for run in own))),
            f"{len(own):,}",
        ]
        for (status, _), own in order[:_MOST_ERRORS]
    ]
    header = ["status", "reason", "groups", "tasks", "runs"]
    yield Table(name="failed", title="What failed", header=header, rows=rows, num_text=4)
    yield from _more(len(order) - len(rows), "reason")
    yield Note("Runs whose reasons differ in numbers alone are one row. 'Every run' below lists each.")
    for (status, _), own in order[:_MOST_EXAMPLES]:
        yield from _example(status, own[0])
    yield from _more(len(order) - _MOST_EXAMPLES, "log")


def _short(reason: str) -> str:
    first = reason.partition("\n")[0]
    return first if len(first) <= _MOST_REASON else f"{first[:_MOST_REASON]} [...]"


def _example(status: str, run: Scored) -> Iterator[Block]:
    reading = run.reading
    folders = [folder for folder in reading.folders if folder not in reading.completed]
    if not folders:
        return
    folder = Path(folders[-1])
    seed = "" if reading.seed is None else f", seed {reading.seed}"
    yield Heading(f"{run.group} on {reading.task}{seed}: {status}")
    log = _read(folder / "cout.txt")
    trace = _trace(folder)
    if trace and trace.rpartition("\n")[2] not in log:
        yield Note(f"What was raised, from {folder / 'run.json'}:")
        yield from _code(trace)
    if log:
        yield Note(f"The end of its log, {folder / 'cout.txt'}:")
        yield from _code(log)
    else:
        yield Note(f"Its log, {folder / 'cout.txt'}, is empty or not there any more.")


def _trace(folder: Path) -> str:
    try:
        file = decode_file(folder / "run.json", RunFile)
    except (UserError, ValueError):  # of a run that was killed nothing is written at the end
        return ""
    return "" if file is None else (file.fail_trace or "").strip()


def _read(path: Path) -> str:
    """The end of a log as it would look in a terminal; nothing where there is no file that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8 * _MOST_LETTERS))
            content = file.read()
    except OSError:
        return ""
    lines = _ESCAPE.sub("", content.decode(errors="replace")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip()


def _code(text: str) -> Iterator[Block]:
    """The end of a text, which says so where that is not all of it."""
    lines = text[-_MOST_LETTERS:].split("\n")[-_MOST_LINES:]
    kept = "\n".join(lines)
    if len(kept) == len(text):
        yield Code(text)
        return
    if len(lines) > 1 and len(lines) < _MOST_LINES:  # the first of them is but a part of a line
        kept = "\n".join(lines[1:])
    yield Code(f"[...]\n{kept}")
    yield Note(f"Cut: the last {count(kept.count(chr(10)) + 1, 'line')} of it.")
