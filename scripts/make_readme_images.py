"""Makes the pictures of the README from a real `rlgauge quickstart`.

    python scripts/make_readme_images.py [--out quickstart]

Runs `rlgauge quickstart --out OUT` on a pseudo-terminal (what is in OUT already is not measured again), draws what it
printed as docs/images/quickstart.svg, and sets frames of three of its videos side by side as docs/images/films.png.
Needs the extra `quickstart`.
"""

from __future__ import annotations

import argparse
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
COLUMNS = 112
FILMS = {"CartPole-v1": 60, "Acrobot-v1": 45, "Pendulum-v1": 40}
"""The tasks that are shown, and which frame of the trained policy's film."""

SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#0c0c0c" />
<g transform="translate({terminal_x}, 12)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""rich's own format without the window around it and without fonts from the network."""


def printed_by_quickstart(out: Path) -> str:
    """What `rlgauge quickstart` prints on a terminal; its progress is left out."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "rlgauge", "quickstart", "--out", str(out)]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        text = b"".join(_chunks(ours))
    if process.returncode:
        raise SystemExit(f"rlgauge quickstart ended with {process.returncode}:\n{text.decode()}")
    return text.decode().replace("\r\n", "\n")


def _chunks(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return
        if not chunk:
            return
        yield chunk


def shown(text: str) -> str:
    """The part that is shown: the table and the comparisons, with the command that made them."""
    start = text.index("policy")
    start = text.rindex("\n", 0, start) + 1
    end = text.index("Results: ")
    return "$ rlgauge quickstart\n" + text[start:end].rstrip() + "\n"


def draw(text: str, path: Path) -> None:
    """Write the text as it stands on a terminal as SVG."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(text), soft_wrap=True)
        svg = console.export_svg(theme=MONOKAI, code_format=SVG, unique_id="quickstart")
    path.write_text(svg)


def frame(film: Path, index: int) -> np.ndarray:
    """One picture of a film."""
    with av.open(str(film)) as container:
        return next(islice(container.decode(video=0), index, None)).to_ndarray(format="rgb24")


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    """The pictures side by side on white, at the height of the highest."""
    height, gap = max(picture.shape[0] for picture in pictures), 10
    padded = [np.full((height, picture.shape[1] + gap, 3), 255, np.uint8) for picture in pictures]
    for canvas, picture in zip(padded, pictures, strict=True):
        canvas[: picture.shape[0], :-gap] = picture
    return np.concatenate(padded, axis=1)[:, :-gap]


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write a picture (height, width, 3)."""
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *stream.encode(None)]:
            container.mux(packet)


def main() -> None:
    """Make both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("quickstart"), help="folder of the quickstart")
    out = parser.parse_args().out
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw(shown(printed_by_quickstart(out)), IMAGES / "quickstart.svg")
    films = [next((out / "videos" / "trained" / task).glob("*-e0000-*.mp4")) for task in FILMS]
    pictures = [frame(film, index) for film, index in zip(films, FILMS.values(), strict=True)]
    write_png(beside(pictures), IMAGES / "films.png")


if __name__ == "__main__":
    main()
