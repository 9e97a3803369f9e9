from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rlgauge import Benchmark, UserError
from rlgauge.core.run import Record
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate import workload
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.kinds.evaluate.session import Memory
from tests import gyms
from tests.gyms import Of

ROOT = Path(__file__).parents[3]
TIMES = {"environment_seconds"}
SEED = 7
"""Of a benchmark in which one of the first five Faulty episodes goes wrong."""


def cartpole(num_episodes: int = 60) -> GymnasiumBenchmark:
    return GymnasiumBenchmark("CartPole-v1", num_episodes=num_episodes, max_steps=60)


def raw(out: Path) -> dict[tuple, list]:
    """Every stored record, durations aside, by policy and episode."""
    found = {}
    for run in Store(out).runs():
        for record in run.records:
            key = (run.case.labels["policy"], run.case.params["task"], record.index)
            assert key not in found
            found[key] = [{k: v for k, v in record.values.items() if k not in TIMES}, record.error]
    return found


@pytest.fixture(scope="module")
def policies(tmp_path_factory) -> dict[str, str]:
    return gyms.saved_policies(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def expected(policies, tmp_path_factory):
    """Digest and raw records of an undisturbed evaluation in one process."""
    out = tmp_path_factory.mktemp("expected")
    results = cartpole().evaluate(policies, out=out)
    assert [result.n_episodes for result in results.results] == [60] * len(policies)
    assert len({result.mean_reward for result in results.results}) == len(policies)
    return results.digest(), raw(out)


def test_in_memory_it_is_the_same_as_stored(policies, expected):
    assert cartpole().evaluate(policies).digest() == expected[0]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_measures_the_same(policies, expected, tmp_path, workers):
    results = cartpole().evaluate(policies, out=tmp_path, workers=workers)
    assert (results.digest(), raw(tmp_path)) == expected
    assert results.metadata["bit_stable"]


def test_20_episodes_grown_to_60_are_the_same_as_60_at_once(policies, expected, tmp_path):
    few = cartpole(23).evaluate(policies, out=tmp_path)
    assert [result.n_episodes for result in few.results] == [23] * len(policies)
    assert (cartpole().evaluate(policies, out=tmp_path).digest(), raw(tmp_path)) == expected
    again = cartpole(23).evaluate(policies, out=tmp_path)
    assert again.digest() == few.digest()


def test_the_order_of_the_blocks_does_not_matter(policies, expected, tmp_path, monkeypatch):
    forward = workload.blocks
    monkeypatch.setattr(workload, "blocks", lambda *a: sorted(forward(*a), reverse=True))
    results = cartpole().evaluate(dict(reversed(policies.items())), out=tmp_path)
    assert raw(tmp_path) == expected[1]
    assert {r.policy: r.mean_reward for r in results.results} == {
        r.policy: r.mean_reward for r in cartpole().evaluate(policies).results
    }


@pytest.mark.parametrize("missing", [[0], [7, 3, 29], list(range(1, 60))])
def test_single_missing_episodes_are_measured_with_few_lanes_to_the_same_bits(policies, expected, tmp_path, missing):
    cartpole().evaluate(policies, out=tmp_path)
    for run in Store(tmp_path).runs():
        kept = [record for record in run.records if record.index not in missing]
        _interrupt(run.folder, kept)
    assert (cartpole().evaluate(policies, out=tmp_path).digest(), raw(tmp_path)) == expected


def _interrupt(folder: Path, records: list[Record]) -> None:
    """Make the attempt look as if it had been interrupted after these records."""
    from rlgauge.core.run import encode_record

    (folder / "records.jsonl").write_bytes(b"".join(map(encode_record, records)))
    file = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps({**file, "status": "INTERRUPTED", "num_records": None}))


@pytest.mark.parametrize("moment", range(5))
def test_a_driver_killed_at_any_moment_resumes_to_the_same(policies, expected, tmp_path, moment):
    """A fifth of the records later each time, at random within."""
    light = {name: uri for name, uri in policies.items() if name != "torch"}  # whose import takes seconds
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.gyms", str(out), "2", json.dumps(light)]
    driver = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    target = random.Random(moment).uniform(moment, moment + 1) / 5 * 60 * len(light)
    while driver.poll() is None and _num_records(out) < target:
        time.sleep(0.001)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    cartpole().evaluate(light, out=out, workers=2)
    assert raw(out) == {key: record for key, record in expected[1].items() if key[0] in light}


def _num_records(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.glob("evaluate/*/[0-9]*/records.jsonl"))


