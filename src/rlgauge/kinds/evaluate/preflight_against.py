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
_NARROW, _STILL = 30.0, 1e-4
"""Times: less than what degrees are of radians, and far more than what a few episodes vary less than training did;
below the other a number stands still."""
_FEWEST = 10
"""Of fewer steps nothing is said."""
_FACTORS = {
    np.pi / 180: "radians, where training had degrees",
    180 / np.pi: "degrees, where training had radians",
    1000.0: "a thousand times larger (millimetres for metres?)",
    1e-3: "a thousand times smaller (metres for millimetres?)",
    255.0: "0..255, where training had 0..1",
    1 / 255: "0..1, where training had 0..255",
}
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
    for name, values in seen_N.items():
        stats = stored.of(name, seen_N)
        if stats is None or len(values) < _FEWEST:
            continue
        what = f"The observation {name!r}" if name else "The observation"
        if _image(values) is not None and stats.mean.size in {1, 3, 4}:
            yield from _scale(stats, values, what, is_unit=is_unit)
        elif _image(values) is not None:
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


def _far(stats: Stats, seen_ND: Numbers, what: str, *, starts_ND: Numbers, others: Sequence[Numbers]) -> Iterator[Said]:
    """Whether a typical value is far from training; and what would bring it near."""
    typical = _typical(stats, seen_ND)
    far = np.flatnonzero(typical > FAR)
    if not len(far):
        yield from _narrow(stats, np.max([one.std(0) for one in (seen_ND, *others)], axis=0), what)
        return
    is_sure = bool(((typical > VERY_FAR) & (_typical(stats, starts_ND) > FAR)).any())
    worst = int(np.argmax(typical))
    mean, std = stats.mean.reshape(-1)[worst], stats.std.reshape(-1)[worst]
    text = (
        f"{what}: in {len(far)} of {len(typical)} numbers a typical value is more than {FAR:g} deviations from "
        f"training; number {worst} is {np.median(seen_ND[:, worst]):.4g}, in training {mean:.4g} ± {std:.3g} "
        f"({typical[worst]:.3g} deviations)."
    )
    numbers: dict[str, Any] = {"deviations": _listed(typical), "far": far.tolist()}
    level: Level = "wrong" if is_sure else "doubtful"
    factor, pairs = _factor(stats, seen_ND), _exchanges(stats, seen_ND)
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
    narrow = np.flatnonzero((ratio > _STILL) & (ratio < 1 / _NARROW))
    if not len(narrow):
        return
    worst = int(narrow[np.argmin(ratio[narrow])])
    text = (
        f"{what}: {len(narrow)} of {len(ratio)} numbers vary less than a {_NARROW:g}th of what they did in training, "
        f"even with random actions; number {worst} has a deviation of {spread[worst]:.3g}, in training "
        f"{std[worst]:.3g}."
    )
    advice = "Compare units and normalisation with training's (radians for degrees, metres for millimetres, twice)."
    yield Said("doubtful", "normalisation", text, advice, {"ratios": [float(f"{one:.3g}") for one in ratio]})


def _typical(stats: Stats, seen_ND: Numbers) -> Numbers:
    """Of each number the median distance from the mean, in deviations.

    What did not vary in training has a deviation of a thousandth of its mean.
    """
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    typical: Numbers = np.median(np.abs(seen_ND - mean), axis=0) / np.maximum(std, 1e-3 * np.abs(mean) + 1e-6)
    return typical


def _exchanges(stats: Stats, seen_ND: Numbers) -> list[tuple[int, int]]:
    """The pairs of numbers after whose exchange nothing is far; none where too many pairs would do."""
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    if len(mean) > _MOST_NUMBERS:
        return []
    found: list[tuple[int, int]] = []
    for pair in itertools.combinations(range(len(mean)), 2):
        order = np.arange(len(mean))
        order[list(pair)] = pair[::-1]
        if (_typical(Stats(mean[order], std[order]), seen_ND) <= FAR).all():
            found.append(pair)
    return found if len(found) <= _MOST_PAIRS else []


def _factor(stats: Stats, seen_ND: Numbers) -> str | None:
    """What one factor brings near all numbers that are far."""
    is_far = _typical(stats, seen_ND) > FAR
    for factor, told in _FACTORS.items():
        scaled = np.where(is_far, seen_ND / factor, seen_ND)
        spread = scaled.std(0) / np.maximum(stats.std.reshape(-1), 1e-6)
        if (_typical(stats, scaled)[is_far] <= _NEAR).all() and 1 / _TIMES < np.median(spread[is_far]) < _TIMES:
            return told
    return None


def _is_normalised(seen_ND: Numbers) -> bool:
    """Whether the numbers have means near 0 and deviations near 1."""
    spread = seen_ND.std(0)
    return bool((np.abs(seen_ND.mean(0)) < 1).all() and (np.abs(np.log(np.maximum(spread, 1e-9))) < 1).all())


