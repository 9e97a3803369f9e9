"""Vectors of environments: one environment out of many, and the layers around the vector around that one.

This module is imported where a script has left an environment of Gymnasium.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
from gymnasium import vector
from gymnasium.vector.utils import batch_space, create_empty_array

from rlgauge.kinds.train.script.wrappers import UnmadeError, copied, is_left_out, library_of, stack_of

_REWARDS = {"NormalizeReward", "TransformReward", "ClipReward", "RecordEpisodeStatistics", "RecordVideo"}
"""Layers of Gymnasium's vectors that leave the observations alone."""
Env = gymnasium.Env[Any, Any]


class EndedError(UnmadeError):
    """The environments of a vector were in other processes, which have ended."""


def as_registered(env: Any, wanted: str) -> Env:  # noqa: ANN401
    """The environment of an id, where it has the very spaces of the vector's environments. Raises EndedError."""
    try:
        single = _made(lambda: gymnasium.make(wanted))
    except UnmadeError as error:
        raise EndedError("its environments lived in processes that have ended") from error
    base = _sb3_stack(env)[0]
    if (single.observation_space, single.action_space) != (base.observation_space, base.action_space):
        raise EndedError(f"its environments lived in processes that have ended, and were not {wanted} as it is")
    return single


def single_of(env: Any) -> Env:  # noqa: ANN401  # an environment or a vector, which have no class in common
    """The environment, or the first of a vector; one in another process is made again here. Raises UnmadeError."""
    if isinstance(env, gymnasium.Env):
        return _checked(env)
    if isinstance(env, vector.VectorEnv):
        return _first(_vector_stack(env)[0])
    return _first_of_sb3(_sb3_stack(env)[0])


def _checked(env: Env) -> Env:
    """The environment. Raises UnmadeError for what is a vector, although its class does not say so."""
    if isinstance(stack_of(env)[0], vector.VectorEnv):  # as before 1.0
        version = getattr(gymnasium, "__version__", "")
        raise UnmadeError(f"vectors are tested with Gymnasium 1.0 or newer, and this is {version}")
    if library_of(stack_of(env)[0]) == "envpool":
        raise UnmadeError("a single environment of EnvPool is not the same as one of its many")
    return env


def with_rows(env: Any, single: Env) -> Env:  # noqa: ANN401
    """The single one within the layers that are around the vector, as an environment. Raises UnmadeError."""
    if isinstance(env, gymnasium.Env):
        return single
    if isinstance(env, vector.VectorEnv):
        return _in_vector(env, single)
    return _in_sb3(env, single)


def _vector_stack(env: Any) -> list[Any]:  # noqa: ANN401
    """The vector itself and the layers around it, outwards."""
    found = [env]
    while isinstance(found[-1], vector.VectorWrapper):
        found.append(found[-1].env)
    return found[::-1]


def _sb3_stack(env: Any) -> list[Any]:  # noqa: ANN401
    found = [env]
    while isinstance(found[-1], _sb3().VecEnvWrapper):
        found.append(found[-1].venv)
    return found[::-1]


def _sb3() -> ModuleType:
    return sys.modules["stable_baselines3.common.vec_env"]


def _first(base: Any) -> Env:  # noqa: ANN401
    if isinstance(base, vector.SyncVectorEnv):
        return base.envs[0]
    if isinstance(base, vector.AsyncVectorEnv):
        return _unlearned(_made(base.env_fns[0]))
    if base.spec is None:
        raise UnmadeError(f"{type(base).__name__} does not say what its environments are")
    single = _made(lambda: gymnasium.make(base.spec.id, **_own_arguments(base.spec.kwargs)))
    if single.observation_space != base.single_observation_space:
        raise UnmadeError(f"a single {base.spec.id} observes something else than {type(base).__name__}")
    return single


def _own_arguments(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in _OF_VECTORS}


_OF_VECTORS = {"num_envs", "vectorization_mode", "vector_kwargs", "wrappers", "max_episode_steps", "render_mode"}


def _first_of_sb3(base: Any) -> Env:  # noqa: ANN401
    if isinstance(base, _sb3().DummyVecEnv):
        return base.envs[0]  # type: ignore[no-any-return]
    try:
        spec = base.get_attr("spec", 0)[0]
    except Exception as error:
        raise EndedError("its environments lived in processes that have ended") from error
    if spec is None:
        raise UnmadeError("its environments are in other processes, and have no spec")
    known = [layer for layer in spec.additional_wrappers if not _is_left_out(layer.entry_point)]
    spec.additional_wrappers = tuple(known)
    return _unlearned(_made(lambda: gymnasium.make(spec)))


def _is_left_out(entry_point: str) -> bool:
    module, _, name = entry_point.partition(":")
    return module.startswith("stable_baselines3.") and name == "Monitor"


def _made(make: Any) -> Env:  # noqa: ANN401
    try:
        return make()  # type: ignore[no-any-return]  # what a script makes its environments with
    except Exception as error:  # anybody's code may raise anything
        raise UnmadeError(f"its environments can't be made again ({type(error).__name__}: {error})") from error


def _unlearned(env: Env) -> Env:
    """The environment, unless a layer has learned something that only another process knows. Raises UnmadeError."""
    learned = next((type(layer).__name__ for layer in stack_of(env) if "obs_rms" in vars(layer)), None)
    if learned is not None:
        raise UnmadeError(f"the statistics of its {learned} are in other processes")
    return env


