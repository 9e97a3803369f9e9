"""A declared mapping: from what an environment observes to what a policy takes, and from its actions back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.files import plain_errors
from rlgauge.episodes.latency import Elsewhere, Latency
from rlgauge.episodes.observations import Batch, make_batch
from rlgauge.episodes.policies.mapping_steps import Step, action_step, observation_step
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, CountsCalls, Illegal, Observations

if TYPE_CHECKING:
    import gymnasium

    from rlgauge.episodes.policies.source import PolicySource

_ENTRY = {"from", "do", "text"}
_ACTION = {"size", "do"}
_MAX_TEXT = 4096


@dataclass(frozen=True)
class Entry:
    """One of the policy's observations: a text, or the parts that are drawn together, and what is done with them.

    A part is a name, nested ones joined by a slash, or an entry; no part is the whole observation.
    """

    parts: tuple[str | Entry, ...] = ()
    steps: tuple[Step, ...] = ()
    text: str | None = None


@dataclass(frozen=True)
class ActionEntry:
    """How many numbers the policy's action has (None: as many as the environment's), and what is done with them."""

    size: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Declared:
    """What a file declares; `observation` is one entry where the policy takes one array."""

    file: str
    observation: dict[str, Entry] | Entry | None
    action: ActionEntry | None

    def between(self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any]) -> Adapted:
        """The spaces that the policy is opened for. Raises UserError where the environment has not what is named."""
        try:
            seen = _seen(self.observation, observation_space)
            acted = action_space if self.action is None else _acted(self.action, action_space)
        except UserError as error:
            raise UserError(f"The mapping '{self.file}' does not fit the environment. {error}") from error
        except (ValueError, IndexError) as error:
            raise UserError(f"The mapping '{self.file}' does not fit the environment: {error}.") from error
        return Adapted(self, seen, acted, action_space)


@dataclass(frozen=True)
class Adapted:
    """A mapping between a policy and the spaces of an environment."""

    declared: Declared
    observation_space: gymnasium.Space[Any]
    action_space: gymnasium.Space[Any]
    given: gymnasium.Space[Any]

    def wrap(self, policy: BatchPolicy, *, width: int) -> BatchPolicy:
        """A policy for the environment, of one for the mapped spaces; its actions may be chunks."""
        return MappedPolicy(policy, self, make_batch(self.observation_space, width))


class MappedPolicy:
    """A policy that sees what a mapping makes of the observations, and acts by what it makes of the actions.

    Actions are clipped to the environment's bounds.
    """

    def __init__(self, policy: BatchPolicy, adapted: Adapted, batch: Batch) -> None:
        self._policy = policy
        self._entries = adapted.declared.observation
        self._action = adapted.declared.action
        self._given = adapted.given
        self._batch = batch
        self._count = 0
        self.bit_stable = policy.bit_stable

    @property
    def num_calls(self) -> int:
        """Of the policy, which may not count: then every one."""
        return self._policy.num_calls if isinstance(self._policy, CountsCalls) else self._count

    def begin(self, row: int, seed: int) -> None:
        """The policy's row begins."""
        self._policy.begin(row, seed)

    def act(self, observations: Observations, active: Sequence[int]) -> Sequence[Action]:
        """The policy's actions, mapped. Raises WrongActionError as the policy does."""
        self._count += 1
        for row in active:
            self._batch.put(row, _observed(self._entries, _row(observations, row)))
        actions = self._policy.act(self._batch.value, active)
        if self._action is None:
            return actions
        mapped: list[Action] = [None] * len(actions)
        for row in active:
            mapped[row] = self._back(actions[row])
        return mapped

    def note_in(self, latency: Latency) -> None:
        """The policy's own parts of its calls, where it knows them."""
        if isinstance(self._policy, Elsewhere):
            self._policy.note_in(latency)

    def close(self) -> None:
        """Close the policy."""
        self._policy.close()

    def _back(self, action: Any) -> Action:  # noqa: ANN401  # one action, a chunk of them, or Illegal
        if isinstance(action, Illegal) or self._action is None:
            return action
        if isinstance(action, (list, tuple)) or np.ndim(action) > 1:
            return [self._back(one) for one in action]
        space: Any = self._given
        made = np.clip(_through(self._action.steps, np.asarray(action)), space.low, space.high)
        if space.dtype.kind in "iu" and not (made == np.floor(made)).all():  # NaN included
            return Illegal(
                f"returned an action of which the mapping makes {made!r:.100}, but the action space {space} takes "
                "integers"
            )
        return made.astype(space.dtype)


