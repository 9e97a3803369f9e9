"""What is seen and done in play, against the statistics of training.

Arrays: N steps, D numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.episodes.policies.spaces import is_image
from rlgauge.kinds.evaluate.preflight_findings import Level
from rlgauge.kinds.evaluate.preflight_stored import Stats, Stored

Numbers = NDArray[np.float64]
FAR, VERY_FAR = 5.0, 10.0
"""Deviations. Beyond 5 lie at most 4 % of what was trained on, whatever its distribution (Chebyshev), beyond 10 at most
1 %; a typical value there is none that was trained on. VecNormalize cuts at 10, so that nothing is seen beyond."""
_NEAR = 2.0
"""A factor that brings what is far within so many deviations explains it."""
_MOST_NUMBERS, _MOST_PAIRS = 64, 3
"""Of more numbers no pairs are tried, and where more pairs than these would do, none of them says anything."""
_TIMES = 3.0
"""A factor that explains leaves a spread between a third and three times that of training."""
NARROW, _STILL = 30.0, 1e-4
"""Times: less than what degrees are of radians, and far more than what a few episodes vary less than training did;
below the other a number stands still."""
FEWEST = 10
"""Of fewer steps it is only said that they are too few."""
_FACTORS = {
    np.pi / 180: "radians, where training had degrees",
    180 / np.pi: "degrees, where training had radians",
    1000.0: "a thousand times larger (millimetres for metres?)",
    1e-3: "a thousand times smaller (metres for millimetres?)",
    255.0: "0..255, where training had 0..1",
    1 / 255: "0..1, where training had 0..255",
}
_SHARE = 0.01
"""Of the largest deviation: what training never moved may move so much."""
_BOOKKEEPING = {"index", "timestamp", "frame_index", "episode_index", "task_index"}
_MOST_NAMED = 5
_BYTES, _UNIT = 10.0, 1.5
"""Above the one a channel's mean is of 0..255, below the other of 0..1: no image is between them but a black one."""
_FLIPS: dict[str, tuple[slice, ...]] = {
    "upside down": (slice(None, None, -1),),
    "rotated by 180 degrees": (slice(None, None, -1), slice(None, None, -1)),
    "mirrored": (slice(None), slice(None, None, -1)),
}
_ALIKE, _UNLIKE = 0.8, 0.5
"""Correlations: flipped, an image is like the stored one, and as it is, it is not."""


class Said(NamedTuple):
    """A finding without the policy's and the task's name."""

    level: Level
    check: str
    text: str
    advice: str
    numbers: dict[str, Any]


def against_observations(
    stored: Stored,
    seen_N: Mapping[str, NDArray[Any]],
    *,
    starts_N: Mapping[str, NDArray[Any]],
    others_N: Sequence[Mapping[str, NDArray[Any]]],
    is_unit: bool,
) -> Iterator[Said]:
    """What differs of each array that statistics are stored of.

    `others_N` are what each of the references saw, `starts_N` the first steps of all. `is_unit` of a policy that makes
    bytes 0..1.
    """
    yield from _left_out(stored, seen_N)
    for name, values in seen_N.items():
        stats = stored.of(name, seen_N)
        if stats is None or len(values) < FEWEST:
            continue
        what = f"The observation {name!r}" if name else "The observation"
        if _image(values) is not None:
            yield from _scale(stats, values, what, is_unit=is_unit)
            yield from _orientation(stats, values, what)
        elif stats.mean.size == values[0].size:
            told = f"{what} (against {stored.origin})"
            others = [_flat(other[name]) for other in others_N if name in other]
            yield from _far(stats, _flat(values), told, starts_ND=_flat(starts_N[name]), others=others)
        else:
            yield Said(
                "wrong",
                "sizes",
                f"{what} has {values[0].size} numbers; the statistics in {stored.origin} are of {stats.mean.size}.",
                "Give the policy what it was trained on, by a mapping, or the statistics that belong to it.",
                {"seen": values[0].size, "stored": stats.mean.size},
            )


