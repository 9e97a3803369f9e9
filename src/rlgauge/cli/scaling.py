"""`rlgauge compare --scaling-only`: how the speed of a measurement rises with the number of environments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rlgauge.cli.measurements import (
    FORMAT,
    Told,
    cut,
    grouped,
    head_as_json,
    noise_of,
    noisy,
    number_of,
    speed_of,
    spot_as_json,
    title_of,
)
from rlgauge.cli.throughput_table import efficiencies
from rlgauge.compare.measurements import Measurement, Spot
from rlgauge.compare.tables import Table
from rlgauge.kinds.throughput.point import Point
from rlgauge.kinds.throughput.results import Measured
from rlgauge.report.numbers import short_count

_HEADER = ["library", "envs", "steps/s", "an env", "of best", "of linear", "noise"]
_LEGEND = "Of best: part of the library's largest speed. Of linear: part of one environment's speed times their number."


def scaling(measurement: Measurement, notes: Iterable[str] = ()) -> Told:
    """How the speed of each library rises with the number of environments."""
    tables, points = [], []
    groups = grouped(measurement.spots, lambda spot: title_of(spot.place.environment, spot.place.manner))
    for title, spots in groups:
        own = _with_single_first(spots)
        measured = [_measured(spot) for spot in own]
        lines = [_line(spot, one, measured) for spot, one in zip(own, measured, strict=True)]
        tables.append((title, cut(Table(_HEADER, lines))))
        points += [_point_as_json(spot, one, measured) for spot, one in zip(own, measured, strict=True)]
    about = f": {measurement.description}" if measurement.description else ""
    of = "the measurement " if measurement.num_joined == 1 else ""
    sentences = [
        f"Of {of}{measurement.name}{about}.",
        _LEGEND,
        *noisy(measurement.spots),
        *notes,
    ]
    return Told(
        tables=tables,
        sentences=sentences,
        content={"format": FORMAT, **head_as_json(measurement), "notes": sentences, "points": points},
    )


def _with_single_first(spots: Sequence[Spot]) -> list[Spot]:
    """Library by library, rising in number; one environment alone before a batch of one."""
    order = {name: place for place, name in enumerate(dict.fromkeys(spot.library for spot in spots))}
    return sorted(spots, key=lambda spot: (order[spot.library], spot.place.num_envs, not spot.place.is_single))


def _measured(spot: Spot) -> Measured:
    """As the table of `rlgauge throughput` takes it, with how the work was divided."""
    place = spot.place
    given = {"environment": place.environment, "library": spot.library, "num_envs": place.num_envs}
    chosen = dict(text.split("=", 1) for text in place.variant.split())
    point = msgspec.convert({**given, **chosen}, Point, strict=False)
    speed = spot.speed
    return Measured(
        point=point,
        task=spot.readings[0].task,
        status=spot.status,
        steps_per_second=None if speed is None else speed.point,
    )


def _line(spot: Spot, one: Measured, found: Sequence[Measured]) -> list[str]:
    best, linear = efficiencies(one, found)
    per_env = one.per_env
    return [
        spot.library,
        number_of(spot.place) + ("" if spot.place.num_envs > 1 or spot.place.is_single else " in a batch"),
        speed_of(spot),
        "-" if per_env is None else short_count(per_env),
        *("-" if part is None else f"{100 * part:.3g} %" for part in (best, linear)),
        str(noise_of([spot]) or "-"),
    ]


def _point_as_json(spot: Spot, one: Measured, found: Sequence[Measured]) -> dict[str, Any]:
    best, linear = efficiencies(one, found)
    return {
        "environment": spot.place.environment,
        "manner": spot.place.manner,
        "library": spot.library,
        "is_single": spot.place.is_single,
        **spot_as_json(spot),
        "steps_per_second_per_env": one.per_env,
        "efficiency_of_best": best,
        "efficiency_of_linear": linear,
    }
