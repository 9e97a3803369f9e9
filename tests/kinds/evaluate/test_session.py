from __future__ import annotations

import itertools

import av
import pytest

from rlgauge import Benchmark, BenchmarkResults, UserError
from rlgauge.episodes import rollout
from tests import gyms
from tests.gyms import Of

FAULTS = [
    "raise",
    "nan_reward",
    "inf_reward",
    "no_reward",
    "nan_observation",
    "wrong_shape",
    "raise_reset",
    "nan_reset",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_errors_leave_the_rate_and_stay_in_the_other_one(fault):
    (result,) = Of("Faulty", {"fault": fault}, num_episodes=30).evaluate("random").results
    assert result.n_episodes == 30
    assert 5 < result.n_errors < 15
    assert (result.n_timeouts, result.n_missing) == (0, 0)
    assert (result.success_rate, result.n_success_measured) == (1.0, 30 - result.n_errors)
    assert result.success_rate_all == pytest.approx((30 - result.n_errors) / 30)
    broken = [episode for episode in result.episodes if episode.outcome == "error"]
    assert len(broken) == result.n_errors
    assert all(e.total_return is None and e.success is None and e.error and e.seed is not None for e in broken)
    assert result.mean_reward == 6.0
    assert any("no valid measurement" in warning for warning in result.warnings)
    assert f"{result.success_rate_all:.1%} with errors as failures" in BenchmarkResults([result]).summary()


def test_a_hanging_step_is_a_timeout_and_the_others_are_measured():
    benchmark = Of("Faulty", {"fault": "hang_python"}, num_episodes=12)
    (result,) = benchmark.evaluate("random", episode_seconds=0.1).results
    assert result.n_timeouts == sum(episode.outcome == "timeout" for episode in result.episodes) > 0
    assert result.n_timeouts + result.n_success == 12
    assert result.n_errors == 0


def test_a_reset_that_hangs_before_the_first_episode_is_said():
    class Stuck(gyms.Toy):
        def reset(self, *, seed=None, options=None):
            gyms.sleep_in_python()

    with pytest.raises(UserError, match=r"Stuck was not reset within 0\.1 s"):
        Benchmark(gyms=[Stuck], num_episodes=1).evaluate("random", episode_seconds=0.1)


def test_a_policy_that_does_not_fit_is_said_before_the_first_episode():
    steps = []

    class Watched(gyms.Toy):
        def step(self, action):
            steps.append(action)
            return super().step(action)

    for policy, told in [(lambda _: 7, "returned the action 7, but the action space is"), (object(), "has no act")]:
        with pytest.raises(UserError, match=told):
            Benchmark(gyms=[Watched]).evaluate(policy)
    assert steps == []


class Closes:
    """A live batched policy that knows whether it was closed."""

    bit_stable = True

    def __init__(self):
        self.num_closed = 0

    def begin(self, row, seed):
        assert not self.num_closed

    def act(self, observations, active):
        return [0] * len(observations)

    def close(self):
        self.num_closed += 1


def test_a_live_policy_is_left_open_and_one_that_was_opened_is_closed_once_a_task(monkeypatch):
    live = Closes()
    Benchmark(gyms=[gyms.Toy, gyms.Toy], num_episodes=2).evaluate(live)
    assert live.num_closed == 0
    opened = []
    monkeypatch.setattr(
        "rlgauge.kinds.evaluate.session.open_policy", lambda *a, **k: opened.append(Closes()) or opened[-1]
    )
    Benchmark(gyms=[gyms.Toy, gyms.Toy], num_episodes=2).evaluate("random")
    assert [policy.num_closed for policy in opened] == [1, 1]


def test_results_say_whether_their_bits_can_be_relied_on():
    class Unstable(Closes):
        bit_stable = False

    class Lies(Closes):
        def act(self, observations, active):
            return [row % 2 for row in range(len(observations))]

    benchmark = Benchmark(gyms=[gyms.Toy], num_episodes=2)
    assert benchmark.evaluate(Closes()).metadata["bit_stable"] is True
    assert benchmark.evaluate(Unstable()).metadata["bit_stable"] is False
    assert benchmark.evaluate(Lies()).metadata["bit_stable"] is False


def test_films_are_kept_by_outcome_and_found_by_the_results(tmp_path):
    benchmark = Filmed(num_episodes=6, video_dir=tmp_path, record_mode="successes")
    results = benchmark.evaluate({"a/b": "zero", "a-b": "zero"})
    for result in results.results:
        for episode in result.episodes:
            assert (episode.video is not None) == bool(episode.success)
            if episode.video is not None:
                assert episode.video.endswith(f"/Succeeds-e{episode.index:04d}-success.mp4")
                with av.open(str(tmp_path / episode.video)) as film:
                    assert sum(1 for _ in film.decode(video=0)) == episode.length + 1 == 21
    names = [e.video for result in results.results for e in result.episodes if e.video]
    assert len(set(names)) == len(names) == len(list(tmp_path.rglob("*-success.mp4"))) > 0


class Filmed(Benchmark):
    def create_gyms(self):
        return [lambda: rendered(gyms.Succeeds())]


def rendered(env):
    env.render_mode = "rgb_array"
    return env


@pytest.mark.parametrize("mode", [None, "rgb_array_list"])
def test_an_environment_that_cannot_be_filmed_is_said_before_the_first_episode(tmp_path, mode):
    benchmark = Benchmark(gyms=[lambda: gyms.Toy(render_mode=mode)], num_episodes=1, video_dir=tmp_path)
    with pytest.raises(UserError, match=rf"Toy was made with render_mode={mode!r}, so it can't be filmed"):
        benchmark.evaluate("random")


def test_nothing_is_rendered_where_nothing_is_filmed(tmp_path):
    class Blind(gyms.Toy):
        def render(self):
            raise AssertionError("rendered")

    Benchmark(gyms=[Blind], num_episodes=1, video_dir=tmp_path, record_mode="none").evaluate("random")
    Benchmark(gyms=[Blind], num_episodes=1).evaluate("random")


def test_latency_and_speed_are_of_what_was_played(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(rollout, "perf_counter", lambda: next(clock) / 1000)
    timing = Of("Toy", num_episodes=8).evaluate("random", lanes=4).metadata["timing"]
    assert timing["steps"] == 40
    assert timing["steps_per_process_second"] == pytest.approx(40 / timing["process_seconds"])
    parts = timing["latency_seconds"]
    assert {name: part["n"] for name, part in parts.items()} == {"policy": 10, "environment": 40, "render": 0}
    assert parts["environment"]["p50"] == parts["environment"]["p95"] == pytest.approx(0.001, rel=0.012)
    assert parts["render"] == {"p50": None, "p95": None, "n": 0}
