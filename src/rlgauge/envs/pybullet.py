"""PyBullet's environments for Gymnasium: importing this module registers them.

Most are those of pybullet-envs-gymnasium. Minitaur and the cart-pole, which it left out, are those that the pybullet
package still ships for OpenAI Gym: they keep the ids that they have there.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from numpy.typing import NDArray

_OWN = {
    "CartPoleContinuousBulletEnv-v0": ("CartPoleContinuousBulletEnv", 200),
    "MinitaurBulletEnv-v0": ("MinitaurBulletEnv", 1000),
}
"""The class in `pybullet_envs.bullet`, and the steps after which an episode is cut off."""
_OLD = frozenset({"gym", "pkg_resources"})
_FRAME = (320, 240)
"""Pixels of Minitaur's frames, width and height; its own are nine times as many, which takes long without a GPU."""


class OfGym(gymnasium.Env[Any, Any]):
    """An environment of `pybullet_envs.bullet`, made for OpenAI Gym, as Gymnasium wants them."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012  # as its class declares it

    def __init__(self, name: str, *, render_mode: str | None = None) -> None:
        """Make the one of that name; nothing opens a window."""
        with _old_modules():
            bullet = importlib.import_module("pybullet_envs.bullet")
            minitaur: Any = importlib.import_module("pybullet_envs.bullet.minitaur_gym_env")
        minitaur.RENDER_WIDTH, minitaur.RENDER_HEIGHT = _FRAME
        made = getattr(bullet, name)
        self._env = made(renders=False) if name.startswith("CartPole") else made(render=False)
        self.render_mode = render_mode
        self.observation_space = _box(self._env.observation_space)
        self.action_space = _box(self._env.action_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """What is seen at the start of an episode."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._env.seed(seed)
        return np.asarray(self._env.reset(), np.float32), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], SupportsFloat, bool, bool, dict[str, Any]]:
        """What is seen after an action; these environments never cut an episode off by themselves."""
        observation, reward, is_done, info = self._env.step(action)
        return np.asarray(observation, np.float32), float(reward), bool(is_done), False, info

    def render(self) -> Any:  # noqa: ANN401  # a frame of what size it likes
        """A frame, (height, width, 3), uint8."""
        return np.asarray(self._env.render(mode="rgb_array"), np.uint8)

    def close(self) -> None:
        """End the simulation."""
        self._env.close()


def _box(space: Any) -> gymnasium.spaces.Box:  # noqa: ANN401  # of Gym's class, or of Gymnasium's
    return gymnasium.spaces.Box(np.asarray(space.low, np.float32), np.asarray(space.high, np.float32), dtype=np.float32)


@contextlib.contextmanager
def _old_modules() -> Iterator[None]:
    """Stand-ins for `gym` and `pkg_resources`, which `pybullet_envs` imports, in place of any that are installed.

    They need not be, and it knows only a Gym older than 0.26. Afterwards what was imported of them is there as it was.
    """
    before = _taken_out()
    sys.modules.update(_stand_ins())
    try:
        yield
    finally:
        _taken_out()
        sys.modules.update(before)


def _taken_out() -> dict[str, ModuleType]:
    """What is imported of `gym` and `pkg_resources`, which is forgotten."""
    names = [name for name in sys.modules if name.partition(".")[0] in _OLD]
    return {name: sys.modules.pop(name) for name in names}


class _GymEnv:
    """What environments for OpenAI Gym have from its class."""

    def close(self) -> None:
        """Nothing by itself."""


def _stand_ins() -> dict[str, ModuleType]:
    registry = SimpleNamespace(env_specs={})
    registration = {"registry": registry, "register": lambda *_, **__: None, "make": None, "spec": None}
    modules: dict[str, dict[str, Any]] = {
        "gym": {"Env": _GymEnv, "spaces": gymnasium.spaces, "__version__": "0.26.2", "__path__": []},
        "gym.envs": {"__path__": []},
        "gym.envs.registration": registration,
        "gym.utils": {"seeding": gymnasium.utils.seeding, "__path__": []},
        "gym.utils.seeding": {"np_random": gymnasium.utils.seeding.np_random},
        "pkg_resources": {"parse_version": lambda text: tuple(int(part) for part in text.split("."))},
    }
    made = {name: ModuleType(name) for name in modules}
    for name, parts in modules.items():
        vars(made[name]).update(parts)
        above, _, own = name.rpartition(".")
        if above:
            setattr(made[above], own, made[name])
    return made


def _register() -> None:
    import pybullet_envs_gymnasium  # noqa: F401  # registers most of them

    for env_id, (name, limit) in _OWN.items():
        if env_id not in gymnasium.registry:
            entry = f"{__name__}:OfGym"
            gymnasium.register(env_id, entry_point=entry, kwargs={"name": name}, max_episode_steps=limit)


_register()
