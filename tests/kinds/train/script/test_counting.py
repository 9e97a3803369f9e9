from __future__ import annotations

import copy
import pickle
import sys
import textwrap
import threading
from types import ModuleType

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import (
    Autoreset,
    ClipReward,
    NormalizeReward,
    RecordEpisodeStatistics,
    TimeLimit,
    TransformReward,
)

from rlgauge.kinds.train.journal import REWARDS, Journal, read_episodes
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec
from tests.kinds.train.script.counters import Countdown, expected, play


class Run:
    """A run that counts, and what it wrote."""

    def __init__(self, folder, *, seed=7, keep_rewards=False):
        self.folder = folder
        spec = Spec(script="no.py", env=None, seed=seed, args=[], folder=str(folder), keep_rewards=keep_rewards)
        counting.install(Journal(folder, keep_rewards=keep_rewards), spec)

    @property
    def episodes(self):
        return read_episodes(self.folder)

    @property
    def counted(self):
        return [(one.total, one.length) for one in self.episodes]

    @property
    def with_cuts(self):
        return [(one.total, one.length, one.is_truncated) for one in self.episodes]


@pytest.fixture
def run(tmp_path):
    yield Run(tmp_path)
    counting.stop()


@pytest.fixture(scope="module", autouse=True)
def _registered():
    gymnasium.register("Countdown-v0", entry_point=Countdown, max_episode_steps=50)
    yield
    del gymnasium.registry["Countdown-v0"]


def test_returns_lengths_and_cuts_are_those_of_the_environment(run):
    play(gymnasium.make("Countdown-v0"), 9)
    assert run.with_cuts == expected(9)
    assert [one.num_steps for one in run.episodes] == list(np.cumsum([one.length for one in run.episodes]))
    assert {one.env for one in run.episodes} == {"Countdown-v0"}
    assert counting.num_episodes() == 9


def test_a_real_environment_is_counted_as_the_script_counts_it(run):
    env = gymnasium.make("CartPole-v1")
    assert play(env, 20) == run.counted
    assert counting.num_steps() == sum(length for _, length in run.counted)


def test_an_environment_that_was_built_by_its_constructor_is_counted(run):
    play(Countdown(), 4)
    assert run.with_cuts == expected(4)
    assert counting.made() == []


def test_a_class_that_is_defined_later_is_counted_wherever_it_has_its_reset_from(run):
    class Mixin:
        def reset(self, *, seed=None, options=None):
            return Countdown.reset(self, seed=seed, options=options)

    class Later(Mixin, Countdown):
        pass

    play(Later(), 3)
    assert run.with_cuts == expected(3)


def test_an_episode_that_was_abandoned_is_none_but_its_steps_count(run):
    env = gymnasium.make("Countdown-v0")
    env.reset()
    env.step(0)
    env.reset()
    env.reset()
    for _ in range(3):
        env.step(0)
    assert run.counted == []
    env.step(0)
    assert run.counted == [(10, 4)]
    assert run.episodes[0].num_steps == 5


def test_steps_after_an_episodes_end_make_no_further_ones(run):
    env = TimeLimit(Countdown((100,)), 5)
    env.reset()
    for _ in range(12):
        env.step(0)
    assert run.counted == [(15, 5)]


def test_an_environment_that_starts_anew_by_itself_is_counted_on(run):
    class Endless(Countdown):
        def step(self, action):
            result = super().step(action)
            if result[2] or result[3]:
                super().reset()
            return result

    env = Endless((3, 3))
    env.reset()
    for _ in range(9):
        env.step(0)
    assert run.counted == [(6, 3)] * 3


def test_a_wrapper_that_is_put_round_later_does_not_count_twice(run):
    env = gymnasium.make("Countdown-v0")
    play(env, 2)
    env = RecordEpisodeStatistics(env)
    play(env, 2)
    env = TimeLimit(env, 2)
    env.reset()
    env.step(0)
    env.step(0)
    assert run.counted == [(6, 3), (1, 1), (10, 4), (3, 2), (3, 2)]


def test_rewards_count_as_the_task_has_them_whatever_wrappers_make_of_them(run):
    class Doubled(gymnasium.Wrapper):
        def step(self, action):
            observation, reward, *rest = self.env.step(action)
            return observation, 2 * reward, *rest

    made = gymnasium.make("Countdown-v0")
    for wrap in (NormalizeReward, lambda env: ClipReward(env, 0, 1), Doubled, RecordEpisodeStatistics):
        play(wrap(made), 4)
    play(TransformReward(RecordEpisodeStatistics(Countdown()), lambda reward: -reward), 4)
    play(Doubled(RecordEpisodeStatistics(Countdown())), 4)
    assert run.counted == [one[:2] for one in expected(16) + expected(4) + expected(4)]


