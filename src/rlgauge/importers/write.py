"""Readings written as runs into a store of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.reading import Reading
from rlgauge.core.run import ConfigFile, Start, Status
from rlgauge.core.store import Attempt, Need, Store, now
from rlgauge.importers.store import write_extra

_UNENDED = {Status.RUNNING, Status.QUEUED}


class Written(msgspec.Struct, frozen=True):
    """The readings that are runs of the store now, that were before, and that can't be: unended, or runs of ours."""

    new: list[Reading]
    known: list[Reading]
    unended: list[Reading]
    own: list[Reading]


def write(readings: Iterable[Reading], store: Store, *, listen: Callable[[int], None] | None = None) -> Written:
    """Write every reading of another system as a completed attempt; one that is there already is left alone.

    `listen` is told how many were seen. Raises StoreError where the folder can't be written.
    """
    written = Written([], [], [], [])
    store.make()
    for number, reading in enumerate(readings, start=1):
        if not reading.kind.startswith("imported-"):
            written.own.append(reading)
        elif reading.status in _UNENDED:
            written.unended.append(reading)
        else:
            (written.new if _write(reading, store) else written.known).append(reading)
        if listen is not None:
            listen(number)
    return written


def case_of(reading: Reading) -> Case:
    """The case that an imported reading is of: equal content, wherever it was found, is the same case."""
    measured = [reading.totals, reading.curves, reading.records, reading.num_errors]
    content = [reading.status, reading.labels, reading.details, *measured]
    params: dict[str, Any] = {
        "algorithm": reading.algorithm,
        "task": reading.task,
        "train_seed": reading.seed,
        "settings": reading.settings,
        "references": reading.references,
        "content": fingerprint(msgspec.to_builtins(content)),
    }
    labels = {**reading.labels, "algorithm": reading.algorithm, "task": reading.task}
    if reading.seed is not None:
        labels["train_seed"] = str(reading.seed)
    seed = "" if reading.seed is None else f"-seed{reading.seed}"
    return Case(
        workload=reading.kind,
        name=f"{reading.algorithm}-{reading.task}{seed}",
        params=params,
        seed=reading.seed or 0,
        labels=labels,
    )


def _write(reading: Reading, store: Store) -> bool:
    """Whether the run is new; what is told of one that is there already stays."""
    case = case_of(reading)
    if store.find(case) is not None:
        return False
    config = ConfigFile(seed=case.seed, case=case, units=reading.units)
    host = {"hostname": reading.labels["host"]} if "host" in reading.labels else {}
    start = Start(start_time=now(), host=host, provenance={"imported_from": reading.source})
    attempt = store.claim(case, Need(), config, start)
    if attempt is None:
        return False
    _fill(attempt, reading)
    return True


def _fill(attempt: Attempt, reading: Reading) -> None:
    for record in reading.records:
        attempt.append(record)
    attempt.close()
    write_extra(attempt.folder, reading)
    if reading.status is Status.DIED:
        Attempt.release(attempt.folder)  # nobody writes that a run died: that is seen where its process is gone
        return
    attempt.commit(reading.status, totals=reading.totals, fail_trace=reading.reason)
