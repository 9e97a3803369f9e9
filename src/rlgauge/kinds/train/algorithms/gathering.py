"""Episodes in which the expert labels every state, and who acts is drawn at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.vec_env import VecEnv

    from rlgauge.kinds.train.algorithms.interface import Label


class Labelled(NamedTuple):
    """N steps of E episodes: what was seen, and what the expert would have done."""

    observations: NDArray[Any]
    """(N, *observation)"""
    actions: NDArray[Any]
    """(N, *action)"""
    returns: NDArray[np.float64]
    """(E,) of the task's own reward, whoever acted"""


def gather(
    lanes: VecEnv,
    label: Label,
    policy: ActorCriticPolicy,
    *,
    beta: float,
    seed: int,
    min_episodes: int,
    min_steps: int,
) -> Labelled:
    """Whole episodes, as many and as long as asked at least; each lane ends the episode that it is in by then.

    In each lane and step the expert acts with probability `beta`, else the policy, which draws its action from
    torch's generator.
    """
    chance = np.random.default_rng(seed)
    lanes.seed(seed)
    observations: NDArray[Any] = lanes.reset()  # type: ignore[assignment]  # the spaces are checked
    running: list[list[tuple[NDArray[Any], NDArray[Any], float]]] = [[] for _ in range(lanes.num_envs)]
    episodes: list[list[tuple[NDArray[Any], NDArray[Any], float]]] = []
    num_steps = 0
    is_active = np.ones(lanes.num_envs, bool)
    while is_active.any():
        labels = checked(label(observations), lanes)
        acted = np.array(labels)
        by_policy = chance.uniform(size=lanes.num_envs) > beta
        if by_policy.any():
            acted[by_policy] = policy.predict(observations[by_policy])[0]
        following, rewards, dones, _ = lanes.step(acted)
        for lane in np.flatnonzero(is_active):
            running[lane].append((observations[lane], labels[lane], float(rewards[lane])))
        for lane in np.flatnonzero(is_active & dones):
            episodes.append(running[lane])
            num_steps += len(running[lane])
            running[lane] = []
        if num_steps >= min_steps and len(episodes) >= min_episodes:
            is_active &= ~dones
        observations = following  # type: ignore[assignment]  # as above
    return _stacked(episodes)


def _stacked(episodes: list[list[tuple[NDArray[Any], NDArray[Any], float]]]) -> Labelled:
    return Labelled(
        np.stack([observation for episode in episodes for observation, _, _ in episode]),
        np.stack([action for episode in episodes for _, action, _ in episode]),
        np.array([sum(reward for _, _, reward in episode) for episode in episodes]),
    )


def checked(labels: NDArray[Any], lanes: VecEnv) -> NDArray[Any]:
    """The expert's labels. Raises UserError where they are no actions of the environment."""
    wanted = (lanes.num_envs, *(lanes.action_space.shape or ()))
    if np.shape(labels) != wanted:
        raise UserError(
            f"The expert is of another environment: its actions in {lanes.num_envs} observations have the shape "
            f"{np.shape(labels)}, and {wanted} was expected."
        )
    return labels
