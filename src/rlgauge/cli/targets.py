"""The targets of suites: kept beside the runs, and judged by what was measured under each tag."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge import __version__
from rlgauge.cli.asked_runs import Ran, renewed
from rlgauge.cli.stopped import with_stopping
from rlgauge.cli.throughput_files import Written, read_json
from rlgauge.cli.throughput_table import compile_seconds
from rlgauge.core import index
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.envs.libraries import LIBRARIES
from rlgauge.kinds.throughput.measuring import OWN
from rlgauge.kinds.throughput.memory import memory_of
from rlgauge.kinds.throughput.noise import Noise
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.judged import Judged
from rlgauge.report.overview import make_overview
from rlgauge.report.question import Question
from rlgauge.stats.intervals import geometric_mean
from rlgauge.stats.summary import Summary
from rlgauge.suites.target import Target, number

if TYPE_CHECKING:
    from rlgauge.suites.suite import Suite

_FORMAT = 1
_KEPT = "targets_*.json"
_PAIR = 2
POINT = {
    "env": "environment",
    "library": "name",
    "num_envs": "num_envs",
    "scan_chunk_size": "scan_chunk_size",
    "block": "block",
    "devices": "devices",
    "action": "policy",
    "rng": "rng",
    "emit": "emit",
}
"""What a target of `rlgauge throughput` can say of a point, and the point's own name for it."""
_WORK = {"devices": 1, "action": "random", "rng": None, "emit": "drop"}
"""What defines the work and is the default where a target does not say it; of chunks and blocks the best counts."""
_RUN = {"policy", "algo", "env"}
COUNTS = {"num_envs", "scan_chunk_size", "block", "devices"}
_SINGLE: Mapping[str, tuple[str, Callable[[Measured], float | None]]] = {
    "steps_per_second": ("steps/s", lambda one: one.steps_per_second),
    "steps_per_cpu_second": ("steps/s", lambda one: one.steps_per_cpu_second),
    "compile_seconds": ("s", compile_seconds),
    "reset_seconds": ("s", lambda one: one.seconds.get("reset")),
    "planned_bytes": ("bytes", lambda one: one.planned_bytes),
    "peak_bytes": ("bytes", lambda one: one.peak_bytes),
}
"""Quantities of a point: their unit and where they are."""
_PLANNED = "planned_bytes_per_env"
SLOPES = (_PLANNED, "peak_bytes_per_env")
"""Quantities of all numbers of environments together."""
_NO_RUN = "no run of the folder tells it."
_SEVERAL = "its runs have several settings; give the suite's command again."


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The targets of a suite that ran under a tag, as a file, and what its commands ran."""

    format: int = _FORMAT
    rlgauge: str = __version__
    suite: str
    tag: str
    targets: list[Target]
    ran: list[Ran] = []


class _Value(msgspec.Struct, frozen=True):
    """What a quantity came to, and the points that it rests on."""

    summary: Summary
    points: list[Measured]

    @property
    def ends(self) -> tuple[float, float] | None:
        """Of its interval; None where it has none."""
        low, high = self.summary.low, self.summary.high
        return None if low is None or high is None else (low, high)


def check(suite: Suite) -> None:
    """Raise UserError for a target that nothing can be measured of."""
    for place, target in enumerate(suite.targets, start=1):
        try:
            _check(target)
        except UserError as error:
            raise UserError(f"{suite.where}, target {place}: {error}") from error


def keep(suite: Suite, out: Path, tag: str, *, ran: Iterable[Ran] = ()) -> None:
    """Write the targets beside the runs, one file a suite and tag, and what was run for them.

    Raises StoreError.
    """
    name = "_".join(["targets", *(re.sub(r"[^\w.-]+", "-", part) for part in (suite.name, tag) if part)])
    path = out / f"{name}.json"
    if suite.targets or path.exists():  # those that it had before are its targets no more
        before: list[Ran] = []
        if path.exists():
            with contextlib.suppress(UserError):  # a damaged file, in whose place this one comes
                before = _read(path).ran
        _write(path, Kept(suite=suite.name, tag=tag, targets=suite.targets, ran=renewed(before, ran)))


def merge_kept(out: Path, source: Path) -> None:
    """Add the targets that lie beside other runs, with what was run for them there. Raises UserError."""
    for path in sorted(source.glob(_KEPT)):
        kept, target = _read(path), out / path.name
        if target.exists():
            before = _read(target)
            kept = msgspec.structs.replace(before, ran=list(dict.fromkeys([*before.ran, *kept.ran])))
        _write(target, kept)


def _write(path: Path, kept: Kept) -> None:
    write_atomic(path, msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")


def judged(paths: Iterable[Path]) -> list[Judged]:
    """Every target that lies beside the runs of these folders, judged; tag after tag. Raises UserError."""
    return [one for path in paths if path.is_dir() for one in _of_folder(path)]


def _of_folder(folder: Path) -> Iterator[Judged]:
    all_kept = [_read(path) for path in sorted(folder.glob(_KEPT))]
    files = [read_json(path) for path in folder.glob("throughput_*.json")] if all_kept else []
    files.sort(key=lambda file: file.timestamp, reverse=True)
    of_runs = any(target.actor is not None for kept in all_kept for target in kept.targets)
    readings = with_stopping(index.readings(folder)) if of_runs else []
    for kept in all_kept:
        own = [file for file in files if file.tag == kept.tag]
        for target in kept.targets:
            yield _judged(kept, target, own, readings)


def _check(target: Target) -> None:
    """Raise UserError for a target that says too little, or what nothing is called."""
    of_runs = target.actor is not None
    for name in target.of:
        if name not in (_RUN if of_runs else POINT):
            raise unknown("name", name, _RUN if of_runs else POINT)
    if of_runs:
        if "env" not in target.of or target.ratio_to is not None or len(target.of) > len(("env", "policy")):
            raise UserError("a target of a policy or algo names its env, and no ratio_to.")
        return
    if not {"env", "library"} <= set(target.of):
        raise UserError("`of` names an env and a library, or an env and a policy or algo.")
    for side in sides_of(target):
        if side["library"] not in {*LIBRARIES, OWN}:
            raise unknown("library", str(side["library"]), LIBRARIES)
    if target.quantity not in {*_SINGLE, *SLOPES}:
        raise unknown("quantity", target.quantity, {*_SINGLE, *SLOPES})
    if ("num_envs" in target.of) is (target.quantity in SLOPES):
        needs = "is of all numbers of environments together: leave out" if target.quantity in SLOPES else "needs"
        raise UserError(f"{target.quantity} {needs} num_envs.")
    wanted_of(target.of)


def _judged(kept: Kept, target: Target, files: Sequence[Written], readings: Sequence[Reading]) -> Judged:
    """The target with what was measured; `files` are measurements under its tag, the newest first."""
    if target.actor is not None:
        summary, unit, reason = _of_runs(target, readings, kept.ran)
        return Judged(suite=kept.suite, tag=kept.tag, target=target, measured=summary, unit=unit, reason=reason)
    unit = _SINGLE[target.quantity][0] if target.quantity in _SINGLE else "bytes"
    is_slope = target.quantity in SLOPES
    for file in sorted(files, key=lambda file: file.tells_speed) if is_slope else files:
        sides = [_matching(file.points, of) for of in sides_of(target)]
        if not all(sides) or (unit != "bytes" and not file.tells_speed):
            continue
        values = [_value(target, side) for side in sides]
        told = [value for value in values if value is not None]
        if len(told) < len(sides):
            failed = next(side for side, value in zip(sides, values, strict=True) if value is None)
            return Judged(suite=kept.suite, tag=kept.tag, target=target, reason=_why(target, failed))
        found = told[0].summary if target.ratio_to is None else _ratio(*told)
        return Judged(
            suite=kept.suite,
            tag=kept.tag,
            target=target,
            measured=found,
            unit=unit if target.ratio_to is None else "",
            noise=None if unit == "bytes" else _noise([one for value in told for one in value.points]),
            reason=f"{target.ratio_to}: it is 0, to which there is no ratio." if found is None else None,
            is_certain=_is_certain(target, told) if is_slope and found is not None else None,
        )
    return Judged(suite=kept.suite, tag=kept.tag, target=target, reason="no measurement has it.")


def _is_certain(target: Target, sides: Sequence[_Value]) -> bool | None:
    """Whether slopes that are anywhere in their intervals all give the same answer; None where that is not known.

    A slope that may be 0 is one by chance. Of a single slope without such doubt, its interval decides.
    """
    ends = [value.ends for value in sides]
    if any(end is not None and end[0] <= 0 <= end[1] for end in ends):
        return False
    if len(sides) == 1:
        return None
    (ours, theirs) = (value.ends or (value.summary.point,) * 2 for value in sides)
    answers = {target.is_met(_tidy(one / other)) for one in ours for other in theirs}
    if len(answers) > 1:
        return False
    return True if all(ends) else None


def sides_of(target: Target) -> Iterator[Mapping[str, str | int | float]]:
    """What it is of, and what it is a ratio to."""
    yield target.of
    if target.ratio_to is not None:
        yield {**target.of, "library": target.ratio_to}


def _matching(points: Iterable[Measured], of: Mapping[str, str | int | float]) -> list[Measured]:
    """The points that the target is of."""
    wanted = wanted_of(of)
    return [one for one in points if all(getattr(one.point, name) == value for name, value in wanted.items())]


def wanted_of(of: Mapping[str, str | int | float]) -> dict[str, object]:
    """What a point must have, by its own names. Raises UserError for a number that is none."""
    wanted: dict[str, object] = {POINT[name]: value for name, value in _WORK.items()}
    for name, value in of.items():
        try:
            wanted[POINT[name]] = number(value) if name in COUNTS else value
        except ValueError as error:
            raise UserError(f"{name}: {error}.") from error
    return wanted


def _value(target: Target, points: Sequence[Measured]) -> _Value | None:
    """The best that was measured, whatever the chunk and the block; None where nothing was."""
    done = [one for one in points if one.status is Status.COMPLETED]
    values = _slopes(target.quantity, done) if target.quantity in SLOPES else _singles(target.quantity, done)
    best = max if target.at_least is not None else min
    return best(values, key=lambda value: value.summary.point, default=None)


def _singles(quantity: str, points: Iterable[Measured]) -> list[_Value]:
    values = []
    for one in points:
        point = _SINGLE[quantity][1](one)
        if point is not None:
            low, high = (one.low, one.high) if quantity == "steps_per_second" else (None, None)
            method = "geometric mean of processes"
            summary = Summary(point=point, low=low, high=high, n=one.num_processes, method=method)
            values.append(_Value(summary, [one]))
    return values


def _slopes(quantity: str, points: Sequence[Measured]) -> list[_Value]:
    values = []
    for memory in memory_of(points):
        held = memory.peak if memory.device_peak is None else memory.device_peak
        slope = memory.planned if quantity == _PLANNED else held
        if slope is not None and slope.point >= 0:  # memory that falls with the number is chance
            n, method = len(points), "least squares"
            low, high = (None if end is None else _tidy(end) for end in (slope.low, slope.high))
            summary = Summary(point=_tidy(slope.point), low=low, high=high, n=n, method=method)
            values.append(_Value(summary, list(points)))
    return values


def _tidy(value: float) -> float:
    """Without the rounding of least squares, which would miss a bound that is reached exactly."""
    return float(f"{value:.9g}")


def _ratio(ours: _Value, theirs: _Value) -> Summary | None:
    """The ratio; of speeds with the interval of the ratios of processes, which took turns."""
    medians = [value.points[0].process_medians for value in (ours, theirs)]
    is_speed = all(value.summary.low is not None and len(value.points) == 1 for value in (ours, theirs))
    if is_speed and len(medians[0]) == len(medians[1]) >= _PAIR:
        return geometric_mean([one / other for one, other in zip(*medians, strict=True)])
    if not theirs.summary.point > 0:
        return None
    point = _tidy(ours.summary.point / theirs.summary.point)
    return Summary(point=point, low=None, high=None, n=1, method="ratio of estimates")


def _why(target: Target, points: Sequence[Measured]) -> str:
    """Why these points measured nothing."""
    lacking = (
        _why_no_slope(target.quantity, points) if target.quantity in SLOPES else f"nothing tells its {target.quantity}"
    )
    return next((one.reason for one in points if one.reason), f"{points[0].point.name}: {lacking}.")


def _why_no_slope(quantity: str, points: Iterable[Measured]) -> str:
    told = {one.point.num_envs: one.planned_bytes if quantity == _PLANNED else one.peak_bytes for one in points}
    nums = [num for num, value in told.items() if value is not None]
    if len(nums) < _PAIR:
        return "no two numbers of environments were measured alike"
    return f"up to {max(nums):,} environments are too few for a slope"


def _noise(points: Iterable[Measured]) -> str | None:
    """What is known against the machine, in a word."""
    known = {one.noise for one in points}
    worst = next((noise for noise in (Noise.INVALID, Noise.NOISY, Noise.UNKNOWN) if noise in known), None)
    return None if worst is None else str(worst)


def _of_runs(target: Target, readings: Sequence[Reading], ran: Sequence[Ran]) -> tuple[Summary | None, str, str | None]:
    """What the runs of a policy or an algorithm in an environment came to, with its unit, or why that is not known.

    They are those that the suite asked for; where it asked for none, all of the folder.
    """
    task = str(target.of["env"])
    asked = [one for one in ran if (one.actor, one.task) == (target.actor, task)]
    own = [reading for reading in readings if reading.algorithm == target.actor and reading.task == task]
    if asked:
        own = [reading for reading in own if any(one.is_of(reading) for one in asked)]
    if not any(target.quantity in reading.totals for reading in own):
        return None, "", _NO_RUN
    overview = make_overview(own, Question(score=target.quantity))
    if len(overview.lines) > 1:
        return None, "", _SEVERAL
    score = overview.lines[0].score
    return score, overview.unit, _NO_RUN if score is None else None


def _read(path: Path) -> Kept:
    with plain_errors(path, "read"):
        content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=Kept)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} can't be understood: {error}.") from error