def read_mapping(source: PolicySource) -> Declared | None:
    """What the file in the option `mapping` declares; None without one. Raises UserError."""
    path = source.file("mapping")
    return None if path is None else declared(path)


def declared(path: Path) -> Declared:
    """What the file declares. Raises UserError."""
    import yaml

    with plain_errors(path):
        text = path.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
        _only(content, {"observation", "action"}, "the file")
        return Declared(str(path), _entries(content.get("observation")), _action_entry(content.get("action")))
    except yaml.YAMLError as error:
        raise UserError(f"The mapping '{path}' is no YAML: {' '.join(str(error).split())}.") from error
    except UserError as error:
        raise UserError(f"The mapping '{path}' can't be read. {error}") from error


def _only(content: object, known: set[str], what: str) -> None:
    """Raise UserError unless it is a mapping of these names."""
    if not isinstance(content, dict):
        raise UserError(f"{what.capitalize()} holds {content!r:.60}, not names with values.")
    for name in content:
        if name not in known:
            raise unknown(f"name in {what}", str(name), known)


def _entries(content: object) -> dict[str, Entry] | Entry | None:
    if content is None:
        return None
    if isinstance(content, dict) and content and not content.keys() <= _ENTRY:
        return {str(key): _entry(value, f"the observation {key!r}") for key, value in content.items()}
    return _entry(content, "the observation")


def _entry(content: object, what: str) -> Entry:
    if isinstance(content, str):
        return Entry((content,))
    if isinstance(content, list):
        return Entry(tuple(_part(one, what) for one in content))
    _only(content, _ENTRY, what)
    told: dict[str, Any] = content if isinstance(content, dict) else {}
    if "text" in told:
        if len(told) > 1:
            raise UserError(f"{what.capitalize()} is a text, and nothing else can be said of it.")
        return Entry(text=str(told["text"]))
    source, steps = told.get("from", []), told.get("do", [])
    parts = [source] if isinstance(source, str) else source
    if not isinstance(parts, list) or not isinstance(steps, list):
        raise UserError(f"{what.capitalize()} takes lists: `{{from: [a, b], do: [unit, channels_first]}}`.")
    return Entry(tuple(_part(one, what) for one in parts), tuple(map(observation_step, steps)))


def _part(content: object, what: str) -> str | Entry:
    return content if isinstance(content, str) else _entry(content, what)


def _action_entry(content: object) -> ActionEntry | None:
    if content is None:
        return None
    told: dict[str, Any] = {"do": content} if isinstance(content, list) else content  # type: ignore[assignment]
    _only(told, _ACTION, "the action")
    size, steps = told.get("size"), told.get("do", [])
    if size is not None and (type(size) is not int or size < 1):
        raise UserError(f"The size of the action is {size!r}; it takes a number of numbers, such as 7.")
    if not isinstance(steps, list):
        raise UserError("The action takes a list of steps: `do: [{slice: [0, 7]}, {negate: [6]}]`.")
    return ActionEntry(size, tuple(map(action_step, steps)))


