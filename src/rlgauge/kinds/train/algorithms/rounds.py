"""What is kept of DAgger's rounds, so that a training that was killed goes on."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rlgauge.core.errors import UserError
from rlgauge.core.files import read_if_there, write_atomic
from rlgauge.kinds.train.algorithms.gathering import Labelled

if TYPE_CHECKING:
    from rlgauge.kinds.train.algorithms.bc import Fit


class Rounds:
    """The labelled data of the rounds so far, and the state of the training behind the last of them.

    A folder holds `round-000.npz`, ..., and `state.pt`, which is written last: what lies there beyond its number of
    rounds is of a round that was not finished, and is gathered again. Random numbers need no keeping, as a round draws
    its own from the seed and its index. `origin` tells apart folders of other configurations, seeds or data.
    """

    def __init__(self, folder: Path | None, *, origin: str) -> None:
        """Know where they are kept; None: nowhere."""
        self._folder = folder
        self._origin = origin
        self.labelled: list[Labelled] = []

    @property
    def num_steps(self) -> int:
        """Labelled in all rounds."""
        return sum(len(part.observations) for part in self.labelled)

    def resume(self, fit: Fit) -> str | None:
        """Take up what the folder holds; what the context had been told then, or None where there is nothing.

        Raises UserError where it is of another training.
        """
        content = None if self._folder is None else read_if_there(self._folder / "state.pt")
        if self._folder is None or content is None:
            return None
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
        if state["origin"] != self._origin:
            raise UserError(
                f"{self._folder} holds rounds of DAgger of another configuration, seed or set of demonstrations: "
                "choose another folder, or remove it."
            )
        self.labelled = [_read(self._path(self._folder, index)) for index in range(state["num_rounds"])]
        fit.policy.load_state_dict(state["policy"])
        fit.optimizer.load_state_dict(state["optimizer"])
        fit.num_batches = state["num_batches"]
        return str(state["told"])

    def keep(self, fit: Fit, told: str) -> None:
        """Write the last round, what the training is now, and what the context was told until now."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        np.savez(file, **self.labelled[-1]._asdict())
        write_atomic(self._path(self._folder, len(self.labelled) - 1), file.getvalue())
        state = {
            "origin": self._origin,
            "num_rounds": len(self.labelled),
            "num_batches": fit.num_batches,
            "told": told,
            "policy": fit.policy.state_dict(),
            "optimizer": fit.optimizer.state_dict(),
        }
        file = io.BytesIO()
        torch.save(state, file)
        write_atomic(self._folder / "state.pt", file.getvalue())

    @staticmethod
    def _path(folder: Path, index: int) -> Path:
        return folder / f"round-{index:03d}.npz"


def _read(path: Path) -> Labelled:
    with np.load(path) as arrays:
        return Labelled(**{name: arrays[name] for name in Labelled._fields})
