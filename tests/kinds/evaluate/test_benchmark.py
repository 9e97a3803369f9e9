from __future__ import annotations

import inspect
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from rlgauge import Benchmark, BenchmarkResults, TaskResult, UserError, VideoRecorder
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark, build_benchmark
from tests import gyms
from tests.gyms import MyBenchmark, MyGym, Of, Threshold


def test_the_names_and_arguments_of_the_system_replaced():
    parameters = inspect.signature(Benchmark.__init__).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name != "self"}
    assert defaults == {
        "gyms": None,
        "num_episodes": 20,
        "max_steps": None,
        "seed": 42,
        "video_dir": None,
        "record_mode": "failures",
    }
    assert parameters["gyms"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    recorder = VideoRecorder("./videos", 30, "failures")
    assert (recorder.output_dir, recorder.fps, recorder.record_mode) == (Path("videos"), 30, "failures")
    recorder = VideoRecorder(output_dir="./videos", fps=30, record_mode="failures")
    assert recorder.fps == 30
    results = BenchmarkResults([TaskResult("task", 0.5, 1.0, 0.1, 4)], {"a": 1})
    assert (results.results[0].task_id, results.metadata) == ("task", {"a": 1})


def test_a_subclass_that_sets_fields_and_returns_instances_just_works():
    results = MyBenchmark("CartPole-v1", num_episodes=11).evaluate("random")
    assert isinstance(results, BenchmarkResults)
    (result,) = results.results
    assert (result.task_id, result.n_episodes, result.success_rate) == ("CartPole-v1", 11, None)
    assert 10 < result.mean_reward < 40
    assert isinstance(MyBenchmark().create_gyms()[0], MyGym)
    assert isinstance(results.summary(), str)


def test_gyms_may_be_instances_and_functions():
    env = gym.make("CartPole-v1")
    results = Benchmark(gyms=[env, lambda: gym.make("CartPole-v1")], num_episodes=3).evaluate("zero")
    assert [result.task_id for result in results.results] == ["CartPole-v1", "CartPole-v1-2"]
    env.reset(seed=0)
    env.step(0)


@pytest.mark.parametrize(("when", "rate"), [("end", 0.0), ("ever", 1.0)])
def test_success_at_the_end_and_at_any_time(when, rate):
    benchmark = Of("Goal", num_episodes=4)
    benchmark.success_when = when
    assert benchmark.evaluate("random").results[0].success_rate == rate


def test_a_misspelt_success_when_is_said():
    benchmark = Of("Goal", num_episodes=1)
    benchmark.success_when = "evr"
    with pytest.raises(UserError, match=r"Unknown success_when 'evr'\. Did you mean 'ever'"):
        benchmark.evaluate("random")


def test_a_rule_of_the_benchmarks_own_may_answer_with_numpys_bool(tmp_path):
    results = Threshold("Listens", 0.5, num_episodes=20).evaluate("random", out=tmp_path / "out")
    (result,) = results.results
    returns = [episode.total_return for episode in result.episodes]
    assert result.success_rate == np.mean([total >= 0.5 for total in returns])
    assert 0 < result.success_rate < 1
    path = results.to_json(tmp_path / "results.json")
    assert BenchmarkResults.from_json(path).results == results.results


def test_success_by_the_return_of_registered_environments():
    (result,) = GymnasiumBenchmark("CartPole-v1", num_episodes=20, success_return=20).evaluate("random").results
    assert result.n_success == sum(episode.total_return >= 20 for episode in result.episodes)
    assert 0 < result.n_success < 20


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"num_episodes": 0}, "num_episodes=0: at least 1"),
        ({"max_steps": 0}, "max_steps=0: at least 1"),
    ],
)
def test_impossible_settings_are_said(arguments, told):
    with pytest.raises(UserError, match=told):
        Benchmark(gyms=[gyms.Toy], **arguments)


def test_impossible_options_are_said(tmp_path):
    benchmark = Of("Toy", num_episodes=1)
    for options, told in [
        ({"lanes": 0}, "lanes=0: at least 1"),
        ({"workers": 2}, "give out=DIR"),
        ({"workers": 0, "out": tmp_path}, "workers=0: at least 1 is needed"),
        ({"workers": "2", "out": tmp_path}, "workers='2': a whole number is needed"),
        ({"lanes": 2.5}, "lanes=2.5: a whole number is needed"),
        ({"trust": "no"}, "trust='no': it is True or False"),
        ({"episode_seconds": 0}, "episode_seconds=0: more than 0 is needed"),
        ({"train_seeds": []}, r"train_seeds=\[\]: a list of seeds is needed"),
    ]:
        with pytest.raises(UserError, match=told):
            benchmark.evaluate("random", **options)


def test_max_steps_reaches_the_environments():
    assert {e.length for e in Of("Toy", max_steps=3, num_episodes=4).evaluate("random").results[0].episodes} == {3}


def test_env_kwargs_reach_the_environments():
    plain, other = (
        GymnasiumBenchmark("CartPole-v1", num_episodes=3, env_kwargs=kwargs).evaluate("random").results[0]
        for kwargs in (None, {"sutton_barto_reward": True})
    )
    assert plain.mean_reward > 5
    assert -1 <= other.mean_reward <= 0


