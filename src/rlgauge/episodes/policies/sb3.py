"""Policies of Stable-Baselines3: files of `model.save`, live models and live policies."""

from __future__ import annotations

import inspect
import json
import pickle
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.protocol import Action, Observations
from rlgauge.episodes.policies.sb3_heads import Opaque, head_of
from rlgauge.episodes.policies.spaces import Box, Dict, Spec, describe, is_image, layout_hint
from rlgauge.episodes.policies.torchscript import check_device, needs_trust

if TYPE_CHECKING:
    import gymnasium
    from stable_baselines3.common.policies import BasePolicy
    from stable_baselines3.common.vec_env import VecNormalize

_NEEDED = {"policy_class", "policy_kwargs", "observation_space", "action_space", "use_sde"}
"""What a policy is made from. All else in the file (schedules, buffers, callbacks) is not unpickled."""


class Sb3Policy:
    """The actions of `policy.predict`, to the bit, without its detours.

    With `deterministic=False` the noise comes from a generator of each row, seeded by `begin`, so that an episode does
    not depend on its neighbours; its distribution is that of `predict(deterministic=False)`, its numbers are not.
    Observations are normalised as `normalize` does it now: its running statistics stay as they are.
    """

    def __init__(
        self,
        policy: BasePolicy,
        *,
        width: int,
        deterministic: bool,
        name: str,
        normalize: VecNormalize | None = None,
    ) -> None:
        import torch

        policy.set_training_mode(False)
        self._torch = torch
        self.bit_stable = policy.device.type == "cpu"
        self._observe = _observing(policy, normalize)
        self._head = head_of(policy)
        self._deterministic = deterministic
        if not deterministic and isinstance(self._head, Opaque):
            raise UserError(
                f"The policy {name} ({type(policy).__name__}) can't be sampled with a seed for each episode: "
                "deterministic=false works for categorical and diagonal Gaussian actions."
            )
        self._rngs = [np.random.default_rng(0)] * width

    def begin(self, row: int, seed: int) -> None:
        """The row's noise is drawn anew from `seed`."""
        self._rngs[row] = np.random.default_rng(seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """One call for all rows."""
        with self._torch.no_grad():
            observation = self._observe(observations)
            if self._deterministic:
                return self._head.mode(observation)
            return self._head.sample(observation, self._rngs, active)

    def close(self) -> None:
        """The model goes with this object, or belongs to who made it."""


def is_sb3(policy: object) -> bool:
    """True for a model or a policy of Stable-Baselines3, which is not imported for the question."""
    if "stable_baselines3" not in sys.modules:
        return False
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.policies import BasePolicy

    return isinstance(policy, (BaseAlgorithm, BasePolicy))


def policy_of(model: object) -> BasePolicy:
    """The policy of a live model, or the policy itself."""
    from stable_baselines3.common.base_class import BaseAlgorithm

    return model.policy if isinstance(model, BaseAlgorithm) else cast("BasePolicy", model)


def normalizer_of(model: object) -> VecNormalize | None:
    """What normalised the observations of a live model in training; None for one without, or a policy alone."""
    from stable_baselines3.common.base_class import BaseAlgorithm

    return model.get_vec_normalize_env() if isinstance(model, BaseAlgorithm) else None


def load_normalizer(path: Path, *, trust: bool, name: str) -> VecNormalize:
    """What `VecNormalize.save` wrote. Raises UserError."""
    if not trust:
        raise needs_trust(path)
    from stable_baselines3.common.vec_env import VecNormalize

    try:
        with path.open("rb") as file:
            found = pickle.load(file)  # noqa: S301  # trusted
    except Exception as error:  # a pickle may raise anything
        raise UserError(f"The statistics of {name} could not be loaded: {type(error).__name__}: {error}.") from error
    if not isinstance(found, VecNormalize):
        raise UserError(f"'{path}' holds no VecNormalize, but a {type(found).__name__} (from {name}).")
    return found


def load_policy(path: Path, *, device: str, trust: bool, name: str) -> BasePolicy:
    """The policy in a file of `model.save`, whatever the algorithm. Raises UserError.

    Only the policy is built, as the algorithm would build it: no environment, no optimiser state, no replay buffer.
    """
    stored = _stored(path, name)
    if not trust:
        raise needs_trust(path)
    check_device(device, name)
    from stable_baselines3.common.save_util import load_from_zip_file

    try:
        data, weights, _ = load_from_zip_file(
            path, device=device, custom_objects=dict.fromkeys(stored.keys() - _NEEDED, None)
        )
        return _build(cast("dict[str, Any]", data), cast("dict[str, Any]", weights["policy"]), device)
    except (
        ImportError,
        AttributeError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(
            f"The policy {name} could not be loaded: {type(error).__name__}: {error} "
            "(was it saved with another version?)"
        ) from error


def _stored(path: Path, name: str) -> dict[str, Any]:
    """The description inside the file as JSON, nothing unpickled. Raises UserError for another kind of file."""
    try:
        with zipfile.ZipFile(path) as archive:
            stored: dict[str, Any] = json.loads(archive.read("data"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(
            f"The policy {name} is not a file of Stable-Baselines3's model.save: {type(error).__name__}: {error}"
        ) from error
    missing = _NEEDED - {"use_sde"} - stored.keys()
    if missing:
        raise UserError(f"The policy {name} lacks {', '.join(sorted(missing))}: it is no model of Stable-Baselines3.")
    return stored


def _build(data: dict[str, Any], weights: dict[str, Any], device: str) -> BasePolicy:
    kind = data["policy_class"]
    options = dict(data["policy_kwargs"])
    if "use_sde" in inspect.signature(kind).parameters:
        options.setdefault("use_sde", data["use_sde"])
    policy: BasePolicy = kind(data["observation_space"], data["action_space"], lambda _: 0.0, **options)
    policy.load_state_dict(weights)
    return policy.to(device)


def check_spaces(
    policy: BasePolicy,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    name: str,
    normalize: VecNormalize | None = None,
) -> None:
    """Raises UserError unless the policy was made for these spaces; bounds of observations may differ."""
    _check_observations(describe(policy.observation_space), describe(observation_space), name)
    if normalize is not None:
        _check_observations(describe(normalize.observation_space), describe(observation_space), f"{name} (normalize)")
    if policy.action_space != action_space:
        own, given = describe(policy.action_space), describe(action_space)
        raise UserError(f"The policy {name} acts in {own.text}, but the environment takes {given.text}.")


def _check_observations(own: Spec, given: Spec, name: str) -> None:
    match own, given:
        case Box(), Box():
            transposed = own.dtype == np.uint8 and is_image(given.shape) and own.shape == _channels_first(given.shape)
            if own.shape != given.shape and not transposed:
                raise UserError(
                    f"The policy {name} takes observations of shape {own.shape}, "
                    f"but the environment gives {given.shape}." + layout_hint(given.shape, own.shape)
                )
        case Dict(), Dict() if own.spaces.keys() == given.spaces.keys():
            for key, part in own.spaces.items():
                _check_observations(part, given.spaces[key], f"{name} ({key!r})")
        case _:
            if own.text != given.text:
                raise UserError(
                    f"The policy {name} takes observations of {own.text}, but the environment gives {given.text}."
                )


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[-1], *shape[:-1])


def _observing(policy: BasePolicy, normalize: VecNormalize | None) -> Callable[[Observations], Any]:
    """From a batch of observations to what the policy takes."""
    observe = _converting(policy)
    if normalize is None or not normalize.norm_obs:
        return observe
    return lambda observations: observe(normalize.normalize_obs(cast("Any", observations)))


def _converting(policy: BasePolicy) -> Callable[[Observations], Any]:
    import torch
    from stable_baselines3.common.preprocessing import is_image_space

    device = policy.device
    if isinstance(describe(policy.observation_space), Box) and not is_image_space(policy.observation_space):
        if device.type == "cpu":
            return cast("Callable[[Observations], Any]", torch.from_numpy)
        return lambda observations: torch.as_tensor(observations, device=device)
    return lambda observations: policy.obs_to_tensor(cast("Any", observations))[0]
