from __future__ import annotations

import json
import math

import msgspec
import pytest

from rlgauge import BenchmarkResults, Stopping, UserError
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate import rounds as rounds_module
from rlgauge.kinds.evaluate.results import EpisodeResult
from rlgauge.kinds.evaluate.rounds import rounds
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.kinds.evaluate.watch import Watch
from rlgauge.stats.sequential import compare_in_order
from tests.chance import Chances

BOTH = {"one": "py:tests.chance:one", "zero": "zero"}
RATES = [[0.5, 0.75]]


def chances(**options) -> Chances:
    return Chances(**{"rates": RATES, **options})


def values(results: BenchmarkResults, policy: str, task: int = 0) -> list[float]:
    (found,) = [r for r in results.results if r.policy == policy][task : task + 1]
    return [float(episode.success) for episode in found.episodes]


@pytest.fixture(scope="module")
def whole() -> BenchmarkResults:
    """500 episodes of each, looked at by nobody."""
    return chances(num_episodes=500).evaluate(BOTH)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> BenchmarkResults:
    """The same, stopped, in one process."""
    return chances().evaluate(BOTH, stop=Stopping(), out=tmp_path_factory.mktemp("stopped"))


def test_it_stops_where_the_pairs_in_their_order_decide(whole, stopped):
    expected = compare_in_order(candidate=values(whole, "one"), baseline=values(whole, "zero"))
    found = stopped.stopped
    (comparison,) = found.comparisons
    assert comparison.decision == expected
    assert (comparison.candidate, comparison.baseline, comparison.quantity) == ("one", "zero", "success")
    assert expected.decided_for == "candidate"
    assert found.n_episodes == comparison.n_episodes == expected.n_pairs < 400
    assert found.n_saved == 2 * (500 - found.n_played)
    assert found.n_episodes <= found.n_played < 2 * found.n_episodes


def test_its_episodes_are_those_of_a_fixed_number(stopped):
    fixed = chances(num_episodes=stopped.stopped.n_episodes).evaluate(BOTH)
    assert fixed.digest() == stopped.digest()
    assert fixed.stopped is None


@pytest.mark.parametrize("manner", [{}, {"workers": 1}, {"workers": 3}])
def test_in_memory_and_with_workers_it_stops_at_the_same_episode(stopped, tmp_path, manner):
    out = {"out": tmp_path} if manner else {}
    found = chances().evaluate(BOTH, stop=Stopping(), **manner, **out)
    assert found.digest() == stopped.digest()
    assert found.stopped.comparisons == stopped.stopped.comparisons


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_however_many_lanes_there_are_it_stops_at_the_same_episode(stopped, lanes):
    found = chances().evaluate(BOTH, stop=Stopping(), lanes=lanes)
    assert found.stopped.comparisons == stopped.stopped.comparisons
    assert found.digest() == stopped.digest()


def test_live_policies_and_environments_are_stopped_too(stopped):
    from rlgauge import Benchmark
    from tests.chance import Chance, one

    benchmark = Benchmark([Chance(tuple(RATES[0]))], record_mode="none")
    found = benchmark.evaluate({"one": one, "zero": "zero"}, stop=Stopping())
    assert found.stopped.comparisons == stopped.stopped.comparisons
    again = benchmark.evaluate({"one": one, "zero": "zero"}, stop=Stopping(max_episodes=20))
    assert again.stopped.comparisons[0].n_episodes == 20


def test_what_is_there_is_used_and_the_same_command_again_measures_nothing(stopped, tmp_path):
    chances(num_episodes=20).evaluate(BOTH, out=tmp_path)
    undecided = chances().evaluate(BOTH, out=tmp_path, stop=Stopping(max_episodes=30))
    assert undecided.stopped.comparisons[0].decision.decided_for is None
    assert chances().evaluate(BOTH, out=tmp_path, stop=Stopping()).digest() == stopped.digest()
    before = sorted(tmp_path.rglob("*"))
    assert chances().evaluate(BOTH, out=tmp_path, stop=Stopping(), workers=2).digest() == stopped.digest()
    assert sorted(tmp_path.rglob("*")) == before
    assert chances(num_episodes=500).evaluate(BOTH, out=tmp_path).results[0].n_episodes == 500
    assert chances().evaluate(BOTH, out=tmp_path, stop=Stopping()).digest() == stopped.digest()