def _in_vector(env: Any, single: Env) -> Env:  # noqa: ANN401
    base, *layers = _vector_stack(env)
    kept = [layer for layer in layers if not (is_left_out(layer) or type(layer).__name__ in _REWARDS)]
    if not kept:
        return single
    memo: dict[int, Any] = {id(base): vector.SyncVectorEnv([lambda: single])}
    made = memo[id(base)]
    for layer in layers:
        if layer in kept:
            made = _narrow(copied(layer, memo), layer)
        memo[id(layer)] = made
    return _VectorRow(made, single)


def _narrow(made: Any, layer: Any) -> Any:  # noqa: ANN401  # a layer of a vector
    """The copied layer, for a vector of one."""
    if layer.num_envs > 1 and library_of(layer) != "gymnasium":
        raise UnmadeError(f"its layer {type(layer).__name__} was made for {layer.num_envs} environments")
    state = vars(made)
    for name in ("observation_space", "action_space"):
        if state.get(f"_{name}") is not None:
            state[f"_{name}"] = batch_space(getattr(made, f"single_{name}"), 1)
    if "out" in state:
        state["out"] = create_empty_array(made.single_observation_space, 1)
    return made


def _in_sb3(env: Any, single: Env) -> Env:  # noqa: ANN401
    base, *layers = _sb3_stack(env)
    kept = [layer for layer in layers if not is_left_out(layer)]
    if not kept:
        return single
    held = _Held(single)
    made = _sb3().DummyVecEnv([lambda: held])
    memo: dict[int, Any] = {id(base): made}
    for layer in layers:
        if layer in kept:
            made = _sb3_layer(layer, made, memo)
        memo[id(layer)] = made
    return _Sb3Row(made, held)


def _sb3_layer(layer: Any, below: Any, memo: dict[int, Any]) -> Any:  # noqa: ANN401
    """The layer for a vector of one; statistics stay as they are, and rewards."""
    library = _sb3()
    if type(layer) is library.VecFrameStack:
        return library.VecFrameStack(below, *_stacking(layer.stacked_obs))
    if layer.num_envs > 1 and library_of(layer) != "stable_baselines3":
        raise UnmadeError(f"its layer {type(layer).__name__} was made for {layer.num_envs} environments")
    made = copied(layer, memo, shared=("class_attributes",))
    made.num_envs = 1
    if isinstance(made, library.VecNormalize):
        made.training = made.norm_reward = False
    return made


def _stacking(stacked: Any) -> tuple[int, Any]:  # noqa: ANN401
    """How many observations are stacked, and along which channels."""
    parts = getattr(stacked, "sub_stacked_observations", None)
    if parts is not None:
        return stacked.n_stack, {key: _stacking(part)[1] for key, part in parts.items()}
    return stacked.n_stack, "first" if stacked.channels_first else "last"


class _Row(gymnasium.Env[Any, Any]):
    """The only environment of a vector, as one: what it shows is the single environment's."""

    def __init__(self, made: Any, single: Env) -> None:  # noqa: ANN401
        self.many = made
        self.single = single
        self.metadata = single.metadata
        self.render_mode = single.render_mode
        self.spec = single.spec

    def render(self) -> Any:  # noqa: ANN401
        return self.single.render()

    def close(self) -> None:
        self.many.close()


class _VectorRow(_Row):
    def __init__(self, made: Any, single: Env) -> None:  # noqa: ANN401
        super().__init__(made, single)
        self.observation_space = made.single_observation_space
        self.action_space = made.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observations, infos = self.many.reset(seed=seed, options=options)
        return _row(observations), _info(infos)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        observations, rewards, terminated, truncated, infos = self.many.step(np.asarray(action)[None])
        return _row(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _info(infos)


class _Sb3Row(_Row):
    def __init__(self, made: Any, single: _Held) -> None:  # noqa: ANN401
        super().__init__(made, single)
        self.held = single
        self.observation_space = made.observation_space
        self.action_space = made.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        del options
        if seed is not None:
            self.many.seed(seed)
        self.held.is_wanted = True
        return _row(self.many.reset()), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        observations, rewards, dones, infos = self.many.step(np.asarray(action)[None])
        truncated = bool(infos[0].get("TimeLimit.truncated"))
        return _row(observations), float(rewards[0]), bool(dones[0]) and not truncated, truncated, infos[0]


class _Held(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Is reset when that is wanted, not by the vector at an episode's end: its last picture would be lost."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.is_wanted = True
        self._last: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if not self.is_wanted:
            return self._last, {}
        self.is_wanted = False
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401
        self._last, reward, terminated, truncated, info = self.env.step(action)
        return self._last, reward, terminated, truncated, info


def _row(observations: Any) -> Any:  # noqa: ANN401
    if isinstance(observations, dict):
        return {key: _row(part) for key, part in observations.items()}
    if isinstance(observations, tuple):
        return tuple(_row(part) for part in observations)
    return observations[0]


def _info(infos: dict[str, Any]) -> dict[str, Any]:
    """What an environment says of success, out of what a vector makes of it."""
    return {name: infos[name][0] for name in ("is_success", "success") if name in infos}
