"""The folder of logs of a run, by the names of the library imitation: event files, episodes, checkpoints."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from rlgauge.core.run import Run
from rlgauge.kinds.train.journal import Episode, Scalars, read_scalars
from rlgauge.kinds.train.reading import read_trained
from rlgauge.kinds.train.spec import WEIGHTS
from rlgauge.trackers.event_file import EventFile

_CHECKPOINTS = "checkpoints"


def write_logs(run: Run, folder: Path) -> None:
    """Write the scalars for TensorBoard, the training's episodes as a monitor has them, and copy what was kept.

    Raises OSError.
    """
    folder.mkdir(parents=True)
    artifacts = run.folder / "artifacts"
    started = _seconds(run.file.start_time)
    scalars = read_scalars(artifacts)
    if scalars:
        (folder / "log").mkdir()
        _write_events(scalars, folder / "log" / f"events.out.tfevents.{started:.0f}.rlgauge", started)
    by_place: dict[int, list[Episode]] = defaultdict(list)
    for episode in read_trained(artifacts):
        by_place[episode.place].append(episode)
    for place, episodes in sorted(by_place.items()):
        (folder / "monitor").mkdir(exist_ok=True)
        content = _monitor(episodes, str(run.case.params["environment"]["gym_id"]), started)
        (folder / "monitor" / f"mon{place:03d}.monitor.csv").write_text(content)
    if (artifacts / _CHECKPOINTS).is_dir():
        shutil.copytree(artifacts / _CHECKPOINTS, folder / _CHECKPOINTS)
    if (artifacts / WEIGHTS).is_dir():
        shutil.copytree(artifacts / WEIGHTS, folder / _CHECKPOINTS / "final", dirs_exist_ok=True)


def _write_events(scalars: list[Scalars], path: Path, started: float) -> None:
    file = EventFile(path, started)
    counts: dict[str, int] = defaultdict(int)
    for one in scalars:
        for name, value in one.values.items():
            if value is not None:
                file.scalar(name, value, counts[name] if one.step is None else one.step, started + one.seconds)
                counts[name] += 1
    file.close()


def _monitor(episodes: list[Episode], env: str, started: float) -> str:
    """A monitor.csv of Stable-Baselines3: return, length, and seconds since it began."""
    told = io.StringIO()
    told.write(f"#{json.dumps({'t_start': started, 'env_id': env})}\n")
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(("r", "l", "t"))
    writer.writerows((round(one.total, 6), one.length, round(one.seconds, 6)) for one in episodes)
    return told.getvalue()


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp() if when else 0.0
