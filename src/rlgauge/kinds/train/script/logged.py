"""Whether what a script logged of its episodes can be, held against those that its environments saw end."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from rlgauge.kinds.train.journal import EPISODES, SCALARS, Episode, Scalars, children, read_episodes
from rlgauge.kinds.train.script import loggers

_ONE = re.compile(r"(?:ep|episode|episodic)_?(?:rew|reward|return|ret)")
"""The return of one episode. Means are named so, too."""
_MEAN = re.compile(
    r"(?:(?:mean|avg|average)_(?:ep|episode|episodic)_?(?:rew|reward|return|ret)|"
    r"(?:ep|episode|episodic)_?(?:rew|reward|return|ret)_(?:mean|avg|average))"
)
_COUNTER = re.compile(r"(?:(?:num|n|nb|total|number_of)_)?episodes")
_CHANGED = re.compile(r"norm|scal|shap|clip|disc|max|min|best|std|intrinsic|agent|player")
"""Words of names whose numbers need be no returns of the task."""
_HOW_OFTEN = re.compile(r"^\s*(?:el)?if\b.*(?:%|>=|time|every|interval|freq|last)", re.MULTILINE)
"""A condition that may have a script log every so often."""
_ENOUGH = 10
"""So many numbers are enough to say that they are always one and the same, of so many episodes that are not."""
_MOST_ALIKE = 0.6
"""Where more of the returns than that are the same, what is logged of them may be, too, in another unit."""
_FEW_ENDED = 5
_MANY_ENDED = 50
_FEWER = 20
"""A script that logs single episodes logs few where there are so many times as many."""
_CLOSE = 1e-5


class _Value(NamedTuple):
    """A number that was logged, and when."""

    seconds: float
    value: float


def disagreements(folder: Path) -> list[str]:
    """A sentence on each name under which a script logged what can't be, as far as that is certain."""
    returns = [name for name in loggers.names() if _is_return(name)]
    counters = [name for name in loggers.names() if _COUNTER.fullmatch(_last(name)) and not _is_changed(name)]
    if not (returns or counters) or children(folder, EPISODES):
        return []
    values, episodes = _read(folder, [*returns, *counters]), read_episodes(folder)
    totals = [one.total for one in episodes if math.isfinite(one.total)]
    found = [_always_the_same(name, values[name], totals) for name in returns]
    trained = _trained(folder)
    found += [_always_zero(name, values[name], trained) for name in counters]
    return [text for text in found if text]


def only_few(folder: Path, texts: list[str]) -> str | None:
    """A sentence where a script logged single episodes, and stopped long before the last of them ended."""
    names = [name for name in loggers.names() if loggers.is_return(name)]
    is_of_one = len(names) == 1 and _is_return(names[0]) and _ONE.fullmatch(_last(names[0]))
    if not is_of_one or children(folder, EPISODES):
        return None
    trained = _trained(folder)
    num = loggers.num_returns()
    if len(trained) < max(_MANY_ENDED, _FEWER * num) or (num == 1 and any(_HOW_OFTEN.search(one) for one in texts)):
        return None
    values = _read(folder, names)[names[0]]
    totals = sorted({one.total for one in trained})
    if not values or not all(_is_among(one.value, totals) for one in values):
        return None
    ends = [one.seconds for one in trained]
    places = [0, *(bisect_right(ends, one.seconds) for one in values)]
    longest = max(1, *(two - one for one, two in pairwise(places)))
    if len(trained) - places[-1] <= _ENOUGH * longest:
        return None
    times = "once" if num == 1 else f"{num} times, the last time"
    ended = "1 episode" if places[-1] == 1 else f"{places[-1]} episodes"
    return f"The script logged {names[0]!r} {times} when {ended} had ended, and never again: {len(trained)} ended."


def _is_among(value: float, ordered: list[float]) -> bool:
    """Whether a number is one of these, up to what is lost in 32 bits."""
    place = bisect_right(ordered, value)
    return any(math.isclose(value, one, rel_tol=_CLOSE) for one in ordered[max(place - 1, 0) : place + 1])


def _always_the_same(name: str, values: list[_Value], totals: list[float]) -> str | None:
    """A sentence where all that was logged is one number, and far from all returns, which are many."""
    if len(values) < _ENOUGH or len(totals) < _ENOUGH or len({one.value for one in values}) > 1:
        return None
    low, high, value = min(totals), max(totals), values[0].value
    far = max(high - low, max(abs(low), abs(high)) / 2)
    is_alike = Counter(totals).most_common(1)[0][1] > _MOST_ALIKE * len(totals)
    if is_alike or low - far <= value <= high + far:
        return None
    return (
        f"The script logged {name!r} {len(values)} times, and each time {value:.4g}, while the returns of the "
        f"{len(totals)} episodes that ended lie between {low:.4g} and {high:.4g}."
    )


def _always_zero(name: str, values: list[_Value], trained: list[Episode]) -> str | None:
    """A sentence where a script says that there was no episode, and there were some."""
    if not values or any(one.value for one in values):
        return None
    num = bisect_right([one.seconds for one in trained], values[-1].seconds)
    return None if num < _FEW_ENDED else f"The script logged 0 as {name!r} when {num} episodes had ended."


def _is_return(name: str) -> bool:
    """Whether a number of that name is plainly the return of an episode of the training, or a mean of such."""
    last = _last(name)
    is_plain = bool(_ONE.fullmatch(last) or _MEAN.fullmatch(last))
    return is_plain and loggers.is_return(name) and not _is_changed(name)


def _is_changed(name: str) -> bool:
    return bool(_CHANGED.search(name.lower()) or re.search(r"eval|test|valid", name.lower()))


def _last(name: str) -> str:
    """The part of a name behind its last slash, such as `ep_rew_mean`."""
    return re.sub(r"[^a-z]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rpartition("/")[2]).lower()).strip("_")


def _trained(folder: Path) -> list[Episode]:
    from rlgauge.kinds.train.reading import read_trained

    return read_trained(folder)


def _read(folder: Path, names: list[str]) -> dict[str, list[_Value]]:
    """The finite numbers of these names, as they came; lines without any are not decoded."""
    found: dict[str, list[_Value]] = {name: [] for name in names}
    marks = [msgspec.json.encode(name) + b":" for name in names]
    decode = msgspec.json.Decoder(Scalars).decode
    path = folder / SCALARS
    if not path.exists():
        return found
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"}\n") and any(mark in line for mark in marks):
                one = decode(line)
                for name in names:
                    value = one.values.get(name)
                    if value is not None:
                        found[name].append(_Value(one.seconds, value))
    return found
