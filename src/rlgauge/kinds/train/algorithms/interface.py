"""What an algorithm is given and what it gives back: `train(make_env, demonstrations, config, context) -> policy`.

Ours give back a policy of Stable-Baselines3. Another's may be anything that acts.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from numpy.typing import NDArray

from rlgauge.core.errors import unknown

if TYPE_CHECKING:
    import gymnasium

    from rlgauge.kinds.train.demonstrations import Demonstrations

MakeEnv: TypeAlias = "Callable[[], gymnasium.Env[Any, Any]]"
Label: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""The expert's actions, (n, *action), in the observations, (n, *observation): the same whenever it is asked."""


class Context(Protocol):
    """What a training is told, and where it tells how it goes."""

    @property
    def seed(self) -> int:
        """Of everything random: the same seed gives the same policy on the same machine."""

    @property
    def folder(self) -> Path | None:
        """Where checkpoints lie, also those of an attempt that was killed; None: none are kept."""

    @property
    def label(self) -> Label | None:
        """The expert; only DAgger asks it."""

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Scalars at a number of environment steps, or of batches where no environment is stepped."""

    def progress(self, done: int, total: int) -> None:
        """How far it is, in what it counts its steps in."""

    def told(self) -> str:
        """All that was logged and counted so far, to be kept with a checkpoint."""

    def take_up(self, told: str, *, where: str) -> None:
        """Go on from a checkpoint, with what was told until then; `where` names it, such as `round 5`."""


class Train(Protocol):
    """Any algorithm."""

    def __call__(self, make_env: MakeEnv, demonstrations: Demonstrations, config: Any, context: Context) -> object:  # noqa: ANN401  # its own
        """A policy that was trained."""


ALGORITHMS = ("airl", "bc", "dagger", "gail")


def find(algorithm: str) -> Train:
    """The algorithm of that name. Raises UserError."""
    if algorithm not in ALGORITHMS:
        raise unknown("algorithm", algorithm, ALGORITHMS)
    with _uncollected():
        train: Train = importlib.import_module(f"{__package__}.{algorithm}").train
    return train


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have the garbage collector pass over what is imported: all of it stays, and looking through it takes long.

    Where torch is there already nothing is set aside: what else this process made by then may be garbage one day.
    """
    is_on, is_new = gc.isenabled(), "torch" not in sys.modules
    gc.disable()
    try:
        yield
    finally:
        if is_new:
            gc.freeze()
        if is_on:
            gc.enable()
