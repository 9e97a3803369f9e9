"""What acts among the things that a script left, and how it wants to be asked. Conservative: tried before it is taken.

In this order: a model of Stable-Baselines3; functions such as `get_action`, and what `main` returned if that is one;
objects with such a method; tables of values; torch modules whose output has the size of the actions; states of flax.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlgauge.episodes.policies.actions import action_fault
from rlgauge.episodes.policies.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Spec, describe
from rlgauge.kinds.train.script import found
from rlgauge.kinds.train.script.asking import FORMS, Ask, Player, drawn, first, greedy, of_device, whole
from rlgauge.kinds.train.script.beginnings import Call, beginning_of, others_beginning
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.likeness import Likeness, plain
from rlgauge.kinds.train.script.weights import is_table

if TYPE_CHECKING:
    import gymnasium
    from numpy.typing import NDArray

    from rlgauge.kinds.train.script.witness import Pair

_METHODS = (
    *("get_action", "get_action_and_value", "select_action", "choose_action", "sample_action", "take_action"),
    *("select_actions", "choose_actions", "get_actions", "sample_actions", "take_actions", "act_batch"),
    *("act", "predict"),
)
"""What scripts call the function, or the method, that gives the action for an observation."""
_FUNCTIONS = (*_METHODS[:-1], "policy", "agent", "actor", "pi")
_NAMES = (
    *("agent", "policy", "actor", "policy_net", "policy_network", "pi", "ac", "actor_critic", "model"),
    *("q_network", "q_net", "qnet", "q", "dqn", "net", "network", "agent_state", "actor_state", "q_state"),
)
"""What scripts call what acts, the surest first."""
_NEVER = re.compile(
    r"target|critic|value|baseline|(^|[_.])(v|vf|old|rnd)([_.]|$|\d)|discriminator|optim|sched|encoder|buffer"
)
_ACTS = re.compile(r"actor|policy|agent|(^|[_.])(pi|mu)([_.]|$)")
"""Names under which an output of the right size is an action, and no value."""
_SWITCHES = {
    **dict.fromkeys(("deterministic", "greedy", "evaluate", "evaluation", "eval", "eval_mode", "test"), True),
    **dict.fromkeys(("explore", "training", "train", "is_training", "stochastic"), False),
    **dict.fromkeys(("epsilon", "eps", "noise", "noise_scale", "noise_std"), 0.0),
}
"""Parameters that say whether to explore, and what makes the policy play as well as it can."""
_VALUES = {"q", "q_table", "qtable", "q_values", "qvalues"}
"""Names of tables of the values of actions."""
_TENSORS = ("tensors", "tensor", "array", "batch")
"""Forms of observations in the order in which modules of torch are asked."""
_NUM_TRIALS = 4


class Actor(NamedTuple):
    """What is tested: how to call it in a sentence, the object for `rlgauge benchmark`, and how many play at once."""

    text: str
    policy: object
    lanes: int | None


class UnlikeError(Exception):
    """What was found acts unlike the script did. The message says which, and how that shows."""


def find_actor(
    things: Sequence[Thing],
    env: gymnasium.Env[Any, Any],
    *,
    is_many: bool,
    pairs: Sequence[Pair] = (),
    deadline: float = math.inf,
    calls: Sequence[Call] = (),
) -> Actor | None:
    """The first that gives legal actions for some observations of the environment; None where nothing does.

    `is_many` tells that the script trained in several environments at once, and asks for as many actions; `calls` are
    those by which episodes begin there. Raises UnlikeError where all that act do so unlike what the script was seen to
    do, in `pairs`.
    """
    model = _sb3(things)
    if model is not None:
        name, value = model
        return Actor(f"`{name}`, a {type(value).__name__} of Stable-Baselines3, deterministic", value.policy, None)
    space = describe(env.action_space)
    if not isinstance(space, (Box, Discrete, MultiBinary, MultiDiscrete)):
        return None
    observations = _observations(env)
    likeness = Likeness(pairs, env, space, deadline=deadline)
    doubts = []
    seen = [*observations, *(plain(pair.observation) for pair in pairs)]
    begins = others_beginning(things, calls)
    for way in _ways(things, env, space, seen, calls=calls, is_many=is_many):
        ask = way._replace(begins=list(dict.fromkeys([*way.begins, *begins])))
        tried = ((form, _tried(ask, form, space, observations)) for form in ask.forms)
        form, player = next(((form, player) for form, player in tried if player is not None), ("", None))
        if player is None:
            continue
        given = "" if form == "array" else f", given {FORMS[form.partition('@')[0]]}"
        exploring = None if ask.exploring is None else Player(ask._replace(call=ask.exploring), form, space).act
        doubt = likeness.doubt(
            player.act, module=ask.module, read=player.read, forget=player.forget, exploring=exploring
        )
        if doubt is None:
            return Actor(f"{ask.text}{given}", player, 1)
        name = f"{ask.text}{given}"
        doubts.append(f"{name}{',' if ',' in name else ''} acts unlike the script did: {doubt}")
    if doubts:
        raise UnlikeError(doubts[0])
    return None


def _sb3(things: Sequence[Thing]) -> Thing | None:
    """The model by the surest name, or the one that was trained longest."""
    models = [thing for thing in things if found.is_sb3_model(thing.value)]
    named = [thing for thing in models if thing.name in {"model", "agent"}]
    return max(named or models, key=lambda thing: thing.value.num_timesteps, default=None)


def _observations(env: gymnasium.Env[Any, Any]) -> list[Any]:
    """Those of a reset and of some random steps."""
    seen = [env.reset(seed=0)[0]]
    env.action_space.seed(0)
    for _ in range(_NUM_TRIALS - 1):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.append(observation)
        if terminated or truncated:
            break
    return seen


def _tried(ask: Ask, form: str, space: Spec, observations: Sequence[Any]) -> Player | None:
    """The player, if it gives a legal action for each observation."""
    player = Player(ask, form, space)
    try:
        for observation in observations:
            if action_fault(player.act_on(observation, form), space) is not None:
                return None
    except Exception:  # noqa: BLE001  # a stranger's code is asked in a way that it may not know
        return None
    return player


def _ways(
    things: Sequence[Thing],
    env: object,
    space: Spec,
    observations: Sequence[Any],
    *,
    calls: Sequence[Call],
    is_many: bool,
) -> Iterator[Ask]:
    """All ways to get an action, the surest first."""
    ranked = sorted((thing for thing in things if not _NEVER.search(thing.name.casefold())), key=_rank)
    usual = ("tensors", "batch", "tensor", "array") if is_many else ("array", "tensor", "tensors", "batch")
    forms = of_device(usual, [thing.value for thing in ranked if found.is_module(thing.value)])
    yield from _functions(things, env, forms)
    yield from _methods(ranked, env, forms, space, calls)
    yield from _tables(things, space, env, observations)
    for name, value in ranked:
        if found.is_module(value):
            call = _without_grad(value.__call__)
            for ask in _outputs(name, call, of_device(_TENSORS[:2], [value]), space):
                yield ask._replace(module=id(value))
        elif found.is_train_state(value):
            yield from _outputs(name, _applied(value), ("batch", "array"), space)


def _last(name: str) -> str:
    return name.rpartition(".")[2].casefold()


def _rank(thing: Thing) -> int:
    names = [_last(thing.name), thing.name.partition(".")[0].casefold()]
    return min(_NAMES.index(name) if name in _NAMES else len(_NAMES) for name in names)


def _functions(things: Sequence[Thing], env: object, forms: Sequence[str]) -> Iterator[Ask]:
    """Functions by their names."""
    functions = {
        thing.name: thing.value for thing in reversed(things) if _is_function(thing.value) and thing.name in _FUNCTIONS
    }
    for name in _FUNCTIONS:
        if name in functions and (call := _with_switches(functions[name], env)) is not None:
            yield Ask(f"the function `{name}`{call.note}", call.function, forms, first, exploring=call.exploring)
    for name, value in things:
        if name != found.RETURNED or not _is_function(value) or _is_other(value, things):
            continue
        is_new = all(value is not one for one in functions.values())
        if is_new and (call := _with_switches(value, env)) is not None:
            text = f"the function that `main` returned{call.note}"
            yield Ask(text, call.function, forms, first, exploring=call.exploring)


def _is_other(function: object, things: Sequence[Thing]) -> bool:
    """Whether a function has a name, its own or one among the things, of what does not act, such as a critic's."""
    names = [str(found.attribute(function, "__name__")), *(thing.name for thing in things if thing.value is function)]
    return any(_NEVER.search(name.casefold()) for name in names)


