from __future__ import annotations

import threading
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge import Benchmark
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from rlgauge.kinds.evaluate.candidates import Live
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.kinds.evaluate.workload import blocks, episode
from tests import gyms
from tests.gyms import Of, Threshold

ONNX = Path(__file__).parents[3] / "src" / "rlgauge" / "quickstart" / "policies" / "CartPole-v1.onnx"


def ids(benchmark=None, policy: object = "random", *, lanes: int = 8, **options) -> list[str]:
    workload = make_workload(benchmark or GymnasiumBenchmark("CartPole-v1"), policy, lanes=lanes, **options)
    return [case.id for case in workload.cases()]


@given(st.integers(1, 3000), st.integers(1, 64))
def test_blocks_hold_every_episode_once_and_are_cut_in_the_same_places_whatever_their_number(num, lanes):
    cut = list(blocks(num, lanes))
    assert [index for block in cut for index in range(block.first, block.last)] == list(range(cut[-1].last))
    assert cut[-1].first < num <= cut[-1].last
    assert list(blocks(num + 500, lanes))[: len(cut)] == cut


def test_case_ids_do_not_depend_on_how_many_or_by_whom_or_what_is_filmed():
    expected = ids()
    benchmark = GymnasiumBenchmark("CartPole-v1", num_episodes=300, video_dir="films", record_mode="all")
    assert ids(benchmark)[: len(expected)] == expected
    assert ids(policy={"another name": "random"}) == expected
    assert ids(trust=True) == expected
    assert ids(GymnasiumBenchmark(["CartPole-v1", "Acrobot-v1"]))[: len(expected)] == expected


def test_case_ids_depend_on_a_policys_content_and_not_on_its_path(tmp_path):
    copy, other = tmp_path / "copy.onnx", tmp_path / "other.onnx"
    copy.write_bytes(ONNX.read_bytes())
    other.write_bytes(ONNX.read_bytes() + b"\0")
    assert ids(policy=f"onnx:{copy}") == ids(policy=f"onnx:{ONNX}") != ids(policy=f"onnx:{other}")


def test_case_ids_depend_on_all_that_defines_the_measurement():
    plain = GymnasiumBenchmark("CartPole-v1")
    ever = GymnasiumBenchmark("CartPole-v1")
    ever.success_when = "ever"
    changed = GymnasiumBenchmark("CartPole-v1")
    changed.success_return = 10
    different = [
        ids(plain),
        ids(plain, "zero"),
        ids(plain, lanes=4),
        ids(plain, episode_seconds=3.0),
        ids(ever),
        ids(changed),
        *(
            ids(GymnasiumBenchmark("CartPole-v1", **one))
            for one in [
                {"max_steps": 100},
                {"seed": 43},
                {"success_return": 5},
                {"env_kwargs": {"sutton_barto_reward": True}},
            ]
        ),
        ids(GymnasiumBenchmark("Acrobot-v1")),
        ids(Of("Toy")),
        ids(Of("Toy", {"length": 4})),
        ids(Threshold("Toy", 1.0)),
        ids(Threshold("Toy", 2.0)),
    ]
    assert len({cases[0] for cases in different}) == len(different)


def test_training_seeds_have_cases_of_their_own(tmp_path):
    for seed in (0, 1):
        (tmp_path / f"{seed}.onnx").write_bytes(ONNX.read_bytes())
    family = ids(policy=f"onnx:{tmp_path}/{{seed}}.onnx", train_seeds=[0, 1])
    assert len(set(family)) == len(family)


def test_the_source_of_a_custom_environment_and_benchmark_defines_the_case(tmp_path, monkeypatch):
    import importlib
    import sys

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def cases(text: str) -> list[str]:
        (tmp_path / "own_benchmark.py").write_text(text)
        monkeypatch.delitem(sys.modules, "own_benchmark", raising=False)
        importlib.invalidate_caches()
        return ids(importlib.import_module("own_benchmark").Own())

    text = "from tests.gyms import Of, Toy\nclass Own(Of):\n    def __init__(self): super().__init__('Toy')\n"
    assert cases(text) == cases(text) != cases(f"{text}# another rule\n")


