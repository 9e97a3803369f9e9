"""Counting the episodes of whatever environments a script makes, on the environments' side.

Every class of environments has its `reset` changed, those that are defined later too. A reset that no other one called
is where an environment shows itself as one that the script uses; it gets a tally then (see `tallies`), which counts at
its own `step`. What vectors step one by one in this process is counted part by part; the others as vectors.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from rlgauge.kinds.train.journal import EPISODES, Episode, Journal, Tail, children, of_child, read_made
from rlgauge.kinds.train.script import agreement
from rlgauge.kinds.train.script.children import Starts
from rlgauge.kinds.train.script.counts import INNER, THROUGH, Counts
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.script.layers import MADE, Env, attribute, chain, is_vector, name_of, parts_in_process
from rlgauge.kinds.train.script.parts import PART, Part, pass_through
from rlgauge.kinds.train.script.patching import Method, replace, wrap_in_descendants
from rlgauge.kinds.train.script.seeding import seed_of_reset
from rlgauge.kinds.train.script.tallies import RESETTING, Tally, not_counted, wake
from rlgauge.kinds.train.script.witness import Witness
from rlgauge.kinds.train.spec import Spec

if TYPE_CHECKING:
    from rlgauge.kinds.train.reading import Training

CLASSES = {
    "gymnasium.core": "Env",
    "gymnasium.vector.vector_env": "VectorEnv",
    "gym.core": "Env",
    "gym.vector.vector_env": "VectorEnv",
    "stable_baselines3.common.vec_env.base_vec_env": "VecEnv",
}
"""Where the roots of environments' classes are."""
MAKERS = {
    "gymnasium": ("make", "make_vec"),
    "gymnasium.envs": ("make", "make_vec"),
    "gymnasium.envs.registration": ("make", "make_vec"),
    "gym": ("make",),
    "gym.envs.registration": ("make",),
    "envpool": ("make", "make_gymnasium", "make_gym"),
}
"""Functions that make environments by an id."""
EVALUATORS = ("stable_baselines3.common.evaluation", "stable_baselines3.common.callbacks")
"""Where `evaluate_policy` is, and where it has been imported by name."""


_NOTHING = (
    "Nothing was counted: no step of an environment of Gymnasium, Gym, EnvPool or Stable-Baselines3 was seen in the "
    "script or in processes that it started by multiprocessing."
)
_COMPILED = ("gymnax", "brax", "jumanji", "craftax", "navix", "pgx", "xminigrid", "mujoco_playground")
_NOT_SEEN = (
    " {} steps inside of what JAX has compiled, where nothing is seen: with rlgauge.log({{...}}, step=...) the script "
    "can record what it knows of its episodes."
)


class _Run:
    """What is counted for one script."""

    def __init__(self, journal: Journal, spec: Spec, *, is_child: bool = False, is_one_of_many: bool = False) -> None:
        self.journal = journal
        self.spec = spec
        self.is_child = is_child
        self.is_one_of_many = is_one_of_many
        self.counts = Counts(journal)
        self.made: list[str] = []
        self.num_seeded = 0


class _Told(NamedTuple):
    """What a process is told that the script starts: the script's spec, and when the run began."""

    spec: Spec
    start: float


_run: _Run | None = None
_maker: _Run | None = None
_last: _Run | None = None
_has_hooks = False


def install(journal: Journal, spec: Spec, *, is_one_of_many: bool = False) -> None:
    """Count from now on, and write episodes into the journal; those of processes that it starts into their own.

    Of a process that `is_one_of_many` of a command, each of which counts, nothing is told here but what is its own.
    """
    global _run, _maker, _last  # noqa: PLW0603  # one script a process; classes are changed for all of it
    _run = _maker = _last = _Run(journal, spec, is_one_of_many=is_one_of_many)
    _STARTS.told = _Told(spec, journal.start)
    _hook()


