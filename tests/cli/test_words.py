from __future__ import annotations

from rlgauge.cli import words
from rlgauge.kinds.evaluate.results import BenchmarkResults, EpisodeResult, TaskResult


def results(**returns: list[tuple[float, bool | None]]) -> BenchmarkResults:
    def of(policy: str) -> TaskResult:
        episodes = [
            EpisodeResult(index=i, outcome="unmeasured", total_return=total, success=success, seed=i)
            for i, (total, success) in enumerate(returns[policy])
        ]
        return TaskResult.from_episodes("Task", episodes, policy=policy)

    return BenchmarkResults([of(policy) for policy in returns])


def said(**returns: list[tuple[float, bool | None]]) -> str:
    return "\n".join(words.comparisons(results(**returns)))


def test_the_first_policy_is_compared_with_each_other_one():
    low, high = [(float(i), None) for i in range(10)], [(100.0 + 2 * i, None) for i in range(10)]
    assert said(a=high, b=low, c=high) == (
        "a against b in Task, same 10 episodes: return higher by 104.5 [102.3, 106.7].\n"
        "a against c in Task, same 10 episodes: return the same in every episode."
    )
    assert "return lower by 104.5 [102.3, 106.7]" in said(a=low, b=high)


def test_a_difference_that_was_not_shown_is_not_claimed():
    a, b = [(float(i % 3), None) for i in range(10)], [(float(i % 2), None) for i in range(10)]
    assert "no difference in return shown: " in said(a=a, b=b)


def test_a_single_episode_is_compared_without_an_interval():
    assert (
        said(a=[(1.0, None)], b=[(1182.5, None)])
        == "a against b in Task, same episode: return -1181.5, without an interval."
    )


def test_success_is_compared_in_words_and_points():
    solved, failed = [(0.0, True)] * 10, [(0.0, False)] * 10
    assert "success higher by 100.0 points" in said(a=solved, b=failed)
    assert "success lower by 100.0 points" in said(a=failed, b=solved)
    assert "p = 0.002" in said(a=failed, b=solved)
    assert "no difference in success shown: +0.0 points" in said(a=solved, b=solved)


def test_a_test_that_does_not_agree_with_the_interval_is_said():
    told = said(a=[(0.0, True)] * 91 + [(0.0, False)] * 9, b=[(0.0, i < 85) for i in range(100)])
    assert "success higher by 6.0 points" in told
    assert "p = 0.031" in told
    told = said(a=[(0.0, True)] * 100, b=[(0.0, i < 95) for i in range(100)])
    assert "though p = 0.062" in told


def test_a_policy_whose_runs_failed_is_no_error_of_the_user():
    assert said(a=[(1.0, None)] * 3, b=[]) == "a and b share no episode of Task."


def test_one_policy_is_compared_with_nobody():
    assert said(a=[(1.0, None)] * 3) == ""
