"""What a script observed and what it did then, some dozens of times: by this, what acts in tests is told from what did.

From time to time, from its first step on and then after an episode's end, an environment gets another `step` for a
hundred steps or two. All others cost nothing.
"""

from __future__ import annotations

import contextlib
import copy
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rlgauge.kinds.train.script.inputs import Given, Inputs
from rlgauge.kinds.train.script.layers import Env, attribute, chain, is_vector, parts_in_process

_LEAST_BETWEEN, _SHARE = 1024, 10
"""After how many steps of all environments one is watched again: at the least, and as a share of those so far."""
_EVERY, _LONGEST = 4, 256
"""Which steps of those that are watched are kept, and how many an environment is watched at the most."""
_FIRST, _AT_ONCE, _ROWS = 64, 32, 4
"""How many steps are kept of those that are watched together, the first time and later, and how many parts of a vector
at a step. Of a script that ends no other episode the first must be enough."""
_KEPT = 128
_LARGEST = 1 << 19
"""Bytes of an observation above which none is kept."""


class Pair(NamedTuple):
    """What the script observed, copied, the action that it gave the environment then, and what modules got between."""

    observation: Any
    action: Any
    inputs: Sequence[Given] = ()


class Stepped(NamedTuple):
    """The environment that a script stepped: itself, as long as it is there, and the spec of one like it, if any.

    `around` names the layers around a vector, of which a spec does not tell. `base` is what lies within all layers.
    """

    env: Callable[[], Env | None]
    spec: Any
    is_many: bool = False
    around: tuple[str, ...] = ()
    base: Callable[[], Env | None] = lambda: None


