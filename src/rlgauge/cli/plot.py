"""`rlgauge plot`: the figures of a report as files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.cli import plot_curves, plot_kinds, plot_study, plot_watched, report_page, sources, summary
from rlgauge.cli.console import complain
from rlgauge.cli.figure import STYLES, save
from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.plot_points import has_points, read_points
from rlgauge.compare.phrases import count
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.run import Status
from rlgauge.report.content import Figure
from rlgauge.report.plots import cut_names, is_empty

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

FORMATS = ("png", "svg", "pdf")
_ALL = "all"
_LEAST_DPI, _MOST_DPI = 20, 1200
_MOST_NAME, _HASH = 120, 8
"""Bytes of a file's name, and digits of what tells those apart that are cut."""
_WATCHED = tuple(f"{plot_watched.NAME}_{what}" for what in ("return", "success"))
_CURVES = plot_curves.NAME
_OF_REPORT = {
    _CURVES: f"train with `rlgauge train`, or {plot_watched.NEEDS}",
    "overall": "scores of one task, or normalised ones (--normalise), can be averaged",
    "profiles": "it takes several runs of a group, with scores of one task or normalised ones (--normalise)",
    "improvement": "it takes from two to eight groups with runs on the same tasks",
    "ranks": "it takes two groups or more that have runs on the same two tasks or more",
    "tasks": "it takes runs with a score",
    "heat_map": "it takes two groups or more on two tasks or more",
    "success": "it takes runs that tell of success",
    "endings": "it takes evaluations whose episodes tell how they ended",
    "efficiency": "it takes trainings with curves whose scores have one scale",
    "wall_clock": "it takes trainings with curves that tell the time",
    "latency": "it takes evaluations that timed their policy",
    "history": "it takes several measurements of the same with `rlgauge throughput`",
    "waterfall": "it takes two measurements of the same with `rlgauge throughput`",
}
"""The figures that a report has of runs, and what they need."""
_OF_MEASUREMENTS = {
    "ab": "measure two sides in turns with `rlgauge throughput ab`",
    "noise": "measure with `rlgauge throughput`",
    "spread": "measure with `rlgauge throughput`, several processes of each (--processes)",
}
NEEDS = {
    **_OF_REPORT,
    **dict.fromkeys(_WATCHED, plot_watched.NEEDS),
    **dict.fromkeys(plot_study.KINDS, plot_study.NEEDS),
    **{name: kind.needs for name, kind in plot_kinds.KINDS.items()},
    **_OF_MEASUREMENTS,
}
"""Every figure, and what it needs."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge plot`. Raises UserError."""
    if argv and argv[0] not in {_ALL, *NEEDS} and Path(argv[0]).exists():
        raise UserError(f"rlgauge plot needs a KIND before {argv[0]}: {_ALL}, {', '.join(NEEDS)}.")
    options = parse(build_parser(), argv, repeated=("--rename", "--algo", "--task"))
    if options is None:
        return FINE
    _check(options)
    folder = Path(options.output or "plots")
    used: set[str] = set()
    for one in _figures(options):
        path = folder / f"{_name(one, used)}.{options.format}"
        missing = save(one, path, style=STYLES[options.style], dpi=options.dpi)
        if missing:
            complain(f"rlgauge: {path.name} has boxes for letters that no font here has: {missing}")
        for short, full in cut_names(one.chart):
            complain(f"rlgauge: {path.name} has {short!r} for {full!r}.")
        print(f"Wrote {path}.")
    if not used:
        raise UserError(f"{', '.join(options.source)} holds nothing that {options.kind} could show: {_why(options)}.")
    return FINE


def _why(options: Namespace) -> str:
    """Why nothing is drawn: no run completed, or what the figure needs is not there."""
    if options.tag is None:
        statuses = Counter(one.status for one in report_page.asked(options).readings)
        if statuses and Status.COMPLETED not in statuses:
            became = ", ".join(f"{num} {status.lower()}" for status, num in sorted(statuses.items()))
            of = count(statuses.total(), "run")
            return f"none of {of} completed ({became}); `rlgauge report` tells why they ended"
    if options.kind == _ALL:
        return "`rlgauge report` tells what there is, and `rlgauge plot KIND` what a figure of that kind needs"
    return NEEDS[options.kind]


