"""Many films of one task in one: a grid of cells that begin together, each marked with its outcome.

Below each picture stand the episode's number, what it came to and its step, and a bar in the outcome's colour that
grows to the cell's width. An episode that is over shows its last frame until the longest one is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.episodes.encoder import VideoError, as_png, write_h264
from rlgauge.episodes.overlay import Frame, draw_lines
from rlgauge.episodes.video import DEFAULT_FPS, part_of, picture_of

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FEWEST_CELLS, MOST_CELLS = 2, 36
"""Films that one grid shows."""
MOST_FRAMES = 1800
"""Frames of a grid; where an episode is longer, whole numbers of steps are left out between them."""
COLOURS = {
    "success": (0, 158, 115),
    "failure": (213, 94, 0),
    "error": (204, 121, 167),
    "timeout": (230, 159, 0),
    "unmeasured": (136, 136, 136),
}
"""Of each outcome, red, green and blue: those of Okabe and Ito, which colour-blind people tell apart, and a grey."""

DRAWING = 1
"""Version of how grids look; raised so that those on disk are drawn again."""
_WIDTH, _HEIGHT = 1920, 1080
"""Pixels that a grid takes at most."""
_LEAST_CELL = 128
"""Smaller pictures are enlarged: the text below needs this many pixels."""
_PIXELS_PER_SCALE = 130
_GAP = 6
_GROUND, _TRACK = 16, 64
_HELD_SECONDS = 1.5
"""How long the last frame of a grid stays."""


class Shown(NamedTuple):
    """A film to be shown in a grid."""

    film: Path
    episode_index: int
    outcome: str


class Grid(NamedTuple):
    """A grid that was written: its cells row by row, and how many steps lie between two of its frames.

    `unreadable` says of each film that could not be shown, or not to its end, why. Without cells nothing was written.
    """

    cells: tuple[Shown, ...]
    columns: int
    steps_per_frame: int
    unreadable: dict[Path, str]


def write_grid(path: Path, films: Sequence[Shown]) -> Grid:
    """The grid of at most MOST_CELLS films, in their order; without cells where fewer than FEWEST_CELLS can be read.

    The picture of its last frame lies beside it. Raises UserError where it can't be written.
    """
    unreadable: dict[Path, str] = {}
    cells: list[_Cell] = []
    for shown in films[:MOST_CELLS]:
        try:
            cells.append(_Cell(shown, _probe(shown.film)))
        except VideoError as error:
            unreadable[shown.film] = str(error)
    if len(cells) < FEWEST_CELLS:
        return Grid((), 0, 0, unreadable)
    layout = choose_layout(len(cells), *_common_size(cells))
    longest = max(cell.probe.num_frames for cell in cells)
    step = math.ceil(longest / MOST_FRAMES)
    canvas = _Canvas(cells, layout)
    frames = canvas.frames(step, last=longest - 1, num_held=round(_HELD_SECONDS * cells[0].probe.fps))
    _write(path, cells[0].probe.fps, frames)
    write_atomic(picture_of(path), as_png(canvas.picture), is_synced=False)
    return Grid(tuple(cell.shown for cell in cells), layout.columns, step, unreadable | canvas.broken)


def _write(path: Path, fps: Fraction, frames: Iterator[Frame]) -> None:
    from av.error import FFmpegError

    part = part_of(path.with_suffix(""))
    with plain_errors(path):
        try:
            write_h264(part, fps, frames)
            part.replace(path)
        except FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise VideoError(f"The grid {path} could not be written: {_reason(error)}.") from error
        finally:
            part.unlink(missing_ok=True)


class Layout(NamedTuple):
    """How cells lie: each picture of `height` x `width` has a strip of text of `strip` rows below, at `scale`."""

    columns: int
    rows: int
    height: int
    width: int
    scale: int

    @property
    def strip(self) -> int:
        """Rows of the text and the bar."""
        return 13 * self.scale

    def size(self) -> tuple[int, int]:
        """Height and width of all, both even."""
        height = self.rows * (self.height + self.strip + _GAP) + _GAP
        width = self.columns * (self.width + _GAP) + _GAP
        return height + height % 2, width + width % 2

    def corner(self, index: int) -> tuple[int, int]:
        """Top and left of a cell."""
        row, column = divmod(index, self.columns)
        return _GAP + row * (self.height + self.strip + _GAP), _GAP + column * (self.width + _GAP)


def choose_layout(num_cells: int, height: int, width: int) -> Layout:
    """The columns with which pictures of this size are largest; of equals, those that leave the fewest cells empty."""
    found = [_layout(columns, num_cells, height, width) for columns in range(1, num_cells + 1)]
    return max(found, key=lambda one: (one.width, -one.columns * one.rows, one.columns))


def _layout(columns: int, num_cells: int, height: int, width: int) -> Layout:
    rows = math.ceil(num_cells / columns)
    enlarged = max(1, math.ceil(_LEAST_CELL / width))
    room = (_WIDTH - _GAP) / columns - _GAP, (_HEIGHT - _GAP) / rows - _GAP
    text = _scale(min(enlarged * width, room[0]))
    shrunk = min(enlarged, room[0] / width, (room[1] - 13 * text) / height)
    wide = max(2, int(width * shrunk))
    return Layout(columns, rows, max(2, int(height * shrunk)), wide, _scale(wide))


def _scale(width: float) -> int:
    return max(1, round(width / _PIXELS_PER_SCALE))


class _Probe(NamedTuple):
    height: int
    width: int
    num_frames: int
    fps: Fraction


class _Cell(NamedTuple):
    shown: Shown
    probe: _Probe


def _probe(film: Path) -> _Probe:
    """What a film says of itself. Raises VideoError, a part of a sentence, where it can't be read."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(film)) as container:
            (stream,) = container.streams.video
            probe = _Probe(stream.height, stream.width, stream.frames, stream.average_rate or Fraction(DEFAULT_FPS))
    except (FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"it can't be read ({_reason(error)})") from error
    if not (probe.height and probe.width and probe.num_frames):
        raise VideoError("it has no frames")
    return probe


