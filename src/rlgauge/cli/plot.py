"""`rlgauge plot`: figures of what was measured."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rlgauge.cli.main import FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors
from rlgauge.core.run import Status
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report import plots
from rlgauge.report.plots import Series

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

FORMATS = ("png", "svg", "pdf")
_SIZES = {"paper": (5.0, 3.4), "slides": (9.0, 5.5)}
_PAIR = 2


class _File(msgspec.Struct, frozen=True):
    """What is needed of throughput_*.json."""

    points: list[Measured]
    timestamp: str = ""
    tag: str = ""


Draw = Callable[[Any, Sequence[Measured]], bool]
"""Draws on Axes what there is of it; False where there is nothing."""


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge plot`. Raises UserError."""
    options = parse(build_parser(), argv)
    if options is None:
        return FINE
    if options.format not in FORMATS:
        raise unknown("format", options.format, FORMATS)
    if options.style not in _SIZES:
        raise unknown("style", options.style, _SIZES)
    if options.kind not in {"all", *KINDS}:
        raise unknown("figure", options.kind, ["all", *KINDS])
    _check_library()
    found = _read(Path(options.out), options.tag)
    folder = Path(options.output or "plots")
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = 0
    for kind in KINDS if options.kind == "all" else [options.kind]:
        for environment in dict.fromkeys(one.point.environment for one in found):
            part = [one for one in found if one.point.environment == environment]
            path = folder / f"{kind}_{_plain(environment)}.{options.format}"
            if _draw(KINDS[kind], part, path, title=environment, size=_SIZES[options.style], dpi=options.dpi):
                print(f"Wrote {path}.")
                drawn += 1
    if not drawn:
        raise UserError(f"{options.out} holds nothing that {options.kind} could show: {NEEDS[options.kind]}.")
    return FINE


def build_parser() -> ArgumentParser:
    """The options of `rlgauge plot`."""
    parser = make_parser("plot", "Draw figures of what `rlgauge throughput` measured.")
    parser.add_argument("kind", type=str, help=f"{', '.join(KINDS)}, or all")
    parser.add_argument(
        "out", type=str, metavar="OUT", help="a folder of `rlgauge throughput`, or one of its JSON files"
    )
    parser.add_argument("-o", "--output", type=str | None, metavar="DIR", help="folder for the figures (plots)")
    parser.add_argument("--format", type=str, default="png", metavar="NAME", help=", ".join(FORMATS))
    parser.add_argument("--dpi", type=int, default=300, metavar="N", help="dots per inch of a png")
    parser.add_argument("--style", type=str, default="paper", metavar="NAME", help=", ".join(_SIZES))
    parser.add_argument("--tag", type=str | None, metavar="TEXT", help="the newest measurement with this tag")
    return parser


def _check_library() -> None:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UserError("Figures need matplotlib: pip install 'rlgauge[plots]'.") from error
    mpl.use("Agg")


def _read(out: Path, tag: str | None) -> list[Measured]:
    """What the newest measurement came to. Raises UserError."""
    paths = [out] if out.is_file() else sorted(out.glob("throughput_*.json"), key=lambda path: path.stat().st_mtime)
    files = []
    for path in paths:
        with plain_errors(path, "read"):
            content = path.read_bytes()
        try:
            files.append(msgspec.json.decode(content, type=_File))
        except msgspec.DecodeError as error:
            raise UserError(f"{path} is no file of `rlgauge throughput`: {error}.") from error
    files = [file for file in files if tag is None or file.tag == tag]
    if not files:
        wanted = "" if tag is None else f" with the tag {tag!r}"
        raise UserError(f"{out} holds no measurement{wanted}: make one with `rlgauge throughput --out {out}`.")
    return [one for one in files[-1].points if one.status is Status.COMPLETED]


def _draw(
    draw: Draw, found: Sequence[Measured], path: Path, *, title: str, size: tuple[float, float], dpi: int
) -> bool:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=size, layout="constrained")
    try:
        if not draw(axes, found):
            return False
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium", fontweight="bold")
        with plain_errors(path):
            figure.savefig(path, dpi=dpi, metadata={"Date": None} if path.suffix == ".svg" else None)
    finally:
        plt.close(figure)
    return True


def _plain(text: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in text)


def _by_library(found: Iterable[Measured]) -> dict[str, list[Measured]]:
    """Points of the default manner, of each library in rising number."""
    parts: dict[str, list[Measured]] = {}
    for one in found:
        parts.setdefault(_title(one), []).append(one)
    return {name: sorted(part, key=lambda one: one.point.num_envs) for name, part in parts.items()}