def test_a_folder_that_holds_the_runs_already_is_refused_where_resuming_is(tmp_path):
    chances().evaluate(BOTH, out=tmp_path, stop=Stopping(max_episodes=5))
    with pytest.raises(UserError, match="resume=True goes on"):
        chances().evaluate(BOTH, out=tmp_path, stop=Stopping(max_episodes=50), resume=False)


def test_no_difference_is_played_to_the_end_and_said(tmp_path):
    results = chances(rates=[[0.5, 0.5]]).evaluate(BOTH, stop=Stopping(max_episodes=40))
    found = results.stopped
    assert (found.n_episodes, found.n_played, found.n_saved) == (40, 40, 0)
    assert found.comparisons[0].decision.decided_for is None
    assert "Not decided after 40 episodes: one against zero, no difference in success shown: " in results.summary()
    assert "Played: 40 episodes of each policy in each task; 0 of 80 episodes saved." in results.summary()


def test_the_decision_is_said_in_the_direction_of_the_candidate(stopped):
    n = stopped.stopped.n_episodes
    text = f"Decided after {n} of at most 500 episodes: one succeeds more often than zero: difference +"
    assert text in stopped.summary()
    turned = chances().evaluate(dict(reversed(BOTH.items())), stop=Stopping())
    assert "zero succeeds less often than one: difference -" in turned.summary()
    assert turned.stopped.comparisons[0].decision.decided_for == "baseline"


def test_several_tasks_are_looked_at_together(whole):
    rates = [[0.5, 0.6], [0.3, 0.6], [0.6, 0.5]]
    found = chances(rates=rates).evaluate(BOTH, stop=Stopping())
    (comparison,) = found.stopped.comparisons
    n = comparison.n_episodes
    assert (comparison.n_tasks, comparison.decision.n_pairs) == (3, 3 * n)
    assert comparison.decision.decided_for == "candidate"
    assert [result.n_episodes for result in found.results] == [n] * 6
    differences = [
        a - b for task in range(3) for a, b in zip(values(found, "one", task), values(found, "zero", task), strict=True)
    ]
    assert comparison.decision.difference.point == pytest.approx(math.fsum(differences) / (3 * n))
    assert "episodes in each of 3 tasks: " in comparison.sentence(500)


def test_of_three_policies_the_first_is_compared_with_each_other_at_half_of_alpha():
    policies = {**BOTH, "same": "py:tests.chance:like_one"}
    found = chances().evaluate(policies, stop=Stopping(max_episodes=200)).stopped
    first, second = found.comparisons
    assert (first.baseline, first.decision.alpha, first.decision.decided_for) == ("zero", 0.025, "candidate")
    assert (second.baseline, second.decision.decided_for, second.n_episodes) == ("same", None, 200)
    assert first.n_episodes < found.n_episodes == 200
    assert first.decision.p_value <= 0.025


def test_returns_are_compared_within_their_bounds():
    results = chances(gain=10.0).evaluate(BOTH, stop=Stopping(return_bounds=(0.0, 11.0)))
    (comparison,) = results.stopped.comparisons
    means = {result.policy: result.mean_reward for result in results.results}
    assert comparison.quantity == "return"
    assert comparison.decision.difference.point == pytest.approx(means["one"] - means["zero"])
    assert "one returns more on average than zero: difference " in results.summary()


def test_without_success_and_bounds_only_signs_are_claimed():
    results = chances(fault="tells nothing", rates=[[0.0, 0.5]]).evaluate(BOTH, stop=Stopping())
    (comparison,) = results.stopped.comparisons
    assert comparison.quantity == "sign"
    assert comparison.decision.decided_for == "candidate"
    assert "one is more likely to return more than to return less than zero: it returns more in " in results.summary()
    assert "ties counted half" in results.summary()


def test_a_return_beyond_the_bounds_is_refused():
    with pytest.raises(UserError, match=r"The return of episode \d+ of \w+ in Chance is 10\.\d+, which is not between"):
        chances(gain=10.0).evaluate(BOTH, stop=Stopping(return_bounds=(0, 10)))