def _scale(stats: Stats, values: NDArray[Any], what: str, *, is_unit: bool) -> Iterator[Said]:
    """Whether an image is 0..255 where training had 0..1, or the other way round."""
    seen = float(values.mean()) / (255 if is_unit and values.dtype == np.uint8 else 1)
    trained = float(stats.mean.mean())
    numbers = {"seen_mean": seen, "trained_mean": trained}
    if seen > _BYTES and trained < _UNIT:
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
        advice = f"Turn it: a mapping's `{step}`" + ("." if sure else ", if the policy was trained on upright images.")
        yield Said("wrong" if sure else "doubtful", "orientation", text, advice, {"as_it_is": as_it_is, **flipped})


def correlation(one: Numbers, other: Numbers) -> float:
    """Between -1 and 1; 0 where one of them is all the same."""
    left, right = one - one.mean(), other - other.mean()
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum()) / size if size > 0 else 0.0


def against_actions(stats: Stats, done_ND: Numbers) -> Iterator[Said]:
    """What of the actions in play is unlike those of training: their scale, and their sign."""
    if len(done_ND) < _FEWEST:
        return
    mean, std = stats.mean.reshape(-1), stats.std.reshape(-1)
    std = np.maximum(std, std.max() / 100 + 1e-6)  # what training never moved may move a little
    stats = stats._replace(std=std)
    if len(mean) != done_ND.shape[1]:
        text = f"Actions have {done_ND.shape[1]} numbers; the stored statistics are of {len(mean)}."
        yield Said("wrong", "sizes", text, "Give the statistics that belong to the policy.", {})
        return
    played = done_ND.mean(0)
    opposite = _opposite(mean, std, played)
    for place in np.flatnonzero(opposite):
        text = (
            f"The action's number {place} has the opposite sign of training: {played[place]:.3g} on average, "
            f"in training {mean[place]:.3g} ± {std[place]:.3g}."
        )
        advice = f"If it is a gripper that opens where it should close: a mapping's `negate: [{place}]`."
        numbers = {"place": int(place), "played": float(played[place]), "trained": float(mean[place])}
        yield Said("doubtful", "sign", text, advice, numbers)
    typical = _typical(stats, done_ND)
    far = np.flatnonzero((typical > FAR) & ~opposite)
    if len(far):
        worst = int(far[np.argmax(typical[far])])
        text = (
            f"In {len(far)} of {len(mean)} numbers typical actions are more than {FAR:g} deviations from training; "
            f"number {worst} is {np.median(done_ND[:, worst]):.4g}, in training {mean[worst]:.4g} ± {std[worst]:.3g}."
        )
        advice = "Bring the actions back to the environment's scale: a mapping's `unnormalize`."
        check = "normalisation of actions"
        if pairs := _exchanges(stats, done_ND):
            told = ", or ".join(f"{first} and {second}" for first, second in pairs)
            text += f" With the numbers {told} exchanged nothing would be."
            check, advice = "order of actions", "Compare the order of the action's numbers with training's."
        level: Level = "wrong" if (typical > VERY_FAR)[far].any() else "doubtful"
        yield Said(level, check, text, advice, {"deviations": _listed(typical)})
    yield from _stuck(stats, done_ND)


def _opposite(mean: Numbers, std: Numbers, played: Numbers) -> NDArray[np.bool_]:
    """Where training was clearly on one side of zero, and play is as clearly on the other.

    Beyond one deviation from zero at least half of training has the mean's sign (Cantelli); the mean in play is
    two deviations away, on the other side and at least half as far from zero.
    """
    found: NDArray[np.bool_] = (
        (np.abs(mean) > std) & (np.sign(played) == -np.sign(mean)) & (np.abs(played) > np.abs(mean) / 2)
    ) & (np.abs(played - mean) > 2 * std)
    return found


def _stuck(stats: Stats, done_ND: Numbers) -> Iterator[Said]:
    """A number that is always the same where training had both ends: its deviation was a quarter of its range."""
    if stats.low is None or stats.high is None:
        return
    reach = (stats.high - stats.low).reshape(-1)
    constant = done_ND.std(0) < 1e-3 * np.maximum(reach, 1e-6)
    if constant.all():
        return
    for place in np.flatnonzero(constant & (stats.std.reshape(-1) > reach / 4) & (reach > 0)):
        value = float(done_ND[0, place])
        text = f"The action's number {place} is always {value:.3g}; in training it went to both of its ends."
        advice = "If it is a gripper, look at its sign and scale (a mapping's `negate`, `widen`, `binarize`)."
        yield Said("doubtful", "stuck", text, advice, {"place": int(place), "value": value})


def _image(values: NDArray[Any]) -> Numbers | None:
    """The mean of images, (height, width, channels); None for anything but images."""
    shape = values.shape[1:]
    mean: Numbers = values.mean(0, dtype=np.float64)
    if is_image(shape):
        return mean
    if len(shape) == 3 and is_image((*shape[1:], shape[0])):  # noqa: PLR2004  # channels, height, width
        return np.moveaxis(mean, 0, -1)
    return None


def _flat(values: NDArray[Any]) -> Numbers:
    return values.reshape(len(values), -1).astype(np.float64)


def _listed(values: Sequence[float] | Numbers) -> list[float]:
    return [round(float(value), 3) for value in values]
