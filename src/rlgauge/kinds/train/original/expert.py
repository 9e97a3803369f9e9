"""An expert of ours as a policy of Stable-Baselines3, which the library can be told to ask."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.policies import BasePolicy

from rlgauge.kinds.train.experts.expert import find_expert

if TYPE_CHECKING:
    from gymnasium import spaces
    from numpy.typing import NDArray


class AskedExpert(BasePolicy):
    """Acts as the expert of that name, always the same in the same observation. It is pickled by its name."""

    def __init__(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], *, name: str, folder: Path
    ) -> None:
        """Open the expert; a path in its name begins from `folder`. Raises UserError for one of another environment."""
        super().__init__(observation_space, action_space)
        self._opens = functools.partial(type(self), observation_space, action_space, name=name, folder=folder)
        with contextlib.chdir(folder):
            self._label = find_expert(name).label(self)  # type: ignore[arg-type]  # it has the spaces

    def __reduce__(self) -> tuple[Any, ...]:
        """Its network is in a file, and is opened from there."""
        return self._opens, ()

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,  # noqa: FBT001, FBT002  # as Stable-Baselines3 calls it
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """The actions in observations (n, *observation)."""
        del episode_start, deterministic
        return self._label(np.asarray(observation)), state

    def _predict(self, observation: Any, deterministic: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # as above
        raise NotImplementedError
