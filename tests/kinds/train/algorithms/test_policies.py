from __future__ import annotations

import pytest
import torch
from gymnasium import spaces
from torch import nn

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.config import Policy, Towers
from rlgauge.kinds.train.algorithms.norm import NormalizeFeaturesExtractor
from rlgauge.kinds.train.algorithms.policies import new_optimizer, new_policy
from tests.kinds.train.algorithms.toys import weights

SEEN, ACTED = spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,))


def layers(policy: nn.Module) -> list[int]:
    return [layer.out_features for layer in policy.modules() if isinstance(layer, nn.Linear)]


def test_the_feed_forward_policy_has_two_layers_of_32_for_the_policy_and_for_the_value() -> None:
    policy = new_policy(SEEN, ACTED, Policy(), seed=0)
    assert layers(policy) == [32, 32, 32, 32, 2, 1]
    assert isinstance(policy.mlp_extractor.policy_net[1], nn.Tanh)


def test_layers_activation_and_normaliser_are_those_of_the_configuration() -> None:
    config = Policy(
        policy_cls="MlpPolicy", net_arch=Towers(pi=(5,), vf=(6, 7)), activation_fn="relu", normalize_features=True
    )
    policy = new_policy(SEEN, ACTED, config, seed=0)
    assert layers(policy) == [5, 6, 7, 2, 1]
    assert isinstance(policy.mlp_extractor.policy_net[1], nn.ReLU)
    assert isinstance(policy.features_extractor, NormalizeFeaturesExtractor)
    assert layers(new_policy(SEEN, ACTED, Policy(policy_cls="MlpPolicy"), seed=0)) == [64, 64, 64, 64, 2, 1]


def test_the_seed_makes_the_weights_and_nothing_else_is_touched() -> None:
    before = torch.get_rng_state()
    first, same, other = (weights(new_policy(SEEN, ACTED, Policy(), seed=seed)) for seed in (1, 1, 2))
    assert first == same != other
    assert torch.equal(before, torch.get_rng_state())


def test_an_optimiser_is_made_by_its_path() -> None:
    parameter = nn.Parameter(torch.ones(1))
    optimizer = new_optimizer("torch.optim.SGD", {"lr": 0.5}, [parameter])
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.defaults["lr"] == 0.5
    assert isinstance(new_optimizer("Adam", {}, [parameter]), torch.optim.Adam)


@pytest.mark.parametrize("path", ["torch.optim.Adamm", "os.system", "torch.optim.lr_scheduler", "torch.nn.Linear"])
def test_what_is_no_optimiser_is_refused(path: str) -> None:
    with pytest.raises(UserError, match="There is no optimiser"):
        new_optimizer(path, {}, [nn.Parameter(torch.ones(1))])


def test_settings_that_an_optimiser_does_not_take_are_said() -> None:
    with pytest.raises(UserError, match=r"torch.optim.Adam can't be made with \{'rate': 1\}"):
        new_optimizer("torch.optim.Adam", {"rate": 1}, [nn.Parameter(torch.ones(1))])


def test_a_fused_step_is_an_ordinary_one_up_to_rounding() -> None:
    steps = []
    for kwargs in ({}, {"fused": False}):
        parameter = nn.Parameter(torch.linspace(-1, 1, 50))
        optimizer = new_optimizer("torch.optim.Adam", {"lr": 0.1, **kwargs}, [parameter])
        for _ in range(5):
            optimizer.zero_grad()
            (parameter**4).sum().backward()
            optimizer.step()
        steps.append(parameter.detach())
    torch.testing.assert_close(*steps, rtol=1e-5, atol=1e-6)
