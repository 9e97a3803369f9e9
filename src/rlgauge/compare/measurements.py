"""Measurements of throughput: which runs were measured together, of how many environments, and under which tag."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from rlgauge.compare.quantity import Quantity, measured, quantity_of
from rlgauge.compare.seeds import score_of
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.reading import Reading
from rlgauge.core.run import Status
from rlgauge.stats.intervals import geometric_mean
from rlgauge.stats.summary import Summary

SPEED = "steps_per_second"
QUANTITY: Quantity = quantity_of(SPEED, "steps/s")
_OURS = re.compile(r"(?P<environment>.+) x (?P<number>[\d,]+)(?P<rest>(?: \w+=\S+)*)")
"""What `rlgauge throughput` calls a task: `cartpole x 1,000 policy=fixed`."""
_JAXARCS = re.compile(r"(?P<environment>.+)-(?:(?P<number>\d+)envs|single)")
"""What the tasks of JaxARC's files are called: `arc-500envs`, and `arc-single` where nothing was batched."""
_MEMORY = " (memory)"
"""What the tasks of runs that were measured for the memory they take end in."""
_OF_THE_MANNER = {"devices", "policy", "emit"}
"""What tells apart measurements of an environment that do different work; all else is how the same is done."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Of what a speed is: `manner` tells different work apart, `variant` ways of doing the same.

    `is_single` is one environment by itself; JaxARC has a batch of one besides.
    """

    environment: str
    num_envs: int
    is_single: bool
    manner: str = ""
    variant: str = ""


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a library's speed was measured in one measurement, and the processes that did it."""

    place: Place
    library: str
    readings: list[Reading]

    @property
    def speed(self) -> Summary | None:
        """Geometric mean over processes of their medians, with its 95 % interval; None where one failed."""
        scores = [score_of(reading, QUANTITY) for reading in self.readings if SPEED in measured(reading)]
        medians = [score for score in scores if score is not None]
        return geometric_mean(medians) if medians and len(medians) == len(self.readings) else None

    @property
    def status(self) -> Status:
        """How its processes ended: the first that did not complete decides."""
        failed = (reading.status for reading in self.readings if SPEED not in measured(reading))
        return next((status for status in failed if status is not Status.COMPLETED), Status.COMPLETED)


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one command measured; `time` (UTC) is when it began, None where nothing tells it.

    Of several commands under one tag it is what they come to, with the time of the last: `num_joined` of them have a
    spot here, and `num_repeated` spots were measured by more than one.
    """

    stamp: str
    tag: str
    description: str
    time: dt.datetime | None
    spots: list[Spot]
    num_joined: int = 1
    num_repeated: int = 0

    @property
    def readings(self) -> list[Reading]:
        """Its runs."""
        return [reading for spot in self.spots for reading in spot.readings]

    @property
    def name(self) -> str:
        """Its tag and when it began: `phase1 (2026-01-31 12:00:00 UTC)`."""
        when = f"{self.time:%Y-%m-%d %H:%M:%S} UTC" if self.time is not None else self.stamp
        when = when if self.num_joined == 1 else f"{self.num_joined} measurements, the last {when}"
        return f"{self.tag} ({when})" if self.tag else when


def is_of_memory(reading: Reading) -> bool:
    """Whether it was measured for the memory that it takes, by --memory or --find-max: then its speed says nothing."""
    return reading.labels.get("purpose") == "memory"


def place_of(reading: Reading) -> Place | None:
    """Of what a run measured the speed, as its task says; None of anything else."""
    return None if is_of_memory(reading) else _place_in(reading.task)


def order_of(task: str) -> tuple[str, int, str]:
    """What tasks are sorted by: the environment, the number of environments rising, and then all that they say."""
    place = _place_in(task.removesuffix(_MEMORY))
    return (task, 0, task) if place is None else (place.environment, place.num_envs, task)


def _place_in(task: str) -> Place | None:
    if (found := _OURS.fullmatch(task)) is not None:
        number = int(found["number"].replace(",", ""))
        chosen = found["rest"].split()
        manner, variant = (
            " ".join(text for text in chosen if (text.partition("=")[0] in _OF_THE_MANNER) is wanted)
            for wanted in (True, False)
        )
        environment = found["environment"]
        return Place(environment=environment, num_envs=number, is_single=number == 1, manner=manner, variant=variant)
    if (found := _JAXARCS.fullmatch(task)) is not None:
        batch = found["number"]
        return Place(environment=found["environment"], num_envs=int(batch or 1), is_single=batch is None)
    return None


def measurements(readings: Iterable[Reading]) -> list[Measurement]:
    """What was measured together, the oldest first: runs of a number of environments, with a stamp or a tag.

    Raises UserError where files of one measurement can't be told apart.
    """
    together: dict[tuple[str, str], list[tuple[Place, Reading]]] = defaultdict(list)
    for reading in readings:
        stamp, tag = (reading.labels.get(name, "") for name in ("stamp", "tag"))
        place = place_of(reading) if stamp or tag else None
        if place is not None:
            together[stamp, tag].append((place, reading))
    found = [_measurement(stamp, tag, own) for (stamp, tag), own in together.items()]
    for measurement in found:
        _check_told_apart(measurement)
    return sorted(found, key=_age)


def _check_told_apart(measurement: Measurement) -> None:
    """Raise UserError where one place has several runs that are no processes of one measurement."""
    for spot in measurement.spots:
        alike = [reading for reading in spot.readings if reading.seed is None]
        if len(alike) > 1:
            raise UserError(
                f"{alike[0].source} holds {len(alike)} files of {measurement.name} that do not say of which library "
                "they are: put those of each library into a folder of its own."
            )


def _measurement(stamp: str, tag: str, own: Sequence[tuple[Place, Reading]]) -> Measurement:
    spots: dict[tuple[Place, str], list[Reading]] = defaultdict(list)
    for place, reading in own:
        spots[place, library_of(reading)].append(reading)
    descriptions = (reading.labels.get("description") for _, reading in own)
    return Measurement(
        stamp=stamp,
        tag=tag,
        description=next(filter(None, descriptions), ""),
        time=_began([reading for _, reading in own], stamp),
        spots=[Spot(place=place, library=name, readings=found) for (place, name), found in spots.items()],
    )


def library_of(reading: Reading) -> str:
    """The algorithm, without the tag that the names of JaxARC's hold."""
    return reading.algorithm.removesuffix(f" ({reading.labels['tag']})" if "tag" in reading.labels else "")


