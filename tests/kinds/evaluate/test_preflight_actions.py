"""Actions behind a mapping, and those that are far too small."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rlgauge import Benchmark
from rlgauge.kinds.evaluate.preflight import preflight
from rlgauge.kinds.evaluate.preflight_actions import against_actions
from rlgauge.kinds.evaluate.preflight_stored import Stats
from tests.kinds.evaluate.test_preflight import Gripper, found, gripper_stats, make, swing

POLICY = """
import numpy as np

def swing(one):
    return np.array([np.clip(-2 * one[1] - one[2], -1.9, 1.9), {gripper} + 0.1 * one[1]], np.float32)

def normalised(one):
    return (swing(one) - np.array([0, 0.8], np.float32)) / np.array([1, 0.1], np.float32)

def chunk(one):
    return [swing(one), swing(one)]
"""
IDENTITY = "unnormalize: {low: [-1, -1], high: [1, 1]}"


def mapped(folder, steps, *, gripper, name="swing"):
    (folder / "plays.py").write_text(POLICY.replace("{gripper}", str(gripper)))
    (folder / "mapping.yaml").write_text(f"action: {{do: [{{{steps}}}]}}\n")
    return f"py:{folder}/plays.py:{name}?mapping={folder}/mapping.yaml"


def test_the_policy_s_own_actions_are_compared_where_a_mapping_changes_them(tmp_path):
    stats, env = gripper_stats(tmp_path / "stats.json", 0.8, 0.3), make("Pendulum-v1", Gripper)
    assert found(env, mapped(tmp_path, IDENTITY, gripper=0.8), stats=stats)[0] == set()
    alarms, text = found(env, mapped(tmp_path, IDENTITY, gripper=-0.8), stats=stats)
    assert alarms == {("doubtful", "sign")}
    assert "of actions as the policy gives them" in text


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("swing", "negate: [1]"),  # the environment's gripper is another than training's
        ("normalised", "unnormalize: {mean: [0, 0.8], std: [1, 0.1]}"),
        ("normalised", "unnormalize: {mean: [0, 0.8], std: [1, 0.1]}}, {negate: [1]"),
    ],
)
def test_statistics_may_be_of_any_place_on_the_way_through_a_mapping(tmp_path, name, steps):
    (tmp_path / "stats.json").write_text(json.dumps({"action": {"mean": [0, 0.8], "std": [1, 0.1]}}))
    policy = mapped(tmp_path, steps, gripper=0.8, name=name)
    assert found(make("Pendulum-v1", Gripper), policy, stats=tmp_path / "stats.json")[0] == set()


def test_actions_that_a_mapping_brings_to_another_scale_than_training_s_are_named(tmp_path):
    (tmp_path / "stats.json").write_text(json.dumps({"action": {"mean": [0, 0.08], "std": [0.01, 0.01]}}))
    policy = mapped(tmp_path, IDENTITY, gripper=0.8)
    alarms, _ = found(make("Pendulum-v1", Gripper), policy, stats=tmp_path / "stats.json")
    assert {check for _, check in alarms} == {"normalisation of actions"}


def test_chunks_behind_a_mapping_are_played_as_in_an_evaluation(tmp_path):
    benchmark = Benchmark(gyms=[make("Pendulum-v1", Gripper)], num_episodes=3, max_steps=50)
    policy = mapped(tmp_path, "negate: [0]", gripper=0.8, name="chunk") + "&horizon=2"
    rows = preflight(benchmark, policy, num_episodes=3).rows
    own = next(row for row in rows if not row.is_reference)
    returns = [one.total_return for one in benchmark.evaluate(policy).results[0].episodes]
    assert own.mean_return == pytest.approx(np.mean(returns))


@pytest.mark.parametrize(("std", "expected"), [(1.0, set()), (1000.0, {("doubtful", "saturation")})])
def test_actions_that_a_mapping_brings_far_beyond_the_bounds_are_doubtful(tmp_path, std, expected):
    policy = mapped(tmp_path, f"unnormalize: {{mean: 0.0, std: {std}}}", gripper=0.8)
    alarms, text = found(make("Pendulum-v1", Gripper), policy)
    assert alarms - {("doubtful", "stuck")} == expected
    assert ("before clipping" in text) is bool(expected)


MODULE = """
import lightning.pytorch as pl
import torch

class Big(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.only = torch.nn.Linear(3, 1, bias=False)

    def forward(self, observations):
        return self.only(observations)
"""


def test_a_module_of_lightning_that_saturates_is_doubtful(tmp_path):
    (tmp_path / "big.py").write_text(MODULE)
    weights = {"only.weight": torch.tensor([[300.0, -400.0, -100.0]])}
    torch.save({"state_dict": weights, "pytorch-lightning_version": "2.4.0"}, tmp_path / "big.ckpt")
    alarms, text = found(make("Pendulum-v1"), f"lightning:{tmp_path}/big.py:Big@{tmp_path}/big.ckpt")
    assert alarms == {("doubtful", "saturation")}
    assert "as large as its bounds" in text


@pytest.mark.parametrize(("factor", "expected"), [(1.0, set()), (0.003, {("doubtful", "normalisation of actions")})])
def test_actions_that_are_far_too_small_are_doubtful(tmp_path, factor, expected):
    told = {"mean": [0, 0], "std": [1, 0.6], "min": [-2, -1], "max": [2, 1]}
    (tmp_path / "stats.json").write_text(json.dumps({"action": told}))
    policy = swing(lambda one: one[0])
    alarms, _ = found(
        make("Pendulum-v1", Gripper), lambda one: np.float32(factor) * policy(one), stats=tmp_path / "stats.json"
    )
    assert alarms == expected


def test_a_gripper_that_stays_closed_and_a_number_that_is_hardly_used_are_not_too_small(tmp_path):
    (tmp_path / "stats.json").write_text(json.dumps({"action": {"mean": [0, 0.8], "std": [1, 0.6]}}))
    closed = swing(lambda one: 0.98 - 0.001 * abs(one[1]))
    assert found(make("Pendulum-v1", Gripper), closed, stats=tmp_path / "stats.json")[0] == set()
    done = np.random.default_rng(0).normal(size=(200, 6))
    stats = Stats(np.zeros(6), np.ones(6))
    assert list(against_actions(stats, done * [1, 1, 1, 1, 1, 1e-3])) == []
    assert [one.check for one in against_actions(stats, done * [1, 1, 1, 1e-3, 1e-3, 1e-3])] == [
        "normalisation of actions"
    ]


def ends(num_high, num):
    """A number that is 1 in so many of `num` steps, and -1 in all others."""
    return np.where(np.arange(num) < num_high, 1.0, -1.0)[:, None]


@pytest.mark.parametrize(("num_high", "is_turned"), [(24, False), (50, False), (76, True)])
def test_a_number_that_is_mostly_at_the_other_of_its_two_ends_has_the_opposite_sign(num_high, is_turned):
    trained = ends(25, 100)
    stats = Stats(trained.mean(0), trained.std(0), trained.min(0), trained.max(0))
    checks = [said.check for said in against_actions(stats, ends(num_high, 100))]
    assert checks == (["sign"] if is_turned else [])


def test_a_number_that_has_values_between_its_ends_may_be_at_either_end():
    trained = np.linspace(-1, 0.6, 100)[:, None]
    stats = Stats(trained.mean(0), trained.std(0), trained.min(0), trained.max(0) + 0.4)
    assert "sign" not in [said.check for said in against_actions(stats, ends(76, 100))]
