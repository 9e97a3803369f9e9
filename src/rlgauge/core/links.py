"""Links to runs by algorithm and task: another way into a store, which no reader needs."""

from __future__ import annotations

import os
from pathlib import Path

from rlgauge.core.case import Case, slug
from rlgauge.core.run import Start
from rlgauge.core.run_files import decode_file

BY_ALGORITHM = "by-algo"
"""The folder of links in a store. Readers pass over it: a copy that followed the links has every run twice."""


def link_by_algorithm(attempt: Path, case: Case) -> Path | None:
    """The relative link `by-algo/<algorithm>/<task>/<time>_<id>` to an attempt; None where that is in no store.

    The latest attempt that began within a second has it. Raises OSError where there can be no link.
    """
    if f"{attempt.parent.parent.name}/{attempt.parent.name}" != case.folder:
        return None
    store = attempt.parents[2]
    parts = (BY_ALGORITHM, slug(case.labels.get("algorithm", "")), slug(case.labels.get("task", "")))
    link = store.joinpath(*parts, run_name(case, _started(attempt)))
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_name(f".{link.name}.{attempt.name}.part")
    part.symlink_to(Path(*[os.pardir] * len(parts), case.folder, attempt.name), target_is_directory=True)
    try:
        part.replace(link)
    except OSError:
        part.unlink()
        raise
    return link


def run_name(case: Case, started: str) -> str:
    """What a run is called among those of its algorithm and task, such as `20260131_235959_0a1b2c3d4e5f` (UTC)."""
    day, _, time = started.partition(".")[0].partition("T")
    return f"{day.replace('-', '')}_{time.replace(':', '')}_{case.id}"


def _started(attempt: Path) -> str:
    start = decode_file(attempt / "run.json", Start)
    return "" if start is None else start.start_time
