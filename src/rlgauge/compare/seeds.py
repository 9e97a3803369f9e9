"""Which runs count: what stands for a training seed that has several, and the score that it measured."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from rlgauge.compare.clones import clones
from rlgauge.compare.phrases import count, seed_noun, some
from rlgauge.compare.quantity import Quantity, in_unit_of, measured
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading, Total
from rlgauge.kinds.evaluate.checkpoints_curve import cases_of_curve

STOPPED = "stopping"
"""Where the details of a reading say in a sentence that its episodes were counted by looking at them."""
_CLONES = (
    " is one training, the same in every episode: the seed does not reach the script (give it as an option). It counts "
    "as one run, from which nothing follows for other seeds."
)
_LARGEST = 1e100
"""Scores beyond it can't be squared and summed."""
_WHOLE = 1e-6
_Group = Callable[[Reading], str]


class Seed(msgspec.Struct, frozen=True):
    """What stands for a training seed (of a speed, a time or a size: for a process), and what it was made of."""

    reading: Reading
    used: Sequence[Reading]


def score_of(reading: Reading, quantity: Quantity) -> float | None:
    """The mean of a run; of a speed, time or size the median of its samples. None where it did not measure it.

    In the quantity's unit. A run that did not complete measured nothing. Raises UserError for a score that is too large
    and for one in a unit that can't be converted.
    """
    total = measured(reading).get(quantity.name)
    if total is None:
        return None
    score = typical(reading, quantity.name) if quantity.is_ratio else total.mean
    score *= in_unit_of(quantity, reading)
    if not abs(score) < _LARGEST:
        raise UserError(
            f"The {quantity.name} of {reading.source} is {score:g}, too large for anything to be made of it."
        )
    return score


def typical(reading: Reading, name: str) -> float:
    """The median of a process's samples; their mean where the samples are not kept."""
    total = reading.totals[name]
    if total.median is not None:
        return total.median
    values = [
        float(value)
        for record in (reading.records if total.n > 1 else ())
        if record.error is None and isinstance(value := record.values.get(name), (int, float))
    ]
    return statistics.median(values) if values else total.mean


def counts_of(totals: Sequence[Total]) -> list[tuple[int, int]] | None:
    """The successes and the episodes of every success rate; None unless each is told of so many whole episodes.

    The rate of a single episode is not: what tells a mean alone, such as a table, counts as one value.
    """
    counts = [(round(total.mean * total.n), total.n) for total in totals]
    is_whole = all(
        total.n > 1 and abs(total.mean * total.n - won) < _WHOLE * total.n and 0 <= won <= total.n
        for total, (won, _) in zip(totals, counts, strict=True)
    )
    return counts if is_whole else None


def one_a_seed(
    readings: Iterable[Reading], quantity: Quantity, told: list[str], *, group: _Group = lambda _: ""
) -> list[Seed]:
    """What stands for every training seed, in the order of seeds; `told` gets what there is to say of it.

    A finished run replaces those that failed; of several checkpoints that of the learning curve counts, else the one
    measured last, and of one checkpoint the longest evaluation; several trainings of one seed are their mean. Speeds,
    times and sizes are of processes: each counts, whatever its seed. Runs without a seed and a checkpoint can't be told
    to be repetitions. `group` tells apart what is not to be taken for repetitions of one seed. Trainings that are the
    same, episode by episode, are one.
    """
    said: dict[str, list[str]] = defaultdict(list)
    seeds = [seed for own in _by_seed(readings, group) for seed in _one_of(own, quantity, said)]
    if not quantity.is_ratio:
        seeds = _without_clones(seeds, said)
    told += [_of_all(names, what) for what, names in said.items()]
    return sorted(seeds, key=lambda seed: _order(seed.reading))


def _without_clones(seeds: Sequence[Seed], said: dict[str, list[str]]) -> list[Seed]:
    """The seeds without those whose training is that of another, from the first to the last episode."""
    gone: set[int] = set()
    for own in clones(seed.reading for seed in seeds):
        first, *others = own
        gone.update(map(id, others))
        numbers = [str(reading.seed) for reading in own]
        name = f"{first.algorithm} on {first.task} with seeds {', '.join(numbers[:-1])} and {numbers[-1]}"
        said[_CLONES].append(name)
    return [seed for seed in seeds if id(seed.reading) not in gone]