def test_success_that_is_told_now_and_then_decides_nothing():
    with pytest.raises(UserError, match=r"Success is (un)?measured in episode \d+ of (one|zero) in Chance, unlike in"):
        chances(fault="tells successes only").evaluate(BOTH, stop=Stopping())


def test_an_error_counts_as_a_failure():
    results = chances(fault="raises", rates=[[0.1, 1.0]]).evaluate(BOTH, stop=Stopping())
    (comparison,) = results.stopped.comparisons
    by_policy = {r.policy: r for r in results.results}
    n, errors = by_policy["one"].n_episodes, by_policy["one"].n_errors
    assert errors > 0
    expected = (n - errors - by_policy["zero"].n_success) / n
    assert comparison.decision.difference.point == pytest.approx(expected)
    assert f"{errors} errors and timeouts count as failures." in results.summary()


def test_an_error_is_no_return_and_counts_against_the_claim():
    rule = Stopping(return_bounds=(0, 1.1))
    sound = chances(rates=[[0.1, 1.0]]).evaluate(BOTH, stop=rule).stopped.comparisons[0]
    results = chances(fault="raises", rates=[[0.1, 1.0]]).evaluate(BOTH, stop=rule)
    broken = results.stopped.comparisons[0]
    assert broken.decision.n_unknown > 0
    assert broken.n_episodes > sound.n_episodes
    assert "have no return, and count against whatever might be claimed" in results.summary()


def test_one_policy_is_measured_until_its_interval_is_narrow_enough(whole):
    results = chances().evaluate({"one": BOTH["one"]}, stop=Stopping(precision=0.25))
    found = results.stopped
    estimate, (result,) = found.estimate, results.results
    assert estimate.high - estimate.low <= 0.25
    assert estimate.point == result.success_rate
    assert (result.success_low, result.success_high) == (estimate.low, estimate.high)
    assert result.success_method == "confidence sequence"
    assert found.n_saved == 500 - found.n_played > 0
    assert f"Success rate after {found.n_episodes} of at most 500 episodes: " in results.summary()
    before = chances(num_episodes=found.n_episodes - 1).evaluate({"one": BOTH["one"]}).results[0].at_any_time()
    assert before.success_high - before.success_low > 0.25


def test_one_policys_mean_return_is_measured_within_its_bounds():
    rule = Stopping(precision=3.0, return_bounds=(0, 11), alpha=0.1)
    results = chances(gain=10.0).evaluate({"one": BOTH["one"]}, stop=rule)
    estimate = results.stopped.estimate
    assert estimate.point == pytest.approx(results.results[0].mean_reward)
    assert estimate.high - estimate.low <= 3
    assert "Mean return after " in results.summary()
    assert "no wider than 3 (90% confidence sequence)" in results.summary()


def test_a_precision_that_is_not_reached_is_said():
    text = chances().evaluate({"one": BOTH["one"]}, stop=Stopping(precision=0.1, max_episodes=40)).summary()
    assert "still wider than 0.1" in text


def test_one_policy_without_success_and_bounds_has_nothing_to_be_measured():
    with pytest.raises(UserError, match="Success is unmeasured in Chance, and without bounds"):
        chances(fault="tells nothing").evaluate({"one": BOTH["one"]}, stop=Stopping(precision=0.1))


def test_where_a_run_fails_it_ends_and_says_so(tmp_path):
    policies = {"breaks": "py:tests.chance:breaks", "zero": "zero"}
    results = chances().evaluate(policies, stop=Stopping(), out=tmp_path)
    found = results.stopped
    (broken,) = [result for result in results.results if result.policy == "breaks"]
    first = next(i for i in range(17) if i not in {episode.index for episode in broken.episodes})
    assert (found.n_episodes, found.n_played, found.comparisons[0].n_episodes) == (16, 16, first)
    assert broken.n_missing == 16 - broken.n_episodes > 0
    assert f"It ends before episode {first}, which is missing" in results.summary()


