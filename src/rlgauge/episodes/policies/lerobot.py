"""Policies of lerobot: folders with `config.json`, `model.safetensors` and the processors before and after."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.core.errors import UserError, did_you_mean
from rlgauge.episodes.policies.actions import as_array, network_actions
from rlgauge.episodes.policies.lerobot_folder import Pretrained, load
from rlgauge.episodes.policies.protocol import Action, Observations, observation_of
from rlgauge.episodes.policies.spaces import Box, Dict, Other, Spec, describe, is_image, size

if TYPE_CHECKING:
    import gymnasium
    import torch

    from rlgauge.episodes.policies.source import PolicySource

_TASK = "task"
_USUAL = {
    "observation.state": "agent_pos",
    "observation.environment_state": "environment_state",
    "observation.image": "pixels",
}
"""How lerobot's own environments call what their policies observe; cameras are `pixels/NAME`."""
_CAMERA = "observation.images."


def load_policy(
    source: PolicySource,
    *,
    observation_space: gymnasium.Space[Any],
    action_space: gymnasium.Space[Any],
    width: int,
    trust: bool,
) -> LerobotPolicy:
    """The policy in the folder, for these spaces. Raises UserError."""
    device, name = source.option("device"), source.uri
    found = load(Path(source.target), device=device, horizon=source.horizon, trust=trust, name=name)
    action = describe(action_space)
    if not isinstance(action, Box) or action.shape != (found.num_actions,):
        raise UserError(
            f"The policy {name} gives {found.num_actions} numbers, but the environment takes {action.text}. A mapping "
            "(?mapping=FILE) can take some of them."
        )
    keys = _keys(found, describe(observation_space), name)
    return LerobotPolicy(found, keys, action_space=action, width=width, device=device)


class LerobotPolicy:
    """A policy of lerobot, one for each row: the weights are shared, what it remembers is not.

    It is `select_action` that is asked, so histories of observations, chunks of actions and ensembles of them are as
    in lerobot. Noise comes from a generator of each row, seeded by `begin`. Actions are clipped to the bounds.
    """

    def __init__(
        self, found: Pretrained, keys: Mapping[str, str], *, action_space: Box, width: int, device: str
    ) -> None:
        import torch

        self._torch = torch
        self._before, self._after = found.before, found.after
        self._keys = keys
        self._actions = network_actions(action_space, 1)
        self._device = torch.device(device)
        self._rows = [_sharing(found.policy) for _ in range(width)]
        self._noise: list[list[torch.Tensor]] = [[] for _ in range(width)]
        self._has_run = False
        for own in self._rows:
            for module in own.modules():
                module.register_forward_pre_hook(self._note)
        self.bit_stable = device == "cpu"
        self.num_calls = 0
        for row in range(width):
            self.begin(row, 0)

    def begin(self, row: int, seed: int) -> None:
        """The row forgets, and its noise is seeded."""
        self._rows[row].reset()
        with self._torch.random.fork_rng(self._gpus()):
            self._torch.manual_seed(seed)
            self._noise[row] = self._drawn()

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """The next action of each active row."""
        actions: list[Action] = [None] * len(self._rows)
        self._has_run = False
        with self._torch.no_grad(), self._torch.random.fork_rng(self._gpus()):
            for row in active:
                actions[row] = self._act(row, observation_of(observations, row))
        self.num_calls += self._has_run
        return actions

    def close(self) -> None:
        """The weights go with this object."""

    def _act(self, row: int, observation: Any) -> Action:  # noqa: ANN401  # of the environment's own type
        self._torch.set_rng_state(self._noise[row][0])
        for gpu, state in zip(self._gpus(), self._noise[row][1:], strict=True):
            self._torch.cuda.set_rng_state(state, gpu)
        batch = self._before(self._batch(observation))
        action = self._after(self._rows[row].select_action(batch))
        self._noise[row] = self._drawn()
        return self._actions(as_array(action))[0]

    def _batch(self, observation: Any) -> dict[str, Any]:  # noqa: ANN401  # of the environment's own type
        """A batch of one, as lerobot's own evaluation makes it: images channels first and 0..1, all else float32."""
        batch: dict[str, Any] = {
            name: self._torch.from_numpy(_floats(_pick(observation, key)))[None] for name, key in self._keys.items()
        }
        has_task = isinstance(observation, dict) and _TASK in observation
        return {**batch, _TASK: [str(observation[_TASK]) if has_task else ""]}

    def _note(self, *_: object) -> None:
        self._has_run = True

    def _gpus(self) -> list[int]:
        return [self._device.index or 0] if self._device.type == "cuda" else []

    def _drawn(self) -> list[torch.Tensor]:
        """Where the generators are now, the CPU's first."""
        return [self._torch.get_rng_state(), *(self._torch.cuda.get_rng_state(gpu) for gpu in self._gpus())]


