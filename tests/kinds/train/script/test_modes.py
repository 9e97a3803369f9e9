from __future__ import annotations

import pytest
import torch
from torch import nn

from rlgauge.kinds.train.script.modes import evaluating


class Holder:
    def __init__(self, module):
        self.deep = {"in": [module]}


def test_modules_evaluate_wherever_they_are_and_then_are_as_before():
    training, resting = Holder(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))), nn.Dropout(0.5).eval()
    net = training.deep["in"][0]
    with evaluating():
        assert torch.equal(net(torch.ones(2)), net(torch.ones(2)))
        assert not any(part.training for part in net.modules())
    assert all(part.training for part in net.modules())
    assert not resting.training


def test_statistics_of_batches_stand_still():
    norm = nn.BatchNorm1d(2)
    with evaluating():
        norm(torch.full((4, 2), 9.0))
    assert norm.running_mean.tolist() == [0, 0]


def test_modules_are_as_before_after_a_failure():
    net = nn.Dropout(0.5)
    with pytest.raises(KeyError), evaluating():
        raise KeyError
    assert net.training