def _is_function(value: object) -> bool:
    """Whether it is a function, one with some arguments filled in, or one that was compiled."""
    if not callable(value):
        return False
    return inspect.isroutine(inspect.unwrap(value)) or isinstance(value, functools.partial)


def _methods(
    ranked: Sequence[Thing], env: object, forms: Sequence[str], space: Spec, calls: Sequence[Call]
) -> Iterator[Ask]:
    """Methods of objects, and objects that can be called and have a name that says what they do."""
    for name, value in ranked:
        if found.is_env(value) or found.is_array(value) or inspect.isroutine(value):
            continue
        own = of_device(_TENSORS, [value]) if found.is_module(value) else forms
        begin = beginning_of(value, calls)
        begins = () if begin is None else (begin,)
        for method in _METHODS:
            bound = found.attribute(value, method)
            if inspect.isroutine(bound) and (call := _with_switches(bound, env)) is not None:
                text = f"`{name}.{method}`{call.note}{_exploring(value)}"
                yield Ask(text, call.function, own, first, begins=begins, exploring=call.exploring)
                if method == "predict" and isinstance(space, Discrete):
                    yield Ask(f"the largest of `{name}.predict`", call.function, own, greedy(space))
        if callable(value) and not found.is_module(value) and _last(name) in _FUNCTIONS:
            yield Ask(f"`{name}`, called", value, forms, first)


