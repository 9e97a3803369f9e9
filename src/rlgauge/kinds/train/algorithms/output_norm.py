"""Rewards normalised step by step, as they would have come, of a whole rollout at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class OutputNorm:
    """(r - mean) / sqrt(variance + eps), by the rewards of all steps before.

    `imitation` normalises the rewards of a step and counts them then; this is the same of all steps of a rollout, by
    running sums in float64 about the first reward.
    """

    def __init__(self, *, eps: float = 1e-5) -> None:
        """Start as the identity, up to eps."""
        self._eps = eps
        self._count = 0
        self._centre = 0.0
        self._sum = 0.0
        self._squares = 0.0

    def __call__(self, rewards_TN: NDArray[Any]) -> NDArray[np.float32]:
        """The rewards (T, N) of T steps, normalised; and counted."""
        if self._count == 0:
            self._centre = float(rewards_TN[0, 0])
        centred_TN = rewards_TN.astype(np.float64) - self._centre
        num_steps, width = centred_TN.shape
        count_T = self._count + width * np.arange(num_steps + 1)
        sum_T = self._sum + np.concatenate([[0.0], np.cumsum(centred_TN.sum(1))])
        squares_T = self._squares + np.concatenate([[0.0], np.cumsum((centred_TN**2).sum(1))])
        known_T = np.maximum(count_T[:-1], 1)
        mean_T = np.where(count_T[:-1] > 0, sum_T[:-1] / known_T, -self._centre)
        variance_T = np.where(count_T[:-1] > 0, squares_T[:-1] / known_T - (sum_T[:-1] / known_T) ** 2, 1.0)
        self._count, self._sum, self._squares = int(count_T[-1]), float(sum_T[-1]), float(squares_T[-1])
        scale_T = np.sqrt(np.maximum(variance_T, 0) + self._eps)
        normalized_TN: NDArray[np.float32] = ((centred_TN - mean_T[:, None]) / scale_T[:, None]).astype(np.float32)
        return normalized_TN
