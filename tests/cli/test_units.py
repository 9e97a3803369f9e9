from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.cli.units import (
    bytes_text,
    count_text,
    parse_bytes,
    parse_count,
    parse_memory,
    parse_seeds,
    seconds_text,
)
from rlgauge.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("1000", 1000),
        ("2GiB", 2 * 2**30),
        ("2 gib", 2 * 2**30),
        ("2G", 2 * 2**30),
        ("2GB", 2 * 10**9),
        ("1.5MB", 1_500_000),
        ("1e9", 10**9),
        ("3B", 3),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("1TiB", 2**40),
    ],
)
def test_sizes_are_read_as_they_are_written(text, number):
    assert parse_bytes(text) == number


@pytest.mark.parametrize("text", ["", "GiB", "2Q", "-1", "1.2.3", "2 GiB more", ".", "iB"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UserError, match="is no size"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("10", "'10' is 10 bytes, less than 1 MiB: write the unit, such as 10GiB."),
        ("1", "'1' is 1 byte, less than 1 MiB: write the unit, such as 1GiB."),
        ("0", "'0' is 0 bytes, less than 1 MiB: write the unit, such as 2GiB."),
        ("900kB", "'900kB' is 900,000 bytes, less than 1 MiB: write the unit, such as 2GiB."),
    ],
)
def test_memory_in_which_nothing_fits_is_refused_with_the_spelling(text, sentence):
    with pytest.raises(UserError) as refused:
        parse_memory(text)
    assert str(refused.value) == sentence
    assert parse_memory("1MiB") == 2**20


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..4", [0, 1, 2, 3, 4]), ("7", [7]), ("0,3,7", [0, 3, 7]), ("0..2, 5,1", [0, 1, 2, 5])]
)
def test_seeds_are_ranges_and_lists(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "4..0", "0...4", "-1", "1,", "0..", "1.5"])
def test_what_are_no_seeds_is_refused(text):
    with pytest.raises(UserError, match="are no seeds"):
        parse_seeds(text)


@given(st.lists(st.integers(0, 10**6), min_size=1, unique=True))
def test_a_list_of_seeds_is_read_back(seeds):
    assert parse_seeds(",".join(map(str, seeds))) == seeds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ns"),
        (4e-7, "400 ns"),
        (2e-5, "20 µs"),
        (0.0123, "12.3 ms"),
        (9.87, "9.87 s"),
        (75, "1 min 15 s"),
        (3600, "1 h 0 min"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (13_800_000, "13.8 MB"), (3e15, "3e+03 TB")]
)
def test_sizes_have_the_unit_that_suits_them(number, text):
    assert bytes_text(number) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 runs"), (1, "1 run"), (1234, "1,234 runs")])
def test_counts_agree_with_their_noun(number, text):
    assert count_text(number, "run") == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("100", 100), ("10k", 10_000), ("1M", 10**6), ("2.5m", 2_500_000), ("2G", 2 * 10**9)],
        *[("1e6", 10**6), ("1E+2", 100), ("2.5e3", 2500), ("1e3k", 10**6), (" 5 ", 5)],
        *[("1.1k", 1100), ("1.001M", 1_001_000), ("0.01k", 10), ("9007199254740993", 9_007_199_254_740_993)],
    ],
)
def test_counts_are_read_as_they_are_written(text, number):
    assert parse_count(text) == number


@pytest.mark.parametrize("text", ["", "ten", "0", "-1", "1.5", "1.0001k", "1e-3", "1e999", "2T", "1_000", "1 000"])
def test_what_is_no_count_is_refused_by_what_was_given(text):
    with pytest.raises(UserError) as refused:
        parse_count(text)
    assert str(refused.value) == f"{text!r} is no number of things: write a whole one such as 100, 10k, 1M or 1e6."
