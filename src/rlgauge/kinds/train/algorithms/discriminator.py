"""The discriminator: a network, how its output is read, and how it is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rlgauge.kinds.train.algorithms import data
from rlgauge.kinds.train.algorithms.policies import new_optimizer
from rlgauge.kinds.train.algorithms.replay import Replay

if TYPE_CHECKING:
    from stable_baselines3.common.policies import ActorCriticPolicy

    from rlgauge.kinds.train.algorithms.config import AdversarialConfig
    from rlgauge.kinds.train.algorithms.data import Transitions


class Sense(NamedTuple):
    """What an algorithm makes of the network's output for n transitions, (n,)."""

    logits: Callable[[Tensor, Tensor], Tensor]
    """Of the output and of the generator's log pi(a | s): the logits of D, high for the expert."""
    reward: Callable[[Tensor], Tensor]
    """Of the output: what the generator gets."""
    asks_policy: bool
    """Whether the logits depend on log pi."""


class Discriminator:
    """A network that is fitted to tell the expert's transitions from the generator's newest."""

    def __init__(
        self, net: nn.Module, sense: Sense, expert: Transitions, config: AdversarialConfig, *, seed: int
    ) -> None:
        """Take the network as it is. Raises UserError where the expert showed less than a batch."""
        data.check_enough(len(expert.dones), config.demo_batch_size, "a batch of the discriminator")
        self.net = net
        self.replay = Replay(config.gen_replay_buffer_capacity or config.rl.batch_size)
        self._sense = sense
        self._expert = expert
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self._rows = data.endless(len(expert.dones), config.demo_batch_size, self._generator)
        self._optimizer = new_optimizer(config.disc_optimizer_cls, config.disc_optimizer_kwargs, net.parameters())

    @torch.no_grad()
    def reward(self, transitions: Transitions) -> Tensor:
        """What the generator gets for them, (n,)."""
        self.net.eval()
        return self._sense.reward(self.net(transitions))

    def fit(self, policy: ActorCriticPolicy) -> dict[str, float]:
        """Make the steps of a round; means over them of the loss and of how well it tells the two apart.

        The policy is in training mode meanwhile: its normaliser counts what the discriminator is shown, also of the
        expert, as in `imitation`.
        """
        self.net.train()
        policy.set_training_mode(True)
        told = [self._step(policy) for _ in range(self._config.n_disc_updates_per_round)]
        names = ("loss", "entropy", "accuracy_expert", "accuracy_generated")
        means = torch.stack(told).mean(dim=0).tolist()
        return {f"discriminator/{name}": mean for name, mean in zip(names, means, strict=True)}

    def _step(self, policy: ActorCriticPolicy) -> Tensor:
        """Of one step: loss, entropy of D, and the part of either kind that it takes for what it is, (4,)."""
        size = self._config.demo_batch_size
        part = self._config.demo_minibatch_size or size
        expert = self._expert.at(next(self._rows))
        generated = self.replay.sample(size, self._generator)
        self._optimizer.zero_grad()
        told = torch.zeros(4)
        for start in range(0, size, part):
            rows = slice(start, start + part)
            shown = data.joined([expert.at(rows), generated.at(rows)])
            logits = self.logits(shown, policy)
            loss = cross_entropy(logits) * (part / size)
            loss.backward()  # type: ignore[no-untyped-call]
            told += _told(loss.detach(), logits.detach()) * torch.tensor([1.0, *[part / size] * 3])
        self._optimizer.step()
        return told

    def logits(self, shown: Transitions, policy: ActorCriticPolicy) -> Tensor:
        """Of transitions, (n,)."""
        with torch.no_grad():
            if self._sense.asks_policy:
                log_probs = policy.evaluate_actions(shown.observations, shown.actions)[1]
            else:
                policy.extract_features(shown.observations)
                log_probs = torch.zeros(len(shown.dones))
        return self._sense.logits(self.net(shown), log_probs)


def cross_entropy(logits: Tensor) -> Tensor:
    """The loss of 2n logits, of which the first n are of the expert."""
    labels = torch.zeros_like(logits)
    labels[: len(logits) // 2] = 1
    return binary_cross_entropy_with_logits(logits, labels)


def _told(loss: Tensor, logits: Tensor) -> Tensor:
    expert, generated = logits.chunk(2)
    certain = torch.sigmoid(logits)
    entropy = (torch.nn.functional.softplus(logits) - certain * logits).mean()
    return torch.stack([loss, entropy, (expert > 0).float().mean(), (generated < 0).float().mean()])
