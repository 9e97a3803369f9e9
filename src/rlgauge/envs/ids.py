"""The environments that we register with Gymnasium, by id: known to it without their modules being imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, NamedTuple

_POSITIONS: Mapping[str, Any] = {"exclude_current_positions_from_observation": False}
_ENDLESS: Mapping[str, Any] = {**_POSITIONS, "terminate_when_unhealthy": False}
_MUJOCO, _MUJOCO_STEPS = "gymnasium.envs.mujoco.", 1000


class Entry(NamedTuple):
    """What makes an environment, when it is cut off, and what its maker is given."""

    entry_point: str
    max_episode_steps: int
    kwargs: Mapping[str, Any] = {}


SEALS: Mapping[str, Entry] = {
    "seals/CartPole-v0": Entry("rlgauge.envs.seals:CartPole", 500),
    "seals/MountainCar-v0": Entry("rlgauge.envs.seals:MountainCar", 200),
    "seals/Ant-v1": Entry(
        f"{_MUJOCO}ant_v5:AntEnv",
        _MUJOCO_STEPS,
        {**_ENDLESS, "include_cfrc_ext_in_observation": False, "contact_cost_weight": 0.0},
    ),
    "seals/HalfCheetah-v1": Entry(f"{_MUJOCO}half_cheetah_v5:HalfCheetahEnv", _MUJOCO_STEPS, _POSITIONS),
    "seals/Hopper-v1": Entry(f"{_MUJOCO}hopper_v5:HopperEnv", _MUJOCO_STEPS, _ENDLESS),
    "seals/Swimmer-v1": Entry(f"{_MUJOCO}swimmer_v5:SwimmerEnv", _MUJOCO_STEPS, _POSITIONS),
    "seals/Walker2d-v1": Entry(
        f"{_MUJOCO}walker2d_v5:Walker2dEnv", _MUJOCO_STEPS, {**_ENDLESS, "xml_file": "walker2d.xml"}
    ),
}
"""Those of `rlgauge.envs.seals`. Before v5 a foot of Walker2d slid more easily than the other; contacts cost an ant
nothing, for MuJoCo did not tell them to v4."""
CHAIN: Mapping[str, Entry] = {"rlgauge/NChain-v0": Entry("rlgauge.envs.nchain:NChain", 1000)}
"""That of `rlgauge.envs.nchain`."""


def register(entries: Mapping[str, Entry]) -> None:
    """Register them with Gymnasium, but for ids that it has: the package seals may have been first."""
    import gymnasium

    for name, (entry_point, steps, kwargs) in entries.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point=entry_point, max_episode_steps=steps, kwargs=dict(kwargs))


def announce() -> None:
    """Register all of them, those of seals only where the package seals is not installed, which has its own."""
    register(CHAIN)
    package = importlib.util.find_spec("seals")
    if package is None or package.origin is None:
        register(SEALS)
