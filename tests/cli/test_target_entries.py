"""Targets that no entry of a suite measures."""

from __future__ import annotations

from pathlib import Path

import pytest

GRID = "throughput: {env: [cartpole, arc-point], library: [rlgauge, gymnax], num_envs: [1, 1k]}"
OURS = "of: {env: cartpole, library: rlgauge"
SPEED = "quantity: steps_per_second, at_least: 1"
RETURN = "quantity: return, at_least: 1"
POLES = 'benchmark: {env: [CartPole-v1, "gymnax:cartpole"], policy: [random, "py:a:s_{seed}"], train_seeds: 0..1}'
WALKS = (
    "train: {script: walk.py, algo: [left, right], env: [CartPole-v1, A-v1]}\n    exclude: [{algo: right, env: A-v1}]"
)


@pytest.fixture
def show(folder, give):
    """What `suite show` says of a suite of one entry and one target."""
    del folder

    def show(entry, target):
        Path("walk.py").touch()
        Path("mine.yaml").write_text(f"description: x\nentries:\n  - {entry}\ntargets:\n  - {{{target}}}\n")
        return give("suite", "show", "mine.yaml")

    return show


@pytest.mark.parametrize(
    ("entry", "target", "says"),
    [
        (GRID, f"of: {{env: cartpol, library: rlgauge, num_envs: 1}}, {SPEED}",
         "env 'cartpol'. Did you mean 'cartpole'"),
        (GRID, f"of: {{env: cartpole, library: myriad, num_envs: 1}}, {SPEED}",
         "library 'myriad' of cartpole. Measured: g"),
        (GRID, f"of: {{env: cartpole, library: gymnax, num_envs: 10k}}, {SPEED}",
         "no entry measures num_envs '10k' of cartpole, gymnax. Measured: 1, 1000."),
        (GRID, f"{OURS}, num_envs: 1}}, {SPEED}, ratio_to: envpool", "library 'envpool'"),
        (GRID, f"{OURS}, num_envs: 1, emit: write}}, {SPEED}", "emit 'write'"),
        (GRID, f"{OURS}, num_envs: 1, block: 1}}, {SPEED}", "They leave it open."),
        ("throughput: {library: rlgauge, emit: write}", f"{OURS}, num_envs: 1}}, {SPEED}",
         "measures the default emit, drop, of cartpole, rlgauge: say another in `of`. Measured: write."),
        ("throughput: {library: rlgauge, num_envs: 5}",
         f"{OURS}}}, quantity: planned_bytes_per_env, at_most: 1", "two numbers"),
        ("throughput: {memory: envs}", f"{OURS}, num_envs: 1}}, {SPEED}", "memory"),
        ("throughput: {find_max: true, library: rlgauge}",
         f"of: {{env: cartpole, library: myriad, num_envs: 1}}, {SPEED}", "'myriad'"),
        (POLES, f"of: {{env: CartPol-v1, policy: random}}, {RETURN}", "Did you mean 'CartPole-v1'"),
        (POLES, f"of: {{env: 'gymnax:cartpole', policy: random}}, {RETURN}", "'gymnax:CartPole-v1'"),
        (POLES, f"of: {{env: CartPole-v1, policy: randm}}, {RETURN}",
         "no entry measures policy 'randm' of CartPole-v1. Did you mean 'random'?"),
        (GRID, f"of: {{env: cartpole, policy: random}}, {RETURN}", "no entry measures env 'cartpole'"),
        (WALKS, f"of: {{env: CartPol-v1, algo: left}}, {RETURN}",
         "no entry measures env 'CartPol-v1'. Did you mean 'CartPole-v1'? Measured: A-v1, CartPole-v1."),
        (WALKS, f"of: {{env: A-v1, algo: right}}, {RETURN}", "no entry measures algo 'right' of A-v1. Measured: left."),
        (WALKS, f"of: {{env: A-v1, algo: left, policy: random}}, {RETURN}", "names its env"),
    ],
)  # fmt: skip
def test_a_target_that_no_entry_measures_is_told(entry, target, says, show):
    said = show(entry, target)
    assert said.code == 2
    assert "mine.yaml, target 1: " in said.err
    assert says in said.err


@pytest.mark.parametrize(
    ("entry", "target"),
    [
        (GRID, f"{OURS}, num_envs: 1000}}, {SPEED}, ratio_to: gymnax"),
        (GRID, f"{OURS}}}, quantity: planned_bytes_per_env, at_most: 1"),
        ("throughput: {memory: envs}", f"{OURS}}}, quantity: peak_bytes_per_env, at_most: 1"),
        ("throughput: {find_max: true}", f"{OURS}, num_envs: 77}}, quantity: peak_bytes, at_most: 1"),
        ("throughput: {}", f"of: {{env: cartpole, library: envpool, num_envs: 1k}}, {SPEED}"),
        (POLES, f"of: {{env: 'gymnax:CartPole-v1', policy: 's_{{seed}}'}}, {RETURN}"),
        ("benchmark: {benchmark: 'my:Own', policy: random}", f"of: {{env: any, policy: random}}, {RETURN}"),
        ("benchmark: {env: CartPole-v1}", f"of: {{env: CartPole-v1, policy: given}}, {RETURN}"),
        (WALKS, f"of: {{env: CartPole-v1, algo: right}}, {RETURN}"),
    ],
)  # fmt: skip
def test_a_target_that_an_entry_may_measure_is_let_pass(entry, target, show):
    assert show(entry, target).code == 0


def test_what_replaces_options_for_once_changes_no_target(show, give):
    show(GRID, f"{OURS}, num_envs: 1000}}, {SPEED}")
    assert give("suite", "run", "mine.yaml", "--dry-run", "--", "--num-envs", "3").code == 0