def test_an_sb3_policy_measures_the_same_however_it_is_played(tmp_path):
    from stable_baselines3 import PPO

    PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu").save(tmp_path / "ppo.zip")
    policy = {"ppo": f"sb3:{tmp_path / 'ppo.zip'}"}
    whole = cartpole(24).evaluate(policy, trust=True).digest()
    cartpole(5).evaluate(policy, out=tmp_path / "grown", trust=True)
    assert cartpole(24).evaluate(policy, out=tmp_path / "grown", trust=True).digest() == whole
    assert cartpole(24).evaluate(policy, out=tmp_path / "workers", workers=1, trust=True).digest() == whole
    live = PPO.load(tmp_path / "ppo.zip", device="cpu")
    assert cartpole(24).evaluate({"ppo": live}).digest() == whole


def test_the_same_command_again_measures_nothing(policies, tmp_path):
    first = cartpole(12).evaluate(policies, out=tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert cartpole(12).evaluate(policies, out=tmp_path).digest() == first.digest()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_holds_the_runs_already_is_refused_where_resuming_is(tmp_path):
    cartpole(2).evaluate("random", out=tmp_path)
    with pytest.raises(UserError, match="resume=True goes on with them"):
        cartpole(2).evaluate("random", out=tmp_path, resume=False)
    cartpole(2).evaluate("zero", out=tmp_path, resume=False)


def test_a_live_policy_runs_in_process_and_is_refused_by_workers_in_a_sentence(tmp_path):
    results = cartpole(3).evaluate({"mine": gyms.by_row}, out=tmp_path / "here")
    assert results.digest() == cartpole(3).evaluate({"mine": "py:tests.gyms:by_row"}).digest()
    with pytest.raises(UserError, match=r"The policy mine is an object of this process.*leave out `workers`"):
        cartpole(3).evaluate({"mine": gyms.by_row}, out=tmp_path / "workers", workers=2)


def test_a_live_module_is_resumed_and_another_one_is_not(tmp_path):
    import torch

    def module(activation):
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 8), activation(), torch.nn.Linear(8, 2))

    for _ in range(2):
        cartpole(8).evaluate({"net": module(torch.nn.Tanh)}, out=tmp_path)
    assert len(list(Store(tmp_path).runs())) == 1
    cartpole(8).evaluate({"net": module(torch.nn.ReLU)}, out=tmp_path)
    assert len(list(Store(tmp_path).runs())) == 2


def test_a_given_environment_that_does_not_say_all_of_itself_is_measured_again(tmp_path):
    for length in (3, 4):
        results = Benchmark(gyms=[gyms.Toy(length)], num_episodes=2).evaluate("zero", out=tmp_path)
        assert results.results[0].mean_length == length


@pytest.mark.parametrize("fault", ["raise", "hang_python"])
def test_workers_measure_broken_episodes_as_one_process_does(tmp_path, fault):
    benchmark = Of("Faulty", {"fault": fault}, num_episodes=9, seed=SEED)
    seconds = 0.3 if fault == "hang_python" else None
    here = benchmark.evaluate("random", episode_seconds=seconds)
    there = benchmark.evaluate("random", out=tmp_path, workers=2, episode_seconds=seconds)
    assert there.digest() == here.digest()
    assert here.results[0].n_errors + here.results[0].n_timeouts > 0


def test_a_hang_in_c_is_ended_by_the_supervisor_and_the_others_are_measured(tmp_path):
    whole = Of("Faulty", {"fault": "none"}, num_episodes=5, seed=SEED).evaluate("random").results[0]
    benchmark = Of("Faulty", {"fault": "hang_c"}, num_episodes=5, seed=SEED)
    (result,) = benchmark.evaluate("random", out=tmp_path, workers=1, episode_seconds=0.3).results
    struck = [e.index for e in result.episodes if e.outcome == "timeout"]
    assert struck == [e.index for e in whole.episodes if gyms.is_struck(e.seed)]
    assert len(struck) == 1
    assert (result.n_episodes, result.n_timeouts, result.n_success, result.n_missing) == (5, 1, 4, 0)
    for mine, other in zip(result.episodes, whole.episodes, strict=True):
        assert mine.index in struck or mine.total_return == other.total_return
    assert "timeout" in result.warnings[0]


def test_a_policy_that_fails_in_the_middle_leaves_its_episodes_missing_and_the_others_whole(tmp_path):
    policies = {"good": "zero", "bad": "py:tests.gyms:fails_late"}
    results = Of("Toy", num_episodes=20).evaluate(policies, out=tmp_path, workers=1)
    good, bad = results.results
    assert (good.n_episodes, good.n_missing) == (20, 0)
    assert (bad.n_episodes, bad.n_missing) == (0, 20)
    assert "20 episodes are missing: their runs failed" in results.summary()
    assert "0 of 20" in results.summary()


