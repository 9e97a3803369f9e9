"""`rlgauge plot`: figures of what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli import plot_curves, plot_study, plot_watched
from rlgauge.cli.figure import Figure, wrapped
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.plot_kinds import KINDS, figure_of
from rlgauge.cli.plot_points import has_points, read_points
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

FORMATS = ("png", "svg", "pdf")
_ALL = "all"
_SIZES = {"paper": (6.0, 3.6), "slides": (9.0, 5.4)}
"""Inches; a figure with a long legend or many names is taller."""
_LEAST_DPI, _MOST_DPI = 20, 1200
_UNDATED: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""Equal figures are equal files."""
_BESIDE = 1.0
"""Inches for what stands above and below the axes."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge plot`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    _check(options)
    figures = list(_figures(options))
    folder = Path(options.output or "plots")
    drawn = 0
    for one in figures:
        path = folder / f"{one.name}_{_plain(one.heading)}.{options.format}"
        if _draw(one, path, options):
            print(f"Wrote {path}.")
            drawn += 1
    if not drawn:
        needs = {
            **{name: kind.needs for name, kind in KINDS.items()},
            plot_curves.NAME: f"{plot_curves.NEEDS}, or {plot_watched.NEEDS}",
        }
        needs |= dict.fromkeys(plot_study.KINDS, plot_study.NEEDS)
        told = "; ".join(dict.fromkeys(needs.values())) if options.kind == _ALL else needs[options.kind]
        raise UserError(f"{options.out} holds nothing that {options.kind} could show: {told}.")
    return FINE


def _figures(options: Namespace) -> Iterator[Figure]:
    """What is to be drawn, as far as there is something to draw it from. Raises UserError."""
    out = Path(options.out)
    is_all = options.kind == _ALL
    has_study = options.kind in plot_study.KINDS or (is_all and not options.tag and plot_study.is_study(out))
    is_curve = options.kind == plot_curves.NAME
    has_curves = is_curve or (is_all and not options.tag and plot_curves.is_trained(out))
    is_watched = (is_curve or (is_all and not options.tag)) and plot_watched.is_watched(out)
    if has_study:
        yield from plot_study.figures(out, list(plot_study.KINDS) if is_all else [options.kind])
    elif has_curves:
        yield from plot_curves.figures(out)
    if is_watched:
        yield from plot_watched.figures(out)
    if options.kind in KINDS or (is_all and (has_points(out) or not (has_curves or has_study or is_watched))):
        points = read_points(out, options.tag)
        for name in KINDS if is_all else [options.kind]:
            yield from (figure_of(name, points, environment) for environment in points.environments())


def build_parser() -> ArgumentParser:
    """The options of `rlgauge plot`."""
    parser = make_parser(
        "plot",
        "Draw learning curves of trainings or of checkpoints, a study of `rlgauge tune`, or what `rlgauge throughput` "
        "measured.",
    )
    of_study, of_throughput = ", ".join(plot_study.KINDS), ", ".join(KINDS)
    parser.add_argument(
        "kind",
        type=str,
        help=f"{plot_curves.NAME}; of a study {of_study}; of throughput {of_throughput}; or all that OUT has",
    )
    parser.add_argument("out", type=str, metavar="OUT", help="a folder of runs, or a JSON file of `rlgauge throughput`")
    parser.add_argument("-o", "--output", type=str | None, metavar="DIR", help="folder for the figures (plots)")
    parser.add_argument("--format", type=str, default="png", metavar="NAME", help=", ".join(FORMATS))
    parser.add_argument("--dpi", type=int, default=300, metavar="N", help="dots per inch of a png")
    parser.add_argument("--style", type=str, default="paper", metavar="NAME", help=", ".join(_SIZES))
    parser.add_argument("--tag", type=str | None, metavar="TEXT", help="only measurements of throughput with this tag")
    return parser


def _check(options: Namespace) -> None:
    """Raise UserError for what can't be drawn."""
    for name, given, known in (
        ("format", options.format, FORMATS),
        ("style", options.style, _SIZES),
        ("figure", options.kind, [_ALL, plot_curves.NAME, *plot_study.KINDS, *KINDS]),
    ):
        if given not in known:
            raise unknown(name, given, known)
    if not _LEAST_DPI <= options.dpi <= _MOST_DPI:
        raise UserError(f"--dpi {options.dpi}: it must be from {_LEAST_DPI} to {_MOST_DPI}.")
    if options.kind in {plot_curves.NAME, *plot_study.KINDS} and options.tag is not None:
        raise UserError("--tag is of measurements of throughput: trainings have none.")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UserError("Figures need matplotlib: pip install 'rlgauge[plots]'.") from error
    mpl.use("Agg")


def _draw(one: Figure, path: Path, options: Namespace) -> bool:
    """Whether there was something to draw."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=_SIZES[options.style], layout="constrained")
    try:
        told = one.draw(axes)
        if told is None:
            return False
        manner = ": ".join(filter(None, [axes.get_title(loc="left"), told.title]))
        axes.set_title(manner, fontsize="x-small", loc="left")
        figure.suptitle(one.heading, x=0.01, ha="left", fontsize="medium", fontweight="bold")
        if told.note:
            note = wrapped(told.note, inches=figure.get_figwidth())
            figure.supxlabel(note, x=0.01, ha="left", fontsize="xx-small", color="#444444")
        _make_room(figure, axes)
        with plain_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with mpl.rc_context({"svg.hashsalt": path.stem}):
                figure.savefig(path, dpi=options.dpi, metadata=_UNDATED.get(path.suffix))
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
