"""Whole episodes of a policy, with all that was seen and done in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.kinds.train.demonstrations import Demonstrations

if TYPE_CHECKING:
    from rlgauge.episodes.policies.protocol import BatchPolicy

MakeEnv = Callable[[], gymnasium.Env[Any, Any]]
Label = Callable[[NDArray[Any]], NDArray[Any]]
"""From observations (n, *obs) to actions (n, *act)."""
WIDTH = 16
"""Rows that a policy acts for at once."""


def labelling(policy: BatchPolicy, action_space: gymnasium.Space[Any], *, width: int = WIDTH) -> Label:
    """The actions of a policy of `width` rows, for any number of observations; the rows that are left over are zero.

    An expert is asked row by row in no order, so what a policy remembers of an episode says nothing here. What it
    gives raises UserError for what no environment could take.
    """
    for row in range(width):
        policy.begin(row, 0)

    def label(observations: NDArray[Any]) -> NDArray[Any]:
        actions = np.empty((len(observations), *(action_space.shape or ())), action_space.dtype)
        for start in range(0, len(observations), width):
            rows = observations[start : start + width]
            padded = np.zeros((width, *rows.shape[1:]), rows.dtype)
            padded[: len(rows)] = rows
            given = policy.act(padded, range(len(rows)))[: len(rows)]
            if (illegal := next((one for one in given if isinstance(one, Illegal)), None)) is not None:
                raise UserError(f"The expert {illegal.fault}.")
            actions[start : start + width] = given
        return actions

    return label


def play(make_env: MakeEnv, label: Label, *, seeds: Sequence[int]) -> Demonstrations:
    """One whole episode for each seed, in their order. The seed is the environment's."""
    episodes: list[_Episode] = []
    for start in range(0, len(seeds), WIDTH):
        episodes += _play_together(make_env, label, seeds[start : start + WIDTH])
    return Demonstrations(
        observations=np.concatenate([np.asarray(episode.seen[:-1]) for episode in episodes]),
        actions=np.concatenate([np.asarray(episode.actions) for episode in episodes]),
        next_observations=np.concatenate([np.asarray(episode.seen[1:]) for episode in episodes]),
        is_terminated=np.concatenate([_ends(episode) for episode in episodes]),
        lengths=np.array([len(episode.actions) for episode in episodes]),
        returns=np.array([episode.total for episode in episodes]),
    )


class _Episode:
    """One episode, on its way until it `is_over`."""

    def __init__(self, env: gymnasium.Env[Any, Any], seed: int) -> None:
        self.env = env
        self.seen = [np.array(env.reset(seed=seed)[0])]
        self.actions: list[Any] = []
        self.total = 0.0
        self.is_terminated = self.is_over = False

    def step(self, action: Any) -> None:  # noqa: ANN401  # of the environment's own type
        observation, reward, self.is_terminated, is_truncated, _ = self.env.step(action)
        self.is_over = self.is_terminated or is_truncated
        self.seen.append(np.array(observation))
        self.actions.append(action)
        self.total += float(reward)


def _play_together(make_env: MakeEnv, label: Label, seeds: Sequence[int]) -> list[_Episode]:
    episodes = [_Episode(make_env(), seed) for seed in seeds]
    while running := [episode for episode in episodes if not episode.is_over]:
        actions = label(np.stack([episode.seen[-1] for episode in running]))
        for episode, action in zip(running, actions, strict=True):
            episode.step(action)
    for episode in episodes:
        episode.env.close()
    return episodes


def _ends(episode: _Episode) -> NDArray[np.bool_]:
    ends = np.zeros(len(episode.actions), np.bool_)
    ends[-1] = episode.is_terminated
    return ends
