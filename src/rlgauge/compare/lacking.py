"""Training seeds (of speeds, processes) that only one side has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from rlgauge.compare.comparison import Missing
from rlgauge.compare.facts import is_foreign
from rlgauge.compare.phrases import numbered, seed_noun, some
from rlgauge.compare.sides import Pair
from rlgauge.core.reading import Reading


def lacking_seeds(pairs: Iterable[Pair]) -> list[Missing]:
    """What the candidate has left out of the baseline's cases, in stores of our own; a run that failed is there."""
    return [
        Missing(
            side="candidate",
            algorithm=pair.algorithm,
            task=pair.task,
            seeds=left_out,
            noun=seed_noun([*pair.candidate, *pair.baseline]),
        )
        for pair in pairs
        if (left_out := _left_out(pair))
    ]


def unequal_seeds(pairs: Iterable[Pair]) -> Iterator[str]:
    """A sentence for each side on seeds that it alone has, unless missing or of as many of each side's own."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pair in pairs:
        ours, theirs = _seeds(pair.candidate), _seeds(pair.baseline)
        is_meant = not ours & theirs and len(ours) == len(theirs)
        if not ours or not theirs or is_meant or _left_out(pair):
            continue
        noun = seed_noun([*pair.candidate, *pair.baseline])
        for side, seeds in (("candidate", ours - theirs), ("baseline", theirs - ours)):
            if seeds:
                found[side, numbered(noun, sorted(seeds))].append(_whose(pair, side, noun))
    for (side, names), whose in found.items():
        yield f"Only the {side} has {names} of {some(whose)}."


def _whose(pair: Pair, side: str, noun: str) -> str:
    """`CartPole-v1`; of processes whose they are, too: `gymnax on cartpole x 10`."""
    if noun == "seed":
        return pair.task
    return f"{pair.algorithm if side == 'candidate' else pair.baseline_algorithm} on {pair.task}"


def _left_out(pair: Pair) -> list[int]:
    """The baseline's further seeds where the candidate's are some of them, of one algorithm's cases."""
    ours, theirs = _seeds(pair.candidate), _seeds(pair.baseline)
    is_known = pair.algorithm == pair.baseline_algorithm and not any(map(is_foreign, (*pair.candidate, *pair.baseline)))
    return sorted(theirs - ours) if is_known and ours and ours < theirs else []


def _seeds(readings: Iterable[Reading]) -> set[int]:
    return {reading.seed for reading in readings if reading.seed is not None}