def build_parser() -> ArgumentParser:
    """The options of `rlgauge plot`."""
    parser = make_parser("plot", "Draw the figures of a report, each as a file for a paper or for slides.")
    parser.add_argument("kind", type=str, help=f"{', '.join(NEEDS)}; or all that there is something for")
    sources.add_source_options(parser)
    summary.add_question_options(parser)
    group = parser.add_argument_group("How it is drawn")
    group.add_argument("-o", "--output", type=str | None, metavar="DIR", help="folder for the figures (plots)")
    group.add_argument("--format", type=str, default="png", metavar="NAME", help=", ".join(FORMATS))
    group.add_argument("--dpi", type=int, default=300, metavar="N", help="dots per inch of a png")
    group.add_argument("--style", type=str, default="paper", metavar="NAME", help=", ".join(STYLES))
    parser.add_argument("--tag", type=str | None, metavar="TEXT", help="only measurements of throughput with this tag")
    return parser


def _check(options: Namespace) -> None:
    """Raise UserError for what can't be drawn."""
    for name, given, known in (
        ("format", options.format, FORMATS),
        ("style", options.style, STYLES),
        ("figure", options.kind, [_ALL, *NEEDS]),
    ):
        if given not in known:
            raise unknown(name, given, known)
    if not _LEAST_DPI <= options.dpi <= _MOST_DPI:
        raise UserError(f"--dpi {options.dpi}: it must be from {_LEAST_DPI} to {_MOST_DPI}.")
    if options.tag is not None and options.kind not in {_ALL, *plot_kinds.KINDS}:
        raise UserError("--tag is of measurements of throughput: other runs have none.")
    for source in options.source:
        if not Path(source).exists():
            needs = NEEDS.get(options.kind, "name one that has runs or measurements")
            raise UserError(f"There is no folder or file {source}: {needs}.")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UserError("Figures need matplotlib: pip install 'rlgauge[plots]'.") from error
    mpl.use("Agg")


def _figures(options: Namespace) -> list[Figure]:
    """What is to be drawn, as far as there is something to draw it from. Raises UserError."""
    kind, paths = options.kind, [Path(source) for source in options.source]
    found = [
        figure if len(paths) == 1 else _of(figure, path.name) for path in paths for figure in _of_folder(path, options)
    ]
    if options.tag is None and not _is_beside(options, paths):
        known = {one.kind for one in found}
        wanted = {kind, *(_WATCHED if kind == _CURVES else ())}
        told = report_page.report_of(report_page.asked(options), options)[0].sections
        drawn = [one for section in told for one in section.body if isinstance(one, Figure) and one.kind not in known]
        found += [one for one in drawn if kind == _ALL or one.kind in wanted]
    return [one for one in found if not is_empty(one.chart)]


def _is_beside(options: Namespace, paths: Sequence[Path]) -> bool:
    """Whether all that is to be drawn are measurements or studies, which folders have beside scores of runs."""
    if options.kind in plot_study.KINDS:
        return True
    if options.kind in plot_kinds.KINDS:
        return all(map(_has_points, paths))
    return options.kind == _ALL and all(_is_measurement(path) or plot_study.is_study(path) for path in paths)


def _of_folder(path: Path, options: Namespace) -> Iterator[Figure]:
    """What a folder has beside scores of runs: a study, and measurements of throughput."""
    kind, is_all = options.kind, options.kind == _ALL
    if kind in plot_study.KINDS or (is_all and options.tag is None and plot_study.is_study(path)):
        yield from plot_study.figures(path, list(plot_study.KINDS) if is_all else [kind])
    if options.tag is not None or ((is_all or kind in plot_kinds.KINDS) and _has_points(path)):
        points = read_points(path, options.tag)
        for environment in points.environments():
            yield from plot_kinds.figures(points, environment, None if is_all else [kind])


def _has_points(path: Path) -> bool:
    return has_points(path) if path.is_dir() else _is_measurement(path)


def _is_measurement(path: Path) -> bool:
    return path.is_file() and path.suffix == ".json"


def _of(figure: Figure, name: str) -> Figure:
    """The figure as one of several of its kind, told apart by the folder."""
    chart: Any = msgspec.structs.replace(figure.chart, title=f"{figure.chart.title}, {name}")
    return msgspec.structs.replace(figure, chart=chart, of=f"{figure.of}, {name}" if figure.of else name)


def _name(figure: Figure, used: set[str]) -> str:
    """Its kind and what it is of, as no other file is called."""
    whole = "_".join(filter(None, [figure.kind, "".join(one if one.isalnum() else "_" for one in figure.of)]))
    if len(whole.encode()) > _MOST_NAME:
        digest = hashlib.sha256(figure.of.encode()).hexdigest()[:_HASH]
        whole = f"{whole.encode()[:_MOST_NAME].decode(errors='ignore')}_{digest}"
    name, number = whole, 1
    while name.lower() in used:
        number += 1
        name = f"{whole}_{number}"
    used.add(name.lower())
    return name
