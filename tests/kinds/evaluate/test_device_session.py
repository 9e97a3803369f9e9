"""Evaluations of environments in JAX."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge import Benchmark
from rlgauge.core.errors import UserError
from rlgauge.core.run import read_records
from rlgauge.envs import on_device
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.kinds.evaluate.session import Memory
from rlgauge.kinds.evaluate.stopping import Stopping
from rlgauge.kinds.evaluate.workload import device_blocks
from tests.episodes.toy import Toy

POLE = "rlgauge:cartpole"
POLICIES = """
import jax.numpy as jnp


def lean(observation):
    return observation[2] > 0


def on_host(observation):
    return int(observation[2] > 0)


def illegal(observation):
    return jnp.where(observation[2] < -0.1, 7, 1)


class Sized:
    def __init__(self, observation_space, action_space):
        self.sizes = observation_space.shape, int(action_space.n)

    def act(self, observation):
        assert self.sizes == ((4,), 2)
        return (observation[2] > 0).astype(int)
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_policies.py").write_text(POLICIES)


def pole(num_episodes=20, **settings):
    return Benchmark(gyms=[POLE], num_episodes=num_episodes, **settings)


def lengths(results):
    return [[episode.length for episode in result.episodes] for result in results.results]


def test_a_policy_fares_the_same_compiled_and_asked_on_the_host():
    policies = [f"py:own_policies.py:{name}" for name in ("lean", "on_host", "Sized")]
    results = pole().evaluate(policies, lanes=8)
    first, *others = lengths(results)
    assert others == [first, first]
    assert len(set(first)) > 5
    asked = results.metadata["on_device"]["asked_on_host"]
    assert asked == {"on_host": "can't be traced by JAX (ConcretizationTypeError)"}
    latency = results.metadata["timing"]["latency_seconds"]
    assert latency["policy"]["n"] > max(first)
    assert latency["environment"] == {"p50": None, "p95": None, "n": 0}


def test_what_is_compiled_has_no_latency_and_its_compiling_is_told_apart():
    results = pole().evaluate("zero")
    timing = results.metadata["timing"]
    assert {part["n"] for part in timing["latency_seconds"].values()} == {0}
    assert timing["steps"] == sum(lengths(results)[0])
    assert timing["compile_seconds"] > 0
    (result,) = results.results
    assert (result.task_id, result.success_rate, result.n_episodes) == (POLE, None, 20)
    assert {episode.environment_seconds for episode in result.episodes} == {None}


def test_kept_episodes_are_not_played_again_and_more_are_the_same(tmp_path):
    whole = pole(60).evaluate(["random", "zero"], lanes=16)
    pole(10).evaluate(["random", "zero"], lanes=16, out=tmp_path / "out")
    resumed = pole(60).evaluate(["random", "zero"], lanes=16, out=tmp_path / "out")
    assert resumed.digest() == whole.digest()
    runs = list((tmp_path / "out" / "evaluate").iterdir())
    assert len(runs) == 2 * 2  # 0 to 15, 16 to 63
    shared = pole(60).evaluate(["random", "zero"], lanes=16, out=tmp_path / "again", workers=2)
    assert shared.digest() == whole.digest()


def test_what_a_killed_run_has_recorded_is_not_played_again():
    workload = make_workload(pole(20), "random", lanes=8)
    (case,) = workload.whole_cases()
    with workload.session() as measure:
        whole = sorted(measure(case, Memory(20)), key=lambda record: record.index)
        again = Memory(20)
        again.kept = [whole[index] for index in (0, 3, 7, 8, 9, 16, 19)]
        rest = sorted(measure(case, again), key=lambda record: record.index)
    kept = {record.index for record in again.kept}
    assert rest == [record for record in whole if record.index not in kept]


def test_ten_thousand_random_episodes_have_the_known_mean():
    (result,) = pole(10_000).evaluate("random").results
    assert result.n_episodes == result.n_returns == len({episode.index for episode in result.episodes}) == 10_000
    assert result.mean_reward == pytest.approx(22.26, abs=4 * 11.9 / 100)  # Gymnasium's, of a million


def test_a_success_is_what_the_benchmark_says():
    benchmark = GymnasiumBenchmark(POLE, num_episodes=30, success_return=9.5)
    (result,) = benchmark.evaluate("zero").results
    assert result.n_success == sum(episode.length > 9 for episode in result.episodes)
    assert 0 < result.n_success < 30