def _left_out(stored: Stored, seen_N: Mapping[str, NDArray[Any]]) -> Iterator[Said]:
    """What is not compared: observations without statistics, statistics of no observation, too few steps."""
    num = max(map(len, seen_N.values()), default=0)
    if num < FEWEST:
        yield too_few(num, "observations")
        return
    fits = {name: stored.name_of(name, seen_N) for name in seen_N}
    alone = [repr(name) if name else "the observation" for name, fit in fits.items() if fit is None]
    unused = [repr(name) for name in stored.observations if name not in fits.values() and not _is_bookkeeping(name)]
    if not alone and not unused:
        return
    told = [f"no statistics in {stored.origin} are of {_named(alone)}"] if alone else []
    told += [f"the statistics of {_named(unused)} are of nothing that the policy sees"] if unused else []
    text = f"Not all is compared with training: {', and '.join(told)}."
    advice = "Where two of them are the same thing, give it the other's name: in a mapping, or in the file of --stats."
    yield Said("note", "not compared", text, advice, {"observations": alone, "statistics": unused})


def too_few(num: int, what: str) -> Said:
    """The finding that these are not compared with training."""
    text = f"Only {num} {what} were kept: fewer than {FEWEST} are not compared with training."
    return Said("note", "not compared", text, "Play more: --num-episodes, --max-steps.", {"steps": num})


def _is_bookkeeping(name: str) -> bool:
    """Whether statistics are of a column that tells where a row stands in its data, and that no policy sees."""
    return name in _BOOKKEEPING or name.startswith("next.")


def _named(names: Sequence[str]) -> str:
    told = ", ".join(names[:_MOST_NAMED])
    return told + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def _far(stats: Stats, seen_ND: Numbers, what: str, *, starts_ND: Numbers, others: Sequence[Numbers]) -> Iterator[Said]:
    """Whether a typical value is far from training; and what would bring it near."""
    typical = distances(stats, seen_ND)
    far = np.flatnonzero(typical > FAR)
    if not len(far):
        yield from _narrow(stats, np.max([one.std(0) for one in (seen_ND, *others)], axis=0), what)
        return
    is_sure = bool(((typical > VERY_FAR) & (distances(stats, starts_ND) > FAR) & ~_is_still(stats)).any())
    worst = int(np.argmax(typical))
    mean, std = stats.mean.reshape(-1)[worst], stats.std.reshape(-1)[worst]
    text = (
        f"{what}: in {len(far)} of {len(typical)} numbers a typical value is more than {FAR:g} deviations from "
        f"training; number {worst} is {np.median(seen_ND[:, worst]):.4g}, in training {mean:.4g} ± {std:.3g} "
        f"({typical[worst]:.3g} deviations)."
    )
    numbers: dict[str, Any] = {"deviations": listed(typical), "far": far.tolist()}
    level: Level = "wrong" if is_sure else "doubtful"
    factor, pairs = _factor(stats, seen_ND), exchanges(stats, seen_ND)
    advice = "Compare units, normalisation and names with training's; a mapping's `normalize` or `slice` can do it."
    check = "normalisation"
    if factor is not None:
        text += f" Those numbers look like {factor}."
    if pairs:
        told = ", or ".join(f"{first} and {second}" for first, second in pairs)
        text += f" With the numbers {told} exchanged nothing would be."
        advice = "Compare the order of the numbers with training's; a mapping's `take: [...]` changes it."
        check, numbers["pairs"] = "order" if factor is None else "order or scale", [list(pair) for pair in pairs]
    elif factor is None and _is_normalised(seen_ND):
        text += " They look normalised already."
        advice = "Normalise once: give the environment's own numbers, or a policy without statistics."
    yield Said(level, check, text, advice, numbers)


