from __future__ import annotations

import random

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
from rlgauge.kinds.train.original.workload import OriginalWorkload
from rlgauge.tune.base import Base, _guess
from rlgauge.tune.space import Choice, Range, find_space, read_space, shipped

TUNED_THERE = {
    "num_iterations": Choice([25, 50]),
    "initial_comparison_frac": Choice([0.1, 0.25]),
    "reward_trainer_kwargs.epochs": Choice([1, 3, 6]),
    "rl.batch_size": Choice([512, 2048, 8192]),
    "rl.rl_kwargs.learning_rate": Range(1e-5, 1e-2, log=True),
    "rl.rl_kwargs.ent_coef": Range(1e-7, 1e-3, log=True),
}
"""What the library imitation itself varied of preference comparisons."""


def test_the_shipped_spaces_are_those_of_the_library_imitation():
    assert set(shipped()) == {"airl", "bc", "dagger", "gail", "preference_comparisons", "rl"}
    bc, dagger, gail = find_space("bc"), find_space("dagger"), find_space("gail")
    assert (bc.trials, dagger.trials, gail.trials) == (64, 50, 100)
    assert bc.axes == {
        "bc.batch_size": Choice([8, 16, 32, 64]),
        "bc.l2_weight": Range(1e-6, 1e-2, log=True),
        "bc.optimizer_kwargs.lr": Range(1e-5, 1e-2, log=True),
        "bc.n_epochs": Choice([1, 5, 10, 20]),
    }
    schedules = dagger.axes["dagger.beta_schedule"].values
    assert [one.get("rampdown_rounds") for one in schedules] == [1, 5, 15, None, None, None]
    assert [one.get("decay_probability") for one in schedules] == [None, None, None, 0.3, 0.5, 0.7]
    assert gail.axes["demo_batch_size"] == Choice([32, 128, 512, 2048, 8192])
    assert gail.axes == find_space("airl").axes
    compared = find_space("preference_comparisons")
    assert compared.trials == 100
    assert {name: compared.axes[name] for name in TUNED_THERE} == TUNED_THERE
    assert not {"total_timesteps", "total_comparisons"} & set(compared.axes)


def test_the_space_of_preference_comparisons_is_that_of_the_librarys_scripts():
    base = Base.of(OriginalWorkload("preference_comparisons", env="seals/CartPole-v0", num_tests=1))
    space = base.own_space()
    assert space == find_space("preference_comparisons")
    base.configured({name: axis.probes[-1] for name, axis in space.axes.items()}, [0])
    with pytest.raises(UserError, match="No space belongs to bc"):
        Base.of(OriginalWorkload("bc", env="seals/CartPole-v0", num_tests=1)).own_space()


@pytest.mark.parametrize("algo", ["bc", "dagger", "gail", "airl"])
def test_every_value_of_a_shipped_space_is_one_that_its_algorithm_takes(algo):
    base = Base.of(AlgorithmWorkload(algo, env="seals/CartPole-v0", num_tests=1))
    space = base.own_space()
    assert space == find_space(algo)
    for name, axis in space.axes.items():
        for value in axis.probes:
            base.configured({name: value}, [0])


def test_whole_numbers_make_a_whole_range_and_exponents_are_numbers():
    space = read_space({"n": {"low": 1, "high": 7, "step": 3}, "x": {"low": "1e-4", "high": 1}}, where="here")
    whole = space.axes["n"]
    values = [whole.at(place) for place in range(whole.count)]
    assert values == [1, 4, 7]
    assert all(isinstance(value, int) for value in values)
    assert space.axes["x"] == Range(1e-4, 1.0)
    assert space.axes["x"].count is None
    assert read_space({"x": ["1e-4", 2]}, where="here").axes["x"].values == [1e-4, 2]


def test_a_space_that_is_written_as_it_was_read_is_the_same():
    for name in shipped():
        space = find_space(name)
        assert read_space({"values": space.data, "trials": space.trials}, where=space.where) == space


def test_the_points_of_a_grid_are_all_combinations_in_order():
    space = read_space({"a": [1, 2], "b": {"low": 0, "high": 1}}, where="here")
    assert space.num_points == 4
    points = [space.point(place) for place in range(4)]
    assert points == [{"a": 1, "b": 0}, {"a": 1, "b": 1}, {"a": 2, "b": 0}, {"a": 2, "b": 1}]
    assert [space.place_of(point) for point in points] == [0, 1, 2, 3]