def _hook() -> None:
    global _has_hooks  # noqa: PLW0603  # as above
    if _has_hooks:
        return
    _has_hooks = True
    os.register_at_fork(after_in_child=_begin_in_fork)
    _STARTS.install()
    for module, root in CLASSES.items():
        after_import(module, functools.partial(_change_classes, root=root))
    for module, names in MAKERS.items():
        after_import(module, functools.partial(_change_makers, names=names))
    for module in EVALUATORS:
        after_import(module, _change_evaluation)


def stop() -> None:
    """Count no more, and leave all environments as if nothing had ever been counted."""
    if _run is not None:
        _run.counts.close(trains_elsewhere=_trains_elsewhere(_run))
    _forget()


def made() -> list[str]:
    """Ids of the environments that the script made, in order, each once, and then of those that its processes made."""
    return _made(_last) if _last is not None else []


def num_episodes() -> int:
    """How many episodes have ended in environments that the script trains in, in all of its processes."""
    return _last.counts.num_episodes + _of_children(_last).num_episodes if _last is not None else 0


def num_steps() -> int:
    """How many steps these have taken; of other processes until their last episode ended."""
    return _last.counts.steps + _of_children(_last).num_steps if _last is not None else 0


def steps_by_env() -> Mapping[str, int]:
    """How many steps the training took in each environment, by its id; by its class where it has none."""
    found: Counter[str] = Counter()
    if _last is None:
        return found
    turns = _last.counts.turns
    for origin in turns.origins:
        found[origin.kind] += 0 if origin in turns.others else origin.steps
    for pid in set(children(_last.spec.artifacts, EPISODES)) - {os.getpid()}:
        for episode in Tail(_last.spec.artifacts / of_child(EPISODES, pid), Episode).read():
            found[episode.env] += episode.length
    return found


def stepping_threads() -> set[int]:
    """The threads that began the last episode of an environment of this process."""
    return {origin.thread for origin in _last.counts.turns.origins if origin.steps} if _last is not None else set()


def num_own_steps() -> int:
    """How many steps were taken in this process so far."""
    return _last.counts.turns.total if _last is not None else 0


def num_others() -> int:
    """How many episodes have ended that are none of the training: tests that the script made as it trained."""
    return _last.counts.num_others + _of_children(_last).num_others if _last is not None else 0


def witness() -> Witness | None:
    """What the script was seen to observe and do; None where nothing was counted."""
    return _last.counts.witness if _last is not None else None


def warnings(*, has_failed: bool = False) -> list[str]:
    """What whoever reads the episodes should know: where they were not counted, and where the script counts others.

    Of a script that `has_failed` before its first step nobody needs to be told that there was none.
    """
    if _last is None:
        return []
    counts, elsewhere = _last.counts, _of_children(_last).num_episodes
    is_told = has_failed or _last.is_one_of_many or counts.problems or num_steps() or num_others()
    nothing = [] if is_told else [_nothing()]
    text = (
        f"Episodes of the script's own process ({counts.num_episodes}) and of processes that it started ({elsewhere}) "
        "were counted together. Where some of them only test, its training return and its steps are a mixture."
    )
    mixed = [text] if elsewhere and counts.num_episodes else []
    return [*nothing, *counts.warnings, *mixed, *agreement.warnings(_last.spec.script, num_episodes())]


def _nothing() -> str:
    """That nothing was counted, and why, where that shows."""
    compiled = next((name for name in _COMPILED if name in sys.modules), None)
    return _NOTHING if compiled is None else _NOTHING + _NOT_SEEN.format(compiled)


def _made(run: _Run) -> list[str]:
    return list(dict.fromkeys([*run.made, *read_made(run.spec.artifacts)]))


def _trains_elsewhere(run: _Run) -> bool:
    """Whether other processes of the run have counted episodes of its training."""
    from rlgauge.kinds.train.reading import read_training

    if run.is_one_of_many:
        return read_training(run.spec.artifacts).num_episodes > run.counts.num_episodes
    return _of_children(run).num_episodes > 0


