"""`rlgauge plot`: figures of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.plot_kinds import KINDS, Kind, small_print, title_of
from rlgauge.cli.plot_points import Points, read_points
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

FORMATS = ("png", "svg", "pdf")
_SIZES = {"paper": (6.0, 3.6), "slides": (9.0, 5.4)}
"""Inches; a figure with a long legend or many names is taller."""
_LEAST_DPI, _MOST_DPI = 20, 1200
_BESIDE = 1.0
"""Inches for what stands above and below the axes."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge plot`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    _check(options)
    points = read_points(Path(options.out), options.tag)
    folder = Path(options.output or "plots")
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = 0
    for name in KINDS if options.kind == "all" else [options.kind]:
        for environment in points.environments():
            path = folder / f"{name}_{_plain(environment)}.{options.format}"
            if _draw(KINDS[name], points.of(environment), path, environment=environment, options=options):
                print(f"Wrote {path}.")
                drawn += 1
    if not drawn:
        needs = "; ".join(dict.fromkeys(one.needs for one in KINDS.values()))
        needs = needs if options.kind == "all" else KINDS[options.kind].needs
        raise UserError(f"{options.out} holds nothing that {options.kind} could show: {needs}.")
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge plot`."""
    parser = make_parser("plot", "Draw figures of what `rlgauge throughput` measured: the newest of every point.")
    parser.add_argument("kind", type=str, help=f"{', '.join(KINDS)}, or all")
    parser.add_argument(
        "out", type=str, metavar="OUT", help="a folder of `rlgauge throughput`, or one of its JSON files"
    )
    parser.add_argument("-o", "--output", type=str | None, metavar="DIR", help="folder for the figures (plots)")
    parser.add_argument("--format", type=str, default="png", metavar="NAME", help=", ".join(FORMATS))
    parser.add_argument("--dpi", type=int, default=300, metavar="N", help="dots per inch of a png")
    parser.add_argument("--style", type=str, default="paper", metavar="NAME", help=", ".join(_SIZES))
    parser.add_argument("--tag", type=str | None, metavar="TEXT", help="only measurements with this tag")
    return parser


def _check(options: Namespace) -> None:
    """Raise UserError for what can't be drawn."""
    for name, given, known in (
        ("format", options.format, FORMATS),
        ("style", options.style, _SIZES),
        ("figure", options.kind, ["all", *KINDS]),
    ):
        if given not in known:
            raise unknown(name, given, known)
    if not _LEAST_DPI <= options.dpi <= _MOST_DPI:
        raise UserError(f"--dpi {options.dpi}: it must be from {_LEAST_DPI} to {_MOST_DPI}.")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UserError("Figures need matplotlib: pip install 'rlgauge[plots]'.") from error
    mpl.use("Agg")


def _draw(kind: Kind, points: Points, path: Path, *, environment: str, options: Namespace) -> bool:
    """Whether there was something to draw."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=_SIZES[options.style], layout="constrained")
    try:
        shown = kind.draw(axes, points)
        if not shown:
            return False
        manner = ": ".join(filter(None, [axes.get_title(loc="left"), title_of(shown)]))
        axes.set_title(manner, fontsize="x-small", loc="left")
        figure.suptitle(environment, x=0.01, ha="left", fontsize="medium", fontweight="bold")
        note = small_print(kind, shown, inches=figure.get_figwidth())
        if note:
            figure.supxlabel(note, x=0.01, ha="left", fontsize="xx-small", color="#444444")
        _make_room(figure, axes)
        with plain_errors(path):
            figure.savefig(path, dpi=options.dpi, metadata={"Date": None} if path.suffix == ".svg" else None)
    finally:
        plt.close(figure)
    return True


def _make_room(figure: Any, axes: Any) -> None:  # noqa: ANN401  # matplotlib's
    """Make the figure as tall as its legend, or the names of its libraries, are."""
    legend = axes.get_legend()
    extents = [label.get_window_extent().height for label in axes.get_yticklabels()]
    inches = max(1.3 * sum(extents), legend.get_window_extent().height if legend else 0.0) / figure.dpi
    figure.set_figheight(max(figure.get_figheight(), inches + _BESIDE))


def _plain(text: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in text)