def test_what_failed_is_measured_again_once_when_asked(tmp_path):
    flawed = chances(fault="raises", rates=[[0.1, 1.0]])
    flawed.evaluate(BOTH, stop=Stopping(max_episodes=40), out=tmp_path)
    before = len(list(tmp_path.glob("evaluate/*/*/run.json")))
    flawed.evaluate(BOTH, stop=Stopping(max_episodes=40), out=tmp_path, rerun_failed=True)
    broken = {run.case.id for run in Store(tmp_path).runs() if run.file.num_errors}
    assert len(list(tmp_path.glob("evaluate/*/*/run.json"))) == before + len(broken)


def test_fixed_intervals_are_replaced_or_warned_of(stopped):
    for result in stopped.results:
        assert result.success_method == "confidence sequence"
        assert result.success_low < result.success_rate < result.success_high
    for aggregate in stopped.aggregates():
        assert (aggregate.success_micro.low, aggregate.success_micro.high) == (None, None)
    (comparison,) = stopped.compare(candidate="one", baseline="zero")
    assert "do not hold" in comparison.success.difference.warnings[-1]
    assert "do not hold" in comparison.return_difference.warnings[-1]
    assert any("do not hold; the rates' intervals here do" in text for text in stopped.warnings())


def test_the_decision_is_in_the_results_file(stopped, tmp_path):
    path = stopped.to_json(tmp_path / "results.json")
    told = json.loads(path.read_text())["metadata"]["stopping"]
    assert told["comparisons"][0]["decision"]["decided_for"] == "candidate"
    assert told["rule"] == {"alpha": 0.05, "max_episodes": 500, "precision": None, "return_bounds": None}
    again = BenchmarkResults.from_json(path)
    assert again.stopped == stopped.stopped
    assert again.summary() == stopped.summary()
    assert "Decided after" in stopped.to_markdown()


@pytest.mark.parametrize(
    ("policies", "rule", "said"),
    [
        (["zero"], {}, "There is one policy, zero, and nothing to be decided"),
        (BOTH, {"precision": 0.1}, "A precision goes with one policy, and 2 were given"),
    ],
)
def test_a_rule_that_does_not_go_with_the_policies_is_refused(policies, rule, said):
    with pytest.raises(UserError, match=said):
        chances().evaluate(policies, stop=Stopping(**rule))


@pytest.mark.parametrize("stop", [True, 500, "decided"])
def test_what_is_no_rule_is_refused(stop):
    with pytest.raises(UserError, match="a rule is needed, such as rlgauge"):
        chances().evaluate(BOTH, stop=stop)


def test_a_family_of_training_seeds_is_refused(tmp_path):
    with pytest.raises(UserError, match="one is a family of training seeds, whose unit is the training"):
        chances().evaluate({"one": "py:f:p{seed}", "zero": "zero"}, train_seeds=[0, 1], stop=Stopping())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": 0}, "alpha=0: a share"),
        ({"alpha": "x"}, "alpha='x': a share"),
        ({"max_episodes": 0}, "max_episodes=0: a whole number from 1"),
        ({"max_episodes": 2.0}, "max_episodes=2.0: a whole number"),
        ({"max_episodes": True}, "max_episodes=True: a whole number"),
        ({"precision": 0.0}, "precision=0.0: the width"),
        ({"precision": math.nan}, "precision=nan: the width"),
        ({"return_bounds": (1, 1)}, "the lowest and the highest return"),
        ({"return_bounds": (1,)}, "the lowest and the highest return"),
        ({"return_bounds": 3}, "the lowest and the highest return"),
        ({"return_bounds": (0, math.inf)}, "the lowest and the highest return"),
    ],
)
def test_a_rule_that_can_not_be_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        Stopping(**given)


@pytest.mark.parametrize(("workers", "lanes"), [(1, 8), (1, 1), (4, 8), (16, 3)])
def test_rounds_are_whole_blocks_one_after_the_other_up_to_the_most_allowed(workers, lanes):
    workload = make_workload(chances(), BOTH, lanes=lanes)
    found = list(rounds(workload, Stopping(max_episodes=500), workers=workers))
    assert [block.first for block in found] == [0, *(block.last for block in found[:-1])]
    assert found[-1].last == 500
    cases = [case for block in found for case in workload.part(*block).cases()]
    assert {case.id for case in cases} == {case.id for case in workload.part(0, 500).cases()}
    assert len({case.id for case in cases}) == len(cases)
    assert all(block.last >= 1.25 * block.first for block in found[:-1])
    per_round = [len(list(workload.part(*block).cases())) for block in found[:-1]]
    assert min(per_round) >= min(workers, 4)