def _title(one: Measured) -> str:
    """The library, and in which way it was measured where that is not the default."""
    point = one.point
    chosen = [
        *([f"chunk {point.scan_chunk_size}"] if point.scan_chunk_size is not None else []),
        *([f"{point.devices} devices"] if point.devices > 1 else []),
        *([point.policy] if point.policy != "random" else []),
        *(["written"] if point.emit == "write" else []),
        *([point.rng] if point.rng is not None else []),
    ]
    return ", ".join([point.name, *chosen])


def _speeds(found: Iterable[Measured]) -> list[Series]:
    return [_speed(name, part) for name, part in _by_library(found).items()]


def _speed(name: str, part: Sequence[Measured]) -> Series:
    has_intervals = all(one.low is not None for one in part)
    return Series(
        name=name,
        xs=[one.point.num_envs for one in part],
        ys=[one.steps_per_second or 0.0 for one in part],
        lows=[one.low or 0.0 for one in part] if has_intervals else None,
        highs=[one.high or 0.0 for one in part] if has_intervals else None,
    )


def _throughput(axes: Any, found: Sequence[Measured]) -> bool:  # noqa: ANN401  # matplotlib's
    series = _speeds(found)
    plots.throughput_scaling(axes, series, rooflines=[_roofline(part) for part in _by_library(found).values()])
    return any(len(one.xs) > 1 for one in series)


def _roofline(part: Sequence[Measured]) -> Series | None:
    """What memory allows at most, where that was measured."""
    known = [one for one in part if one.roofline is not None]
    if not known:
        return None
    ys = [one.roofline or 0.0 for one in known]
    return Series(name="memory bandwidth", xs=[one.point.num_envs for one in known], ys=ys)


def _efficiency(axes: Any, found: Sequence[Measured]) -> bool:  # noqa: ANN401
    series = [one for one in _speeds(found) if len(one.xs) > 1]
    plots.scaling_efficiency(axes, series)
    return bool(series)


def _memory(axes: Any, found: Sequence[Measured]) -> bool:  # noqa: ANN401
    series = []
    for name, part in _by_library(found).items():
        for kind, sizes in (
            ("planned", [one.planned_bytes for one in part]),
            ("peak", [one.peak_bytes for one in part]),
            ("peak of the device", [one.device_peak_bytes for one in part]),
        ):
            known = [(one.point.num_envs, float(size)) for one, size in zip(part, sizes, strict=True) if size]
            if known:
                xs, ys = zip(*known, strict=True)
                series.append(Series(name=f"{name}, {kind}", xs=xs, ys=ys))
    plots.memory_scaling(axes, series)
    return any(len(one.xs) > 1 for one in series)


def _chunks(axes: Any, found: Sequence[Measured]) -> bool:  # noqa: ANN401
    series = []
    chosen = [one for one in found if one.point.scan_chunk_size is not None]
    key = _library_and_number
    for (name, number), group in itertools.groupby(sorted(chosen, key=key), key=key):
        part = sorted(group, key=lambda one: one.point.scan_chunk_size or 0)
        xs = [float(one.point.scan_chunk_size or 0) for one in part]
        if len(set(xs)) == len(xs) > 1:
            ys = [one.steps_per_second or 0.0 for one in part]
            series.append(Series(name=f"{name} x {number:,}", xs=xs, ys=ys))
    plots.scan_chunk_sensitivity(axes, series)
    return bool(series)


def _library_and_number(one: Measured) -> tuple[str, int]:
    return one.point.name, one.point.num_envs


def _libraries(axes: Any, found: Sequence[Measured]) -> bool:  # noqa: ANN401
    series = _speeds(found)
    plots.library_comparison(axes, series)
    return len(series) > 1


KINDS: dict[str, Draw] = {
    "throughput_scaling": _throughput,
    "scaling_efficiency": _efficiency,
    "memory_scaling": _memory,
    "scan_chunk_sensitivity": _chunks,
    "library_comparison": _libraries,
}
NEEDS = {
    "throughput_scaling": "measure several numbers with --num-envs",
    "scaling_efficiency": "measure several numbers with --num-envs",
    "memory_scaling": "measure several numbers with --num-envs",
    "scan_chunk_sensitivity": "measure several sizes with --scan-chunk-size",
    "library_comparison": "measure several libraries with --library",
    "all": "nothing was measured",
}
"""What a figure is drawn of."""