def _seen(entries: dict[str, Entry] | Entry | None, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    """What the policy observes."""
    from gymnasium import spaces

    if entries is None:
        return space
    if isinstance(entries, Entry):
        return _space_of(entries, space, "the observation")
    return spaces.Dict({key: _space_of(entry, space, repr(key)) for key, entry in entries.items()})


def _space_of(entry: Entry, space: gymnasium.Space[Any], what: str) -> gymnasium.Space[Any]:
    """The space of an entry: its bounds are what becomes of the bounds, where a step keeps their order."""
    from gymnasium import spaces

    if entry.text is not None:
        return spaces.Text(_MAX_TEXT, min_length=0)
    found = [_space_of(part, space, what) if isinstance(part, Entry) else _find(space, part) for part in entry.parts]
    found = found or [space]
    boxes = [box for part in found if (box := _box(part)) is not None]
    if len(boxes) < len(found):
        if len(found) > 1 or entry.steps:
            raise ValueError(f"{what} is made of {found[0]}, which is no array, and can only be handed on")
        return found[0]
    if not entry.steps and len(boxes) == 1:
        return found[0]
    zero = _checked(entry, [np.zeros(box.shape, box.dtype) for box in boxes], what)
    low, high = (_bound(entry, [getattr(box, side) for box in boxes], zero) for side in ("low", "high"))
    if low is None or high is None:
        return spaces.Box(-np.inf, np.inf, zero.shape, zero.dtype)
    return spaces.Box(low, high, zero.shape, zero.dtype)


def _find(space: gymnasium.Space[Any], name: str) -> gymnasium.Space[Any]:
    """The space of one observation. Raises UserError with the nearest name."""
    from gymnasium import spaces

    for part in _path(space, name):
        if not isinstance(space, spaces.Dict):
            raise UserError(f"It names the observation {name!r}, but the environment gives {space}.")
        if part not in space.spaces:
            raise unknown("observation of the environment", part, space.spaces)
        space = space.spaces[part]
    return space


def _path(space: gymnasium.Space[Any], name: str) -> list[str]:
    known = getattr(space, "spaces", {})
    return [name] if name in known else name.split("/")


def _box(space: gymnasium.Space[Any]) -> Any:  # noqa: ANN401  # a Box, or None
    """The space as one of arrays; None where its values are none."""
    from gymnasium import spaces

    match space:
        case spaces.Box():
            return space
        case spaces.Discrete():
            return spaces.Box(space.start, space.start + space.n - 1, (), np.int64)
        case spaces.MultiBinary():
            return spaces.Box(0, 1, space.shape, np.int8)
        case spaces.MultiDiscrete():
            return spaces.Box(space.start, space.start + space.nvec - 1, dtype=space.dtype)
        case _:
            return None


def _checked(entry: Entry, values: list[Any], what: str) -> Any:  # noqa: ANN401  # an array
    """What becomes of the values. Raises ValueError with the step that can't take them."""
    value = _joined(values)
    for step in entry.steps:
        try:
            value = step.apply(value)
        except (ValueError, IndexError) as error:
            raise ValueError(f"the step {step.name!r} of {what} {error}") from error
    return value


def _bound(entry: Entry, bounds: list[Any], like: Any) -> Any:  # noqa: ANN401  # arrays
    """What becomes of a bound; None where that is no bound."""
    if not all(step.keeps_order for step in entry.steps) or not all(np.isfinite(bound).all() for bound in bounds):
        return None
    bound = _through(entry.steps, _joined(bounds))
    return bound.astype(like.dtype)


def _acted(entry: ActionEntry, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
    """What the policy gives, without bounds. Raises UserError where the environment would not take what it becomes."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise UserError(f"The mapping changes actions, which works for one row of numbers, not for {space}.")
    size = entry.size or space.shape[0]
    action = np.zeros(size, np.float32)
    for step in entry.steps:
        try:
            action = step.apply(action)
        except (ValueError, IndexError) as error:
            raise ValueError(f"the step {step.name!r} of the action {error}") from error
    if action.shape != space.shape:
        raise ValueError(
            f"of the policy's {size} numbers it makes an action of shape {action.shape}, but the environment takes "
            f"{space.shape}; `size` says how many the policy gives, `slice` takes some of them"
        )
    return spaces.Box(-np.inf, np.inf, (size,), np.float32)


def _observed(entries: dict[str, Entry] | Entry | None, observation: Any) -> Any:  # noqa: ANN401
    """What the policy sees of one observation."""
    if entries is None:
        return observation
    if isinstance(entries, Entry):
        return _value_of(entries, observation)
    return {key: _value_of(entry, observation) for key, entry in entries.items()}


def _value_of(entry: Entry, observation: Any) -> Any:  # noqa: ANN401
    if entry.text is not None:
        return entry.text
    if not entry.parts:
        return _through(entry.steps, np.array(observation))
    values = [
        _value_of(part, observation) if isinstance(part, Entry) else _pick(observation, part) for part in entry.parts
    ]
    if len(values) == 1 and not entry.steps:
        return np.array(values[0]) if isinstance(values[0], np.ndarray) else values[0]
    return _through(entry.steps, _joined(values))


def _pick(observation: Any, name: str) -> Any:  # noqa: ANN401
    if name in observation:
        return observation[name]
    for part in name.split("/"):
        observation = observation[part]
    return observation


def _joined(values: Sequence[Any]) -> Any:  # noqa: ANN401  # an array
    if len(values) == 1:
        return np.asarray(values[0])
    return np.concatenate([np.atleast_1d(value) for value in values], axis=-1)


def _through(steps: Sequence[Step], value: Any) -> Any:  # noqa: ANN401  # arrays
    for step in steps:
        value = step.apply(value)
    return value


def _row(observations: Observations, row: int) -> Any:  # noqa: ANN401  # of the environment's own type
    """One row's observation, which is not to be kept."""
    if isinstance(observations, dict):
        return {key: array[row] for key, array in observations.items()}
    return observations[row]