class Witness:
    """The last of these pairs, and the environment that they are of."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self.pairs: deque[Pair] = deque(maxlen=_KEPT)
        self.stepped: Stepped | None = None
        self.next = 0
        self._window: Callable[[], _Window | None] = _nobody
        self._inputs = Inputs()
        self._vectors: dict[int, Callable[[], Env | None]] = {}
        self._steppers: dict[int, Callable[[], Env | None]] = {}
        self._inner: set[int] = set()

    def was_stepped(self, env: Env) -> bool:
        """Whether the script stepped it through itself, not through a layer around it."""
        is_by_itself = self._there(env) and id(env) not in self._inner
        return is_by_itself or any(self._there(one) for one in (*_beneath(env), *_parts_of_sb3(env)))

    def around(self, env: Env) -> Env | None:
        """A layer around an environment through which the script stepped that; None where there is none."""
        alive = (there() for there in list(self._steppers.values()))
        found = [one for one in alive if one is not None and any(layer is env for layer in chain(one)[1:])]
        return found[-1] if found else None

    def within(self, vector: Env | None, parts: Sequence[Env]) -> None:
        """Know that these are stepped as parts of a vector; by one that can't be watched if it is None."""
        there: Callable[[], Env | None] = _nobody if vector is None else weakref.ref(vector)
        self._vectors.update({id(part): there for part in parts})

    def note(self, env: Env) -> None:
        """Know that an environment is stepped by the script, as the last one that is."""
        place = id(env)
        self._steppers.pop(place, None)
        self._steppers[place] = weakref.ref(env, lambda _: self._steppers.pop(place, None))

    def begun(self, tally: Any) -> None:  # noqa: ANN401  # of either kind
        """Watch the first environment of all from its first step on."""
        if self.next:
            return
        self.next = _LONGEST
        tally.is_noted = True
        with contextlib.suppress(Exception):  # as below
            self._note(tally)
            self._watch(tally, most=_FIRST)

    def ended(self, tally: Any, num_steps: int) -> None:  # noqa: ANN401  # of either kind
        """Watch the environment of the tally, of which an episode has ended, if it is time to: from step `next` on."""
        if not tally.is_noted:
            tally.is_noted = True
            with contextlib.suppress(Exception):  # as below
                self._note(tally)
        if num_steps < self.next:
            return
        self.next = num_steps + max(_LEAST_BETWEEN, num_steps // _SHARE)
        self.close()
        with contextlib.suppress(
            Exception
        ):  # a stranger's environment, which may be asked for nothing and allow nothing
            self._watch(tally)

    def close(self) -> None:
        """Watch no longer."""
        window = self._window()
        if window is not None:
            window.close()
        self._inputs.close()

    def __deepcopy__(self, memo: dict[int, object]) -> Witness:
        return Witness()

    def _note(self, tally: Any) -> None:  # noqa: ANN401  # as above
        """Note what is stepped: the vector of a part, or the part where its vector can't be known."""
        part = tally.layers[0]
        env = self._vectors.get(id(part), lambda: _stepped_of(tally))()
        self.note(part if env is None else env)
        (self._inner.add if env is None else self._inner.discard)(id(part))

    def _there(self, env: Env) -> bool:
        found = self._steppers.get(id(env))
        return found is not None and found() is env

    def _watch(self, tally: Any, *, most: int = _AT_ONCE) -> None:  # noqa: ANN401  # as above
        part = tally.layers[0]
        there = self._vectors.get(id(part))
        env: Env = _stepped_of(tally) if there is None else there()
        if env is None or _is_of_sb3(env):
            return
        is_many = there is not None or is_vector(env)
        if self.stepped is None or self.stepped.env() is not env:
            self.stepped = _described(env, part, is_many=is_many)
        window = _Window(env, env.step, self.pairs, self._inputs, is_many=is_many, most=most)
        self._window = weakref.ref(window)  # so that an environment goes when its script lets go of it
        object.__setattr__(env, "step", window.step)
        self._inputs.open()


def _nobody() -> None:
    """Nothing that is there."""


def _stepped_of(tally: Any) -> Env | None:  # noqa: ANN401  # of either kind
    """The outermost layer whose step is the tally's."""
    for layer in tally.layers:
        if getattr(attribute(layer, "step"), "__self__", None) is tally:
            return layer
    return tally.layers[0] if is_vector(tally.layers[-1]) else None


def _is_of_sb3(env: Env) -> bool:
    return any(cls.__name__ == "VecEnv" for cls in type(env).__mro__)


def _beneath(env: Env) -> list[Env]:
    """What the layers of a vector of Stable-Baselines3 are around, of which only that is counted."""
    found = []
    while _is_of_sb3(env) and (env := attribute(env, "venv")) is not None:
        found.append(env)
    return found


def _parts_of_sb3(env: Env) -> list[Env]:
    return parts_in_process([env, *_beneath(env)][-1]) if _is_of_sb3(env) else []


def _described(env: Env, part: Env, *, is_many: bool) -> Stepped:
    around = []
    layer = env
    while is_many and attribute(layer, "env") is not None:
        around.append(type(layer).__name__)
        layer = attribute(layer, "env")
    spec = None
    with contextlib.suppress(Exception):  # wrappers make the spec when they are asked, and copy what they were given
        spec = (part if is_many else env).spec
    base = weakref.ref(part if is_many else chain(env)[-1])
    return Stepped(weakref.ref(env), spec, is_many, tuple(around), base)


class _Window:
    """An environment's `step` while it is watched. A copy of it, as of its environment, keeps nothing."""

    __slots__ = (
        "__weakref__",
        "_before",
        "_env",
        "_inputs",
        "_is_many",
        "_most",
        "_num",
        "_num_kept",
        "_pairs",
        "_plain",
        "_was_own",
    )

    def __init__(
        self,
        env: Env,
        plain: Any,  # noqa: ANN401  # a method
        pairs: deque[Pair] | None = None,
        inputs: Inputs | None = None,
        *,
        is_many: bool = False,
        most: int = _AT_ONCE,
    ) -> None:
        self._env = env
        self._plain = plain
        self._pairs = pairs
        self._inputs = inputs or Inputs()
        self._is_many = is_many
        self._most = most
        self._was_own = _instance_has_step(env)
        self._before: Any = None
        self._num = 0
        self._num_kept = 0

    def __reduce__(self) -> tuple[type[_Window], tuple[Env, Any]]:
        return _Window, (self._env, self._plain)

    def step(self, *args: object, **named: object) -> Any:  # noqa: ANN401  # what the environment returns
        """The environment's step; of every fourth, what was observed before it and what was done are kept."""
        if self._pairs is None:
            return self._plain(*args, **named)
        if self._before is not None:
            self._keep(args[0] if args else next(iter(named.values()), None))
        result = self._plain(*args, **named)
        self._num += 1
        if self._num_kept >= self._most or self._num >= _LONGEST:
            self.close()
        elif self._num % _EVERY == 0:
            self._look(result)
        return result

    def close(self) -> None:
        """Give the environment its step back, unless somebody else has."""
        self._pairs = None
        self._before = None
        self._inputs.close()
        if getattr(attribute(self._env, "step"), "__self__", None) is not self:
            return
        if self._was_own:
            object.__setattr__(self._env, "step", self._plain)
        else:
            object.__delattr__(self._env, "step")

    def _look(self, result: Any) -> None:  # noqa: ANN401  # as above
        is_over = not self._is_many and bool(result[2] or (len(result) > 4 and result[3]))  # noqa: PLR2004  # of five
        if is_over:
            return
        try:
            if _size(result[0]) <= _LARGEST:
                self._before = _copied(result[0])
                self._inputs.clear()
        except Exception:  # noqa: BLE001  # a stranger's observations need not be copied
            self.close()

    def _keep(self, action: Any) -> None:  # noqa: ANN401  # a stranger's
        before, self._before = self._before, None
        try:
            found = self._rows(before, action) if self._is_many else [self._pair(before, action)]
        except Exception:  # noqa: BLE001  # as above
            self.close()
            return
        if self._pairs is not None:
            self._pairs.extend(found)
            self._num_kept += len(found)

    def _pair(self, before: Any, action: Any) -> Pair:  # noqa: ANN401  # as above
        return Pair(before, _copied(action), self._inputs.of_one(int(getattr(before, "size", 1))))

    def _rows(self, before: Any, action: Any) -> list[Pair]:  # noqa: ANN401  # as above
        """Some parts of a vector, others each time."""
        size = self._env.num_envs
        rows = sorted({(self._num + place) % size for place in range(_ROWS)})
        return [Pair(_row(before, row), _copied(_row(action, row)), self._inputs.of_row(row, size)) for row in rows]


def _instance_has_step(env: Env) -> bool:
    found = attribute(env, "step")
    return getattr(found, "__self__", env) is not env or not hasattr(found, "__func__")


def _copied(value: Any) -> Any:  # noqa: ANN401  # an observation or an action
    if type(value) is int:
        return value
    if type(value).__name__ == "ndarray" and value.dtype.kind != "O":
        return value.copy()
    if hasattr(value, "detach"):
        return value.detach().clone()
    return copy.deepcopy(value)


def _row(value: Any, row: int) -> Any:  # noqa: ANN401  # of a vector's observations or actions
    if isinstance(value, Mapping):
        return {key: _row(part, row) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_row(part, row) for part in value)
    return value[row]


def _size(observation: Any) -> int:  # noqa: ANN401  # as above
    """Bytes, as far as it tells."""
    size = getattr(observation, "nbytes", None)
    if size is None and isinstance(observation, Mapping):
        return sum(map(_size, observation.values()))
    return int(size or 0)
