"""Every setting reaches the training: changed alone, it makes another policy, or other scalars or files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rlgauge.kinds.train.algorithms.config import CONFIGS
from rlgauge.kinds.train.algorithms.interface import find
from rlgauge.kinds.train.algorithms.reading import as_data, overridden, read
from tests.kinds.train.algorithms.toys import Remembering, Target, show, to_target, weights

SHOWN = show(Target, to_target, 3)
OTHER_POLICY = {
    "demonstrations.n_expert_demos": 2,
    "policy.policy_cls": "MlpPolicy",
    "policy.net_arch": {"pi": [8], "vf": [8]},
    "policy.activation_fn": "relu",
    "policy.normalize_features": False,
}
LANES = {"environment.num_envs": 4}
CLONING = {
    "bc.batch_size": 10,
    "bc.minibatch_size": 4,
    "bc.ent_weight": 0.5,
    "bc.l2_weight": 0.5,
    "bc.optimizer_cls": "torch.optim.SGD",
    "bc.optimizer_kwargs": {"lr": 0.1},
    "bc.n_epochs": 3,
    "bc.n_batches": 5,
    "bc.log_interval": 2,
}
DAGGER = {
    "dagger.total_timesteps": 300,
    "dagger.beta_schedule": {"kind": "exponential", "decay_probability": 0.2},
    "dagger.rollout_round_min_episodes": 5,
    "dagger.rollout_round_min_timesteps": 100,
    "dagger.use_offline_rollouts": False,
}
ADVERSARIAL = {
    "rl.batch_size": 96,
    "rl.ppo.learning_rate": 1e-2,
    "rl.ppo.batch_size": 16,
    "rl.ppo.n_epochs": 3,
    "rl.ppo.gamma": 0.5,
    "rl.ppo.gae_lambda": 0.5,
    "rl.ppo.clip_range": 1e-3,
    "rl.ppo.clip_range_vf": 1e-4,
    "rl.ppo.normalize_advantage": False,
    "rl.ppo.ent_coef": 0.5,
    "rl.ppo.vf_coef": 0.1,
    "rl.ppo.max_grad_norm": 1e-3,
    "rl.ppo.target_kl": 1e-9,
    "total_timesteps": 300,
    "demo_batch_size": 16,
    "demo_minibatch_size": 8,
    "n_disc_updates_per_round": 3,
    "gen_replay_buffer_capacity": 10,
    "disc_optimizer_cls": "torch.optim.SGD",
    "disc_optimizer_kwargs": {"lr": 0.1},
    "checkpoint_interval": 1,
    "reward.hid_sizes": [8],
    "reward.use_state": False,
    "reward.use_action": False,
    "reward.use_next_state": True,
    "reward.use_done": True,
    "reward.normalize_input": False,
}
SHAPED = {
    "reward.normalize_output": False,
    "reward.is_shaped": False,
    "reward.potential_hid_sizes": [8],
    "reward.discount_factor": 0.5,
}
CHANGED: dict[str, dict[str, Any]] = {
    "bc": {**OTHER_POLICY, **CLONING},
    "dagger": {**OTHER_POLICY, **LANES, **{n: v for n, v in CLONING.items() if n != "bc.log_interval"}, **DAGGER},
    "gail": {**OTHER_POLICY, **LANES, **ADVERSARIAL, "reward.normalize_output": True},
    "airl": {**OTHER_POLICY, **LANES, **ADVERSARIAL, **SHAPED},
}
ELSEWHERE = {
    "environment.gym_id": "for whom it was made; the caller makes environments",
    "evaluation.n_episodes": "for the caller, who evaluates",
    "allow_variable_horizon": "lets pass what is refused else: test_adversarial",
}
LOGGED_LATE = {"bc.log_interval": "of a round of DAgger the last batch is told, whatever the interval"}

BASE: dict[str, dict[str, Any]] = {
    "bc": {"policy": {"normalize_features": True}, "bc": {"batch_size": 20}},
    "dagger": {
        "environment": {"num_envs": 2},
        "policy": {"normalize_features": True},
        "bc": {"batch_size": 20},
        "dagger": {
            "total_timesteps": 160,
            "rollout_round_min_timesteps": 1,
            "rollout_round_min_episodes": 1,
            "use_offline_rollouts": True,
        },
    },
}
BASE["gail"] = BASE["airl"] = {
    "environment": {"num_envs": 2},
    "policy": {"normalize_features": True},
    "rl": {"batch_size": 48, "ppo": {"batch_size": 24, "n_epochs": 2}},
    "total_timesteps": 150,
    "demo_batch_size": 32,
    "n_disc_updates_per_round": 2,
}
NEEDED = {
    "policy.net_arch": {"policy.policy_cls": "MlpPolicy"},
    "bc.n_batches": {"bc.n_epochs": None},
    "bc.batch_size": {},
}
"""What must be said too, on both sides, for a setting to be allowed."""
LENGTHS = {"bc": {"bc.n_epochs": 2}, "dagger": {"bc.n_epochs": 2}, "gail": {}, "airl": {}}


def leaves(data: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in data.items():
        here = f"{path}{name}"
        is_part = isinstance(value, Mapping) and name != "beta_schedule" and not name.endswith("_kwargs")
        yield from leaves(value, f"{here}.") if is_part else [here]


@pytest.mark.parametrize("algorithm", sorted(CONFIGS))
def test_no_setting_is_forgotten_here(algorithm: str) -> None:
    known = set(CHANGED[algorithm]) | (set(LOGGED_LATE) if algorithm == "dagger" else set()) | set(ELSEWHERE)
    assert set(leaves(as_data(CONFIGS[algorithm]()))) - known == set()
    assert set(CHANGED[algorithm]) - set(leaves(as_data(CONFIGS[algorithm]()))) == set()


def outcome(algorithm: str, overrides: Mapping[str, Any], folder: Path) -> tuple[Any, ...]:
    """The trained weights, what was logged, and which files are there."""
    context = Remembering(folder=folder, label=to_target)
    config = read(algorithm, overridden(BASE[algorithm], {**LENGTHS[algorithm], **overrides}))
    policy = find(algorithm)(Target, SHOWN, config, context)
    return weights(policy), context.logged, sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@cache
def usual(algorithm: str, needed: tuple[tuple[str, Any], ...], parent: Path) -> tuple[Any, ...]:
    folder = parent / f"usual-{algorithm}-{len(needed)}"
    folder.mkdir()
    return outcome(algorithm, dict(needed), folder)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("usual")


@pytest.mark.parametrize(("algorithm", "path"), [(name, path) for name in sorted(CHANGED) for path in CHANGED[name]])
def test_a_setting_changes_what_comes_of_it(algorithm: str, path: str, parent: Path, tmp_path: Path) -> None:
    needed = NEEDED.get(path, {})
    before = usual(algorithm, () if path == "bc.n_batches" else tuple(needed.items()), parent)
    after = outcome(algorithm, {**needed, path: CHANGED[algorithm][path]}, tmp_path)
    assert before != after
