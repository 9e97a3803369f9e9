"""The environments of a benchmark: made lane by lane where they are used, closed by who made them."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

from rlgauge.core.errors import UserError
from rlgauge.envs.on_device import Named, named

if TYPE_CHECKING:
    import gymnasium

Gym: TypeAlias = "gymnasium.Env[Any, Any] | Callable[[], gymnasium.Env[Any, Any]] | str"
"""An environment, a function without arguments that makes one, or one in JAX by `LIBRARY:NAME` or a class path."""


class Task(NamedTuple):
    """One environment of a benchmark: its name in the results and all that defines it, as JSON.

    `device` is what is played on the device, None for an environment that is an object.
    """

    id: str
    environment: dict[str, Any]
    device: Named | None = None


class Gyms:
    """Environments by task position and lane.

    `create` gives the whole list, one entry a task; it may be called again for another lane. Instances that were given
    rather than created (`create` is None) have one lane and are closed by who made them.
    """

    def __init__(self, given: Sequence[Gym] | None, create: Callable[[], Sequence[Gym]]) -> None:
        """Nothing is made yet. Raises UserError for an empty list."""
        if given is not None and not _is_list(given):
            raise UserError(f"gyms takes a list of environments, not {given!r:.60}.")
        if given is not None and not given:
            raise UserError("The benchmark has no environments: gyms=[] is an empty list.")
        instances = [id(entry) for entry in given or () if not (_is_factory(entry) or isinstance(entry, str))]
        if len(set(instances)) < len(instances):
            raise UserError("The same environment stands twice in gyms: every task needs one of its own.")
        self._create = None if given is not None else create
        self._lists: list[list[Gym]] = [] if given is None else [list(given)]
        self._made: dict[tuple[int, int], gymnasium.Env[Any, Any]] = {}

    def __len__(self) -> int:
        """How many tasks there are."""
        return len(self._list(0))

    def device(self, position: int) -> Named | None:
        """The environment in JAX that a task is about; None for any other."""
        return named(self._list(0)[position])

    def lanes(self, position: int, wanted: int) -> list[gymnasium.Env[Any, Any]]:
        """A task's environments, one a lane: as many as wanted, one where the same one comes again and again."""
        envs = [self.env(position, 0)]
        can_make = self._create is not None or _is_factory(self._list(0)[position])
        for lane in range(1, wanted if can_make else 1):
            env = self.env(position, lane)
            if any(env.unwrapped is other.unwrapped for other in envs):
                break
            envs.append(env)
        return envs

    def env(self, position: int, lane: int) -> gymnasium.Env[Any, Any]:
        """The environment of a lane, made on first use."""
        if (position, lane) not in self._made:
            entry = self._list(0)[position]
            if isinstance(entry, str):
                raise UserError(
                    f"{entry!r} is no environment: a name in gyms is that of one in JAX, such as 'gymnax:CartPole-v1' "
                    f"or 'my_module:MyClass'; for one of Gymnasium give `lambda: gymnasium.make({entry!r})`."
                )
            if not _is_factory(entry):
                return _checked(self._list(lane)[position])
            self._made[position, lane] = _checked(_called(entry))
        return self._made[position, lane]

    def remake(self, position: int, lane: int) -> gymnasium.Env[Any, Any]:
        """A new environment for a lane whose own has broken; a given instance can only be used again."""
        if (position, lane) in self._made:
            _close_broken(self._made.pop((position, lane)))
        elif self._create is not None:
            _close_broken(self.env(position, lane))
            self._lists[lane][position] = self._create_again(position)
        return self.env(position, lane)

    def _create_again(self, position: int) -> Gym:
        """One entry of a new list; what was made for the other tasks is not needed."""
        if self._create is None:
            raise UserError("The benchmark was given environment instances, which can't be made again.")
        created = list(self._create())
        for other, entry in enumerate(created):
            if other != position and not (_is_factory(entry) or isinstance(entry, str)):
                _close_broken(_checked(entry))
        return created[position]

    def close_task(self, position: int) -> None:
        """Close what was made for one task from factories."""
        for key in [key for key in self._made if key[0] == position]:
            self._made.pop(key).close()

    def close(self) -> None:
        """Close all that was made here."""
        own = list(self._made.values())
        if self._create is not None:
            entries = [entry for entries in self._lists for entry in entries if not isinstance(entry, str)]
            own += [_checked(entry) for entry in entries if not _is_factory(entry)]
            self._lists.clear()
        self._made.clear()
        for env in {id(env): env for env in own}.values():
            env.close()

    def _list(self, lane: int) -> list[Gym]:
        while len(self._lists) <= lane:
            if self._create is None:
                raise UserError("The benchmark was given environment instances: there is one lane each.")
            self._lists.append(_created(self._create))
        return self._lists[lane]


def _created(create: Callable[[], Sequence[Gym]]) -> list[Gym]:
    """The environments of a benchmark. Raises UserError where its `create_gyms()` gives none."""
    try:
        created = create()
    except UserError:
        raise
    except Exception as error:  # anybody's code may raise anything
        raise UserError(f"create_gyms() failed: {type(error).__name__}: {error}") from error
    if not _is_list(created):
        raise UserError(f"create_gyms() returned {created!r:.60}: it returns a list of environments.")
    gyms = list(created)
    if not gyms:
        raise UserError("The benchmark has no environments: create_gyms() returned an empty list.")
    return gyms


def _called(make: Callable[[], gymnasium.Env[Any, Any]]) -> gymnasium.Env[Any, Any]:
    """What a function of `gyms` gives. Raises UserError where it fails."""
    try:
        return make()
    except UserError:
        raise
    except Exception as error:  # anybody's code may raise anything
        name = getattr(make, "__qualname__", type(make).__name__)
        raise UserError(f"{name}, which makes an environment, failed: {type(error).__name__}: {error}") from error


def _is_list(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_factory(entry: Gym) -> TypeGuard[Callable[[], gymnasium.Env[Any, Any]]]:
    """A function or an environment's class; an environment may happen to be callable too."""
    return isinstance(entry, type) or (callable(entry) and not callable(getattr(entry, "step", None)))


def _close_broken(env: gymnasium.Env[Any, Any]) -> None:
    with contextlib.suppress(Exception):  # it is broken already
        env.close()


def _checked(env: Any) -> gymnasium.Env[Any, Any]:  # noqa: ANN401  # whatever create_gyms() returned
    missing = [name for name in _NEEDED if not hasattr(env, name)]
    if missing:
        raise UserError(
            f"{env!r} is no Gymnasium environment: it lacks {', '.join(missing)}. create_gyms() returns environments, "
            "or functions without arguments that make them."
        )
    return env  # type: ignore[no-any-return]  # it has all that one has


_NEEDED = ("reset", "step", "close", "observation_space", "action_space", "unwrapped")


def unique(names: Sequence[str]) -> list[str]:
    """The names, with `-2`, `-3` appended where one comes again; no two are the same."""
    result: list[str] = []
    for name in names:
        candidates = (f"{name}-{number}" for number in itertools.count(2) if f"{name}-{number}" not in names)
        result.append(name if name not in result else next(text for text in candidates if text not in result))
    return result
