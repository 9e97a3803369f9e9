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
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from rlgauge.kinds.train.journal import EPISODES, Journal
from rlgauge.kinds.train.script import agreement
from rlgauge.kinds.train.script.counts import INNER, THROUGH, Counts
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.script.layers import MADE, Env, attribute, chain, is_vector, name_of, parts_in_process
from rlgauge.kinds.train.script.pages import Pages
from rlgauge.kinds.train.script.patching import Method, replace, wrap_in_descendants
from rlgauge.kinds.train.script.seeding import seed_of_reset
from rlgauge.kinds.train.script.tallies import RESETTING, Tally, not_counted, wake
from rlgauge.kinds.train.spec import Spec

PLACE = "_rlgauge_place"
"""Name of the attribute with an environment's place among those of its vector."""
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


class _Run:
    """What is counted for one script."""

    def __init__(self, journal: Journal, spec: Spec) -> None:
        self.journal = journal
        self.spec = spec
        self.counts = Counts(journal)
        self.made: list[str] = []
        self.num_seeded = 0


_run: _Run | None = None
_last: _Run | None = None
_has_hooks = False


def install(journal: Journal, spec: Spec) -> None:
    """Count from now on, and write episodes into the journal. What the process forks counts nothing."""
    global _run, _last, _has_hooks  # noqa: PLW0603  # one script a process; classes are changed for all of it
    _run = _last = _Run(journal, spec)
    if not journal.keeps_rewards:
        with contextlib.suppress(OSError, ValueError):  # a file system may map no files; the journal writes them too
            _run.counts.pages = Pages(spec.artifacts / EPISODES)
    if _has_hooks:
        return
    _has_hooks = True
    os.register_at_fork(after_in_child=_forget_as_child)
    for module, root in CLASSES.items():
        after_import(module, functools.partial(_change_classes, root=root))
    for module, names in MAKERS.items():
        after_import(module, functools.partial(_change_makers, names=names))
    for module in EVALUATORS:
        after_import(module, _change_evaluation)


def stop() -> None:
    """Count no more, and leave all environments as if nothing had ever been counted."""
    if _run is not None:
        _run.counts.close()
    _forget()


def made() -> list[str]:
    """Ids of the environments that the script made, in order, each once."""
    return list(_last.made) if _last is not None else []


def num_episodes() -> int:
    """How many episodes have ended."""
    return _last.journal.num_episodes if _last is not None else 0


def num_steps() -> int:
    """How many steps all environments have taken."""
    return _last.counts.steps if _last is not None else 0


def warnings() -> list[str]:
    """What whoever reads the episodes should know: where they were not counted, and where the script counts others."""
    if _last is None:
        return []
    return [*_last.counts.warnings, *agreement.warnings(_last.spec.script, num_episodes())]


def _forget_as_child() -> None:
    if _run is not None:
        _run.counts.journal = None
    _forget()


def _forget() -> None:
    global _run  # noqa: PLW0603  # as above
    _run = None


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
        tally = run.counts.known(self)
        outer = RESETTING.tally
        if outer is not None:
            if tally is not outer:
                run.counts.belong_to_another(self)
            return reset(self, *args, **named)
        if tally is None:
            tally = _meet_safely(run, self)
            if not args and named.get("seed") is None:
                _seed(run, self, named)
        if isinstance(tally, str):
            return reset(self, *args, **named)
        if tally.env is not None:
            if tally.env is self:
                tally.begin(named.get("options"))
            return reset(self, *args, **named)
        RESETTING.tally = tally
        try:
            return reset(self, *args, **named)
        finally:
            RESETTING.tally = None

    return counted_reset


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
        return _meet(run, env)
    except Exception as problem:  # noqa: BLE001  # a stranger's environment: counting it may fail, the script may not
        run.counts.problem(not_counted(env, problem))
        run.counts.mark(env, INNER)
        return INNER


def _meet(run: _Run, env: Env) -> Any:  # noqa: ANN401  # a tally, or what stands for one
    """The tally of an environment that is new, or has been wrapped since."""
    layers = chain(env)
    for layer in layers:
        wake(layer)
        old = run.counts.known(layer)
        if old is not None and not isinstance(old, str):
            old.close()
    parts = parts_in_process(layers[-1])
    if parts:
        _pass_through(run, layers, parts)
        return THROUGH
    name = name_of(env)
    if not name and is_vector(env) and len(run.made) == 1:
        name = run.made[0]
    tally = Tally(run.counts, layers, name=name, place=attribute(env, PLACE) or 0)
    tally.wait()
    return tally


def _meet_vec_env(run: _Run, env: Env) -> None:
    from rlgauge.kinds.train.script.vectors import VectorTally

    if not any(seed is not None for seed in getattr(env, "_seeds", [0])):
        env.seed(_next_seed(run, env.num_envs))
    parts = parts_in_process(env)
    if parts:
        _pass_through(run, [env], parts)
        return
    name = run.made[0] if len(run.made) == 1 else ""
    VectorTally(run.counts, env, name=name, layers=[env], method="step_wait").sit()


def _pass_through(run: _Run, layers: list[Env], parts: list[Env]) -> None:
    for layer in layers:
        run.counts.mark(layer, THROUGH)
    for place, part in enumerate(parts):
        object.__setattr__(part, PLACE, place)


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
        if _run is not None:
            with contextlib.suppress(AttributeError, TypeError):
                object.__setattr__(env, MADE, True)
            first = args[0] if args else next(iter(named.values()), None)
            name = name_of(env) or (first if isinstance(first, str) else "")
            if name and name not in _run.made:
                _run.made.append(name)
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
    if _run is None:
        yield
        return
    counts = _run.counts
    before, steps = counts.is_paused, counts.steps
    counts.is_paused = True
    try:
        yield
    finally:
        counts.is_paused, counts.steps = before, steps
