"""Normalising by what was seen so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import Tensor, nn

if TYPE_CHECKING:
    import gymnasium


class RunningNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps) per feature, of all rows that were seen in training mode.

    In training mode a batch is counted first and normalised then; in evaluation mode nothing is counted. Mean and
    variance are joined as in Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances": with w = n / (count + n) and d = mean_batch - mean,
    mean += w d and variance = (1 - w) variance + w variance_batch + w (1 - w) d^2.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, num_features: int, *, eps: float = 1e-5) -> None:
        """Start as the identity, up to eps."""
        super().__init__()
        self.eps = eps
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("variance", torch.ones(num_features))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """The rows normalised, (n, num_features)."""
        if self.training:
            self.update(x.detach())
        return (x - self.mean) * torch.rsqrt(self.variance + self.eps)

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Count the rows."""
        variance, mean = torch.var_mean(x, dim=0, correction=0)
        self.count += len(x)
        weight = len(x) / self.count.item()
        delta = mean - self.mean
        self.mean.add_(delta, alpha=weight)
        self.variance.lerp_(variance, weight).addcmul_(delta, delta, value=weight * (1 - weight))


class NormalizeFeaturesExtractor(FlattenExtractor):
    """Flattened observations, normalised by those of training."""

    def __init__(self, observation_space: gymnasium.Space[Any]) -> None:
        """Know their number."""
        super().__init__(observation_space)
        self.normalize = RunningNorm(self.features_dim)

    def forward(self, observations: Tensor) -> Tensor:
        """(n, features)."""
        normalized: Tensor = self.normalize(super().forward(observations))
        return normalized