def test_a_strangers_wrapper_round_an_environment_without_an_id_is_part_of_the_task(run):
    class Goal(gymnasium.Wrapper):
        def step(self, action):
            observation, _, *rest = self.env.step(action)
            return observation, 1.0, *rest

    play(Goal(Countdown()), 2)
    assert run.counted == [(3, 3), (1, 1)]


@pytest.mark.parametrize("limit", [2, 3])
def test_a_limit_outside_a_wrapper_that_changes_rewards_ends_episodes(run, limit):
    env = TimeLimit(NormalizeReward(gymnasium.make("Countdown-v0")), limit)
    play(env, 4)
    env.reset()
    ends = [(min(limit, length), is_cut or limit < length) for _, length, is_cut in expected(4)]
    assert [(one.length, one.is_truncated) for one in run.episodes] == ends
    assert [one.total for one in run.episodes] == [sum(range(1, length + 1)) for length, _ in ends]


def test_the_last_episode_that_a_wrapper_ended_is_counted_at_the_stop(run):
    play(TimeLimit(NormalizeReward(gymnasium.make("Countdown-v0")), 2), 1)
    assert run.counted == []
    counting.stop()
    assert run.counted == [(3, 2)]


def test_a_life_that_ends_is_no_episode(run):
    class EpisodicLifeEnv(gymnasium.Wrapper):
        was_over = True

        def step(self, action):
            observation, reward, ended, cut, info = self.env.step(action)
            self.was_over = ended or cut
            return observation, reward, True, cut, info

        def reset(self, **named):
            if self.was_over:
                return self.env.reset(**named)
            return self.env.step(0)[0], {}

    env = EpisodicLifeEnv(gymnasium.make("Countdown-v0"))
    play(env, 9)
    assert run.counted == [(6, 3), (1, 1), (10, 4), (3, 2)]


def test_a_life_that_is_lost_at_the_stop_is_no_episode(run):
    class EpisodicLifeEnv(gymnasium.Wrapper):
        def step(self, action):
            observation, reward, _, cut, info = self.env.step(action)
            return observation, reward, True, cut, info

    play(EpisodicLifeEnv(gymnasium.make("Countdown-v0")), 1)
    counting.stop()
    assert run.counted == []


def test_a_step_of_autoreset_that_only_resets_is_none(run):
    env = Autoreset(gymnasium.make("Countdown-v0"))
    env.reset()
    for _ in range(3 + 1 + 1 + 1 + 4):
        env.step(0)
    assert run.with_cuts == expected(3)
    assert counting.num_steps() == 8


def test_a_wrapper_that_steps_what_it_wraps_by_a_method_of_its_own_is_counted(run):
    class Runner(gymnasium.Wrapper):
        def step(self, action):
            raise NotImplementedError

        def run(self, episodes):
            for _ in range(episodes):
                self.reset()
                while not any(self.env.step(0)[2:4]):
                    pass

    Runner(gymnasium.make("Countdown-v0")).run(5)
    assert run.with_cuts == expected(5)


@pytest.mark.parametrize("num_steps", [0, 1])
def test_an_environment_inside_another_one_is_not_counted(run, num_steps):
    class Simulated(gymnasium.Env):
        action_space, observation_space = Countdown.action_space, Countdown.observation_space

        def __init__(self):
            self.simulator = gymnasium.make("Countdown-v0")
            self.simulator.reset()
            for _ in range(num_steps):
                self.simulator.step(0)

        def reset(self, *, seed=None, options=None):
            return self.simulator.reset(seed=seed)

        def step(self, action):
            observation, _, ended, cut, info = self.simulator.step(action)
            return observation, 1.0, ended, cut, info

    play(Simulated(), 3)
    assert run.counted == [(1, 1), (4, 4), (2, 2)]


def test_a_class_whose_reset_calls_its_parents_is_counted_once(run):
    class Longer(TimeLimit):
        def reset(self, **named):
            return super().reset(**named)

    class Derived(Countdown):
        def reset(self, *, seed=None, options=None):
            return super().reset(seed=seed)

    for env in (Longer(Countdown(), 50), Derived(), Longer(NormalizeReward(Derived()), 50)):
        play(env, 4)
    assert run.with_cuts == 3 * expected(4)


