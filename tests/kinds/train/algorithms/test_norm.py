from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces

from rlgauge.kinds.train.algorithms.norm import NormalizeFeaturesExtractor, RunningNorm
from rlgauge.kinds.train.algorithms.output_norm import OutputNorm


def test_batches_of_any_size_come_to_the_statistics_of_all_rows() -> None:
    rows = torch.as_tensor(np.random.default_rng(0).normal(3, 2, (100, 4)), dtype=torch.float32)
    norm = RunningNorm(4)
    for start, stop in ((0, 1), (1, 40), (40, 100)):
        norm(rows[start:stop])
    np.testing.assert_allclose(norm.mean, rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(norm.variance, rows.var(0, correction=0), rtol=1e-5)
    assert norm.count == 100


def test_a_batch_is_counted_before_it_is_normalised_in_training_and_never_in_evaluation() -> None:
    norm = RunningNorm(1, eps=0.0)
    seen = norm(torch.tensor([[1.0], [3.0]]))
    np.testing.assert_allclose(seen, [[-1.0], [1.0]], rtol=1e-6)
    norm.eval()
    np.testing.assert_allclose(norm(torch.tensor([[5.0]])), [[3.0]], rtol=1e-6)
    assert norm.count == 2


def test_it_starts_as_the_identity_and_is_kept_with_the_weights() -> None:
    norm = RunningNorm(2).eval()
    np.testing.assert_allclose(norm(torch.tensor([[1.0, -2.0]])), [[1.0, -2.0]], rtol=1e-5)
    norm.train()(torch.ones(3, 2))
    other = RunningNorm(2)
    other.load_state_dict(norm.state_dict())
    assert torch.equal(other.mean, torch.ones(2))
    assert other.count == 3


def test_features_are_flattened_first() -> None:
    extractor = NormalizeFeaturesExtractor(spaces.Box(-1, 1, (2, 3)))
    assert extractor.features_dim == 6
    assert extractor(torch.zeros(5, 2, 3)).shape == (5, 6)


def step_by_step(rewards: np.ndarray, norm: RunningNorm) -> np.ndarray:
    """As the library does it: a step's rewards are normalised, and then counted."""
    rows = []
    for step in torch.as_tensor(rewards, dtype=torch.float32):
        norm.eval()
        rows.append(norm(step[:, None])[:, 0].numpy())
        norm.update(step[:, None])
    return np.array(rows)


def test_rewards_of_a_rollout_are_normalised_as_if_they_had_come_one_step_after_the_other() -> None:
    chance = np.random.default_rng(0)
    whole, stepwise = OutputNorm(), RunningNorm(1)
    for centre, width in ((0.0, 1.0), (50.0, 0.1), (-3.0, 10.0)):
        rewards = chance.normal(centre, width, (30, 4)).astype(np.float32)
        np.testing.assert_allclose(whole(rewards), step_by_step(rewards, stepwise), rtol=2e-3, atol=2e-4)