def _of_children(run: _Run) -> Training:
    """What the processes that the script started have counted so far; those of one of many can't be told apart."""
    from rlgauge.kinds.train.reading import Training, read_children

    if run.is_one_of_many:
        return Training()
    return read_children(run.spec.artifacts) if children(run.spec.artifacts, EPISODES) else Training()


def _begin_in_fork() -> None:
    """Count apart from the process that this one was forked from."""
    if _run is None:
        return
    _run.counts.journal = None
    RESETTING.tally = None
    _begin_as_child(_Told(_run.spec, _run.journal.start), _STARTS.is_part)


def _begin_as_child(told: _Told, is_part: bool) -> None:  # noqa: FBT001  # called by what was pickled, too
    """Count as a process of the script; as one of a vector only tell what it makes, and the vector what ended."""
    global _run, _maker  # noqa: PLW0603  # as above
    journal = Journal(told.spec.artifacts, keep_rewards=told.spec.keep_rewards, start=told.start)
    _run = _maker = _Run(journal, told.spec, is_child=True)
    _run.counts.is_part = is_part
    _STARTS.told = told
    _STARTS.is_part = False
    _hook()


_STARTS = Starts(_begin_as_child)


def _forget() -> None:
    global _run, _maker  # noqa: PLW0603  # as above
    _run = _maker = None
    _STARTS.told = None


def _change_classes(module: ModuleType, *, root: str) -> None:
    wrap_in_descendants(getattr(module, root), "reset", _counting_vec_env if root == "VecEnv" else _counting)


def _change_makers(module: ModuleType, *, names: tuple[str, ...]) -> None:
    for name in names:
        replace(module, name, _noting)


def _change_evaluation(module: ModuleType) -> None:
    replace(module, "evaluate_policy", _without_counting)