def _sharing(policy: Any) -> Any:  # noqa: ANN401  # lerobot has no types
    """Another policy with the same weights and a memory of its own."""
    shared = {id(tensor): tensor for tensor in (*policy.parameters(), *policy.buffers())}
    own = copy.deepcopy(policy, shared)
    own.reset()
    return own


def _floats(value: Any) -> Any:  # noqa: ANN401  # arrays
    array = np.asarray(value)
    if is_image(array.shape):
        array = np.moveaxis(array, -1, 0)
    floats = np.ascontiguousarray(array, np.float32)
    return floats / np.float32(255) if array.dtype == np.uint8 else floats


def _pick(observation: Any, key: str) -> Any:  # noqa: ANN401  # of the environment's own type
    if not isinstance(observation, dict):
        return observation
    if key in observation:
        return observation[key]
    for part in key.split("/"):
        observation = observation[part]
    return observation


def _keys(found: Pretrained, space: Spec, name: str) -> dict[str, str]:
    """Where each of the policy's observations is in the environment's. Raises UserError where one is nowhere."""
    if found.takes_text and not (isinstance(space, Dict) and _TASK in space.spaces):
        raise UserError(
            f"The policy {name} is told what to do in words, but the environment does not observe {_TASK!r}. A mapping "
            "(?mapping=FILE) can give it: `observation: {task: {text: ...}}`."
        )
    if not isinstance(space, Dict):
        if len(found.inputs) != 1:
            raise UserError(
                f"The policy {name} observes {', '.join(sorted(found.inputs))}, but the environment gives one "
                f"observation, {space.text}."
            )
        ((one, shape),) = found.inputs.items()
        _check_shape(one, shape, space, name)
        return {one: one}
    given = dict(_leaves(space))
    keys = {}
    for wanted, shape in found.inputs.items():
        usual = f"pixels/{wanted.removeprefix(_CAMERA)}" if wanted.startswith(_CAMERA) else _USUAL.get(wanted, wanted)
        key = wanted if wanted in given else usual
        if key not in given:
            raise UserError(
                f"The policy {name} observes {wanted!r}, which the environment does not give."
                f"{did_you_mean(key, given)} It gives {', '.join(sorted(given))}. A mapping (?mapping=FILE) says "
                "what is what."
            )
        _check_shape(wanted, shape, given[key], name)
        keys[wanted] = key
    return keys


def _leaves(space: Dict, prefix: str = "") -> list[tuple[str, Spec]]:
    found: list[tuple[str, Spec]] = []
    for key, part in space.spaces.items():
        found += _leaves(part, f"{prefix}{key}/") if isinstance(part, Dict) else [(prefix + key, part)]
    return found


def _check_shape(key: str, wanted: tuple[int, ...], given: Spec, name: str) -> None:
    """Raise UserError unless it is of the shape that the policy takes; an image may have its channels last."""
    shape = None if isinstance(given, Other) else size(given)
    if shape is not None and wanted in {shape, (shape[-1], *shape[:-1]) if is_image(shape) else shape}:
        return
    raise UserError(
        f"The policy {name} takes {key!r} of shape {wanted}, but the environment gives {shape or given.text}. A "
        "mapping (?mapping=FILE) can resize, slice and join."
    )
