"""Tracking one run, from wherever it stands to its end."""

from __future__ import annotations

import time
from pathlib import Path

from rlgauge.core.errors import UserError
from rlgauge.core.run import ConfigFile, Run, Status
from rlgauge.core.run_files import decode_file, read_run
from rlgauge.trackers.kinds import check, open_run
from rlgauge.trackers.reading import Feed, about
from rlgauge.trackers.tracker import Tell


def track(kind: str, folder: Path, *, tell: Tell, poll_seconds: float = 1.0) -> None:
    """Tell a tracker of the attempt in `folder` until it has ended, or died; of one that ended before, all at once.

    Raises UserError for a tracker or a run that is not there, and whatever the tracker's library does.
    """
    check(kind)
    told = about(folder)
    config = decode_file(folder / "config.json", ConfigFile)
    feed = Feed(told, {} if config is None else config.units)
    tracker = open_run(kind, told, tell=tell)
    while True:
        run = _read(told.folder)  # before the numbers: what was written before its end is told
        tracker.log(feed.read())
        if run.status is not Status.RUNNING:
            break
        time.sleep(poll_seconds)
    if feed.num_dropped:
        tell(f"{feed.num_dropped} damaged lines of {told.folder} were passed over.")
    tracker.end(feed.end(run))


def _read(folder: Path) -> Run:
    run = read_run(folder.parent, folder.name)
    if run is None:
        raise UserError(f"{folder} is gone; somebody deleted it while it was tracked.")
    return run
