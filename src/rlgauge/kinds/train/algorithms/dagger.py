"""DAgger: behavioural cloning of the states that the policy itself comes to, labelled by the expert.

Ross, Gordon and Bagnell 2011, arXiv:1011.0686, algorithm 3.1. Round i plays the mixture

    pi_i = beta_i pi_expert + (1 - beta_i) pi

drawn anew at every step, adds all visited states with the expert's actions to the data D, and fits the policy to D,
from where it was. The policy that is returned is the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from torch import Tensor

from rlgauge.core.errors import UserError
from rlgauge.core.seeding import derive
from rlgauge.kinds.train.algorithms import data
from rlgauge.kinds.train.algorithms.bc import Fit
from rlgauge.kinds.train.algorithms.finite import unchecked_distributions
from rlgauge.kinds.train.algorithms.gathering import Labelled, gather
from rlgauge.kinds.train.algorithms.lanes import make_lanes
from rlgauge.kinds.train.algorithms.policies import new_policy
from rlgauge.kinds.train.algorithms.rounds import Rounds
from rlgauge.kinds.train.algorithms.uncompiled import uncompiled

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.vec_env import VecEnv

    from rlgauge.kinds.train.algorithms.config import DaggerConfig
    from rlgauge.kinds.train.algorithms.interface import Context, Label, MakeEnv
    from rlgauge.kinds.train.demonstrations import Demonstrations

_NUM_EPOCHS = 4
"""Of a round, where the configuration says neither epochs nor batches."""


@uncompiled()
def train(
    make_env: MakeEnv, demonstrations: Demonstrations, config: DaggerConfig, context: Context
) -> ActorCriticPolicy:
    """The policy behind the last round; scalars are at numbers of steps that were labelled.

    Where episodes are of different lengths the environments take more: those that have ended wait for the others.

    In `context.folder` every finished round is kept, and taken up from there: it comes to the same as if it had never
    been stopped. Raises UserError where there is no expert to ask, DivergedError.
    """
    if context.label is None:
        raise UserError("DAgger asks an expert at every step, and there is none: give one, or train BC.")
    lanes = make_lanes(make_env, config.environment)
    try:
        with unchecked_distributions(), torch.random.fork_rng(devices=[]):
            return _train(lanes, context.label, demonstrations, config, context)
    finally:
        lanes.close()


def _train(
    lanes: VecEnv, label: Label, demonstrations: Demonstrations, config: DaggerConfig, context: Context
) -> ActorCriticPolicy:
    offline = _offline(lanes, demonstrations, config)
    policy = new_policy(lanes.observation_space, lanes.action_space, config.policy, seed=derive(context.seed, "policy"))
    fit = Fit(policy, config.bc, seed=0)
    rounds = Rounds(context.folder, origin=_origin(config, context.seed, offline))
    told = rounds.resume(fit)
    if told is not None:
        context.take_up(told, where=f"round {len(rounds.labelled)}")
    while rounds.num_steps < config.dagger.total_timesteps:
        index = len(rounds.labelled)
        seed = derive(context.seed, "round", index)
        torch.manual_seed(seed)
        fit.generator.manual_seed(seed)
        beta = config.dagger.beta_schedule.beta(index)
        rounds.labelled.append(
            gather(
                lanes,
                label,
                policy,
                beta=beta,
                seed=seed,
                min_episodes=config.dagger.rollout_round_min_episodes,
                min_steps=max(config.dagger.rollout_round_min_timesteps, config.bc.batch_size),
            )
        )
        fitted = _fit(fit, offline, rounds.labelled)
        context.log({**fitted, **_told(index, beta, rounds.labelled[-1])}, step=rounds.num_steps)
        rounds.keep(fit, context.told())
        context.progress(min(rounds.num_steps, config.dagger.total_timesteps), config.dagger.total_timesteps)
    return policy


def _offline(lanes: VecEnv, demonstrations: Demonstrations, config: DaggerConfig) -> tuple[Tensor, Tensor] | None:
    """Observations and actions that were there before the first round; None for none."""
    if not config.dagger.use_offline_rollouts:
        return None
    data.check_demonstrations(demonstrations, lanes.observation_space, lanes.action_space)
    found = data.as_transitions(data.first_episodes(demonstrations, config.demonstrations.n_expert_demos))
    return found.observations, found.actions


def _fit(fit: Fit, offline: tuple[Tensor, Tensor] | None, labelled: list[Labelled]) -> dict[str, float]:
    """What the last report of the fit said, which is to all that was labelled so far."""
    parts = [(data.as_tensor(part.observations), data.as_tensor(part.actions)) for part in labelled]
    observations, actions = zip(*([offline] if offline else []), *parts, strict=True)
    last: dict[str, float] = {}

    def report(values: Mapping[str, float]) -> None:
        last.update(values)

    num_batches = fit.config.n_batches
    num_epochs = fit.config.n_epochs or (None if num_batches else _NUM_EPOCHS)
    fit.run(torch.cat(observations), torch.cat(actions), num_epochs=num_epochs, num_batches=num_batches, report=report)
    return last


def _told(index: int, beta: float, labelled: Labelled) -> dict[str, float]:
    """Scalars of a round. Its returns are the mixture's, not the policy's, and of the true reward."""
    return {
        "dagger/round": float(index),
        "dagger/beta": beta,
        "dagger/num_episodes": float(len(labelled.returns)),
        "dagger/num_steps": float(len(labelled.observations)),
        "dagger/mixture_return_mean": float(np.mean(labelled.returns)),
    }


def _origin(config: DaggerConfig, seed: int, offline: tuple[Tensor, Tensor] | None) -> str:
    """A text that is another for another configuration, seed or set of demonstrations."""
    digest = hashlib.blake2b(msgspec.json.encode([config, seed]), digest_size=16)
    for tensor in offline or ():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