def test_rounds_are_few(monkeypatch):
    assert len(list(rounds(make_workload(chances(), BOTH), Stopping(max_episodes=5000), workers=1))) <= 20
    monkeypatch.setattr(rounds_module, "_GROWTH", 1.0)
    assert len(list(rounds(make_workload(chances(), BOTH), Stopping(max_episodes=5000), workers=1))) > 20


def test_a_part_is_the_whole_with_other_episodes_only():
    workload = make_workload(chances(num_episodes=7), BOTH)
    part = workload.part(16, 40)
    assert workload.benchmark.num_episodes == 7
    assert [case.params["first"] for case in part.cases()] == [16, 32, 16, 32]
    assert [part.num_wanted(case) for case in part.cases()] == [16, 8, 16, 8]
    assert [case.params["first"] for case in part.whole_cases()] == [16, 16]
    assert msgspec.json.encode(part.describe().init_args["policies"]) == msgspec.json.encode(
        workload.describe().init_args["policies"]
    )
    assert list(workload.part(0, 7).cases()) == list(workload.cases())
    fresh = make_workload(chances(), BOTH)
    assert fresh.part(0, 16).tasks is fresh.part(16, 32).tasks


def episode(index: int, *, success: bool) -> EpisodeResult:
    return EpisodeResult(index=index, outcome="success" if success else "failure", success=success, total_return=1.0)


def test_episodes_are_taken_in_the_order_of_their_index_whenever_they_come():
    ours = [episode(i, success=True) for i in range(30)]
    theirs = [episode(i, success=i % 5 == 0) for i in range(30)]
    at_once = Watch(["a", "b"], ["T"], Stopping())
    at_once.take("a", "T", ours)
    at_once.take("b", "T", theirs)
    at_once.look()
    late = Watch(["a", "b"], ["T"], Stopping())
    late.take("b", "T", reversed(theirs))
    for index in reversed(range(30)):
        late.take("a", "T", [ours[index]])
        late.look()
        assert late.is_over is (index == 0)
    assert late.stopped(n_played=30, n_episodes=9) == at_once.stopped(n_played=30, n_episodes=9)


def test_a_missing_episode_holds_up_all_that_follow():
    watch = Watch(["a", "b"], ["T"], Stopping())
    watch.take("a", "T", [episode(i, success=True) for i in range(30)])
    watch.take("b", "T", [episode(i, success=False) for i in range(30) if i != 3])
    watch.look()
    assert (watch.is_over, watch.n_episodes, watch.is_stuck(30), watch.is_stuck(3)) == (False, 3, True, False)
    of_two = Watch(["a", "b"], ["S", "T"], Stopping())
    for policy, task in (("a", "S"), ("b", "S"), ("a", "T")):
        of_two.take(policy, task, [episode(0, success=True)])
    of_two.look()
    assert (of_two.n_episodes, of_two.is_stuck(1)) == (0, True)


def test_episodes_without_a_valid_measurement_decide_nothing():
    watch = Watch(["a", "b"], ["T"], Stopping())
    for policy in ("a", "b"):
        watch.take(policy, "T", [EpisodeResult(index=i, outcome="error", error="x") for i in range(5)])
    watch.look()
    assert (watch.is_over, watch.n_episodes, watch.is_stuck(5)) == (False, 0, False)
    assert "no episode has a valid measurement" in " ".join(watch.stopped(n_played=5, n_episodes=5).sentences())


@pytest.mark.parametrize("num_starts", [10, 10_000, None])
def test_stopping_tells_where_episodes_began_as_earlier_ones_did(num_starts):
    benchmark = chances()
    benchmark.num_starts = num_starts
    results = benchmark.evaluate(BOTH, stop=Stopping())
    assert results.stopped.n_episodes > 10
    is_told = num_starts == 10
    assert ("Episodes from 10 on begin where earlier ones did" in results.summary()) == is_told
    assert any("episodes from 10 on" in text for text in results.warnings()) == is_told
    assert benchmark.identity() == chances().identity()
