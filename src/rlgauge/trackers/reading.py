"""A run's folder as a tracker is told of it: what is known at the start, numbers as they come, and the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.run import ConfigFile, Record, Run, RunFile, Value
from rlgauge.core.run_files import decode_file
from rlgauge.kinds.train.journal import (
    SCALARS,
    TESTS,
    Scalars,
    Tail,
)
from rlgauge.kinds.train.reading import TRAINING, Ending, Endings
from rlgauge.kinds.train.spec import VIDEOS, WEIGHTS
from rlgauge.trackers.tracker import About, End, Film, Row

OWN = "rlgauge/"
"""Before the names of numbers that are not the script's."""
SCRIPT_AXIS, TRAINING_AXIS, RECORD_AXIS = f"{OWN}step", f"{OWN}num_steps", f"{OWN}index"
"""Names of the axes: the script's own count, steps of environments, and the index of a record."""
LAST_STEP = 2**63 - 1
"""The largest step that trackers take; what lies beyond it is told at it."""
_OF_TRAINING = ("training_return", "training_length", "num_episodes", "num_steps", "train_seconds")
"""Quantities of a training as a whole, in the record of index 0; the others of such a run are of test episodes."""
_FILMS = {".mp4", ".gif", ".webm"}
_SAID_ELSEWHERE = {"facts", "saved", "source", "variables"}
_LONGEST_TEXT = 500


def about(folder: Path) -> About:
    """What is known of an attempt. Raises UserError where the folder is none."""
    folder = folder.absolute()
    try:
        config, file = decode_file(folder / "config.json", ConfigFile), decode_file(folder / "run.json", RunFile)
    except msgspec.DecodeError as error:
        raise UserError(f"{folder} holds a damaged run ({error}); it can't be tracked.") from error
    if config is None or file is None:
        raise UserError(f"{folder} is no run: give the folder of an attempt, such as OUT/train/CASE/1-a1b2c3.")
    labels = config.case.labels
    group = labels.get("algorithm") or labels.get("policy") or config.case.workload
    return About(
        id=f"{config.case.id}-{folder.name}",
        name=f"{group}/{labels.get('task') or config.case.name}",
        group=group,
        config=_configuration(config, file, folder),
        started=_seconds(file.start_time),
        folder=folder,
        store=folder.parents[2],
    )


def _configuration(config: ConfigFile, file: RunFile, folder: Path) -> dict[str, Any]:
    case, provenance = config.case, file.provenance
    return {
        **case.labels,
        "seed": case.seed,
        "workload": case.workload,
        "case": case.id,
        "run": folder.name,
        "command": file.command,
        "params": case.params,
        "environment": config.environment,
        "versions": {"python": provenance.get("python"), **provenance.get("packages", {})},
        "git": provenance.get("repository"),
        "host": file.host,
    }