def test_what_failed_is_measured_again_on_demand(tmp_path, monkeypatch):
    bench = Of("Toy", num_episodes=4)
    policy = {"bad": "py:tests.gyms:fails_late"}
    assert bench.evaluate(policy, out=tmp_path).results[0].n_missing == 4
    monkeypatch.setattr(gyms, "LATE", -1)
    assert bench.evaluate(policy, out=tmp_path).results[0].n_missing == 4
    assert bench.evaluate(policy, out=tmp_path, rerun_failed=True).results[0].n_missing == 0


def test_a_reset_that_raises_once_costs_no_episode_that_it_does_not_belong_to(tmp_path):
    bench = Of("RefusesSeed", {"refused": 42}, num_episodes=5)
    assert bench.seed == 42
    (result,) = bench.evaluate("zero", out=tmp_path).results
    assert (result.n_episodes, result.n_errors, result.n_missing) == (5, 0, 0)
    refused = result.episodes[2].seed
    (result,) = Of("RefusesSeed", {"refused": refused}, num_episodes=5).evaluate("zero", out=tmp_path).results
    assert [episode.outcome == "error" for episode in result.episodes] == [False, False, True, False, False]


def test_of_a_run_that_did_not_complete_no_episode_counts_since_the_short_ones_end_first(tmp_path, monkeypatch):
    monkeypatch.setattr(gyms, "LATE", 12)
    policies = {"late": "py:tests.gyms:fails_late"}
    bench = Of("Succeeds", num_episodes=16)
    (result,) = bench.evaluate(policies, out=tmp_path).results
    kept = [record for run in Store(tmp_path).runs() for record in run.records]
    assert 0 < len(kept) < 16
    assert (result.n_episodes, result.n_missing, result.success_rate) == (0, 16, None)
    assert "no fair sample" in result.warnings[0]


def test_an_episode_that_hung_keeps_the_seed_that_the_list_gave_it(tmp_path):
    bench = Of("Faulty", {"fault": "hang_c"}, num_episodes=5, seed=SEED)
    (result,) = bench.evaluate("zero", out=tmp_path, workers=1, episode_seconds=0.5).results
    assert None not in {episode.seed for episode in result.episodes}


def test_an_environment_that_does_not_repeat_itself_is_said():
    told = Of("Remembers", num_episodes=3).evaluate("zero")
    assert told.metadata["not_reproducible"] == ["Remembers"]
    assert told.metadata["bit_stable"] is False
    assert "what was played before it" in told.summary()
    steady = Of("Toy", num_episodes=3).evaluate("zero")
    assert (steady.metadata["not_reproducible"], steady.metadata["bit_stable"]) == ([], True)


@pytest.mark.parametrize(("value", "expected"), [(np.True_, 1.0), (1.0, 1.0), (float("nan"), None), (0, 0.0)])
def test_a_rule_of_success_may_answer_in_any_clear_form(value, expected):
    assert Judged(value).evaluate("zero").results[0].success_rate == expected


@pytest.mark.parametrize("value", ["False", 0.5, [True]])
def test_a_rule_of_success_that_answers_neither_is_refused(value):
    with pytest.raises(UserError, match=r"is_success\(\) of Judged gave .*, which is neither true nor false"):
        Judged(value).evaluate("zero")


class Judged(Of):
    """Calls every episode what it was given."""

    def __init__(self, answer: object) -> None:
        super().__init__("Toy", num_episodes=2)
        self.answer = answer

    def is_success(self, played):
        return self.answer


def test_two_names_of_one_policy_have_equal_results_each(tmp_path):
    for out in (None, tmp_path):
        first, second = cartpole(12).evaluate({"a": "random", "b": "random"}, out=out).results
        assert first.episodes == second.episodes or out is None
        assert [e.total_return for e in first.episodes] == [e.total_return for e in second.episodes]
        assert first.n_episodes == second.n_episodes == 12


def test_a_family_of_training_seeds_is_found_by_task_and_seed(tmp_path):
    for seed in (0, 1):
        (tmp_path / f"CartPole-v1_{seed}.onnx").write_bytes(gyms.ONNX.read_bytes())
    results = cartpole(4).evaluate(f"net=onnx:{tmp_path}/{{task}}_{{seed}}.onnx", train_seeds=[0, 1, 1])
    assert [(r.policy, r.train_seed, r.n_episodes) for r in results.results] == [("net", 0, 4), ("net", 1, 4)]
    (aggregate,) = results.aggregates()
    assert (aggregate.n_train_seeds, aggregate.n_episodes) == (2, 8)
    assert aggregate.return_over_seeds.n == 2


def test_a_policy_that_changed_since_the_command_was_given_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(gyms.ONNX.read_bytes())
    made = make_workload(cartpole(2), f"onnx:{path}")
    (case,) = made.cases()
    path.write_bytes(gyms.ONNX.read_bytes() + b"\0")
    with made.session() as measure:
        records = measure(case, Memory(2))
        with pytest.raises(UserError, match="has changed since the command was given"):
            next(records)