def _counting(reset: Method) -> Method:
    """The `reset` of a class of environments, by which they show themselves."""

    @functools.wraps(reset)
    def counted_reset(self: Env, *args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's method
        run = _run
        if run is None:
            return reset(self, *args, **named)
        outer = RESETTING.tally
        tally = run.counts.known(self) if outer is not None else _known(run, self)
        if outer is not None:
            if tally is not outer:
                run.counts.belong_to_another(self)
            return reset(self, *args, **named)
        if tally is None:
            tally = _meet_safely(run, self)
            if not args and named.get("seed") is None and not run.is_child:
                _seed(run, self, named)
        if isinstance(tally, str):
            return reset(self, *args, **named)
        if tally.env is not None:
            if tally.env is self:
                tally.begin(named.get("options"))
            return reset(self, *args, **named)
        tally.num_resets += 1
        RESETTING.tally = tally
        try:
            return reset(self, *args, **named)
        finally:
            RESETTING.tally = None

    return counted_reset


def _known(run: _Run, env: Env) -> Any:  # noqa: ANN401  # a tally, or what stands for one
    """The tally of an environment that the script resets; None of one that is new, or that had others round it."""
    tally = run.counts.known(env)
    is_beneath = isinstance(tally, Tally) and tally.is_within(env)  # it will be stepped there, too
    return None if is_beneath else tally


def _counting_vec_env(reset: Method) -> Method:
    """The `reset` of a class of Stable-Baselines3's vectors."""

    @functools.wraps(reset)
    def counted_reset(self: Env, *args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's method
        run = _run
        if run is not None and attribute(self, "venv") is None:
            tally = run.counts.known(self)
            if tally is None:
                _meet_vec_env(run, self)
            elif not isinstance(tally, str):
                tally.begin(None)
        return reset(self, *args, **named)

    return counted_reset


def _meet_safely(run: _Run, env: Env) -> Any:  # noqa: ANN401  # a tally, or what stands for one
    try:
        if not run.counts.is_part or not is_vector(env):
            return _meet(run, env)
    except Exception as problem:  # noqa: BLE001  # a stranger's environment: counting it may fail, the script may not
        run.counts.problem(not_counted(env, problem))
    run.counts.mark(env, INNER)
    return INNER


def _meet(run: _Run, env: Env) -> Any:  # noqa: ANN401  # a tally, or what stands for one
    """The tally of an environment that is new, or has been wrapped since."""
    layers = chain(env)
    origin = None
    for layer in layers:
        wake(layer)
        old = run.counts.known(layer)
        if old is not None and not isinstance(old, str):
            old.close()
            origin = old.origin
    parts = parts_in_process(layers[-1])
    if parts:
        pass_through(run.counts, layers, parts)
        run.counts.witness.within(env, parts)
        return THROUGH
    name = name_of(env)
    if not name and is_vector(env) and len(run.made) == 1:
        name = run.made[0]
    part = attribute(env, PART)
    if part is None or not run.counts.turns.has(part.origin):
        part = Part(origin or run.counts.turns.meet(name or type(layers[-1]).__name__, sys._getframe()))  # noqa: SLF001
    tally = Tally(run.counts, layers, name=name, place=part.place, origin=part.origin)
    tally.wait()
    return tally


def _meet_vec_env(run: _Run, env: Env) -> None:
    from rlgauge.kinds.train.script.vectors import VectorTally

    wake(env)
    if run.counts.is_part:
        run.counts.mark(env, INNER)
        return
    if not run.is_child and not any(seed is not None for seed in getattr(env, "_seeds", [0])):
        env.seed(_next_seed(run, env.num_envs))
    parts = parts_in_process(env)
    if parts:
        pass_through(run.counts, [env], parts)
        run.counts.witness.within(None, parts)
        return
    made = _made(run)
    name = made[0] if len(made) == 1 else ""
    origin = run.counts.turns.meet(name or type(env).__name__, sys._getframe())  # noqa: SLF001
    VectorTally(run.counts, env, name=name, layers=[env], origin=origin, method="step_wait").sit()


def _seed(run: _Run, env: Env, named: dict[str, Any]) -> None:
    """Seed the first reset of an environment, where that takes a seed."""
    if any(cls.__module__.startswith("envpool.") for cls in type(env).__mro__):
        return  # Its environments are seeded when they are made, and complain.
    if all(_takes_seed(type(layer).reset) for layer in chain(env)):
        named["seed"] = _next_seed(run, getattr(env, "num_envs", 1) if is_vector(env) else 1)


def _next_seed(run: _Run, num_envs: int) -> int:
    seed = seed_of_reset(run.spec, run.num_seeded)
    run.num_seeded += num_envs
    return seed


def _takes_seed(reset: Method) -> bool:
    parameters = inspect.signature(reset).parameters.values()
    return any(one.name == "seed" or one.kind is one.VAR_KEYWORD for one in parameters)


def _noting(make: Method) -> Method:
    """A function that makes environments, which notes what it made."""

    @functools.wraps(make)
    def noting_make(*args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's function
        env = make(*args, **named)
        if _maker is not None:
            with contextlib.suppress(AttributeError, TypeError):
                object.__setattr__(env, MADE, True)
            first = args[0] if args else next(iter(named.values()), None)
            name = name_of(env) or (first if isinstance(first, str) else "")
            if name and name not in _maker.made:
                _maker.made.append(name)
                if _maker.is_child:
                    _maker.journal.made(name)
        return env

    return noting_make


def _without_counting(evaluate: Method) -> Method:
    """A function that plays episodes to test a policy, which are none of its training."""

    @functools.wraps(evaluate)
    def uncounted(*args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's function
        with _paused():
            return evaluate(*args, **named)

    return uncounted


@contextlib.contextmanager
def _paused() -> Iterator[None]:
    if _run is None or _run.counts.paused_at is not None:
        yield
        return
    counts = _run.counts
    counts.paused_at = counts.turns.total
    try:
        yield
    finally:
        counts.num_paused += counts.turns.total - counts.paused_at
        counts.paused_at = None
