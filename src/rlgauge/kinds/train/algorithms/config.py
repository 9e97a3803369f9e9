"""The settings of the four algorithms. Defaults are those of `imitation` 1.0, and so is what they mean.

What is not read by an algorithm but by who calls it: `environment.gym_id` and `evaluation`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from rlgauge.kinds.train.algorithms.part import Fraction, Part, Positive, PositiveFloat, Weight, Widths
from rlgauge.kinds.train.algorithms.schedules import BetaSchedule, LinearBeta


class Place(Part, frozen=True):
    """For which environment it was made."""

    gym_id: str | None = None


class Lanes(Place, frozen=True):
    """Where it learns, and in how many environments that are stepped together, all in one process."""

    num_envs: Positive = 8


class Towers(Part, frozen=True):
    """Hidden layers of the policy (`pi`) and of the value function (`vf`), which share none."""

    pi: Widths
    vf: Widths


class Policy(Part, frozen=True):
    """The network that is trained: a Gaussian or categorical policy, and its value function.

    FeedForward32Policy has two layers of 32 units, MlpPolicy those of `net_arch`, by default two of 64; each has them
    twice, for the policy and for the value function. `normalize_features`: observations are normalised by what was
    seen in training.
    """

    policy_cls: Literal["FeedForward32Policy", "MlpPolicy"] = "FeedForward32Policy"
    net_arch: Towers | None = None
    activation_fn: Literal["tanh", "relu", "elu", "gelu", "silu"] = "tanh"
    normalize_features: bool = False

    def __post_init__(self) -> None:
        """Refuse layers for a policy whose layers are fixed."""
        if self.policy_cls == "FeedForward32Policy" and self.net_arch is not None:
            raise ValueError("FeedForward32Policy has two layers of 32: give net_arch with MlpPolicy")

    @property
    def towers(self) -> Towers:
        """The hidden layers that it comes to."""
        width = 32 if self.policy_cls == "FeedForward32Policy" else 64
        return self.net_arch or Towers(pi=(width, width), vf=(width, width))


class Cloning(Part, frozen=True):
    """How a policy is fitted to labelled observations.

    A step of the optimiser takes `batch_size` of them, `minibatch_size` at a time (None: all at once). Either
    `n_epochs` or `n_batches` says how long; with neither, BC takes 50,000 batches, and a round of DAgger 4 epochs.
    Every `log_interval` batches are scalars logged.
    """

    batch_size: Positive = 32
    minibatch_size: Positive | None = None
    ent_weight: Weight = 1e-3
    l2_weight: Weight = 3e-5
    optimizer_cls: str = "torch.optim.Adam"
    optimizer_kwargs: dict[str, Any] = msgspec.field(default_factory=lambda: {"lr": 4e-4})
    n_epochs: Positive | None = None
    n_batches: Positive | None = None
    log_interval: Positive = 500

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.n_epochs is not None and self.n_batches is not None:
            raise ValueError("give n_epochs or n_batches, not both: the one that is not meant is null")
        if self.minibatch_size is not None and self.batch_size % self.minibatch_size:
            raise ValueError(f"minibatch_size {self.minibatch_size} does not divide batch_size {self.batch_size}")
        if "weight_decay" in self.optimizer_kwargs:
            raise ValueError("optimizer_kwargs: give l2_weight instead of weight_decay")


class Rounds(Part, frozen=True):
    """How DAgger gathers: a round ends with the episode in which both minima are reached.

    `use_offline_rollouts`: the demonstrations count as labelled in round 0; else they are not looked at.
    """

    total_timesteps: Positive = 100_000
    beta_schedule: BetaSchedule = LinearBeta()
    rollout_round_min_episodes: Positive = 3
    rollout_round_min_timesteps: Positive = 500
    use_offline_rollouts: bool = False


class Ppo(Part, frozen=True):
    """Settings of PPO, by their names in Stable-Baselines3."""

    learning_rate: PositiveFloat = 3e-4
    batch_size: Positive = 64
    n_epochs: Positive = 10
    gamma: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    clip_range: PositiveFloat = 0.2
    clip_range_vf: PositiveFloat | None = None
    normalize_advantage: bool = True
    ent_coef: float = 0.0
    vf_coef: float = 0.5
    max_grad_norm: PositiveFloat = 0.5
    target_kl: PositiveFloat | None = None


class Rl(Part, frozen=True):
    """The generator. `batch_size` steps, of all environments together, are a round; `ppo` learns from them."""

    batch_size: Positive = 2048
    ppo: Ppo = Ppo()


class Reward(Part, frozen=True):
    """The network that tells what the expert did from what the generator did, and so rewards the generator.

    It sees what `use_...` says, normalised by what was seen before (`normalize_input`). `normalize_output`: the
    generator gets rewards of mean 0 and deviation 1; the discriminator never sees that.
    """

    hid_sizes: Widths = (32, 32)
    use_state: bool = True
    use_action: bool = True
    use_next_state: bool = False
    use_done: bool = False
    normalize_input: bool = True
    normalize_output: bool = False

    def __post_init__(self) -> None:
        """Refuse a network that sees nothing."""
        if not (self.use_state or self.use_action or self.use_next_state or self.use_done):
            raise ValueError("one of use_state, use_action, use_next_state, use_done must be true: it sees nothing")


class ShapedReward(Reward, frozen=True):
    """A reward network, and beside it a potential of states that shapes its rewards with `discount_factor`.

    `is_shaped` false leaves the potential away.
    """

    hid_sizes: Widths = (32,)
    normalize_output: bool = True
    is_shaped: bool = True
    potential_hid_sizes: Widths = (32, 32)
    discount_factor: Fraction = 0.99


class Evaluation(Part, frozen=True):
    """How the trained policy is judged, on the true reward."""

    n_episodes: Positive = 50


class Chosen(Part, frozen=True):
    """Which demonstrations are learned from: the first `n_expert_demos` episodes, or all."""

    n_expert_demos: Positive | None = None


class _Config(Part, frozen=True):
    environment: Place = Place()
    demonstrations: Chosen = Chosen()
    evaluation: Evaluation = Evaluation()
    policy: Policy = Policy()


class BcConfig(_Config, frozen=True):
    """Of behavioural cloning."""

    bc: Cloning = Cloning()


class DaggerConfig(_Config, frozen=True):
    """Of DAgger; `bc` is what a round does with all that was labelled so far."""

    environment: Lanes = Lanes()
    bc: Cloning = Cloning()
    dagger: Rounds = Rounds()


class AdversarialConfig(_Config, frozen=True):
    """What GAIL and AIRL have in common.

    A round: `rl.batch_size` steps and what PPO learns from them, then `n_disc_updates_per_round` steps of the
    discriminator's optimiser. Each takes `demo_batch_size` transitions of the expert, all different, and as many of
    the newest `gen_replay_buffer_capacity` of the generator (None: those of the last round), `demo_minibatch_size` of
    both at a time (None: all at once). Episodes of different lengths tell of the reward, and are refused unless
    `allow_variable_horizon`. Every `checkpoint_interval` rounds are policy and reward kept (0: the reward at the end;
    below 0: nothing).
    """

    environment: Lanes = Lanes()
    rl: Rl = Rl()
    reward: Reward = Reward()
    total_timesteps: Positive = 1_000_000
    demo_batch_size: Positive = 1024
    demo_minibatch_size: Positive | None = None
    n_disc_updates_per_round: Positive = 4
    gen_replay_buffer_capacity: Positive | None = None
    disc_optimizer_cls: str = "torch.optim.Adam"
    disc_optimizer_kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    allow_variable_horizon: bool = False
    checkpoint_interval: int = 0

    def __post_init__(self) -> None:
        """Refuse what does not go into each other."""
        if self.demo_minibatch_size is not None and self.demo_batch_size % self.demo_minibatch_size:
            raise ValueError(
                f"demo_minibatch_size {self.demo_minibatch_size} does not divide demo_batch_size {self.demo_batch_size}"
            )
        if self.rl.batch_size % self.environment.num_envs:
            raise ValueError(
                f"environment.num_envs {self.environment.num_envs} does not divide rl.batch_size {self.rl.batch_size}"
            )
        if self.total_timesteps < self.rl.batch_size:
            raise ValueError(f"total_timesteps {self.total_timesteps} is less than a round of {self.rl.batch_size}")


class GailConfig(AdversarialConfig, frozen=True):
    """Of GAIL."""


class AirlConfig(AdversarialConfig, frozen=True):
    """Of AIRL."""

    reward: ShapedReward = ShapedReward()


Config: TypeAlias = BcConfig | DaggerConfig | GailConfig | AirlConfig
CONFIGS: dict[str, type[Config]] = {"airl": AirlConfig, "bc": BcConfig, "dagger": DaggerConfig, "gail": GailConfig}