def _of_all(names: Sequence[str], what: str) -> str:
    """One sentence of all seeds of which the same is to be said."""
    return f"{names[0]}{what}" if len(names) == 1 else f"{some(names, between='; ')}: each{what.removeprefix(':')}"


def present(readings: Iterable[Reading]) -> list[Reading]:
    """The runs without those that others replace: of older checkpoints, or failed and repeated with success."""
    kept = []
    for found in _by_seed(readings, lambda _: ""):
        own = _of_latest_checkpoint(found)
        kept += [reading for reading in own if measured(reading)] or own[-1:]
    return kept


def _by_seed(readings: Iterable[Reading], group: _Group) -> list[list[Reading]]:
    by_seed: dict[tuple[str, str, str, str, int | None], list[Reading]] = defaultdict(list)
    alone = []
    for reading in readings:
        if reading.seed is None and not reading.checkpoint:
            alone.append([reading])
        else:
            by_seed[group(reading), reading.algorithm, reading.task, reading.settings, reading.seed].append(reading)
    return [*alone, *by_seed.values()]


def _of_latest_checkpoint(found: Sequence[Reading]) -> list[Reading]:
    if len({reading.checkpoint for reading in found}) > 1:
        found = [reading for reading in found if _is_on_curve(reading)] or found
    latest = max(found, key=lambda reading: reading.started).checkpoint
    return [reading for reading in found if reading.checkpoint == latest]


def _is_on_curve(reading: Reading) -> bool:
    """Whether a learning curve of watched checkpoints has the reading for its point: it need not be the last measured.

    A checkpoint that was written back has the runs of the first time.
    """
    curve = reading.labels.get("curve")
    if curve is None or not reading.folders:
        return False
    cases = [Path(folder).parent for folder in reading.folders]
    own = cases_of_curve(cases[0].parents[1], curve)
    return own is not None and all(f"{case.parent.name}/{case.name}" in own for case in cases)


def _one_of(found: Sequence[Reading], quantity: Quantity, said: dict[str, list[str]]) -> Iterator[Seed]:
    """What stands for the runs of one seed; `said` holds the seeds' names by what there is to say of them."""
    first = found[0]
    noun = seed_noun(found)
    name = f"{first.algorithm} on {first.task}" + ("" if first.seed is None else f", {noun} {first.seed}")
    own = _of_latest_checkpoint(found)
    if len(own) < len(found):
        num = len({reading.checkpoint for reading in found})
        often = f"with {num} different checkpoints" if noun == "seed" else f"{num} times"
        which = "that of its learning curve" if _is_on_curve(own[0]) else "the one measured last"
        said[f" was measured {often}: {which} counts."].append(name)
    valid = [reading for reading in own if quantity.name in measured(reading)]
    if len(valid) == 0:
        if len(own) > 1:
            said[f" was tried {len(own)} times and has no score: it is one missing seed."].append(name)
        yield Seed(own[-1], own[-1:])
        return
    if failed := sum(not measured(reading) for reading in own):
        were = "was" if failed == 1 else "were"
        said[f": {count(failed, 'run')} without a score {were} repeated."].append(name)
    if len(valid) == 1 or quantity.is_ratio:
        yield from (Seed(reading, [reading]) for reading in valid)
    elif valid[0].checkpoint:
        said[f" was evaluated {len(valid)} times with one checkpoint: the most episodes count."].append(name)
        longest = max(valid, key=lambda reading: reading.totals[quantity.name].n)
        yield Seed(longest, [longest])
    else:
        said[f" was run {len(valid)} times: their mean is the score of that one seed."].append(name)
        yield Seed(_joint(valid, quantity.name), valid)


def _joint(readings: Sequence[Reading], name: str) -> Reading:
    """One run with the mean of several, one value, of no episodes of its own; their records are those of none."""
    mean = Total(n=1, mean=statistics.fmean(reading.totals[name].mean for reading in readings))
    errors = sum(reading.num_errors for reading in readings)
    return msgspec.structs.replace(readings[-1], totals={name: mean}, num_errors=errors, folders=(), episodes=())


def _order(reading: Reading) -> tuple[str, int, str]:
    return reading.task, -1 if reading.seed is None else reading.seed, reading.source
