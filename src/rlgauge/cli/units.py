"""Sizes, durations and seeds as people write and read them."""

from __future__ import annotations

import re
from decimal import Decimal

from rlgauge.core.errors import UserError

_SIZES = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LEAST_MEMORY = 2**20
_MINUTE, _HOUR = 60, 3600


def parse_bytes(text: str) -> int:
    """Bytes of `2GiB`, `500M` or `1e9`: K is 1024, KB is 1000, and so are their powers. Raises UserError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)\s*([kmgt]?)(i?b)?", text.strip().lower())
    if match is None:
        raise UserError(f"{text!r} is no size: write one such as 2GiB or 500MB.")
    number, letter, ending = match.groups()
    factor = 1000 ** "kmgt".index(letter) * 1000 if letter and ending == "b" else _SIZES[letter]
    return int(float(number) * factor)


def parse_memory(text: str) -> int:
    """The same for what a process may hold. Raises UserError for less than any process needs."""
    number = parse_bytes(text)
    if number < _LEAST_MEMORY:
        near = f"{text.strip()}GiB" if re.fullmatch(r"\s*[1-9][\d.]*\s*", text) else "2GiB"
        raise UserError(f"{text!r} is {count_text(number, 'byte')}, less than 1 MiB: write the unit, such as {near}.")
    return number


def parse_seeds(text: str) -> list[int]:
    """The seeds of `0..4` (both ends included), `0,3,7` or a mix of these. Raises UserError."""
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", part.strip())
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise UserError(f"{text!r} are no seeds: write a range such as 0..4, or a list such as 0,3,7.")
        seeds.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    return list(dict.fromkeys(seeds))


def bytes_text(number: float) -> str:
    """The number of bytes with the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004  # the prefixes' own step
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def seconds_text(seconds: float) -> str:
    """The duration with the unit that suits it."""
    if seconds >= _HOUR:
        return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
    if seconds >= _MINUTE:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def count_text(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def parse_count(text: str) -> int:
    """The number of `100`, `10k`, `2.5M`, `1G` or `1e6`: thousands, millions, milliards. Raises UserError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\+?\d{1,2})?)([kmg]?)", text.strip().lower())
    number = Decimal(match[1]) * _COUNTS[match[2]] if match else Decimal(0)
    if number < 1 or number != int(number):
        raise UserError(f"{text!r} is no number of things: write a whole one such as 100, 10k, 1M or 1e6.")
    return int(number)
