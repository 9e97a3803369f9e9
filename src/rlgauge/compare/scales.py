"""Whether success rates that were read from tables can be told to be of one scale on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlgauge.compare.quantity import measured
from rlgauge.compare.sides import Pair
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading
from rlgauge.importers.score_table import PERCENT, SYSTEM

_SUCCESS = "success"


def check_scales(pairs: Iterable[Pair]) -> None:
    """Raise UserError where a table of one side is taken as percent and one of the other, by the same guess, is not."""
    for pair in pairs:
        ours, theirs = _guessed(pair.candidate), _guessed(pair.baseline)
        for side, other in ((ours, theirs), (theirs, ours)):
            percents = [one for one in side if PERCENT in one.details]
            shares = [one for one in other if PERCENT not in one.details and measured(one)[_SUCCESS].mean]
            if percents and shares:
                raise UserError(
                    f"The success rates of {percents[0].source} go beyond 1 and are taken as percent, those of "
                    f"{shares[0].source} do not, and may be shares of 1 or a few percent: write both as shares of 1."
                )


def _guessed(readings: Sequence[Reading]) -> list[Reading]:
    """The runs of score tables that measured a success rate, of which its size alone tells the scale."""
    return [one for one in readings if one.kind == SYSTEM and _SUCCESS in measured(one)]