def test_steps_of_a_range_are_counted_and_found_again_where_they_are_not_exact():
    axis = read_space({"x": {"low": 0.0, "high": 1.0, "step": 0.1}}, where="here").axes["x"]
    assert [axis.place_of(axis.at(place)) for place in range(axis.count)] == list(range(11))
    assert axis.place_of(0.3) == axis.place_of(0.1 * 3) == 3


def test_a_grid_over_a_huge_range_is_refused_and_a_guess_is_drawn_from_it_without_listing_it():
    space = read_space({"bc.n_batches": {"low": 1, "high": 10**15}}, where="here")
    with pytest.raises(UserError, match=r"here has 1,000,000,000,000,000 points, more than 1,000,000: give shorter"):
        _ = space.num_points
    guess = _guess(space.axes["bc.n_batches"], random.Random(0))
    assert 1 < guess < 10**15
    both = read_space({"bc.n_epochs": [None, 5], "bc.n_batches": {"low": 1, "high": 10**15}}, where="here")
    Base.of(AlgorithmWorkload("bc", env="seals/CartPole-v0", num_tests=1)).check(both)


def test_a_grid_of_a_continuous_range_is_refused_in_a_sentence():
    with pytest.raises(
        UserError, match=r"--sampler grid tries all values, and bc\.l2_weight of the space bc has infin"
    ):
        _ = find_space("bc").num_points


def test_what_is_fixed_is_no_longer_in_the_space():
    assert "bc.n_epochs" not in find_space("bc").without({"bc.n_epochs": 5, "bc.n_batches": 3}).axes


@pytest.mark.parametrize("path", ["dagger", "dagger.beta_schedule.rampdown_rounds"])
def test_fixing_what_is_inside_or_around_a_sampled_setting_is_refused(path):
    with pytest.raises(UserError, match="overlap"):
        find_space("dagger").without({path: 3})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([], "is no space"),
        ({}, "no settings"),
        ({"values": {}}, "no settings"),
        ({"values": {"a": [1]}, "trails": 3}, "Did you mean 'trials'"),
        ({"values": {"a": [1]}, "trials": 0}, "trials must be"),
        ({"a": []}, "a contains no valid value: its list is empty"),
        ({"a": 3}, "a has one value"),
        ({"a": [1, 1.0]}, "twice"),
        ({"a": {"low": 2, "high": 1}}, "a contains no valid value: low, 2, is above high, 1"),
        ({"a": {"low": 0, "high": 1, "log": True}}, "a contains no valid value near its low end"),
        ({"a": {"low": 0}}, "high must be a number"),
        ({"a": {"low": 0, "high": float("inf")}}, "high must be a number"),
        ({"a": {"low": 0, "hihg": 1}}, "Did you mean 'high'"),
        ({"a": {"low": 0, "high": 1, "log": "yes"}}, "log is true or false"),
        ({"a": {"low": 1, "high": 2, "log": True, "step": 1}}, "step"),
        ({"a": [float("nan")]}, "finite"),
        ({"a.b": [1], "a.b.c.d": [2]}, "a.b and a.b.c.d overlap"),
        ({"a.b.c": [1], "a": [2]}, "a and a.b.c overlap"),
        ({"a": ["[1, 2]", [1, 2]]}, "can't tell '[1, 2]' from [1, 2]"),
    ],
)
def test_what_is_wrong_with_a_space_is_said_with_the_name(data, told):
    with pytest.raises(UserError) as caught:
        read_space(data, where="mine.yaml")
    assert str(caught.value).startswith("mine.yaml")
    assert told in str(caught.value)


def test_a_file_that_is_not_there_or_no_yaml_and_a_name_that_is_unknown_are_refused(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(UserError, match="is no YAML"):
        find_space(str(tmp_path / "bad.yaml"))
    with pytest.raises(UserError, match="There is no space"):
        find_space(str(tmp_path / "none.yaml"))
    with pytest.raises(UserError, match="Did you mean 'dagger'"):
        find_space("daggr")
