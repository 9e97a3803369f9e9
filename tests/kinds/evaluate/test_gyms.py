from __future__ import annotations

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge import Benchmark, UserError
from rlgauge.kinds.evaluate.gyms import Gyms, unique
from tests import gyms
from tests.gyms import Counted


@pytest.fixture(autouse=True)
def fresh_count():
    Counted.open.clear()
    Counted.num_made = Counted.num_closed_twice = 0


class Instances(Benchmark):
    def create_gyms(self):
        return [Counted(), Counted(3)]


class Factories(Benchmark):
    def create_gyms(self):
        return [Counted, lambda: Counted(3)]


class Broken(Benchmark):
    def create_gyms(self):
        return [gyms.CountedFaulty(), Counted()]


class BrokenFactories(Benchmark):
    def create_gyms(self):
        return [gyms.CountedFaulty, Counted]


class Keeps(Benchmark):
    """Makes its environment once, and returns it whenever it is asked."""

    def __init__(self):
        self.env = gyms.Listens()
        super().__init__(num_episodes=6)

    def create_gyms(self):
        return [self.env]


@pytest.mark.parametrize("kind", [Instances, Factories, Broken, BrokenFactories])
@pytest.mark.parametrize("lanes", [1, 4])
def test_what_the_benchmark_made_is_closed_once(kind, lanes):
    results = kind(num_episodes=6).evaluate("random", lanes=lanes)
    assert [result.n_episodes for result in results.results] == [6, 6]
    assert (results.results[0].n_errors > 0) == (kind in {Broken, BrokenFactories})
    assert Counted.num_made > 2
    assert (Counted.open, Counted.num_closed_twice) == ([], 0)


def test_what_was_made_is_closed_when_the_policy_fails():
    def fails(observation):
        raise RuntimeError("no")

    for kind in (Instances, Factories):
        with pytest.raises(UserError, match="RuntimeError: no"):
            kind(num_episodes=2).evaluate(fails)
    assert (Counted.open, Counted.num_closed_twice) == ([], 0)


def test_a_given_instance_is_left_open_even_where_it_breaks():
    env, broken = Counted(), gyms.CountedFaulty()
    results = Benchmark(gyms=[env, broken], num_episodes=12).evaluate("random")
    assert results.results[1].n_errors > 0
    assert (Counted.open, Counted.num_made) == ([env, broken], 2)


def test_given_factories_are_closed_by_us():
    Benchmark(gyms=[Counted, lambda: Counted(2)], num_episodes=6).evaluate("random", lanes=3)
    assert (Counted.open, Counted.num_closed_twice) == ([], 0)
    assert Counted.num_made == 2 * 2 + 2 * 3


def test_only_one_tasks_factories_are_open_at_a_time():
    most = []

    class Watched(Counted):
        def reset(self, **options):
            most.append(len(Counted.open))
            return super().reset(**options)

    Benchmark(gyms=[Watched, Watched, Watched], num_episodes=4).evaluate("zero", lanes=2)
    assert max(most) == 2


def test_an_instance_steps_in_one_lane_and_counts_as_a_factory_does():
    instance = Benchmark(gyms=[gyms.Listens()], num_episodes=12).evaluate("random")
    factory = Benchmark(gyms=[gyms.Listens], num_episodes=12).evaluate("random")
    assert instance.digest() == factory.digest()


@pytest.mark.parametrize("wrap", [lambda env: env, lambda env: gym.wrappers.TimeLimit(env, 100)])
def test_one_environment_returned_again_and_again_is_stepped_in_one_lane(wrap):
    expected = Benchmark(gyms=[gyms.Listens], num_episodes=6).evaluate("random").digest()
    assert Keeps().evaluate("random").digest() == expected
    env = gyms.Listens()
    assert Benchmark(gyms=[lambda: wrap(env)], num_episodes=6).evaluate("random").digest() == expected


@pytest.mark.parametrize("given", [[42], [lambda: "no environment"]])
def test_what_is_no_environment_is_said(given):
    with pytest.raises(UserError, match=r"is no Gymnasium environment: it lacks reset, step"):
        Benchmark(gyms=given).evaluate("random")


def test_no_environments_are_said():
    class Empty(Benchmark):
        def create_gyms(self):
            return []

    for benchmark in (Benchmark(gyms=[]), Empty()):
        with pytest.raises(UserError, match="has no environments"):
            benchmark.evaluate("random")
    with pytest.raises(UserError, match=r"give gyms=\[...\], or override create_gyms"):
        Benchmark().evaluate("random")


def test_an_environment_class_is_a_factory_and_an_environment_is_none():
    with_class = Gyms([gyms.Toy], list)
    assert isinstance(with_class.env(0, 0), gyms.Toy)
    assert len(with_class.lanes(0, 3)) == 3
    env = gyms.Toy()
    assert Gyms([env], list).lanes(0, 3) == [env]


def test_names_that_come_again_get_a_number():
    assert unique(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]


@given(st.lists(st.sampled_from(["a", "a-2", "a-3", "a-2-2", "b"])))
def test_no_two_names_are_the_same_and_the_first_of_each_stays(names):
    given = unique(names)
    assert len(set(given)) == len(names) == len(given)
    assert all(
        new == old for position, (new, old) in enumerate(zip(given, names, strict=True)) if old not in names[:position]
    )


def test_an_environment_that_stands_twice_in_the_list_is_refused():
    env = gyms.Toy()
    with pytest.raises(UserError, match="stands twice"):
        Benchmark(gyms=[env, gyms.Toy, env]).evaluate("zero")
    assert len(Benchmark(gyms=[gyms.Toy, gyms.Toy], num_episodes=1).evaluate("zero").results) == 2


def test_a_function_that_fails_to_make_an_environment_is_named():
    def makes_nothing():
        raise TypeError("no such thing")

    with pytest.raises(UserError, match=r"makes_nothing, which makes an environment, failed: TypeError: no such thing"):
        Benchmark(gyms=[makes_nothing]).evaluate("zero")
