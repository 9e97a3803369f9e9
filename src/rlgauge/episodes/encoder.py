"""H.264 written in a thread of its own: memory is bounded, and what fails there is raised to the caller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

from rlgauge.core.errors import UserError
from rlgauge.episodes.overlay import Frame

QUEUE_FRAMES = 8
"""Frames that may wait for the encoder; the player waits once there are more."""

STALL_SECONDS = 120.0
"""An encoder that takes no frame, or does not end, for this long is given up."""

_LOOK_SECONDS = 0.1

Draw = Callable[[Frame], None]
"""Draws on a frame in place."""


class VideoError(UserError):
    """A video could not be written: the encoder's own error is its cause where there is one."""


class _DroppedError(Exception):
    """The film is not wanted any more."""


class Encoder:
    """Writes the frames put into it to one file, in its own thread; `finish` must be called once, `put` before it."""

    def __init__(self, path: Path, fps: Fraction) -> None:
        self.path = path
        self.last: Frame | None = None
        """The last frame that was written, with what was drawn on it; to be read after `finish`."""
        self._fps = fps
        self._queue: queue.Queue[tuple[Frame, Draw | None] | None] = queue.Queue(QUEUE_FRAMES)
        self._dropped = threading.Event()
        self._failure: Exception | None = None
        self._complete = False
        self._patience = STALL_SECONDS
        self._thread = threading.Thread(target=self._run, name=f"video {path.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, frame: Frame, draw: Draw | None = None) -> None:
        """Hand over a frame, which belongs to the encoder from now on. Raises VideoError where the encoder failed."""
        if not self._offer((frame, draw)):
            raise self._error()

    def finish(self, *, drop: bool) -> None:
        """Wait until the file is whole, or where `drop` is true, only until it is let go. Raises VideoError."""
        if drop:
            self._dropped.set()
        self._offer(None)
        self._thread.join(self._patience)
        if not self._complete:
            raise self._error()

    def _offer(self, item: tuple[Frame, Draw | None] | None) -> bool:
        """Whether the thread will see the item. Each wait is short: a dead thread never empties its queue."""
        for _ in range(round(self._patience / _LOOK_SECONDS)):
            if not self._thread.is_alive():
                return False
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        self._patience = 0.0
        return False

    def _error(self) -> VideoError:
        if self._failure is not None:
            error = VideoError(f"The video {self.path} could not be written: {self._failure}.")
            error.__cause__ = self._failure
            return error
        if self._thread.is_alive():
            return VideoError(f"The video {self.path} was given up: nothing was written for {STALL_SECONDS:g} seconds.")
        return VideoError(f"The video {self.path} could not be written: its encoder's thread has ended.")

    def _run(self) -> None:
        """Encode until the end. An error that is not foreseen here ends the thread, loudly, and `_error` says so."""
        from av.error import FFmpegError

        try:
            write_h264(self.path, self._fps, self._frames())
        except _DroppedError:
            pass
        except (FFmpegError, OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
            self._failure = error
            return
        self._complete = True

    def _frames(self) -> Iterator[Frame]:
        while (item := self._queue.get()) is not None and not self._dropped.is_set():
            frame, draw = item
            if draw is not None:
                draw(frame)
            self.last = frame
            yield frame
        if self._dropped.is_set():
            raise _DroppedError


def write_h264(path: Path, fps: Fraction, frames: Iterator[Frame]) -> None:
    """Write frames of one even size as an mp4 whose index comes first, so that a browser can play it as it loads.

    Without frames nothing is written.
    """
    import av
    from av.video.frame import VideoFrame

    first = next(frames, None)
    if first is None:
        return
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "23"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in chain([first], frames):
            container.mux(stream.encode(VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def as_png(frame: Frame) -> bytes:
    """The frame as a PNG file."""
    from av.codec.context import CodecContext
    from av.video.frame import VideoFrame

    codec = CodecContext.create("png", "w")
    codec.height, codec.width = frame.shape[:2]
    codec.pix_fmt, codec.time_base = "rgb24", Fraction(1)
    picture = VideoFrame.from_ndarray(frame, format="rgb24")
    return b"".join(bytes(packet) for packet in [*codec.encode(picture), *codec.encode(None)])
