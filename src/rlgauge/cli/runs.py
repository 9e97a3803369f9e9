"""`rlgauge runs list|show|watch|merge`: what a folder of runs holds."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.faults import what_went_wrong
from rlgauge.cli.main import FINE, dispatch
from rlgauge.cli.options import as_list, make_parser, parse
from rlgauge.cli.units import seconds_text
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.execute import plans
from rlgauge.core.files import plain_errors
from rlgauge.core.run import Run, Status
from rlgauge.core.store import Store, now

_HELP = """usage: rlgauge runs list OUT [--status STATUS] [--tag TEXT] [--json]
       rlgauge runs show OUT RUN [--json]
       rlgauge runs watch OUT
       rlgauge runs merge OUT FROM...

list   every run of the folder: status, records, errors, what went wrong
show   one run: its configuration, machine, results, records and log
watch  follows them until none goes on
merge  copies the runs of other folders into one

`rlgauge runs list --help` and so on say more."""
_WRONG = "what went wrong"
_HEADER = [
    "id",
    "run",
    "policy",
    "tag",
    "settings",
    "checkpoint",
    "status",
    "attempt",
    "records",
    "errors",
    "started (UTC)",
]
_HEADER += ["time", "host", _WRONG]
_HASHES = ("settings", "checkpoint")
"""What tells apart runs of one name and policy, as hashes."""
_NUM_DIGITS = 6
_NUM_RECORDS, _NUM_LINES = 5, 20
_NUM_NAMED = 10


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge runs`. Raises UserError."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(_HELP)
        return FINE
    parts = {
        "list": f"{__name__}:list_runs",
        "show": f"{__name__}:show_run",
        "watch": "rlgauge.cli.runs_watch:watch_runs",
        "merge": "rlgauge.cli.runs_merge:merge_runs",
    }
    return dispatch("command after `rlgauge runs`", argv, parts)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a line of the list."""

    id: str
    name: str
    policy: str
    status: Status
    attempt: str | None = None
    num_records: int = 0
    num_errors: int | None = None
    start_time: str | None = None
    seconds: float | None = None
    host: str | None = None
    failure: str = ""
    folder: str | None = None
    settings: str = ""
    checkpoint: str = ""
    tag: str = ""


