"""Which environments a script trains in: by scripts of many shapes, with environments whose episodes are known."""

from __future__ import annotations

import copy
import gc
import random
import threading

import gymnasium
import numpy as np
import pytest

from rlgauge.core.run import Status
from rlgauge.kinds.train.journal import ENVIRONMENTS, Journal, Role, Tail, read_episodes
from rlgauge.kinds.train.reading import Progress, curve_of, read_trained, read_training
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec
from rlgauge.kinds.train.workload import ScriptWorkload
from tests import driving
from tests.kinds.train.script.counters import Countdown


@pytest.fixture
def counted(tmp_path):
    """What counts a script of this process, and its folder."""
    spec = Spec(script="no.py", env=None, seed=0, args=[], folder=str(tmp_path))
    counting.install(Journal(tmp_path), spec)
    yield tmp_path
    counting.stop()


class Other(Countdown):
    """An environment of another kind."""


def play(env, num=1):
    """Whole episodes, each begun by a reset; how many steps they take."""
    num_steps = 0
    for _ in range(num):
        env.reset()
        num_steps += until_over(env)
    return num_steps


def until_over(env):
    num_steps, is_over = 0, False
    while not is_over:
        is_over = any(env.step(0)[2:4])
        num_steps += 1
    return num_steps


def walk(env, num_steps, every=None, then=None):
    """Step an environment, reset it as its episodes end, and now and then do something else; how many ended."""
    env.reset()
    num = 0
    for step in range(1, num_steps + 1):
        if any(env.step(0)[2:4]):
            num += 1
            env.reset()
        if every and step % every == 0:
            then()
    return num


def figures(folder):
    """The episodes and steps of the training, and the episodes that are none of it, as told in all places."""
    counting.stop()
    training = read_training(folder)
    assert training.num_episodes == counting.num_episodes() == len(read_trained(folder))
    assert training.num_others == counting.num_others() == len(read_episodes(folder)) - training.num_episodes
    return counting.num_episodes(), counting.num_steps(), counting.num_others()


def said(word):
    return [text for text in counting.warnings() if word in text]


def test_a_test_environment_beside_the_training_is_told_by_its_name(counted):
    """As Spinning Up's DDPG has it, with episodes of a fixed length that end where an epoch does."""
    env, test_env = Countdown((10,)), Countdown((7,))

    def test_agent():
        for _ in range(3):
            test_env.reset()
            until_over(test_env)

    assert walk(env, 100, every=50, then=test_agent) == 10
    assert figures(counted) == (10, 100, 6)
    (text,) = said("taken for tests")
    assert text.startswith("6 episodes in 1 other environment (mean return 28)")
    assert "test_env" in text