def shifted(by):
    return lambda: gymnasium.wrappers.TransformReward(gyms.Toy(), lambda reward: reward + by)


@pytest.mark.parametrize("gym", [gyms.Toy(), gyms.Toy, shifted(1)], ids=["instance", "factory", "closure"])
def test_a_given_environment_is_known_by_what_it_holds(gym):
    benchmark = Benchmark(gyms=[gym])
    assert ids(benchmark) == ids(benchmark)
    assert ids(benchmark) != ids(Benchmark(gyms=[shifted(2)]))


def test_a_given_environment_that_was_altered_is_another_one():
    env = gyms.Toy()
    before = ids(Benchmark(gyms=[env]))
    env.step(0)
    assert ids(Benchmark(gyms=[env])) == before
    env.length = 6
    assert ids(Benchmark(gyms=[env])) != before


class Secret:
    """Keeps to itself what it holds."""

    __slots__ = ()

    def __init__(self):
        pass

    def __reduce_ex__(self, protocol):
        raise TypeError


class Secretive(gyms.Toy):
    def __init__(self):
        super().__init__()
        self.secret = Secret()


class Broken(gyms.Toy):
    def reset(self, **options):
        raise RuntimeError("no")


@pytest.mark.parametrize("gym", [Secretive(), Secretive, Broken], ids=["instance", "factory", "reset"])
def test_a_given_environment_that_cant_be_told_is_never_taken_for_the_same(gym):
    benchmark = Benchmark(gyms=[gym])
    assert ids(benchmark) != ids(benchmark)


def test_a_field_of_a_benchmark_defines_it_whatever_it_is():
    def altered(name, value):
        benchmark = GymnasiumBenchmark("CartPole-v1")
        setattr(benchmark, name, value)
        return ids(benchmark)

    for name, value, other in (
        ("threshold", np.float32(5), np.float32(6)),
        ("_threshold", 5, 6),
        ("rule", lambda played: played.length > 5, lambda played: played.length > 6),
    ):
        assert altered(name, value) == altered(name, value) != altered(name, other), name


def test_a_live_argument_of_an_environment_that_cant_be_told_is_never_taken_for_the_same():
    benchmark = GymnasiumBenchmark("CartPole-v1", env_kwargs={"sutton_barto_reward": iter([1])})
    assert ids(benchmark) == ids(benchmark)
    benchmark = GymnasiumBenchmark("CartPole-v1", env_kwargs={"sutton_barto_reward": threading.Lock()})
    assert ids(benchmark) != ids(benchmark)


def test_an_episodes_seeds_depend_on_benchmark_seed_task_and_index_alone():
    assert episode(42, "CartPole-v1", 3) == episode(42, "CartPole-v1", 3)
    others = [episode(42, "CartPole-v1", 4), episode(43, "CartPole-v1", 3), episode(42, "Acrobot-v1", 3)]
    seeds = [seed for one in [episode(42, "CartPole-v1", 3), *others] for seed in (one.seed, one.action_seed)]
    assert len(set(seeds)) == len(seeds)


def test_films_of_different_policies_never_lie_in_one_folder():
    names = ["a/b", "a-b", "a b", "ppo", "ppo=seed1", "ppo-seed1", "x" * 90, "x" * 91]
    policies = [Live(name, object()) for name in names]
    policies.append(Live("ppo", object()))
    policies[-1].train_seed = 1
    workload = make_workload(Of("Toy"), {"a": "zero"})
    task, block = workload.tasks[0], next(blocks(1, 8))
    folders = [workload.case(policy, task, block).labels["films"] for policy in policies]
    assert len({folder.lower() for folder in folders}) == len(folders)
    assert folders[1] == "a-b"
    assert folders[-1] == "ppo=seed1"
    assert all("/" not in folder and len(folder) <= 80 for folder in folders)