def _narrow(stats: Stats, spread: Numbers, what: str) -> Iterator[Said]:
    """Numbers that vary far less than in training, even with random actions; those that never change are not meant."""
    std = np.maximum(stats.std.reshape(-1), 1e-9)
    ratio = spread / std
    narrow = np.flatnonzero((ratio > _STILL) & (ratio < 1 / NARROW))
    if not len(narrow):
        return
    worst = int(narrow[np.argmin(ratio[narrow])])
    text = (
        f"{what}: {len(narrow)} of {len(ratio)} numbers vary less than a {NARROW:g}th of what they did in training, "
        f"even with random actions; number {worst} has a deviation of {spread[worst]:.3g}, in training "
        f"{std[worst]:.3g}."
    )
    advice = "Compare units and normalisation with training's (radians for degrees, metres for millimetres, twice)."
    yield Said("doubtful", "normalisation", text, advice, {"ratios": [float(f"{one:.3g}") for one in ratio]})


def distances(stats: Stats, seen_ND: Numbers) -> Numbers:
    """Of each number the median distance from the mean, in deviations.

    What did not vary in training has a deviation of a thousandth of its mean, or of a hundredth of the largest one.
    """
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    floor = np.where(_is_still(stats), _SHARE * std.max(), 0.0)
    found: Numbers = np.median(np.abs(seen_ND - mean), axis=0) / np.maximum(std, np.maximum(_least(mean), floor))
    return found


def _is_still(stats: Stats) -> NDArray[np.bool_]:
    """Of each number whether training never moved it."""
    still: NDArray[np.bool_] = stats.std.reshape(-1) <= _least(stats.mean.reshape(-1))
    return still


def _least(mean: Numbers) -> Numbers:
    least: Numbers = 1e-3 * np.abs(mean) + 1e-6
    return least


def exchanges(stats: Stats, seen_ND: Numbers) -> list[tuple[int, int]]:
    """The pairs of numbers after whose exchange nothing is far; none where too many pairs would do."""
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    if len(mean) > _MOST_NUMBERS:
        return []
    found: list[tuple[int, int]] = []
    for pair in itertools.combinations(range(len(mean)), 2):
        order = np.arange(len(mean))
        order[list(pair)] = pair[::-1]
        if (distances(Stats(mean[order], std[order]), seen_ND) <= FAR).all():
            found.append(pair)
    return found if len(found) <= _MOST_PAIRS else []


def _factor(stats: Stats, seen_ND: Numbers) -> str | None:
    """What one factor brings near all numbers that are far; those that training never moved are left out."""
    is_far = (distances(stats, seen_ND) > FAR) & ~_is_still(stats)
    if not is_far.any():
        return None
    for factor, told in _FACTORS.items():
        scaled = np.where(is_far, seen_ND / factor, seen_ND)
        spread = scaled.std(0) / np.maximum(stats.std.reshape(-1), 1e-6)
        if (distances(stats, scaled)[is_far] <= _NEAR).all() and 1 / _TIMES < np.median(spread[is_far]) < _TIMES:
            return told
    return None


def _is_normalised(seen_ND: Numbers) -> bool:
    """Whether the numbers have means near 0 and deviations near 1."""
    spread = seen_ND.std(0)
    return bool((np.abs(seen_ND.mean(0)) < 1).all() and (np.abs(np.log(np.maximum(spread, 1e-9))) < 1).all())


