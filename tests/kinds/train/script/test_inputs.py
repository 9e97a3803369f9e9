from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules import module as hooks

from rlgauge.kinds.train.script.inputs import Inputs


def looking(*calls):
    inputs = Inputs()
    inputs.open()
    for module, given in calls:
        module(given)
    return inputs


def test_only_modules_that_no_other_one_called_are_known_with_what_they_got():
    net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    inputs = looking((net, torch.tensor([[1.0, 2.0, 3.0]])))
    (given,) = inputs.of_one(3)
    inputs.close()
    assert (given.module, given.numbers.tolist()) == (id(net), [1.0, 2.0, 3.0])


def test_batches_of_learning_are_left_out():
    net = nn.Linear(3, 1)
    inputs = looking((net, torch.zeros(64, 3)), (net, torch.ones(3)))
    found = [given.numbers.tolist() for given in inputs.of_one(3)]
    inputs.close()
    assert found == [[1.0, 1.0, 1.0]]


def test_of_a_batch_of_a_vector_s_observations_each_row_is_that_of_its_part():
    net = nn.Linear(2, 1)
    inputs = looking((net, torch.tensor([[1.0, 2.0], [3.0, 4.0]])))
    (given,) = inputs.of_row(1, 2)
    inputs.close()
    assert given.numbers.tolist() == [3.0, 4.0]


def test_a_module_that_fails_leaves_the_next_known():
    net = nn.Linear(3, 1)
    inputs = Inputs()
    inputs.open()
    for given in (torch.zeros(7), torch.ones(3)):
        try:
            net(given)
        except RuntimeError:
            inputs.clear()
    assert len(inputs.of_one(3)) == 1
    inputs.close()


def test_closed_it_leaves_no_hooks_and_forgets():
    before = list(hooks._global_forward_pre_hooks), list(hooks._global_forward_hooks)
    inputs = looking((nn.Linear(3, 1), torch.ones(3)))
    assert len(hooks._global_forward_pre_hooks) == len(before[0]) + 1
    inputs.close()
    assert inputs.of_one(3) == []
    assert (list(hooks._global_forward_pre_hooks), list(hooks._global_forward_hooks)) == before