def list_runs(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge runs list`. Raises UserError."""
    parser = make_parser("runs list", "List the runs of a folder.")
    parser.add_argument("out", type=str, help="the folder, as given to --out, or a zip file of `rlgauge export`")
    parser.add_argument("--status", type=str | None, metavar="STATUS", help=f"only these: {', '.join(Status)}")
    parser.add_argument(
        "--tag", type=list[str] | str, default=[], metavar="TEXT", help="only measurements with this one; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    options = parse(parser, argv, repeated=("--tag",))
    if options is None:
        return FINE
    wanted = _status(options.status)
    tagged = _with_tags(list(rows_of(store_at(options.out), _note)), as_list(options.tag), options.out)
    rows = [row for row in tagged if wanted in {None, row.status}]
    if options.json:
        print(json.dumps([msgspec.structs.asdict(row) for row in rows], indent=1))
    else:
        _tell(rows, options.out, wanted)
    return FINE


def _with_tags(rows: list[Row], tags: Sequence[str], out: str) -> list[Row]:
    """The rows with one of the tags; all of them without a tag. Raises UserError for a tag that no run has."""
    known = {row.tag for row in rows if row.tag}
    for tag in tags:
        if not known:
            raise UserError(f"No run in {out} has a tag: `rlgauge throughput --tag {tag}` gives them one.")
        if tag not in known:
            raise unknown("tag", tag, known)
    return [row for row in rows if not tags or row.tag in tags]


def show_run(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge runs show`. Raises UserError."""
    parser = make_parser("runs show", "Show one run.")
    parser.add_argument("out", type=str, help="the folder, as given to --out, or a zip file of `rlgauge export`")
    parser.add_argument(
        "run",
        type=str,
        help="the run's id or name, or the beginning of either, or its folder, as `runs list` shows them",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, with all records")
    options = parse(parser, argv)
    if options is None:
        return FINE
    run = find_run(store_at(options.out), options.run)
    if options.json:
        print(json.dumps(_as_json(run), indent=1))
    else:
        _describe(run)
    return FINE


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def rows_of(store: Store, tell: Callable[[str], None]) -> list[Row]:
    """One row per case: the run that speaks for it, or QUEUED where a plan names it and nobody has begun.

    `tell` is told of runs that are damaged.
    """
    rows = [_row(run) for run in store.runs(tell)]
    known = {row.id for row in rows}
    queued = {row.id: row for row in _queued(store) if row.id not in known}
    return [*rows, *queued.values()]


def _row(run: Run) -> Row:
    start = run.file.start_time or None
    end = run.file.stop_time or (now() if run.status is Status.RUNNING else None)
    is_fine = run.status in {Status.COMPLETED, Status.RUNNING, Status.INTERRUPTED}
    return Row(
        id=run.case.id,
        name=run.case.name,
        policy=_label(run.case.labels.get("policy", ""), run.case.params.get("train_seed")),
        status=run.status,
        attempt=run.attempt,
        num_records=run.num_records or len(run.records),
        num_errors=run.file.num_errors,
        start_time=start,
        seconds=_between(start, end) if start and end else None,
        host=run.file.host.get("hostname"),
        failure=run.note or "" if is_fine else what_went_wrong(run),
        folder=str(run.folder),
        settings=run.case.labels.get("settings", ""),
        checkpoint=run.case.labels.get("checkpoint", ""),
        tag=run.case.labels.get("tag", ""),
    )


def _queued(store: Store) -> Iterator[Row]:
    for plan in plans(store):
        for case in (item.case for item in plan.items):
            label = _label(case.labels.get("policy", ""), case.params.get("train_seed"))
            tag = case.labels.get("tag", "")
            yield Row(id=case.id, name=case.name, policy=label, status=Status.QUEUED, tag=tag)


def find_run(store: Store, given: str) -> Run:
    """The run with this id, name or folder, or whose id or name alone begins so. Raises UserError, with the nearest."""
    damage: list[str] = []
    runs = list(store.runs(damage.append))
    folder = _attempt_folder(store, given)
    if folder is not None:
        return _attempt(store, folder)
    found = [r for r in runs if given in {r.case.id, r.case.name, r.folder.parent.name, r.folder.name}]
    found = found or [r for r in runs if given and r.case.id.startswith(given)]
    found = found or [r for r in runs if given and r.case.name.startswith(given)]
    if len(found) > 1:
        raise UserError(_which(given, found))
    if not found and (damaged := next((text for text in damage if given in text), None)):
        raise UserError(damaged)
    if not found:
        known = {name for r in runs for name in (r.case.id, r.case.name)}
        raise unknown("run", given, difflib.get_close_matches(given, known, n=5, cutoff=0.3) or sorted(known)[:5])
    return found[0]


def _which(given: str, found: Sequence[Run]) -> str:
    """The question which of several runs is meant."""
    names = Counter(run.case.name for run in found)
    told = [f"{run.case.id} ({_called(run, is_alone=names[run.case.name] == 1)})" for run in found[:_NUM_NAMED]]
    more = f" and {len(found) - _NUM_NAMED} more" if len(found) > _NUM_NAMED else ""
    return f"{given!r} names {len(found)} runs; say which by its id: {', '.join(told)}{more}."


def _called(run: Run, *, is_alone: bool) -> str:
    """The run's name; where others have the same, what it ran."""
    labels = run.case.labels
    own = labels.get("policy") or (f"settings {labels['settings'][:_NUM_DIGITS]}" if "settings" in labels else "")
    return run.case.name if is_alone or not own else own


def _attempt(store: Store, folder: Path) -> Run:
    """The attempt in the folder. Raises UserError where it is damaged."""
    damage: list[str] = []
    attempts = {run.folder.name: run for run in store.attempts(folder.parent, damage.append)}
    if folder.name not in attempts:
        told = (text for text in damage if text.startswith(f"{folder}/"))
        raise UserError(next(told, f"'{folder}' holds no run."))
    return attempts[folder.name]


def _attempt_folder(store: Store, given: str) -> Path | None:
    for path in (Path(given), store.root / given):
        if (path / "config.json").is_file():
            return store.root / path.resolve().relative_to(store.root.resolve()) if _is_inside(path, store) else None
    return None


def _is_inside(path: Path, store: Store) -> bool:
    return path.resolve().is_relative_to(store.root.resolve())


def store_at(out: str) -> Store:
    """The store in a folder, or of a zip file of `rlgauge export`. Raises UserError where there is none."""
    path = Path(out)
    if path.is_file():
        return _released(out)
    if not path.is_dir():
        near = difflib.get_close_matches(path.name, _siblings(path), n=1, cutoff=0.5)
        hint = f" Did you mean '{path.parent / near[0]}'?" if near else ""
        raise UserError(f"There is no folder '{out}'.{hint}")
    with plain_errors(path, "read"):
        os.listdir(path)  # noqa: PTH208  # only whether it can be read
    return Store(path)


def _released(path: str) -> Store:
    """The store of a release. Raises UserError."""
    from rlgauge.importers.release import folder_of

    folder = folder_of(path)
    if folder is None:
        raise UserError(f"'{path}' is a file; runs are kept in a folder, or in a zip file of `rlgauge export`.")
    return Store(folder)


def _siblings(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir() if entry.is_dir()] if path.parent.is_dir() else []


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    if text.upper() not in Status.__members__:
        raise unknown("status", text, Status.__members__)
    return Status[text.upper()]


def _tell(rows: Sequence[Row], out: str, wanted: Status | None) -> None:
    if not rows:
        print(f"There are no {'' if wanted is None else wanted + ' '}runs in {out}.")
        return
    cells = [[str(cell) for cell in _cells(row)] for row in _told_apart(rows)]
    is_below = sys.stdout.isatty()  # a column of sentences would squeeze the others
    kept = [
        i for i, title in enumerate(_HEADER) if any(line[i] for line in cells) and not (is_below and title == _WRONG)
    ]
    show_table(
        [_HEADER[i] for i in kept],
        [[line[i] for i in kept] for line in cells],
        expendable=("host", "attempt", "started (UTC)", "time"),
    )
    for row in rows:
        if is_below and row.failure:
            say(f"{row.id} {row.failure}")


def _told_apart(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with the beginnings of those hashes only by which others of the same name and policy differ."""
    alike: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.name, row.policy), []).append(row)
    for row in rows:
        others = alike[row.name, row.policy]
        differs = {name: len({getattr(other, name) for other in others}) > 1 for name in _HASHES}
        shown = {name: getattr(row, name)[:_NUM_DIGITS] if differs[name] else "" for name in _HASHES}
        yield msgspec.structs.replace(row, **shown)


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row.id,
        row.name,
        row.policy,
        row.tag,
        row.settings,
        row.checkpoint,
        row.status,
        (row.attempt or "").partition("-")[0],
        row.num_records,
        row.num_errors or "",
        (row.start_time or "").partition(".")[0].replace("T", " "),
        "" if row.seconds is None else seconds_text(row.seconds),
        row.host or "",
        row.failure,
    )


def _describe(run: Run) -> None:
    row = _row(run)
    print(f"{run.case.name} ({run.case.id}) {run.status}")
    for name, value in (
        ("policy", row.policy),
        ("mean return", _mean(run, "return")),
        ("success rate", _mean(run, "success", is_rate=True)),
        ("folder", run.folder),
        ("attempt", run.attempt),
        ("records", f"{row.num_records}, {row.num_errors or 0} of them errors"),
        ("started", f"{row.start_time} UTC" if row.start_time else ""),
        ("took", "" if row.seconds is None else seconds_text(row.seconds)),
        ("command", run.file.command),
        *_of_training(run),
        ("what went wrong", row.failure),
    ):
        if value:
            print(f"  {name:<16}{value}")
    records = [msgspec.json.encode(record).decode() for record in run.records]
    _section("configuration", _pretty(msgspec.to_builtins(run.case)))
    _section("machine", _pretty(run.file.host))
    _section("provenance", _pretty(run.file.provenance))
    _section("result", _pretty({name: value for name, value in (run.file.result or {}).items() if name != "latency"}))
    _section(f"first {min(_NUM_RECORDS, len(records))} of {len(records)} records", "\n".join(records[:_NUM_RECORDS]))
    _section(f"end of {run.folder / 'cout.txt'}", _tail(run.folder / "cout.txt"))
    _section("failure", run.file.fail_trace or "")


def _of_training(run: Run) -> list[tuple[str, str]]:
    """How far a training came, what was tested, and what it warns of; nothing of other runs."""
    if run.case.workload != "train":
        return []
    from rlgauge.cli.train_table import how_far, trained

    one = trained(run.case, run)
    return [("training", how_far(one)), ("tested", one.actor or ""), *(("warning", text) for text in one.warnings)]


def _mean(run: Run, name: str, *, is_rate: bool = False) -> str:
    """The mean of a quantity over the run's records; nothing where it has none."""
    total = (run.file.totals or {}).get(name)
    if total is None:
        return ""
    mean = f"{total.mean:.1%}" if is_rate else f"{total.mean:.6g}"
    return f"{mean} (n = {total.n})"


def _section(title: str, text: str) -> None:
    if text and text not in {"null", "{}"}:
        print(f"\n{title}\n{text.rstrip()}")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1)


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    return "\n".join(lines[-_NUM_LINES:])


def _as_json(run: Run) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(_row(run)),
        "case": msgspec.to_builtins(run.case),
        "run": msgspec.to_builtins(run.file),
        "records": [msgspec.to_builtins(record) for record in run.records],
        "cout_tail": _tail(run.folder / "cout.txt"),
    }


def _label(policy: str, train_seed: object) -> str:
    return policy if train_seed is None else f"{policy} (train seed {train_seed})"


def _between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