def test_evaluation_of_a_copy_does_not_touch_the_original(run):
    env = gymnasium.make("Countdown-v0")
    play(env, 2)
    env.reset()
    env.step(0)
    planned = copy.deepcopy(env)
    for _ in range(3):
        planned.step(1)
    assert planned.unwrapped.time == 4
    assert env.unwrapped.time == 1
    while not any(env.step(0)[2:4]):
        pass
    assert run.with_cuts == expected(3)
    assert counting.num_steps() == 8
    play(planned, 1)
    assert run.counted[3:] == [(3, 2)]


def test_a_counted_environment_can_be_pickled(run):
    env = RecordEpisodeStatistics(Countdown())
    play(env, 1)
    env.reset()
    twin = pickle.loads(pickle.dumps(env))
    assert twin.step(0)[1] == 1
    assert env.unwrapped.time == 0
    assert counting.num_steps() == 3


def test_an_exception_in_the_environment_passes_unchanged(run):
    class Broken(Countdown):
        def step(self, action):
            raise KeyError(action)

    env = Broken()
    env.reset()
    with pytest.raises(KeyError, match="5"):
        env.step(5)
    with pytest.raises(TypeError, match="action"):
        Countdown.step(env)
    (text,) = counting.warnings()
    assert text.startswith("Nothing was counted: no step of an environment")


def test_of_a_script_that_failed_before_its_first_step_it_is_not_told_that_nothing_was_counted(run):
    assert [text.partition(":")[0] for text in counting.warnings()] == ["Nothing was counted"]
    assert counting.warnings(has_failed=True) == []


def test_where_environments_step_in_what_jax_has_compiled_that_is_told(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "brax", ModuleType("brax"))
    for name in ("gymnax", "jumanji"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (text,) = counting.warnings()
    assert " brax steps inside of what JAX has compiled, where nothing is seen: with rlgauge.log({...}, " in text


def test_a_result_that_cannot_be_counted_stops_the_counting_not_the_script(run):
    class Odd(Countdown):
        def step(self, action):
            observation, _, *rest = super().step(action)
            return observation, "much", *rest

    env = Odd()
    env.reset()
    assert [env.step(0)[1] for _ in range(3)] == ["much"] * 3
    assert run.counted == []
    [warning] = counting.warnings()
    assert warning.startswith("The episodes of Odd could not be counted any further: ValueError")


def test_an_episode_with_a_reward_that_is_not_finite_is_left_out_and_told(run):
    class Diverged(Countdown):
        def step(self, action):
            observation, reward, *rest = super().step(action)
            return observation, float("nan") if self.num_resets == 1 else reward, *rest

    play(Diverged(), 3)
    assert run.counted == [(6, 3), (10, 4)]
    assert counting.warnings() == ["1 episodes had rewards that are not finite, and are left out."]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, int, np.array])
def test_rewards_of_any_kind_are_added_in_full_precision(run, kind):
    class Small(Countdown):
        def step(self, action):
            observation, _, *rest = super().step(action)
            return observation, kind(16777217 if self.time == 1 else 1), *rest

    play(Small((3,)), 1)
    assert run.counted[0][0] in {16777219, 16777218 if kind is np.float32 else 16777219}


def test_an_environment_whose_rewards_are_arrays_of_one_is_counted(run):
    class Boxed(Countdown):
        def step(self, action):
            observation, reward, *rest = super().step(action)
            return observation, np.array([reward]), *rest

    env = Boxed()
    for _ in range(3):
        env.reset()
        while not any(env.step(0)[2:4]):
            pass
    assert run.with_cuts == expected(3)
    assert counting.warnings() == []


def test_rewards_that_turn_from_numbers_to_arrays_are_counted_on(run):
    class Turning(Countdown):
        def step(self, action):
            observation, reward, *rest = super().step(action)
            return observation, np.float32(reward) if self.num_resets else reward, *rest

    play(Turning(), 4)
    assert run.with_cuts == expected(4)


def test_rewards_of_every_step_are_kept_on_demand(tmp_path):
    run = Run(tmp_path, keep_rewards=True)
    env = gymnasium.make("Countdown-v0")
    play(env, 2)
    env.reset()
    env.step(0)
    play(env, 1)
    counting.stop()
    assert np.fromfile(tmp_path / REWARDS, "<f4").tolist() == [1, 2, 3, 1, 1, 2]
    assert run.counted == [(6, 3), (1, 1), (3, 2)]


def test_the_first_reset_is_seeded_where_the_script_gives_no_seed(run):
    first, second, third = Countdown(), Countdown(), Countdown()
    first.reset()
    first.reset()
    second.reset(seed=99)
    TimeLimit(third, 5).reset()
    assert first.seeds == [7, None]
    assert second.seeds == [99]
    assert third.seeds == [8]


def test_an_environment_whose_reset_takes_no_seed_is_given_none(run):
    class Old(Countdown):
        def reset(self):
            return super().reset()

    env = Old()
    env.reset()
    assert env.seeds == [None]


