"""Whether what the targets of a suite are of is among what its entries measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rlgauge.cli.options import as_list
from rlgauge.cli.suite_commands import Command, options_of
from rlgauge.cli.suite_training import labels
from rlgauge.cli.targets import COUNTS, POINT, SLOPES, sides_of, wanted_of
from rlgauge.cli.throughput_options import points_of
from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.envs.libraries import NAMES, missing
from rlgauge.envs.on_device import named
from rlgauge.kinds.evaluate.candidates import parse_candidates
from rlgauge.kinds.throughput.point import Point
from rlgauge.suites.suite import Suite
from rlgauge.suites.target import Target

_Of = Mapping[str, str | int | float]
_PAIR = 2
_FIRST = ("env", "library")
_NAMED = {POINT[name]: name for name in POINT}


class _Grid(NamedTuple):
    """The points of a command of throughput.

    Where `is_open`, their numbers are found while it runs; where `tells_speed` is false, it is for memory alone; where
    `is_by_installation`, it measures what happens to be installed.
    """

    points: list[Point]
    is_open: bool
    tells_speed: bool
    is_by_installation: bool


class _Played(NamedTuple):
    """What an entry of benchmark plays; None where it is said elsewhere."""

    envs: set[str] | None
    policies: set[str] | None


def check(suite: Suite, calls: Sequence[Command]) -> None:
    """Raise UserError for a target that no command of the suite, as it is written, would measure."""
    grids = [_grid(call) for call in calls if call.argv[0] == "throughput"]
    trained = [
        place
        for number, entry in enumerate(suite.entries, start=1)
        if entry.command == "train"
        for place in labels(f"{suite.where}, entry {number}", entry)
    ]
    played = [_played(entry.options) for entry in suite.entries if entry.command == "benchmark"]
    for place, target in enumerate(suite.targets, start=1):
        try:
            if "algo" in target.of:
                _check_trained(target, trained)
            elif "policy" in target.of:
                _check_played(target, played)
            else:
                for of in sides_of(target):
                    _check_side(target, of, grids)
        except UserError as error:
            raise UserError(f"{suite.where}, target {place}: {error}") from error


def _grid(call: Command) -> _Grid:
    options = options_of(call)
    if options is None:
        return _Grid([], is_open=False, tells_speed=False, is_by_installation=False)
    return _Grid(
        points_of(options),
        is_open=options.find_max or options.autotune,
        tells_speed=options.memory is None,
        is_by_installation=options.library is None,
    )


def _check_side(target: Target, of: _Of, grids: Sequence[_Grid]) -> None:
    is_of_memory = target.quantity in SLOPES or target.quantity.endswith("_bytes")
    told = [grid for grid in grids if grid.tells_speed or is_of_memory]
    if any(grid.is_by_installation and _may_be_measured(of) for grid in told):
        return
    if not told and grids:
        raise UserError(f"{target.quantity} is no matter of memory, which is all that the entries are for.")
    points = [point for grid in told for point in grid.points]
    wanted = wanted_of(of)
    found = _narrowed(points, of, {POINT[name]: wanted[POINT[name]] for name in _FIRST})
    kept = set(found)
    if any(grid.is_open and kept.intersection(grid.points) for grid in told):
        return
    found = _narrowed(found, of, wanted)
    if target.quantity in SLOPES and len({point.num_envs for point in found}) < _PAIR:
        raise UserError(f"{target.quantity} needs an entry with two numbers of environments of {_words(of)}.")


def _may_be_measured(of: _Of) -> bool:
    """Whether a library that is not installed here has it: where it is, it is measured unasked."""
    library = str(of["library"])
    return library in NAMES.get(str(of["env"]), {}) and missing(library) is not None


def _narrowed(points: Sequence[Point], of: _Of, wanted: Mapping[str, object]) -> list[Point]:
    """The points that have all of it. Raises UserError naming the first that none has."""
    found = list(points)
    order = sorted(wanted, key=lambda field: list(POINT.values()).index(field))
    for field in order:
        kept = [point for point in found if getattr(point, field) == wanted[field]]
        if not kept:
            known = {getattr(point, field) for point in found} - {None}
            raise _unmeasured(_NAMED[field], of, wanted[field], known)
        found = kept
    return found


def _unmeasured(name: str, of: _Of, default: object, known: Iterable[object]) -> UserError:
    """The error for a part of `of`, or of what is meant where it says nothing, that no entry measures."""
    measured = [str(one) for one in sorted(known, key=lambda one: (isinstance(one, str), one))]
    of_what = "" if name == "env" else f" of {_words(of, name)}"
    told = f" Measured: {', '.join(measured)}." if measured else " They leave it open." if name not in _FIRST else ""
    if name not in of:
        return UserError(f"no entry measures the default {name}{_is(default)}{of_what}: say another in `of`.{told}")
    hint = "" if name in COUNTS else did_you_mean(str(of[name]), measured)
    return UserError(f"no entry measures {name} {str(of[name])!r}{of_what}.{hint}{told}")


def _is(default: object) -> str:
    return "" if default is None else f", {default},"


def _words(of: _Of, name: str = "") -> str:
    """What it is of but for that name: the environment, and the library where there is one."""
    return ", ".join(str(of[one]) for one in _FIRST if one in of and one != name)


def _played(options: Mapping[str, object]) -> _Played:
    """Of an entry of benchmark: the names that its runs will have. Raises UserError."""
    envs, uris = (as_list(options[name]) if name in options else None for name in ("env", "policy"))
    if uris is None:
        return _Played(_tasks(envs), None)
    seeds = [0] if any("{seed}" in uri for uri in uris) else None  # which of them does not change a name
    return _Played(_tasks(envs), {policy.name for policy in parse_candidates(uris, seeds)})


def _tasks(envs: Sequence[str] | None) -> set[str] | None:
    if envs is None:
        return None
    found = {env: named(env) for env in envs}
    return {env if device is None else device.id for env, device in found.items()}


def _check_trained(target: Target, trained: Sequence[tuple[str, str]]) -> None:
    env, algo = str(target.of["env"]), str(target.of["algo"])
    if all(name != env for _, name in trained):
        raise _unmeasured("env", target.of, None, {name for _, name in trained})
    if (algo, env) not in trained:
        raise _unmeasured("algo", target.of, None, {name for name, task in trained if task == env})


def _check_played(target: Target, played: Sequence[_Played]) -> None:
    env, policy = str(target.of["env"]), str(target.of["policy"])
    here = [one for one in played if one.envs is None or env in one.envs]
    if not here:
        raise _unmeasured("env", target.of, None, {name for one in played for name in one.envs or ()})
    if not any(one.policies is None or policy in one.policies for one in here):
        raise _unmeasured("policy", target.of, None, {name for one in here for name in one.policies or ()})