def test_errors_are_counted():
    (result,) = pole(10, seed=1).evaluate("py:own_policies.py:illegal").results
    assert result.n_errors == 10
    assert "the policy returned an action that is none of 0 to 1" in result.warnings[0]


def test_a_network_of_another_library_is_asked():
    torch = pytest.importorskip("torch")
    network = torch.nn.Linear(4, 2)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.0, 0, 0, 0], [0, 0, 1, 0]]))
        network.bias.zero_()
    results = pole().evaluate({"torch": network, "jax": lambda observation: observation[2] > 0}, lanes=8)
    of_torch, of_jax = lengths(results)
    assert of_torch == of_jax
    assert results.metadata["on_device"]["asked_on_host"] == {"torch": None}


def test_it_stops_when_it_is_decided():
    results = pole().evaluate(
        {"lean": lambda seen: seen[2] > 0, "zero": "zero"}, lanes=16, stop=Stopping(max_episodes=400)
    )
    (compared,) = results.stopped.comparisons
    assert compared.decision.decided_for == "candidate"
    assert results.results[0].n_episodes < 100


def test_several_tasks_are_played_one_after_the_other():
    benchmark = Benchmark(gyms=[POLE, "rlgauge:gene-circuit", POLE], num_episodes=3)
    results = benchmark.evaluate("zero", lanes=3)
    assert [result.task_id for result in results.results] == [POLE, "rlgauge:gene-circuit", f"{POLE}-2"]
    first, _, again = lengths(results)
    assert all(8 <= length <= 11 for length in (*first, *again))


def test_subclasses_may_name_environments_in_jax_and_what_was_not_measured_is_null(tmp_path):
    class Named(Benchmark):
        def create_gyms(self):
            return ["gymnax:cartpole"]

    (result,) = Named(num_episodes=3).evaluate("zero", lanes=3, out=tmp_path / "out").results
    assert result.task_id == "gymnax:CartPole-v1"
    (records,) = (tmp_path / "out").rglob("records.jsonl")
    told = read_records(records).records[0].values
    assert (told["terminated"], told["truncated"], told["environment_seconds"]) == (None, None, None)
    assert told["length"] in range(8, 12)


@pytest.mark.parametrize(
    ("make", "how", "says"),
    [
        (
            lambda: pole(video_dir="films"),
            {},
            "nothing is rendered, so there are no films of it: give no --record-mode",
        ),
        (pole, {"episode_seconds": 1.0}, "give no --episode-seconds"),
        (lambda: GymnasiumBenchmark([POLE, "CartPole-v1"]), {}, "evaluate them one by one"),
        (lambda: GymnasiumBenchmark(POLE, env_kwargs={"length": 2}), {}, "it takes no env_kwargs"),
        (lambda: Benchmark(gyms=["CartPole-v1"]), {}, "give `lambda: gymnasium.make('CartPole-v1')`"),
        (lambda: Benchmark(gyms=["rlgauge:pole"]), {}, "Unknown reference environment 'pole'"),
    ],
)
def test_what_can_not_be_played_is_said(make, how, says):
    with pytest.raises(UserError) as raised:
        make().evaluate("zero", **how)
    assert says in str(raised.value)


def test_a_policy_of_the_wrong_shape_is_said():
    with pytest.raises(UserError, match="The policy act2 returned float32 of shape"):
        pole().evaluate({"act2": lambda observation: observation[:2]})


def test_an_environment_that_only_traced_policies_can_play_says_so():
    with pytest.raises(UserError, match=r"The policy host does not act by .* takes actions that only functions"):
        Benchmark(gyms=["rlgauge:arc-point"], num_episodes=2).evaluate({"host": lambda _: np.zeros(3)}, lanes=2)


def test_rewards_that_are_not_finite_end_an_episode(monkeypatch):
    broken = Toy(reward=lambda count: jnp.where(count == 2, jnp.nan, 1.0))
    monkeypatch.setattr(on_device, "make", lambda _named: broken)
    (result,) = pole(3).evaluate("zero", lanes=3).results
    assert result.n_errors == 3
    assert result.episodes[0].error == "step 2: the reward is not finite"


def test_blocks_grow_and_stand_where_they_stood():
    few, many = list(device_blocks(20, 16)), list(device_blocks(40_000, 16))
    assert few == many[:2] == [(0, 16), (16, 64)]
    assert all(one.last == other.first for one, other in itertools.pairwise(many))
    assert all(block.first % 16 == 0 for block in many)
    assert max(block.last - block.first for block in many) == 64 * 16