@pytest.mark.parametrize(("length", "every"), [(10, 25), (10, 50), (3, 7)])
def test_without_names_one_that_interrupts_the_other_is_the_test(counted, length, every):
    first, second = Countdown((length,)), Countdown((4, 2))
    walk(first, 100, every=every, then=lambda: play(second, 2))
    assert figures(counted) == (100 // length, 100, 2 * (100 // every))
    assert said("whole episodes only")


def test_one_that_is_reset_ahead_of_its_tests_is_known_all_the_same(counted):
    first, second = Countdown((10,)), Countdown((4,))
    second.reset()

    def look():
        until_over(second)
        second.reset()

    walk(first, 100, every=15, then=look)
    assert figures(counted) == (10, 100, 6)


def test_a_training_of_which_no_episode_ends_has_none(counted):
    first, second = Countdown((1000,)), Countdown((4,))
    walk(first, 100, every=30, then=lambda: play(second))
    assert figures(counted) == (0, 100, 3)
    assert read_training(counted).mean_return is None


def test_tests_at_the_end_are_told_by_the_function_that_plays_them(counted):
    """As CleanRL has it: `evaluate` makes a vector of one."""

    def evaluate():
        envs = gymnasium.vector.SyncVectorEnv([lambda: Countdown((5,))])
        envs.reset()
        for _ in range(60):
            envs.step(np.zeros(1, int))

    steps = play(Countdown(), 20)
    evaluate()
    assert figures(counted) == (20, steps, 10)


def test_tests_before_the_training_are_known_by_those_within(counted):
    """As the authors of TD3 have it: each test makes an environment."""

    def eval_policy():
        eval_env = Countdown((3,))
        play(eval_env, 2)

    env = Countdown((10,))
    eval_policy()
    walk(env, 100, every=35, then=eval_policy)
    assert figures(counted) == (10, 100, 6)


def test_an_evaluation_that_is_the_training_is_no_test(counted):
    """Evolution: the population is evaluated, and the winner is shown in the end."""

    def evaluate():
        return play(Countdown((6,)), 2)

    steps = sum(evaluate() for _ in range(5))
    steps += play(Countdown((20,)))
    assert figures(counted) == (11, steps, 0)
    assert said("one after the other")


def test_a_copy_that_is_tested_in_is_another_environment(counted):
    env = Countdown((10,))
    env.reset()
    twin = copy.deepcopy(env)
    walk(env, 100, every=15, then=lambda: play(twin))
    assert figures(counted) == (10, 100, 6)


def test_a_vector_that_trains_is_one_environment_beside_which_another_tests(counted):
    envs = gymnasium.vector.SyncVectorEnv([lambda: Countdown((10,)), lambda: Countdown((7,))])
    other = Countdown((4,))
    envs.reset()
    for step in range(1, 101):
        envs.step(np.zeros(2, int))
        if step % 30 == 0:
            play(other)
    assert figures(counted) == (21, 200 - 21, 3)
    assert {one.origin for one in read_trained(counted)} == {0}


@pytest.mark.parametrize("reset", ["at once", "apart"])
def test_environments_that_are_stepped_in_turn_are_a_vector_by_hand(counted, reset):
    envs = [Countdown((3 + number,)) for number in range(4)]
    if reset == "at once":
        for env in envs:
            env.reset()
    else:
        envs[0].reset(), envs[1].reset()
        envs[2].reset(), envs[3].reset()
    for _ in range(60):
        for env in envs:
            if any(env.step(0)[2:4]):
                env.reset()
    assert figures(counted) == (20 + 15 + 12 + 10, 240, 0)
    assert counting.warnings() == []


def test_tasks_that_are_trained_by_rollouts_in_turn_are_all_counted_and_it_is_said(counted):
    envs = [Countdown((10,)), Countdown((7,))]
    for env in envs:
        env.reset()
    for number in range(20):
        env = envs[number % 2]
        for _ in range(16):
            if any(env.step(0)[2:4]):
                env.reset()
    assert figures(counted) == (16 + 22, 320, 0)
    assert said("took turns")


def test_vectors_that_interrupt_each_other_alike_are_all_counted_and_it_is_said(counted):
    first, second = (gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point") for _ in range(2))
    first.reset(), second.reset()
    for _ in range(6):
        for env in (first, first, second):
            for step in range(50):
                env.step(np.array([step % 2, 0]))
    assert figures(counted)[2] == 0
    assert said("took turns")


def test_environments_of_several_threads_are_all_training(counted):
    """Threads may well run one after the other for some time, and stand still in the middle of an episode."""
    first, second = Countdown((10,)), Countdown((4,))
    first.reset()
    second.reset()
    for number in range(55):
        first.step(0)
        if number % 10 == 9:
            first.reset()
        if number == 34:
            thread = threading.Thread(target=play, args=(second, 12))
            thread.start()
            thread.join()
    assert figures(counted) == (5 + 12, 55 + 48, 0)


def test_tasks_of_other_kinds_are_not_taken_for_tests_by_their_steps(counted):
    first, second = Countdown((10,)), Other((4,))
    walk(first, 100, every=15, then=lambda: play(second))
    assert figures(counted) == (16, 100 + 24, 0)
    assert said("took turns")


@pytest.mark.parametrize("seed", range(3))
def test_tasks_that_are_drawn_for_each_episode_are_all_counted_and_it_is_said(counted, seed):
    envs, draw = [Countdown((5,)), Countdown((4,))], random.Random(seed)
    for env in envs:
        env.reset()
    steps = 0
    for _ in range(30):
        env = draw.choice(envs)
        steps += until_over(env)
        env.reset()
    assert figures(counted) == (30, steps, 0)
    assert said("took turns")


def test_one_that_waited_once_makes_no_test_of_the_other(counted):
    first, second = Countdown((5,)), Countdown((4,))
    first.reset()
    until_over(first)
    first.reset()
    play(second, 3)
    until_over(first)
    assert figures(counted) == (5, 22, 0)
    assert said("took turns")


def test_one_that_waits_for_its_beginning_makes_no_tests_of_those_before(counted):
    first, second, third = Countdown((5,)), Countdown((4,)), Countdown((3,))
    third.reset()
    for env in (first, second, first, second):
        play(env, 2)
    until_over(third)
    assert figures(counted) == (9, 20 + 16 + 3, 0)


def test_tests_between_episodes_without_a_name_are_counted_and_it_is_said(counted):
    first, second = Countdown((10,)), Countdown((4,))
    for _ in range(5):
        play(first, 2)
        play(second)
    assert figures(counted) == (15, 120, 0)
    (text,) = said("took turns")
    assert "10 of the first and 5 of others" in text


def test_a_curriculum_is_all_training_and_it_is_said_that_its_return_is_of_the_last(counted):
    first, second = Countdown((10,)), Other((4,))
    play(first, 12)
    play(second, 12)
    assert figures(counted) == (24, 168, 0)
    assert read_training(counted).mean_length == 4
    (text,) = said("one after the other")
    assert "12 of the first and 12 of those after it" in text


@pytest.mark.parametrize("collects", [True, False])
def test_environments_made_anew_for_each_episode_are_one(counted, collects):
    for _ in range(30):
        play(Countdown((3,)))
        if collects:
            gc.collect()
    assert figures(counted) == (30, 90, 0)
    assert counting.warnings() == []
    if collects:
        assert {one.origin for one in read_episodes(counted)} == {0}


def test_many_environments_that_are_gone_leave_their_steps(counted):
    for number in range(200):
        play([Countdown((3,)), Countdown((2,)), Countdown((4,))][number % 3])
    gc.collect()
    assert figures(counted)[1] == 67 * 3 + 67 * 2 + 66 * 4


def test_one_that_is_wrapped_after_its_first_episodes_stays_the_same(counted):
    env = Countdown((4,))
    play(env, 2)
    env = gymnasium.wrappers.TimeLimit(env, 50)
    play(env, 2)
    assert {one.origin for one in read_episodes(counted)} == {0}
    assert figures(counted) == (4, 16, 0)


def test_the_live_view_learns_what_is_a_test_and_steps_are_those_of_the_training(counted):
    env, eval_env = Countdown((10,)), Countdown((100,))
    progress = Progress(counted)

    def look():
        play(eval_env)
        assert progress.look().mean_return in (None, 55)
        assert progress.training.num_episodes == env.num_resets
        assert progress.training.num_steps == 25 * (eval_env.num_resets + 1)

    walk(env, 100, every=25, then=look)
    counting.stop()
    assert progress.look().num_steps == 100
    assert (progress.training.num_others, progress.training.return_of_others) == (4, 5050)
    assert [one.num_steps for one in read_trained(counted)] == list(range(10, 101, 10))
    assert curve_of(counted).steps == tuple(range(10, 101, 10))


def test_a_role_is_told_with_its_reason_and_taken_back_where_it_was_none(counted):
    """Of two that are reset ahead and drawn, the one that comes first may look like a test, for a while."""
    first, second = Countdown((5,)), Countdown((4,))
    for env in (first, second):
        env.reset()
    for env in (first, second, first, second, second, first, second, first):
        until_over(env)
        env.reset()
    assert figures(counted) == (8, 36, 0)
    roles = Tail(counted / ENVIRONMENTS, Role).read()
    assert all(role.reason for role in roles if not role.is_training)
    assert {role.origin: role.is_training for role in roles} in ({}, {0: True}, {1: True})


def test_a_training_that_is_called_a_test_is_none_beside_a_few_steps_elsewhere(counted):
    play(Countdown((2,)))

    def evaluate():
        return play(Countdown((10,)), 20)

    evaluate()
    assert figures(counted) == (21, 202, 0)
    assert said("one after the other")


def test_tests_that_take_most_of_the_steps_are_known_by_the_names_of_both_environments(counted):
    env, eval_env = Countdown((2,)), Countdown((100,))
    for _ in range(5):
        play(env)
        play(eval_env, 2)
    assert figures(counted) == (5, 10, 10)
    (text,) = said("taken for tests")
    assert "eval_env" in text


def test_names_that_do_not_tell_are_named_and_those_that_would_only_where_there_are_none(counted):
    first, second = Countdown((10,)), Countdown((4,))

    def evaluate(env):
        play(env, 2)

    for _ in range(5):
        evaluate(first)
        evaluate(second)
    assert figures(counted) == (20, 140, 0)
    (text,) = said("took turns")
    assert "Its names that speak of tests (evaluate) do not tell which" in text
    assert "would show in names" not in text


SCRIPT = """
import gymnasium


def evaluate(env):
    env.reset()
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step(0)
        over = terminated or truncated


def main(env="Pendulum-v1"):
    eval_env = gymnasium.make("CartPole-v1")
    env = gymnasium.make("CartPole-v1")
    env.reset()
    for step in range(1, 301):
        _, _, terminated, truncated, _ = env.step(step % 2)
        if terminated or truncated:
            env.reset()
        if step % 100 == 0:
            for _ in range(5):
                evaluate(eval_env)


if __name__ == "__main__":
    main()
"""


def test_a_run_has_the_figures_of_its_training_and_says_what_is_left_out(tmp_path):
    (tmp_path / "learn.py").write_text(SCRIPT)
    workload = ScriptWorkload(str(tmp_path / "learn.py"), env="CartPole-v1", seeds=1, num_tests=0)
    (found,) = driving.run(workload, tmp_path / "out").values()
    assert found.status is Status.COMPLETED, found.file.fail_trace
    artifacts = found.folder / "artifacts"
    trained = [one for one in read_episodes(artifacts) if one.origin == 0]
    values = found.records[0].values
    assert (values["num_steps"], values["num_episodes"]) == (300, len(trained))
    assert values["training_return"] == pytest.approx(np.mean([one.total for one in trained[-10:]]))
    assert values["training_return"] > 15 > found.file.result["facts"]["num_other_episodes"] - 1 == 14
    (text,) = found.file.result["warnings"]
    assert text.startswith("15 episodes in 1 other environment (mean return 9")


def test_steps_past_an_end_are_told(counted):
    env = gymnasium.make("MountainCar-v0")
    env.reset()
    for _ in range(203):
        env.step(1)
    (episode,) = read_episodes(counted)
    assert (episode.length, episode.is_truncated) == (200, True)
    assert any(text.startswith("3 steps were taken after an episode had ended") for text in counting.warnings())


def test_episodes_that_are_left_are_told_where_none_ends(counted):
    env = gymnasium.make("MountainCar-v0")
    for _ in range(3):
        env.reset()
        for _ in range(20):
            env.step(1)
    env.reset()
    assert read_episodes(counted) == []
    (told,) = [text for text in counting.warnings() if "were left by a reset" in text]
    assert told.startswith(
        "3 episodes were left by a reset before they ended (after 20 steps and with a return of -20 on average), and "
        "are not counted. "
    )


@pytest.mark.parametrize(("num_left", "is_told"), [(0, False), (2, False), (3, True)])
def test_episodes_that_a_loop_gives_up_are_told_where_they_are_more_than_a_tenth(counted, num_left, is_told):
    env = gymnasium.make("FrozenLake-v1", is_slippery=False)
    down, right = 1, 2
    for actions in [*[[down]] * num_left, *[[down, right]] * 20]:
        env.reset()
        for action in actions:
            env.step(action)
    assert [(episode.total, episode.length) for episode in read_episodes(counted)] == [(0.0, 2)] * 20
    told = [text for text in counting.warnings() if "were left by a reset" in text]
    assert [text.partition(" (")[0] for text in told] == ["3 episodes were left by a reset before they ended"] * is_told
    assert all("the training's figures are of those that ended" in text for text in told)


@pytest.mark.parametrize(("maps", "is_told"), [(["4x4", "4x4"], False), (["4x4", "8x8"], True)])
def test_tasks_of_one_name_and_several_sizes_that_one_line_makes_are_told(counted, maps, is_told):
    for name in maps:
        env = gymnasium.make("FrozenLake-v1", map_name=name, is_slippery=False)
        for _ in range(2):
            env.reset()
            while not any(env.step(1)[2:4]):
                pass
    assert len(read_episodes(counted)) == 4
    told = [text for text in counting.warnings() if "they are different tasks" in text]
    assert [text.partition(": ")[0] for text in told] == [
        "Environments that are all called FrozenLake-v1 come in 2 sizes of observations or actions (16 and 4, 64 and 4)"
    ] * is_told