def _exploring(value: object) -> str:
    """What is to be said of an object that has a rate at which it explores, which stays as the script left it."""
    rates = {name: found.attribute(value, name) for name in ("epsilon", "eps")}
    told = [f", its {name} being {rate:g}" for name, rate in rates.items() if isinstance(rate, float | int) and rate]
    return "".join(told[:1])


class _Call(NamedTuple):
    function: Callable[[Any], Any]
    note: str
    exploring: Callable[[Any], Any] | None


def _with_switches(function: Callable[..., Any], env: object) -> _Call | None:
    """The function of an observation alone, told not to explore where it can be told; None where it needs more."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built-in functions have no signature to read
        return None
    named = {p.name: p.default for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}}
    keywords: dict[str, object] = {name: _SWITCHES[name] for name in named if name in _SWITCHES}
    keywords |= {name: env for name in ("env", "environment") if named.get(name) is inspect.Parameter.empty}
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD} and p.name not in keywords
    ]
    if len(needed) != 1 or needed[0].kind is needed[0].KEYWORD_ONLY:
        return None
    told = {name: value for name, value in keywords.items() if name in _SWITCHES}
    note = f" with {', '.join(f'{name}={value}' for name, value in told.items())}" if told else ""
    name = None if needed[0].kind is needed[0].POSITIONAL_ONLY or not keywords else needed[0].name
    turned = {one: not value for one, value in told.items() if isinstance(value, bool)}
    exploring = _given(function, name, {**keywords, **turned}) if turned else None
    return _Call(_given(function, name, keywords), note, exploring)


def _given(function: Callable[..., Any], name: str | None, keywords: dict[str, object]) -> Callable[[Any], Any]:
    """The function of an observation, by its name or by place, with the rest filled in."""
    if name is None:
        return _without_grad(lambda x: function(x, **keywords))
    return _without_grad(lambda x: function(**{name: x}, **keywords))


def _without_grad(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    torch = sys.modules.get("torch")
    return function if torch is None else torch.no_grad()(function)


def _applied(state: Any) -> Callable[[Any], Any]:  # noqa: ANN401  # a TrainState of flax, or alike
    params = state.params
    is_whole = hasattr(params, "__contains__") and "params" in params
    given = params if is_whole else {"params": params}
    function = sys.modules["jax"].jit(state.apply_fn)
    return lambda x: function(given, x)


def _outputs(name: str, call: Callable[[Any], Any], forms: Sequence[str], space: Spec) -> Iterator[Ask]:
    """What an output can be: a distribution of actions, a value for each action, or an action."""
    yield Ask(f"`{name}`, drawn from the distribution that it returns", call, forms, drawn)
    if isinstance(space, Discrete):
        yield Ask(f"the largest output of `{name}`", call, forms, greedy(space))
    if isinstance(space, Box) and _ACTS.search(_last(name)):
        yield Ask(f"the output of `{name}`", call, forms, whole)


def _tables(
    things: Sequence[Thing],
    space: Spec,
    env: Any,  # noqa: ANN401  # an environment
    observations: Sequence[Any],
) -> Iterator[Ask]:
    """The largest value of a state's row. Several tables of one size leave open which of them it is.

    A mapping that knows none of countless observations is one of something else, such as of ranges of them.
    """
    if not isinstance(space, Discrete):
        return
    sizes = _sizes(env.observation_space)
    arrays = [t for t in things if found.is_array(t.value) and t.value.dtype.kind == "f"]
    sure = _surest([t for t in arrays if sizes is not None and t.value.shape == (*sizes, space.n)])
    if len(sure) == 1:
        yield Ask(_in_table(sure[0].name), _looked_up(sure[0].value), ("array",), greedy(space))
    dicts = _surest([t for t in things if found.is_dict_table(t.value)])
    if len(dicts) == 1 and next(iter(dicts[0].value.values())).shape == (space.n,):
        table, unseen = dicts[0].value, np.zeros(space.n)
        if sizes is not None or any(_is_in(table, observation) for observation in observations):
            yield Ask(_in_table(dicts[0].name), lambda x: table.get(_key(x), unseen), ("array",), greedy(space))
    for name, array in things:
        if found.is_array(array) and _ACTS.search(_last(name)) and array.dtype.kind in "iu" and array.shape == sizes:
            yield Ask(f"the entry of the state in the table `{name}`", _looked_up(array), ("array",), whole)


def _surest(tables: Sequence[Thing]) -> list[Thing]:
    """Those with the best names: of what is no part of another thing, of any, those that begin so, or all."""
    exact = [table for table in tables if _last(table.name) in _VALUES]
    outer = [table for table in exact if "." not in table.name]
    like = [table for table in tables if _last(table.name).startswith("q")]
    return outer or exact or like or [table for table in tables if is_table(*table)] or list(tables)


def _in_table(name: str) -> str:
    return f"the largest value of the state in the table `{name}`"


def _sizes(space: Any) -> tuple[int, ...] | None:  # noqa: ANN401  # a space
    """How many values each part of a state has; None where they can't be counted."""
    match describe(space):
        case Discrete() as own if own.start == 0:
            return (own.n,)
        case MultiDiscrete() as own if own.nvec.ndim == 1 and not own.start.any():
            return tuple(int(n) for n in own.nvec)
    parts = [_sizes(part) for part in space] if type(space).__name__ == "Tuple" else [None]
    return None if None in parts else tuple(n for part in parts for n in part or ())


def _is_in(table: dict[Any, Any], state: object) -> bool:
    try:
        return _key(state) in table
    except TypeError:  # a state of nested lists
        return False


def _looked_up(table: NDArray[Any]) -> Callable[[Any], Any]:
    def entry(state: Any) -> Any:  # noqa: ANN401
        key = _key(state)
        return table[key]

    return entry


def _key(state: Any) -> Any:  # noqa: ANN401  # a state as the environment gives it
    """The state as tables are indexed: an integer, or a tuple of numbers."""
    if isinstance(state, tuple):
        return tuple(_key(part) for part in state)
    plain = np.asarray(state).tolist()
    return tuple(plain) if isinstance(plain, list) else plain
