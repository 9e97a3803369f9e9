"""Films for trackers that show no film: as moving images."""

from __future__ import annotations

import importlib.util
import io
from fractions import Fraction
from pathlib import Path

import msgspec

_MOST_FRAMES = 300
_WIDTH = 256
"""Most pixels from left to right: browsers show these small, and their checksum costs time."""
_RATE = 10
"""Frames a second of the moving image."""


class Gif(msgspec.Struct, frozen=True):
    """A moving image as a file; sizes in pixels."""

    content: bytes
    width: int
    height: int


def as_gif(path: Path) -> Gif | None:
    """The beginning of a film; None where PyAV is not installed, or where it can't be read."""
    if importlib.util.find_spec("av") is None:
        return None
    from av.error import FFmpegError

    try:
        return _converted(path)
    except (FFmpegError, OSError, ValueError, StopIteration):
        return None


def _converted(path: Path) -> Gif | None:
    import av

    made = io.BytesIO()
    with av.open(str(path)) as film, av.open(made, "w", format="gif") as image:
        source = film.streams.video[0]
        shown = max(1, round(float(source.average_rate or _RATE) / _RATE))
        width = min(_WIDTH, source.width)
        height = max(1, source.height * width // source.width)
        target = image.add_stream("gif", rate=_RATE)
        target.width, target.height, target.pix_fmt = width, height, "rgb8"
        num_frames = 0
        for index, frame in enumerate(film.decode(source)):
            if index % shown == 0:
                small = frame.reformat(width=width, height=height, format="rgb8")
                small.pts, small.time_base = num_frames, Fraction(1, _RATE)
                image.mux(target.encode(small))
                num_frames += 1
            if num_frames == _MOST_FRAMES:
                break
        image.mux(target.encode(None))
    return Gif(made.getvalue(), width, height) if num_frames else None