def test_a_benchmark_is_made_again_from_its_description_with_its_settings_as_they_are_now(tmp_path):
    benchmark = Threshold("Toy", 3, num_episodes=7)
    benchmark.video_dir, benchmark.success_when = tmp_path, "ever"
    again = build_benchmark(benchmark.describe(), benchmark.settings())
    assert type(again) is Threshold
    unchanged = {"seed": 42, "max_steps": None, "record_mode": "failures", "video_grids": True}
    assert vars(again) == {**vars(benchmark), **unchanged}
    assert again.identity() == benchmark.identity()


@pytest.mark.parametrize(
    "benchmark",
    [lambda: Benchmark(gyms=[gyms.Toy]), lambda: Benchmark(gyms=[gyms.Toy()]), lambda: Threshold("Toy", object())],
    ids=["factory", "instance", "argument"],
)
def test_live_objects_are_refused_by_workers_in_a_sentence(benchmark, tmp_path):
    with pytest.raises(UserError, match=r"a live object that no other process has: leave out `workers`"):
        benchmark().evaluate("random", out=tmp_path, workers=1)


def test_a_class_inside_a_function_is_refused_by_workers_in_a_sentence(tmp_path):
    class Inner(Of):
        pass

    with pytest.raises(UserError, match="Inner is defined inside a function"):
        Inner("Toy").evaluate("random", out=tmp_path, workers=1)


def test_a_live_argument_is_no_hindrance_in_process(tmp_path):
    class Live(Benchmark):
        def __init__(self, make, num_episodes=20):
            self.make = make
            super().__init__(num_episodes=num_episodes)

        def create_gyms(self):
            return [self.make]

    assert Live(gyms.Toy, num_episodes=3).evaluate("random").results[0].n_episodes == 3
    assert Live(gyms.Toy, num_episodes=3).evaluate("random", out=tmp_path).results[0].n_episodes == 3


def test_a_field_changed_after_the_making_is_refused_by_workers_and_reaches_this_process(tmp_path):
    benchmark = Threshold("Listens", 0.0, num_episodes=5)
    benchmark.least = 1e9
    assert benchmark.evaluate("random", out=tmp_path / "here").results[0].success_rate == 0.0
    with pytest.raises(UserError, match="Threshold came out differently when a worker made it again"):
        benchmark.evaluate("random", out=tmp_path / "workers", workers=1)


def test_a_wrong_call_raises_what_python_raises():
    with pytest.raises(TypeError, match="num_episode"):
        Of("Toy", num_episode=3)


def test_a_given_environment_that_was_altered_is_another_case():
    plain, heavy = gym.make("CartPole-v1"), gym.make("CartPole-v1")
    heavy.unwrapped.gravity = 20.0
    same, other = ([task.environment for task in Benchmark(gyms=[env]).tasks()] for env in (plain, heavy))
    assert same == [task.environment for task in Benchmark(gyms=[gym.make("CartPole-v1")]).tasks()]
    assert same != other


def test_an_unknown_record_mode_is_refused_where_it_is_given():
    with pytest.raises(UserError, match=r"^Unknown record mode 'fails'\. Did you mean 'failures'\?"):
        Benchmark(record_mode="fails")
    with pytest.raises(UserError, match=r"^record_mode=None: it is a text"):
        Benchmark(record_mode=None)
    benchmark = MyBenchmark(num_episodes=1)
    benchmark.record_mode = "fails"
    with pytest.raises(UserError, match=r"^Unknown record mode 'fails'"):
        benchmark.evaluate("random")


def cartpole():
    return gym.make("CartPole-v1")


@pytest.mark.parametrize("mode", ["all", "successes", "first:1"])
def test_films_without_a_folder_are_refused(mode):
    with pytest.raises(UserError, match=rf"^record_mode='{mode}' films nothing without a folder: give video_dir"):
        Benchmark([cartpole], record_mode=mode).evaluate("random")
    with pytest.raises(UserError, match="films nothing without a folder"):
        GymnasiumBenchmark("CartPole-v1", record_mode=mode).evaluate("random")


def test_nobody_is_told_of_films_that_nobody_asked_for():
    for benchmark in (Benchmark([cartpole], num_episodes=1), GymnasiumBenchmark("CartPole-v1", num_episodes=1)):
        assert benchmark.evaluate("random").results[0].n_episodes == 1
    assert Benchmark([cartpole], num_episodes=1, record_mode="none").evaluate("random").results[0].n_episodes == 1


class Forgetful(Benchmark):
    def __init__(self):
        self.level = 1

    def create_gyms(self):
        return [MyGym()]


def test_a_constructor_that_forgets_that_of_the_class_above_is_said():
    for use in (Forgetful().tasks, lambda: Forgetful().evaluate("random")):
        with pytest.raises(UserError, match=r"^Forgetful lacks gyms, .* does not call super\(\)\.__init__\(\)"):
            use()
