from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.optim import Optimizer

from rlgauge.kinds.train.algorithms.uncompiled import step_uncompiled, uncompiled

TRAINING = """
import sys

from rlgauge.kinds.train.algorithms.interface import find
from rlgauge.kinds.train.algorithms.reading import read
from tests.kinds.train.algorithms.toys import Remembering, Target, show, to_target

settings = {
    "bc": {"bc": {"n_batches": 3}},
    "dagger": {"bc": {"n_batches": 3}, "dagger": {"total_timesteps": 100}},
    "gail": {"total_timesteps": 64, "rl": {"batch_size": 64}, "demo_batch_size": 16},
    "airl": {"total_timesteps": 64, "rl": {"batch_size": 64}, "demo_batch_size": 16},
}
for name, data in settings.items():
    find(name)(Target, show(Target, to_target, 3), read(name, data), Remembering(label=to_target))
    print(name, "torch._dynamo" in sys.modules)
"""
KINDS = {"Adam": {"lr": 0.1}, "AdamW": {"lr": 0.1}, "SGD": {"lr": 0.1, "momentum": 0.9}, "RMSprop": {"lr": 0.1}}


def fitted(kind, settings, *, plainly):
    """The weights of a line after some steps."""
    line = torch.nn.Linear(2, 1)
    with torch.no_grad():
        line.weight.copy_(torch.tensor([[0.3, -0.4]]))
        line.bias.zero_()
    optimizer = getattr(torch.optim, kind)(line.parameters(), **settings)
    if plainly:
        step_uncompiled(optimizer)
    for number in range(5):
        optimizer.zero_grad()
        (line(torch.tensor([[1.0, float(number)]])) - 2).square().sum().backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in line.parameters()]


def test_training_needs_no_compiler():
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[4])
    assert done.stdout.split() == ["bc", "False", "dagger", "False", "gail", "False", "airl", "False"], done.stderr


@pytest.mark.parametrize(("kind", "settings"), KINDS.items())
def test_the_steps_are_the_same(kind, settings):
    pairs = zip(fitted(kind, settings, plainly=True), fitted(kind, settings, plainly=False), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_closure_is_called_with_gradients():
    line = torch.nn.Linear(1, 1)
    optimizer = torch.optim.LBFGS(line.parameters())
    step_uncompiled(optimizer)

    def closure():
        optimizer.zero_grad()
        loss = (line(torch.ones(1, 1)) - 3).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert line(torch.ones(1, 1)).item() == pytest.approx(3, abs=1e-3)


def test_an_optimiser_of_ones_own_steps_as_it_did():
    class Own(torch.optim.SGD):
        def step(self, closure=None):
            return "own"

    optimizer = Own(torch.nn.Linear(1, 1).parameters(), lr=0.1)
    step_uncompiled(optimizer)
    assert optimizer.step() == "own"


def test_behind_it_torch_is_as_it_was():
    methods = [getattr(Optimizer, name).__wrapped__ for name in ("add_param_group", "zero_grad")]
    before = [vars(method).copy() for method in methods]
    with uncompiled():
        assert all(hasattr(method, "__dynamo_disable") for method in methods)
    assert [vars(method) for method in methods] == before
