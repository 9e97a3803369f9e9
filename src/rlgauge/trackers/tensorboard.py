"""TensorBoard: an event file in the run's folder, written without TensorBoard itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rlgauge.trackers.event_file import EventFile
from rlgauge.trackers.films import as_gif
from rlgauge.trackers.tracker import About, End, Film, Row

FOLDER = "tensorboard"
"""Name of the folder of event files in a run's folder of artifacts: `tensorboard --logdir OUT` finds it."""


def open_run(about: About) -> TensorBoard:
    """The run in a new event file, in the place of one that was made of it before."""
    folder = about.artifacts / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{about.started:.0f}.rlgauge"  # the same whenever it is sent
    opened = TensorBoard(about, EventFile(folder / name, about.started))
    opened.begin()
    return opened


class TensorBoard:
    """A run as TensorBoard shows it: scalars, the configuration and how it ended as texts, films as moving images."""

    def __init__(self, about: About, file: EventFile) -> None:
        """Write to `file`, which is closed by `end`."""
        self._about = about
        self._file = file

    def begin(self) -> None:
        """Tell what is known of the run at its start."""
        whole = json.dumps(self._about.config, indent=2, default=str)
        self._file.text("rlgauge/run", f"{self._about.name}, run {self._about.folder.name}", self._about.started)
        self._file.text("rlgauge/config", _code(whole), self._about.started)
        self._file.flush()

    def log(self, rows: Sequence[Row]) -> None:
        """Tell of numbers."""
        for row in rows:
            for name, value in row.values.items():
                self._file.scalar(name, value, row.step, row.time)
        if rows:
            self._file.flush()

    def end(self, end: End) -> None:
        """Tell how it ended; weights are named, not copied."""
        for name, value in end.summary.items():
            if isinstance(value, float):
                self._file.scalar(name, value, 0, end.time)
        ended = {"status": str(end.status), "reason": end.reason, **end.summary}
        self._file.text("rlgauge/end", _code(json.dumps(ended, indent=2)), end.time)
        if end.weights:
            self._file.text("rlgauge/weights", "\n\n".join(map(str, end.weights)), end.time)
        for film in end.videos:
            self._show(film, end.time)
        self._file.close()

    def _show(self, film: Film, time: float) -> None:
        image = as_gif(film.path)
        if image is None:
            self._file.text("rlgauge/videos", str(film.path), time, step=film.index)
        else:
            self._file.image("rlgauge/videos", image.content, (image.width, image.height), time, step=film.index)


def _code(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
