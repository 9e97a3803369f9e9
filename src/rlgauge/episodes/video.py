"""Films of episodes: which are kept, where they lie, and what a frame must be.

A film lies at `<output_dir>/<task>/<task>-e0007-failure.mp4`. `<task>` is the task's id as a file name; where that
loses something of the id (`ALE/Pong-v5`), a hash of the id follows, so that two tasks never share a name. Its last
frame lies beside it as a picture, `<task>-e0007-failure.png`.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import platform
import re
import zlib
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from rlgauge.core.case import fingerprint, slug
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.episodes.encoder import Encoder, VideoError, as_png
from rlgauge.episodes.overlay import Frame, draw_caption

OUTCOMES = ("success", "failure", "unmeasured", "error", "timeout")
"""What an episode can come to."""

DEFAULT_FPS = 30.0
_SLOWEST_FPS = 0.001

_KEPT = {
    "all": frozenset(OUTCOMES),
    "successes": frozenset({"success"}),
    "failures": frozenset({"failure", "error", "timeout"}),
    "none": frozenset[str](),
}


_KEYWORD = b"tEXtrlgauge\0"
_NUM_LENGTH = 4
"""Bytes of a chunk's length, and of its name."""
_NUM_TAIL = 1024
"""The text stands so many bytes before the end of a picture, at most."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Which episode a film is of, as the picture of its last frame says: its seed, and that frame's step and return."""

    seed: int | None
    step: int
    total_return: float | None


class VideoRecorder:
    """Opens a film for each episode that may be wanted, and knows which to keep.

    `record_mode` is all, successes, failures (errors and timeouts with them), none, or first:k, the first k episodes
    of each task. `fps` stands above what the environment says; where neither does, it is 30. `overlay` draws task,
    step and return on the frames.
    """

    def __init__(
        self,
        output_dir: Path | str,
        fps: float | None = None,
        record_mode: str = "failures",
        *,
        overlay: bool = True,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.fps = None if fps is None else _checked_fps(fps)
        self.record_mode = record_mode
        self.overlay = overlay
        self._first = _first(record_mode)
        self._swept: set[Path] = set()

    def wants(self, episode_index: int) -> bool:
        """Whether the episode must be rendered: its film is kept for at least one outcome."""
        return any(self.keeps(episode_index, outcome) for outcome in OUTCOMES)

    def keeps(self, episode_index: int, outcome: str) -> bool:
        """Whether the film of this episode is kept when it ends so. Raises UserError for an unknown outcome."""
        if outcome not in OUTCOMES:
            raise unknown("outcome", outcome, OUTCOMES)
        if self._first is not None:
            return episode_index < self._first
        return outcome in _KEPT[self.record_mode]

    def open(self, task_id: str, episode_index: int, *, fps: float | None = None, seed: int | None = None) -> Film:
        """A film to add frames to; `fps` is what the environment says of itself, `seed` that of the episode.

        Raises UserError where the folder can't be written, so that it is known before the episode is played.
        """
        if importlib.util.find_spec("av") is None:
            raise UserError("Videos need PyAV: pip install 'rlgauge[video]', or choose the record mode none.")
        rate = self.fps or (DEFAULT_FPS if fps is None else _checked_fps(fps))
        name = _file_name(task_id)
        folder = self.output_dir / name
        film = Film(self, task_id, episode_index, folder / f"{name}-e{episode_index:04d}", fps=rate, seed=seed)
        with plain_errors(film.part):
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep(folder)
            film.part.touch()
        film.encoder.start()
        return film

    def _sweep(self, folder: Path) -> None:
        """Remove, once a folder, the unfinished films that killed processes of this machine left behind."""
        import psutil

        if folder in self._swept:
            return
        self._swept.add(folder)
        for part in folder.glob(f".*.{_host()}.*.part"):
            process = part.name.split(".")[-2]
            if process.isdecimal() and not psutil.pid_exists(int(process)):
                part.unlink(missing_ok=True)


class Film:
    """The film of one episode. Ends with `close`, which keeps or removes it, or `discard`; so does leaving a `with`."""

    def __init__(
        self,
        recorder: VideoRecorder,
        task_id: str,
        episode_index: int,
        stem: Path,
        *,
        fps: float,
        seed: int | None = None,
    ) -> None:
        self.task_id = task_id
        self.episode_index = episode_index
        self.part = part_of(stem)
        self.encoder = Encoder(self.part, Fraction(fps).limit_denominator(1000))
        self._recorder = recorder
        self._stem = stem
        self._size: tuple[int, int] | None = None
        self._mark = Mark(seed=seed, step=0, total_return=None)
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self.discard()

    def add(self, frame: object, *, step: int, total_return: float) -> None:
        """Append a picture of (height, width, 3) uint8, which is copied: environments draw the next one over it.

        Waits while the encoder is behind. Raises UserError for what is no such picture, VideoError where the encoder
        failed.
        """
        if not self._open:
            raise VideoError(f"The film of {self.task_id}, episode {self.episode_index}, is closed already.")
        picture = self._checked(frame)
        height, width = picture.shape[0] & ~1, picture.shape[1] & ~1  # yuv420p halves both
        caption = functools.partial(draw_caption, task=self.task_id, step=step, total_return=total_return)
        self._mark = Mark(seed=self._mark.seed, step=int(step), total_return=float(total_return))
        self.encoder.put(picture[:height, :width].copy(), caption if self._recorder.overlay else None)

    def close(self, outcome: str) -> Path | None:
        """The finished file where the mode keeps this outcome and there were frames, else None, and nothing is left.

        The picture of its last frame is `picture_of` it. Both take the place of earlier ones of the episode, whatever
        they ended in. Raises VideoError where the encoder failed.
        """
        kept = self._recorder.keeps(self.episode_index, outcome) and self._size is not None
        try:
            self._finish(drop=not kept)
            with plain_errors(self.part):
                self._remove(other for other in OUTCOMES if other != outcome or not kept)
                if not kept:
                    return None
                self._write_picture(outcome)
                return self._rename(outcome)
        finally:
            self._remove_part()

    def discard(self) -> None:
        """Remove the film, whatever became of it."""
        try:
            self._finish(drop=True)
        except VideoError:
            return  # there was nothing to save
        finally:
            self._remove_part()

    def _finish(self, *, drop: bool) -> None:
        if not self._open:
            return
        self._open = False
        self.encoder.finish(drop=drop)

    def _remove(self, outcomes: Iterable[str]) -> None:
        for outcome in outcomes:
            self._path(outcome).unlink(missing_ok=True)
            picture_of(self._path(outcome)).unlink(missing_ok=True)

    def _remove_part(self) -> None:
        with contextlib.suppress(OSError):  # it is swept later, and must not hide the error that led here
            self.part.unlink()

    def _write_picture(self, outcome: str) -> None:
        """Before the film has its name, so that no film is ever without."""
        if self.encoder.last is not None:
            content = _with_mark(as_png(self.encoder.last), self._mark)
            write_atomic(picture_of(self._path(outcome)), content, is_synced=False)

    def _rename(self, outcome: str) -> Path:
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        return self.part.replace(self._path(outcome))

    def _path(self, outcome: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}-{outcome}.mp4")

    def _checked(self, frame: object) -> Frame:
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.shape[2:] != (3,):
            raise UserError(
                f"{self.task_id} rendered {_described(frame)}. A video needs arrays of (height, width, 3) and uint8: "
                "make the environment with render_mode='rgb_array', or choose the record mode none."
            )
        height, width = frame.shape[:2]
        if not (height > 1 and width > 1):
            raise UserError(f"{self.task_id} rendered {width}x{height} pixels: a video needs at least 2x2.")
        self._size = self._size or (height, width)
        if self._size != (height, width):
            raise UserError(
                f"{self.task_id} rendered {self._size[1]}x{self._size[0]} pixels at first and {width}x{height} later: "
                "the frames of an episode must have one size."
            )
        return frame


def picture_of(film: Path) -> Path:
    """Where the picture of a film's last frame lies."""
    return film.with_suffix(".png")


def mark_of(film: Path) -> Mark | None:
    """Which episode the film is of; None where the picture beside it does not say it. Raises StoreError."""
    picture = picture_of(film)
    with plain_errors(picture, "read"):
        try:
            with picture.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _NUM_TAIL, 0))
                content = file.read()
        except FileNotFoundError:
            return None
    start = content.rfind(_KEYWORD)
    length = int.from_bytes(content[start - _NUM_LENGTH : start]) if start >= _NUM_LENGTH else 0
    try:
        return msgspec.json.decode(content[start + len(_KEYWORD) : start + _NUM_LENGTH + length], type=Mark)
    except msgspec.DecodeError:
        return None