def _reason(error: Exception) -> str:
    """What is wrong, without the path, which is another on every machine."""
    from av.error import FFmpegError

    return error.strerror or "" if isinstance(error, (OSError, FFmpegError)) else str(error)


def _common_size(cells: Sequence[_Cell]) -> tuple[int, int]:
    return max(cell.probe.height for cell in cells), max(cell.probe.width for cell in cells)


class _Canvas:
    """The picture that the cells are drawn on."""

    def __init__(self, cells: Sequence[_Cell], layout: Layout) -> None:
        self.picture: Frame = np.full((*layout.size(), 3), _GROUND, np.uint8)
        self.broken: dict[Path, str] = {}
        self._cells = cells
        self._layout = layout

    def frames(self, step: int, *, last: int, num_held: int) -> Iterator[Frame]:
        """The canvas after each `step` frames of the films, until each has shown its last."""
        readers = [_Reader(cell) for cell in self._cells]
        try:
            for time in [*range(0, last, step), last]:
                for index, (cell, reader) in enumerate(zip(self._cells, readers, strict=True)):
                    now = min(time, cell.probe.num_frames - 1)
                    if now > reader.at:
                        self._draw(index, reader.frame(now), now)
                yield self.picture
        finally:
            for reader in readers:
                reader.close()
            self.broken = {reader.film: reader.error for reader in readers if reader.error is not None}
        yield from itertools.repeat(self.picture, num_held)

    def _draw(self, index: int, frame: VideoFrame | None, now: int) -> None:
        cell, layout = self._cells[index], self._layout
        top, left = layout.corner(index)
        if frame is not None:
            picture = _fitted(frame, layout)
            high, wide = picture.shape[:2]
            row, column = top + (layout.height - high) // 2, left + (layout.width - wide) // 2
            self.picture[row : row + high, column : column + wide] = picture
        below = top + layout.height
        _draw_strip(self.picture[below : below + layout.strip, left : left + layout.width], cell, now, layout.scale)


def _draw_strip(strip: npt.NDArray[np.uint8], cell: _Cell, now: int, scale: int) -> None:
    """What the cell shows, as text, and how far the episode is, as a bar in the colour of its outcome."""
    last = cell.probe.num_frames - 1
    shown = cell.shown
    strip[:] = _GROUND
    columns = (strip.shape[1] // scale - 1) // 6
    draw_lines(strip, [label(shown.episode_index, shown.outcome, now, last=last, columns=columns)], scale=scale)
    bar = strip[10 * scale :]
    bar[:] = _TRACK
    done = strip.shape[1] if last == 0 else strip.shape[1] * now // last
    bar[:, :done] = COLOURS[shown.outcome]


def label(episode_index: int, outcome: str, now: int, *, last: int, columns: int) -> str:
    """The text below a picture in so many characters, the steps at its right end; what has no room is left out."""
    name, steps = f"{episode_index} {outcome}", f"{now}/{last}"
    if len(name) + len(steps) < columns:
        return name + steps.rjust(columns - len(name))
    return name if len(name) <= columns else f"{episode_index}"


def _fitted(frame: VideoFrame, layout: Layout) -> Frame:
    """The frame as large as its cell allows."""
    ratio = min(layout.height / frame.height, layout.width / frame.width)
    height, width = max(1, int(frame.height * ratio + 1e-6)), max(1, int(frame.width * ratio + 1e-6))
    small = frame.reformat(width, height, format="rgb24", interpolation="AREA" if ratio < 1 else "POINT")
    return small.to_ndarray().astype(np.uint8, copy=False)


class _Reader:
    """The frames of one film, in order; one that ends or breaks before its time gives no more."""

    def __init__(self, cell: _Cell) -> None:
        import av

        self.film = cell.shown.film
        self.at = -1
        self.error: str | None = None
        self._container = av.open(str(self.film))
        self._container.streams.video[0].codec_context.thread_count = 1
        self._frames = self._container.decode(video=0)

    def frame(self, index: int) -> VideoFrame | None:
        """Frame `index`, which must lie after the last one asked for."""
        from av.error import FFmpegError

        skipped = index - self.at - 1
        self.at = index
        if self.error is not None:
            return None
        try:
            return next(itertools.islice(self._frames, skipped, None))
        except (FFmpegError, StopIteration) as error:
            self.error = f"it can't be read to its end ({_reason(error) or 'frames are missing'})"
            return None

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
