"""Environments in processes that a script starts itself are counted there, and none of them twice."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from rlgauge.core.run import Status
from rlgauge.kinds.train.journal import EPISODES, REWARDS, Journal, children, of_child, read_episodes, read_made
from rlgauge.kinds.train.reading import curve_of, read_trained, read_training
from rlgauge.kinds.train.script import counting
from rlgauge.kinds.train.spec import Spec
from rlgauge.kinds.train.workload import ScriptWorkload
from tests import driving
from tests.kinds.train.script.counters import Countdown, expected, play

METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture
def run(tmp_path):
    counting.install(Journal(tmp_path), Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path)))
    yield tmp_path
    counting.stop()


def work(num_episodes):
    play(Countdown(), num_episodes)
    return num_episodes


def wait(*processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def counted(folder):
    return sorted((one.total, one.length, one.is_truncated) for one in read_trained(folder))


@pytest.mark.parametrize("method", METHODS)
def test_processes_count_what_they_step_however_they_are_started(run, method):
    context = multiprocessing.get_context(method)
    wait(*(context.Process(target=work, args=(num,)) for num in (3, 5)))
    counting.stop()
    assert counted(run) == sorted(expected(3) + expected(5))
    assert (counting.num_episodes(), counting.num_steps()) == (8, 8 + 13)
    training = read_training(run)
    assert (training.num_episodes, training.num_steps, len(training.last)) == (8, 21, 8)
    assert curve_of(run).steps[-1] == 21
    assert read_episodes(run) == []
    assert counting.warnings() == []


def test_pools_count_too(run):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        assert sum(pool.map(work, [2, 4, 2])) == 8
    assert counting.num_episodes() == 8


def test_an_environment_that_a_forked_process_inherits_is_counted_there_from_its_next_reset(run):
    env = Countdown()
    play(env, 1)
    wait(multiprocessing.get_context("fork").Process(target=play, args=(env, 3)))
    play(env, 1)
    (pid,) = children(run, EPISODES)
    assert [one.length for one in read_episodes(run)] == [3, 1]
    assert counted(run) == sorted(expected(2) + expected(4)[1:])
    assert pid != os.getpid()
    (text,) = counting.warnings()
    assert "own process (2) and of processes that it started (3)" in text


def test_a_process_that_is_forked_by_hand_counts(run):
    child = os.fork()
    if not child:
        play(Countdown(), 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert children(run, EPISODES) == [child]
    assert counted(run) == sorted(expected(2))


@pytest.mark.parametrize("method", METHODS)
def test_the_processes_of_a_vector_count_nothing_but_tell_what_they_make(run, method):
    make = gymnasium.vector.AsyncVectorEnv if method == "fork" else Workers
    env = make([make_pole, make_pole], context=method, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset()
    for step in range(60):
        env.step(np.array([step % 2, 0]))
    env.close()
    assert children(run, EPISODES) == []
    assert len(read_episodes(run)) == counting.num_episodes() > 5
    assert counting.num_steps() == 120
    assert read_made(run) == counting.made() == ["CartPole-v1"]


class Workers(AsyncVectorEnv):
    """A vector of somebody's own."""


def make_pole():
    return gymnasium.make("CartPole-v1")


def test_a_name_that_only_looks_like_a_vectors_is_none(run):
    class VecEnv:
        def __init__(self):
            wait(multiprocessing.get_context("fork").Process(target=work, args=(2,)))

    VecEnv()
    assert counting.num_episodes() == 2


def test_resets_in_processes_are_given_no_seed(run):
    """All would be given the same one."""

    def look():
        env = Countdown()
        env.reset()
        os._exit(env.seeds != [None])

    wait(multiprocessing.get_context("fork").Process(target=look))


def test_rewards_of_processes_are_kept_beside_their_episodes(tmp_path):
    spec = Spec(script="no.py", env=None, seed=7, args=[], folder=str(tmp_path), keep_rewards=True)
    counting.install(Journal(tmp_path, keep_rewards=True), spec)
    wait(multiprocessing.get_context("fork").Process(target=work, args=(1,)))
    counting.stop()
    (pid,) = children(tmp_path, EPISODES)
    assert np.fromfile(tmp_path / of_child(REWARDS, pid), "<f4").tolist() == [1, 2, 3]


def test_nothing_is_counted_once_the_script_is_done(run):
    counting.stop()
    for method in ("fork", "spawn"):
        wait(multiprocessing.get_context(method).Process(target=work, args=(2,)))
    assert children(run, EPISODES) == []


def test_a_script_whose_processes_train_may_only_test_itself(run):
    wait(multiprocessing.get_context("fork").Process(target=work, args=(3,)))

    def evaluate():
        play(Countdown((9,)), 2)

    evaluate()
    counting.stop()
    assert (counting.num_episodes(), counting.num_others()) == (3, 2)


SCRIPT = """
import multiprocessing
import gymnasium


def work(pipe, env):
    env = gymnasium.make(env)
    while pipe.recv():
        env.reset()
        steps = 0
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated
            steps += 1
        pipe.send(steps)


def main(env="CartPole-v1", method="METHOD"):
    context = multiprocessing.get_context(method)
    pipes = [context.Pipe() for _ in range(2)]
    workers = [context.Process(target=work, args=(there, env), daemon=True) for _, there in pipes]
    for worker in workers:
        worker.start()
    total = 0
    for _ in range(4):
        for here, _ in pipes:
            here.send(True)
        total += sum(here.recv() for here, _ in pipes)
    print("steps", total)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_with_workers_of_its_own_is_trained_and_labelled(tmp_path, method):
    (tmp_path / "workers.py").write_text(SCRIPT.replace("METHOD", method))
    workload = ScriptWorkload(str(tmp_path / "workers.py"), env="CartPole-v1", seeds=1, num_tests=0)
    (found,) = driving.run(workload, tmp_path / "out").values()
    assert found.status is Status.COMPLETED, found.file.fail_trace
    values = found.records[0].values
    assert values["num_episodes"] == 8
    assert f"steps {values['num_steps']:.0f}" in (found.folder / "cout.txt").read_text()
    assert values["training_return"] == values["training_length"] == values["num_steps"] / 8
    assert found.file.result["environments"] == ["CartPole-v1"]
    assert found.file.result["warnings"] == []


def test_a_script_whose_workers_make_another_environment_fails(tmp_path):
    text = SCRIPT.replace("METHOD", "fork").replace("gymnasium.make(env)", "gymnasium.make('Acrobot-v1')")
    (tmp_path / "workers.py").write_text(text.replace("range(4)", "range(1)"))
    workload = ScriptWorkload(str(tmp_path / "workers.py"), env="CartPole-v1", seeds=1, num_tests=0)
    (found,) = driving.run(workload, tmp_path / "out").values()
    assert found.status is Status.FAILED
    assert "makes Acrobot-v1, not CartPole-v1" in found.file.fail_trace
