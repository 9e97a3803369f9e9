from __future__ import annotations

import gymnasium
import pytest

from rlgauge.quickstart.benchmark import ENVIRONMENTS, QuickstartBenchmark


def outcomes(task: str, policy: str, num_episodes: int = 5) -> set[tuple[bool | None, bool]]:
    """Success, and whether the return reaches the registered threshold, of each episode."""
    threshold = gymnasium.spec(task).reward_threshold
    benchmark = QuickstartBenchmark([task], num_episodes=num_episodes)
    episodes = benchmark.evaluate(policy).results[0].episodes
    return {(e.success, threshold is not None and e.total_return >= threshold) for e in episodes}


@pytest.mark.parametrize("task", ["CartPole-v1", "Acrobot-v1"])
def test_a_success_is_a_return_that_reaches_the_registered_threshold(task):
    assert outcomes(task, "py:rlgauge.quickstart.controllers:Controller", 30) >= {(True, True)}
    assert outcomes(task, "py:rlgauge.quickstart.controllers:Controller", 30) <= {(True, True), (False, False)}
    assert outcomes(task, "random") == {(False, False)}


def test_where_nothing_is_registered_success_is_unmeasured():
    assert outcomes("Pendulum-v1", "random", 2) == {(None, False)}


def test_its_environments_are_those_of_its_tasks():
    assert [task.id for task in QuickstartBenchmark().tasks()] == list(ENVIRONMENTS)


def test_a_worker_can_make_it_again(tmp_path):
    benchmark = QuickstartBenchmark(["CartPole-v1"], num_episodes=3)
    assert benchmark.evaluate("random", out=tmp_path, workers=1).digest() == benchmark.evaluate("random").digest()