def _with_mark(png: bytes, mark: Mark) -> bytes:
    """The picture with the mark as a text in it, which no viewer shows: a chunk before the one that ends it."""
    chunk = _KEYWORD + msgspec.json.encode(mark)
    end = png.rindex(b"IEND") - _NUM_LENGTH
    whole = (len(chunk) - _NUM_LENGTH).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    return png[:end] + whole + png[end:]


def part_of(stem: Path) -> Path:
    """Where this process writes a film until it is whole; swept where the process was killed."""
    return stem.with_name(f".{stem.name}.{_host()}.{os.getpid()}.part")


def _first(record_mode: str) -> int | None:
    """The k of first:k, None for the other modes. Raises UserError for what is no mode."""
    if match := re.fullmatch(r"first:(0*[1-9][0-9]*)", record_mode):
        return int(match[1])
    if record_mode not in _KEPT:
        raise unknown("record mode", record_mode, [*_KEPT, "first:3"])
    return None


def _checked_fps(fps: float) -> float:
    if not _SLOWEST_FPS <= fps < math.inf:
        raise UserError(f"A video can't have {fps} frames per second: give a positive number as fps.")
    return float(fps)


def _described(frame: object) -> str:
    if isinstance(frame, np.ndarray):
        return f"an array of shape {frame.shape} and {frame.dtype}"
    return "None" if frame is None else f"a {type(frame).__name__}"


def _file_name(task_id: str) -> str:
    name = slug(task_id)
    return name if name == task_id else f"{name}-{fingerprint(task_id)[:8]}"


def _host() -> str:
    return slug(platform.node()).replace(".", "-")