class Feed:
    """The numbers of a run in the order in which they came, each given once."""

    def __init__(self, told: About, units: dict[str, str]) -> None:
        """Read the run from its beginning; `units` names what its records measure."""
        self._started = told.started
        self._units = units
        self._is_training = any(name in units for name in _OF_TRAINING)
        self._scalars = Tail(told.artifacts / SCALARS, Scalars)
        self._episodes = Endings(told.artifacts)
        self._tests = Tail(told.artifacts / TESTS, Record)
        self._records = Tail(told.folder / "records.jsonl", Record)
        self._measured: set[int] = set()
        self._filmed: dict[str, int] = {}
        self._num_seen: dict[str, int] = {}

    @property
    def num_dropped(self) -> int:
        """Lines that were torn or damaged so far."""
        return sum(one.num_dropped for one in (self._scalars, self._episodes, self._tests, self._records))

    def read(self) -> list[Row]:
        """What has come since the last call."""
        logged = [row for one in self._scalars.read() for row in self._of_scalars(one)]
        played = [self._of_episode(one) for one in self._episodes.read()]
        records = [*self._tests.read(), *self._records.read()]  # the same ones: as they end, and when all is done
        measured = [row for one in records if (row := self._of_record(one)) is not None]
        return [*_joined(logged), *played, *measured]

    def _of_scalars(self, one: Scalars) -> Iterator[Row]:
        """Its finite numbers; where the script gave no step, it is how often it logged the name before."""
        values = {name: value for name, value in one.values.items() if value is not None}
        at = self._started + one.seconds
        if one.step is not None:
            yield Row(values, SCRIPT_AXIS, max(-LAST_STEP, min(one.step, LAST_STEP)), at)
            return
        for name, value in values.items():
            step = self._num_seen[name] = self._num_seen.get(name, -1) + 1
            yield Row({name: value}, SCRIPT_AXIS, step, at)

    def _of_episode(self, ending: Ending) -> Row:
        """Its return and length; of an environment in which the script only tests under other names."""
        one = ending.episode
        kind = "" if ending.is_training else "evaluation_"
        values = {f"{OWN}{kind}return": one.total, f"{OWN}{kind}length": float(one.length)}
        return Row(values, TRAINING_AXIS, one.num_steps, self._started + one.seconds)

    def _of_record(self, one: Record) -> Row | None:
        """Its numbers with a unit; none of a training as a whole, which is in the summary, nor of what is known."""
        if one.index in self._measured:
            return None
        self._measured.add(one.index)
        if isinstance(film := one.values.get("video"), str):
            self._filmed[film] = one.index
        names = [name for name in self._units if name not in _OF_TRAINING]
        found = {self._called(name): _number(one.values.get(name)) for name in names}
        values = {name: number for name, number in found.items() if number is not None}
        return Row(values, RECORD_AXIS, one.index, time.time()) if values else None

    def _called(self, name: str) -> str:
        return f"{OWN}test_{name}" if self._is_training else f"{OWN}{name}"

    def end(self, run: Run) -> End:
        """How the run ended."""
        summary: dict[str, float | str] = {}
        for name, total in (run.file.totals or {}).items():
            is_whole = self._is_training and name in _OF_TRAINING
            summary[f"{OWN}{name}" if is_whole else self._called(name).replace(OWN, f"{OWN}mean_")] = total.mean
        summary |= {f"{OWN}{name}": one for name, one in _flat(_outcome(run))}
        summary["status"] = str(run.status)
        trace = (run.file.fail_trace or "").strip().splitlines()
        artifacts = run.folder / "artifacts"
        return End(
            status=run.status,
            reason=trace[-1].strip()[:_LONGEST_TEXT] if trace else None,
            summary=summary,
            artifacts=artifacts,
            weights=_files(artifacts / WEIGHTS),
            videos=list(self._films(artifacts)),
            time=_seconds(run.file.stop_time) if run.file.stop_time else time.time(),
        )

    def _films(self, artifacts: Path) -> Iterator[Film]:
        """The films; those that no record names come after those that one does."""
        last = max(self._filmed.values(), default=TRAINING if self._is_training else TRAINING - 1)
        for path in _files(artifacts / VIDEOS):
            if path.suffix in _FILMS:
                index = self._filmed.get(path.relative_to(artifacts).as_posix())
                last = last + 1 if index is None else last
                yield Film(path, last if index is None else index)


def _outcome(run: Run) -> dict[str, Any]:
    """What the run reports beside its records, without what is told in other ways."""
    return {name: value for name, value in (run.file.result or {}).items() if name not in _SAID_ELSEWHERE}


def _joined(rows: Sequence[Row]) -> Iterator[Row]:
    """The same with neighbours of one step in one row, as far as they name different things."""
    last: Row | None = None
    for row in rows:
        if last is not None and row.step == last.step and not row.values.keys() & last.values.keys():
            last = Row(last.values | row.values, row.axis, row.step, row.time)
            continue
        if last is not None and last.values:
            yield last
        last = row
    if last is not None and last.values:
        yield last


def _flat(nested: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float | str]]:
    """The numbers and texts of nested dictionaries under names such as `a.b`; of lists those of texts, joined."""
    for name, value in nested.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, (bool, int, float)):
            yield f"{prefix}{name}", float(value)
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            yield from _flat({name: " ".join(value)}, prefix)
        elif isinstance(value, str) and value:
            yield f"{prefix}{name}", value[:_LONGEST_TEXT]


def flat(nested: dict[str, Any]) -> dict[str, float | str]:
    """The numbers and texts of nested dictionaries under names such as `a.b`; of lists those of texts, joined."""
    return dict(_flat(nested))


def _number(value: Value) -> float | None:
    return None if value is None or isinstance(value, str) else float(value)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
