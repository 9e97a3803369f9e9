"""Seeds: stable for ever, different for whatever differs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core import seeding

PATHS = st.lists(st.text(max_size=5) | st.integers(), max_size=4)


def test_derived_seeds_never_change():
    assert seeding.derive(0) == 96405916
    assert seeding.derive(1, "a") == 2065502767
    assert seeding.derive(1, "a", 0) == 997628324
    assert seeding.derive(1, "1") == 611721499
    assert seeding.derive(1, 1) == 1343755884
    assert seeding.episode_seed(42, "CartPole-v1", 0) == 1881860804
    assert seeding.action_seed(42, "CartPole-v1", 0) == 1979537237


def test_another_process_derives_the_same_seed():
    code = "from rlgauge.core.seeding import derive; print(derive(7, 'Ünïcode', -3))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(printed) == seeding.derive(7, "Ünïcode", -3)


@given(st.integers(), PATHS)
def test_a_seed_fits_31_bits(seed, path):
    assert 0 <= seeding.derive(seed, *path) < 2**31


@given(st.integers(), PATHS, st.integers(), PATHS)
def test_equal_seeds_have_equal_paths(seed, path, other_seed, other_path):
    same = (seed, path) == (other_seed, other_path)
    assert (seeding.derive(seed, *path) == seeding.derive(other_seed, *other_path)) == same


@pytest.mark.parametrize(
    "others",
    [
        [(1,), (1, ""), (1, "", ""), (1, 0)],
        [(1, "a"), (1, "a", 0), (1, "a", "0"), (1, "a0"), (1, '"a",0')],
        [(1, "ab", "c"), (1, "a", "bc"), (1, "abc"), (1, "ab,c")],
        [(1, 23), (12, 3), (123,), (-1, 23)],
    ],
)
def test_paths_that_look_alike_have_different_seeds(others):
    assert len({seeding.derive(*other) for other in others}) == len(others)


def test_what_is_no_text_or_integer_is_refused():
    with pytest.raises(TypeError):
        seeding.derive(1, b"bytes")


def test_100_000_seeds_collide_as_rarely_as_chance_has_it():
    seeds = {seeding.derive(seed, "task", index) for seed in range(100) for index in range(1000)}
    expected = 100_000**2 / 2 / 2**31  # 2.3
    assert 100_000 - len(seeds) <= 4 * expected


def test_neighbouring_seeds_share_no_episode():
    seeds = [seeding.episode_seed(seed, "CartPole-v1", index) for seed in range(40, 45) for index in range(1000)]
    assert len(set(seeds)) == len(seeds)


def test_seeds_use_every_bit():
    seeds = [seeding.derive(0, index) for index in range(4000)]
    for bit in range(31):
        assert 1800 < sum(seed >> bit & 1 for seed in seeds) < 2200  # 6 standard deviations


def test_actions_are_seeded_apart_from_the_environment():
    assert seeding.action_seed(1, "t", 0) != seeding.episode_seed(1, "t", 0)