def _began(readings: Iterable[Reading], stamp: str) -> dt.datetime | None:
    """When a measurement began, in UTC: what was imported started when it was imported, and has a stamp with a zone."""
    try:
        told = dt.datetime.fromisoformat(stamp)
    except ValueError:
        told = None
    if told is not None and told.tzinfo is not None:
        return told.astimezone(dt.UTC)
    started = [reading.started for reading in readings if reading.started]
    return dt.datetime.fromisoformat(min(started)).replace(tzinfo=dt.UTC) if started else None


def _age(measurement: Measurement) -> tuple[dt.datetime, str]:
    return measurement.time or dt.datetime.min.replace(tzinfo=dt.UTC), measurement.stamp


def with_tag(found: Sequence[Measurement], tag: str) -> list[Measurement]:
    """The measurements with a tag, the oldest first. Raises UserError where there is none."""
    own = [measurement for measurement in found if measurement.tag == tag]
    if own:
        return own
    tags = {measurement.tag for measurement in found if measurement.tag}
    if not tags:
        raise UserError(
            f"No measurement has the tag {tag!r}, nor any other: `rlgauge throughput --tag {tag}` gives it one."
        )
    raise unknown("tag", tag, tags)


def joined(found: Sequence[Measurement]) -> Measurement:
    """What measurements with one tag (at least one, the oldest first) come to: of every point the newest measurement.

    A suite makes one of every entry.
    """
    times = Counter((spot.place, spot.library) for one in found for spot in one.spots)
    newest = {(spot.place, spot.library): (one, spot) for one in found for spot in one.spots}
    stamps = {one.stamp for one, _ in newest.values()}
    used = [one for one in found if one.stamp in stamps]
    return msgspec.structs.replace(
        used[-1],
        description="; ".join(dict.fromkeys(one.description for one in used if one.description)),
        spots=[spot for _, spot in newest.values()],
        num_joined=len(used),
        num_repeated=sum(number > 1 for number in times.values()),
    )


def of_size(readings: Iterable[Reading], num_envs: int) -> list[Reading]:
    """The runs of so many environments. Raises UserError where there are none, with the numbers that there are."""
    placed = [(place, reading) for reading in readings if (place := place_of(reading)) is not None]
    own = [reading for place, reading in placed if place.num_envs == num_envs]
    if own:
        return own
    numbers = sorted({place.num_envs for place, _ in placed})
    if not numbers:
        raise UserError("--batch-size is of measurements of throughput, and these are none.")
    raise UserError(
        f"Nothing was measured with {num_envs:,} environments; there are {', '.join(f'{each:,}' for each in numbers)}."
    )
