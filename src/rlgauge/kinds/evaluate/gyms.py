"""The environments of a benchmark: made lane by lane where they are used, closed by who made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    import gymnasium

Gym: TypeAlias = "gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]]"
"""An environment, or a function without arguments that makes one."""


class Task(NamedTuple):
    """One environment of a benchmark: its name in the results and all that defines it, as JSON."""

    id: str
    environment: dict[str, Any]


class Gyms:
    """Environments by task position and lane.

    `create` gives the whole list, one entry a task; it may be called again for another lane. Instances that were given
    rather than created (`create` is None) have one lane and are closed by who made them.
    """

    def __init__(self, given: Sequence[Gym] | None, create: Callable[[], Sequence[Gym]]) -> None:
        """Nothing is made yet."""
        self._create = None if given is not None else create
        self._lists: list[list[Gym]] = [] if given is None else [list(given)]
        self._made: dict[tuple[int, int], gymnasium.Env[Any, Any]] = {}

    def __len__(self) -> int:
        """How many tasks there are."""
        return len(self._list(0))

    def num_lanes(self, position: int, wanted: int) -> int:
        """How many lanes a task can have: as many as wanted, one where only one instance was given."""
        return wanted if self._create is not None or self._is_factory(self._list(0)[position]) else 1

    def env(self, position: int, lane: int) -> gymnasium.Env[Any, Any]:
        """The environment of a lane, made on first use."""
        if (position, lane) not in self._made:
            entry = self._list(0)[position]
            if self._is_factory(entry):
                self._made[position, lane] = _checked(entry())  # type: ignore[operator]  # a factory
            else:
                return _checked(self._list(lane)[position])
        return self._made[position, lane]

    def remake(self, position: int, lane: int) -> gymnasium.Env[Any, Any]:
        """A new environment for a lane whose own has broken; a given instance can only be used again."""
        if self._made.pop((position, lane), None) is None and self._create is not None:
            self._lists[lane] = list(self._create())
        return self.env(position, lane)

    def close_task(self, position: int) -> None:
        """Close what was made for one task from factories."""
        for key in [key for key in self._made if key[0] == position]:
            self._made.pop(key).close()

    def close(self) -> None:
        """Close all that was made here."""
        for env in self._made.values():
            env.close()
        self._made.clear()
        if self._create is not None:
            for entry in (entry for entries in self._lists for entry in entries):
                if not self._is_factory(entry):
                    entry.close()  # type: ignore[union-attr]  # an instance
            self._lists.clear()

    def _list(self, lane: int) -> list[Gym]:
        while len(self._lists) <= lane:
            if self._create is None:
                raise UserError("The benchmark was given environment instances: there is one lane each.")
            created = list(self._create())
            if not created:
                raise UserError("The benchmark has no environments: create_gyms() returned an empty list.")
            self._lists.append(created)
        return self._lists[lane]

    @staticmethod
    def _is_factory(entry: Gym) -> bool:
        return callable(entry) and not callable(getattr(entry, "step", None))


def _checked(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    missing = [name for name in _NEEDED if not hasattr(env, name)]
    if missing:
        raise UserError(
            f"{env!r} is no Gymnasium environment: it lacks {', '.join(missing)}. create_gyms() returns environments, "
            "or functions without arguments that make them."
        )
    return env


_NEEDED = ("reset", "step", "close", "observation_space", "action_space")


def unique(names: Sequence[str]) -> list[str]:
    """The names, with `-2`, `-3` appended where one comes again."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result
