"""A pole is balanced as somebody showed: demonstrations, and a network that learns from them."""

from functools import cached_property

import gymnasium
import lightning.pytorch as pl
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def balance(observation: np.ndarray) -> int:
    """The demonstrator: pushes towards the side to which the pole falls, before it has fallen far."""
    position, speed, angle, rate = observation
    return int(3 * angle + rate + 0.1 * position + 0.3 * speed > 0)


class Demonstrations(pl.LightningDataModule):
    """What the demonstrator saw and did in so many episodes."""

    def __init__(self, num_episodes: int = 10, batch_size: int = 64) -> None:
        super().__init__()
        self.num_episodes = num_episodes
        self.batch_size = batch_size

    @cached_property
    def pairs(self) -> TensorDataset:
        """Each observation with what was done."""
        env = gymnasium.make("CartPole-v1")
        seen, done = [], []
        for seed in range(self.num_episodes):
            observation, _ = env.reset(seed=seed)
            is_over = False
            while not is_over:
                seen.append(observation)
                done.append(balance(observation))
                observation, _, is_down, is_late, _ = env.step(done[-1])
                is_over = is_down or is_late
        return TensorDataset(torch.tensor(np.array(seen)), torch.tensor(done))

    def train_dataloader(self) -> DataLoader:
        """Batches in random order."""
        return DataLoader(self.pairs, batch_size=self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader:
        """Batches in the order in which they were played."""
        return DataLoader(self.pairs, batch_size=500)


class Cloned(pl.LightningModule):
    """Two layers that tell from an observation what the demonstrator would do."""

    def __init__(self, hidden: int = 32, learning_rate: float = 3e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.learning_rate = learning_rate
        self.network = torch.nn.Sequential(torch.nn.Linear(4, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 2))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """A logit for each action: this is how it acts."""
        return self.network(observations)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        """How unlikely the network takes what was done to be."""
        seen, done = batch
        return torch.nn.functional.cross_entropy(self(seen), done)

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        """The same, told."""
        self.log("val_loss", self.training_step(batch), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), self.learning_rate)
