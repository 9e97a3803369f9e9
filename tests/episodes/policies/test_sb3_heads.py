from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stable_baselines3.common.distributions import CategoricalDistribution

from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.episodes.policies.sb3_heads import Categorical

# Few distinct values, a hair apart and far apart: ties and near ties are the rule.
CLOSE = st.sampled_from(
    [0.0, 1.0, 1.0 + 1e-7, 1.0 + 1e-5, 1.0 - 6e-8, 1.0 + 3e-5, 0.3, 0.3 - 2e-8, -3.0, 5000.0, 5000.001, -5000.0, 1e30]
)


@settings(max_examples=300, deadline=None)
@given(arrays(np.float32, (4, 3), elements=CLOSE))
def test_the_likeliest_action_is_the_librarys_even_where_logits_nearly_tie(logits):
    tensor = torch.from_numpy(logits)
    expected = CategoricalDistribution(3).proba_distribution(tensor).mode()
    assert list(Categorical(lambda _: tensor).mode(None)) == expected.tolist()


def test_logits_that_differ_may_round_to_one_probability():
    """Why the largest logit is not enough."""
    tensor = torch.tensor([[0.3 - 2e-8, 0.3]])
    assert tensor.argmax(1).item() == 1
    assert list(Categorical(lambda _: tensor).mode(None)) == [0]


def test_nan_logits_give_no_action_for_their_row_only():
    tensor = torch.tensor([[float("nan"), 1.0], [0.0, 1.0]])
    head = Categorical(lambda _: tensor)
    rngs = [np.random.default_rng(0)] * 2
    for actions in (head.mode(None), head.sample(None, rngs, [0, 1])):
        assert isinstance(actions[0], Illegal)
    assert head.mode(None)[1] == 1


def test_sampled_actions_follow_the_probabilities_and_never_an_impossible_one():
    tensor = torch.log(torch.tensor([[0.2, 0.0, 0.8]]))
    rngs = [np.random.default_rng(0)]
    actions = [Categorical(lambda _: tensor).sample(None, rngs, [0])[0] for _ in range(4000)]
    counts = np.bincount(actions, minlength=3) / 4000
    assert counts[1] == 0
    assert abs(counts[0] - 0.2) < 0.03