def test_environments_that_were_made_are_named_each_once(run):
    gymnasium.make("Countdown-v0")
    gymnasium.make("CartPole")
    gymnasium.make("Countdown-v0")
    gymnasium.make_vec("Acrobot-v1", 2)
    assert counting.made() == ["Countdown-v0", "CartPole-v1", "Acrobot-v1"]


def test_stopping_leaves_environments_as_they_were(run):
    env = TimeLimit(NormalizeReward(gymnasium.make("Countdown-v0")), 40)
    play(env, 1)
    counting.stop()
    num = len(run.counted)
    layer = env
    while layer is not env.unwrapped:
        assert not {"step", "reset"} & set(vars(layer))
        layer = layer.env
    play(env, 2)
    assert len(run.counted) == num


def test_a_step_of_the_scripts_own_is_kept_and_put_back(run):
    env = Countdown()
    own = env.step

    def step(action):
        observation, _, *rest = own(action)
        return observation, 5.0, *rest

    env.step = step
    play(env, 1)
    counting.stop()
    assert run.counted == [(15, 3)]
    assert env.step is step


def test_what_is_beneath_the_wrappers_is_counted_where_it_is_reset_there_too(run):
    env = gymnasium.make("Countdown-v0").unwrapped
    play(env, 4)
    assert run.with_cuts == expected(4)
    made = gymnasium.make("Countdown-v0")
    made.reset()
    play(made.unwrapped, 3)
    play(made, 1)
    assert run.with_cuts[4:] == expected(5)[1:]
    assert [one.origin for one in run.episodes] == [0] * 4 + [1] * 4


def test_steps_beneath_the_wrappers_that_are_reset_are_not_seen_and_it_is_said(run):
    env = gymnasium.make("Countdown-v0")
    for _ in range(3):
        env.reset()
        while not any(env.unwrapped.step(0)[2:4]):
            pass
    counting.stop()
    assert run.counted == []
    (text,) = counting.warnings()
    assert "was reset 3 times and no step of it was seen" in text


def test_threads_do_not_confuse_each_other(run):
    def work(env):
        play(env, 40)

    envs = [Countdown() for _ in range(4)]
    threads = [threading.Thread(target=work, args=(env,)) for env in envs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.with_cuts) == sorted(4 * expected(40))


OLD_GYM = {
    "__init__": """
        from gym.core import Env, Wrapper
        from gym.registration import make
    """,
    "core": """
        class Env:
            pass

        class Wrapper(Env):
            def __init__(self, env):
                self.env = env

            def __getattr__(self, name):
                if name.startswith("_"):
                    raise AttributeError(name)
                return getattr(self.env, name)

            def reset(self, **named):
                return self.env.reset(**named)

            def step(self, action):
                return self.env.step(action)
    """,
    "registration": """
        from types import SimpleNamespace
        from gym.core import Env

        class Countdown(Env):
            num_resets = -1

            def reset(self):
                self.num_resets += 1
                self.time = 0
                return 0

            def step(self, action):
                self.time += 1
                is_over = self.time >= (3, 1, 4, 2)[self.num_resets % 4]
                return 0, float(self.time), is_over, {"TimeLimit.truncated": bool(self.num_resets % 2)}

        def make(name):
            env = Countdown()
            env.spec = SimpleNamespace(id=name)
            return env
    """,
}


def test_gym_of_old_is_counted_by_its_four_values(run, tmp_path, monkeypatch):
    package = tmp_path / "gym"
    package.mkdir()
    for name, text in OLD_GYM.items():
        (package / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        import gym

        env = gym.Wrapper(gym.make("Old-v0"))
        for _ in range(4):
            env.reset()
            while not env.step(0)[2]:
                pass
        assert run.with_cuts == expected(4)
        assert {one.env for one in run.episodes} == {"Old-v0"}
        assert counting.made() == ["Old-v0"]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "gym"]:
            del sys.modules[name]


def test_the_wrapper_that_waits_for_a_reset_is_passed_by_once_it_has_had_one(run):
    env = gymnasium.make("CartPole-v1")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    env.step(0)
    enforcing = env.env
    assert type(enforcing).__name__ == "OrderEnforcing"
    assert enforcing.step.__self__ is enforcing.env
    copied = copy.deepcopy(env)
    here = env.unwrapped.state
    copied.step(1)
    assert copied.unwrapped is not env.unwrapped
    assert np.array_equal(env.unwrapped.state, here)
    assert [one.length for one in run.episodes] == []
    counting.stop()
    assert enforcing.step.__self__ is enforcing