def _scale(stats: Stats, values: NDArray[Any], what: str, *, is_unit: bool) -> Iterator[Said]:
    """Whether an image is 0..255 where training had 0..1, or the other way round.

    Many policies divide bytes by 255 themselves, which can't be seen from here.
    """
    seen = float(values.mean()) / (255 if is_unit and values.dtype == np.uint8 else 1)
    trained = float(stats.mean.mean())
    numbers = {"seen_mean": seen, "trained_mean": trained}
    if seen > _BYTES and trained < _UNIT and values.dtype == np.uint8:
        text = f"{what} is given as bytes of 0..255 (mean {seen:.3g}), where training had 0..1 (mean {trained:.3g})."
        advice = "Fine of a policy that divides by 255 itself; otherwise do it in a mapping, by `unit`."
        yield Said("note", "image scale", text, advice, numbers)
    elif seen > _BYTES and trained < _UNIT:
        text = f"{what} is an image of 0..255 (mean {seen:.3g}), where training had 0..1 (mean {trained:.3g})."
        yield Said("wrong", "image scale", text, "Divide by 255 once: a mapping's `unit`.", numbers)
    elif float(values.max()) / (255 if is_unit and values.dtype == np.uint8 else 1) < _UNIT and trained > _BYTES:
        text = f"{what} is an image of 0..1 (mean {seen:.3g}), where training had 0..255 (mean {trained:.3g})."
        yield Said("wrong", "image scale", text, "Leave the bytes as they are: no `unit` in the mapping.", numbers)
    elif seen < trained / 50:
        text = f"{what} is an image of mean {seen:.3g}, where training had {trained:.3g}: was it divided by 255 twice?"
        yield Said("wrong", "image scale", text, "Divide by 255 once: a mapping's `unit`.", numbers)


def _orientation(stats: Stats, values: NDArray[Any], what: str) -> Iterator[Said]:
    """Whether a flipped image is like the mean one of training and the image as it is not."""
    mean = _image(values.astype(np.float64))
    if mean is None or stats.mean.size != mean.size:
        return
    trained = stats.mean if stats.mean.shape == mean.shape else stats.mean.reshape(values.shape[1:])
    trained = trained if trained.shape == mean.shape else np.moveaxis(trained, 0, -1)
    yield from unlike(mean, trained, what, "the mean image of training", sure=True)


def unlike(image: Numbers, other: Numbers, what: str, of: str, *, sure: bool) -> Iterator[Said]:
    """A finding where a flip makes the image, (height, width, channels), like the other one."""
    as_it_is = correlation(image, other)
    flipped = {name: correlation(image[flip], other) for name, flip in _FLIPS.items()}
    best = max(flipped, key=lambda name: flipped[name])
    if as_it_is < _UNLIKE and flipped[best] > _ALIKE:
        step = {"upside down": "flip_vertical", "mirrored": "flip_horizontal"}.get(best, "rotate_180")
        text = f"{what} is {best}: its correlation with {of} is {as_it_is:.2f}, and {flipped[best]:.2f} turned back."
        advice = f"Turn it: a mapping's `{step}`, or one step less where a mapping turns it"
        advice += "." if sure else ", if the policy was trained on upright images."
        yield Said("wrong" if sure else "doubtful", "orientation", text, advice, {"as_it_is": as_it_is, **flipped})


def correlation(one: Numbers, other: Numbers) -> float:
    """Between -1 and 1; 0 where one of them is all the same."""
    left, right = one - one.mean(), other - other.mean()
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum()) / size if size > 0 else 0.0


def channels_last(image: NDArray[Any]) -> NDArray[Any] | None:
    """The image as (height, width, channels), also one of channels first; None for anything but an image."""
    if is_image(image.shape):
        return image
    if image.ndim == 3 and is_image((*image.shape[1:], image.shape[0])):  # noqa: PLR2004  # channels, height, width
        return np.moveaxis(image, 0, -1)
    return None


def _image(values: NDArray[Any]) -> Numbers | None:
    """The mean of images, (height, width, channels); None for anything but images."""
    return channels_last(values.mean(0, dtype=np.float64))


def _flat(values: NDArray[Any]) -> Numbers:
    return values.reshape(len(values), -1).astype(np.float64)


def listed(values: Sequence[float] | Numbers) -> list[float]:
    """The numbers for JSON."""
    return [round(float(value), 3) for value in values]
