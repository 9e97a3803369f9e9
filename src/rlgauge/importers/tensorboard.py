"""Trainings that were logged to TensorBoard: rl-zoo's, Stable-Baselines3's, CleanRL's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rlgauge.core.reading import Curve, Reading
from rlgauge.importers import paths
from rlgauge.importers.events import Point, points
from rlgauge.importers.findings import Found, Lack
from rlgauge.importers.lacking import named
from rlgauge.importers.quantities import curve, ended, present, total, units
from rlgauge.importers.sb3 import LAST_EPISODES
from rlgauge.importers.tree import Folder

SYSTEM = "imported-tensorboard"


class _Source(NamedTuple):
    """A tag that a quantity can be taken from: the last value, or the mean of the last `num_values`."""

    tag: str
    num_values: int = 1


_SOURCES = {
    "return": (
        _Source("eval/mean_reward"),
        _Source("charts/episodic_return", LAST_EPISODES),
        _Source("rollout/episodic_return", LAST_EPISODES),
        _Source("rollout/ep_rew_mean"),
    ),
    "length": (
        _Source("eval/mean_ep_length"),
        _Source("charts/episodic_length", LAST_EPISODES),
        _Source("rollout/episodic_length", LAST_EPISODES),
        _Source("rollout/ep_len_mean"),
    ),
    "success": (_Source("eval/success_rate"), _Source("rollout/success_rate")),
}
"""What is a quantity's, the best first."""
_HEAD = 200
"""Bytes at the start of a file by which it is told from others: they hold when it was begun."""
_HYPERPARAMETER = re.compile(r"^\|([^|]+)\|([^|]*)\|$", re.MULTILINE)


class _Logged(NamedTuple):
    """The scalars of a run by tag, in order, and the hyperparameters that CleanRL writes as a table."""

    scalars: dict[str, list[Point]]
    parameters: dict[str, str]


def read(folder: Folder, names: Sequence[str], *, lack: Lack) -> tuple[list[Found], list[str]]:
    """At most one reading for the event files of a folder, and what to say of it. Raises OSError."""
    contents = [content for name in names if (content := folder.read(name)) is not None]
    logged = _logged(contents)
    if not any(source.tag in logged.scalars for source in _SOURCES["return"]):
        wanted = " or ".join(source.tag for source in _SOURCES["return"])
        lack(folder.path, f"the tags of its event files are {named(logged.scalars)}; a return is {wanted}")
        return [], []
    used = {quantity: source for quantity, sources in _SOURCES.items() if (source := _best(sources, logged))}
    last = {name: [p.value for p in logged.scalars[source.tag][-source.num_values :]] for name, source in used.items()}
    how = ended(last["return"], what=_last(used["return"]))
    measured = present({name: total(values) for name, values in last.items()}) if "status" not in how else {}
    quantities = {source.tag: name for name, source in used.items()}
    curves: dict[str, Curve] = {}
    for tag in sorted(logged.scalars, key=lambda tag: tag not in quantities):
        curves |= _curve(quantities.get(tag, tag), logged.scalars[tag])
    called = paths.named_by(folder.path, folder.root)
    parameters = logged.parameters
    seed = int(parameters["seed"]) if parameters.get("seed", "").isdecimal() else called.seed
    reading = Reading(
        algorithm=called.algorithm or parameters.get("exp_name") or called.folder,
        task=parameters.get("env_id") or called.task or "unknown",
        seed=called.number if seed is None else seed,
        totals=measured,
        units=units([*measured, *curves]),
        curves=curves,
        kind=SYSTEM,
        source=folder.path,
        **how,
    )
    whose = SYSTEM, reading.algorithm, reading.task, reading.seed
    parts = tuple((*whose, content[:_HEAD]) for content in contents)
    return [Found(reading, parts=parts, extent=sum(map(len, contents)))], [
        f"The return of event files is {_last(used['return'])}."
    ]


def _best(sources: Sequence[_Source], logged: _Logged) -> _Source | None:
    """The best source that was logged."""
    return next((source for source in sources if source.tag in logged.scalars), None)


def _last(source: _Source) -> str:
    """What a quantity is."""
    if source.num_values == 1:
        return f"the last {source.tag}"
    return f"the mean of the last {source.num_values} {source.tag}"


def _logged(contents: Sequence[bytes]) -> _Logged:
    logged = _Logged({}, {})
    for content in contents:
        for point in points(content):
            if point.value is not None:
                logged.scalars.setdefault(point.tag, []).append(point)
            elif point.text and point.tag.startswith("hyperparameters"):
                logged.parameters.update(_HYPERPARAMETER.findall(point.text))
    for found in logged.scalars.values():
        found.sort(key=lambda point: (point.time, point.step))
    return logged


def _curve(name: str, found: Sequence[Point]) -> dict[str, Curve]:
    made = curve([point.step for point in found], [point.value for point in found])
    return {} if made is None else {name: made}
