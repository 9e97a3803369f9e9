"""That environments of libraries which are installed apart do behind our protocol what they do by themselves.

    python benchmarks/adapters.py [LIBRARY ...]

Each library is checked in its own environment, which is built where it isn't yet; a line for each check. Exit code 1
where one fails. The tests can't do this: they run where these libraries are not installed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rlgauge import isolation
from rlgauge.core.errors import UserError
from rlgauge.core.workload import import_object
from rlgauge.envs.host_env import HostEnv
from rlgauge.envs.jax_env import JaxEnv
from rlgauge.envs.libraries import LIBRARIES

NUM_ENVS, NUM_STEPS = 3, 120
ENVIRONMENTS = {
    "arcle": ["ARCLE/O2ARCv2Env-v0", "point", "mini-box"],
    "brax": ["inverted_pendulum"],
    "jaxarc": ["mini-point"],
    "jumanji": ["Snake-v1", "Minesweeper-v0", "Connector-v3"],
    "myriad": ["cartpole-control"],
}
SHAPES_ONLY: Mapping[str, str] = {"jumanji": "jumanji:registered_environments"}
"""All environments of a library that are few enough, but take too long to compile."""
DOWNLOADED = {"Sokoban-v0"}


class DifferenceError(Exception):
    """An adapter does something else than its library."""


def check_alone(env: JaxEnv) -> str:
    """Each environment does the same alone and beside others, ends of episodes included."""
    whole, alone = _played(env, np.arange(NUM_ENVS)), _played(env, np.array([1]))
    for one, other in zip(whole, alone, strict=True):
        np.testing.assert_allclose(one[:, 1:2], other, rtol=1e-4, atol=1e-4)
    return f"{int(whole[1].sum())} episodes ended; one environment alone does the same as among {NUM_ENVS}"


def check_brax(name: str, env: JaxEnv) -> str:
    """The first episode is that of brax's own, without its reset; each begins elsewhere."""
    import jax
    from brax import envs

    own = envs.create(name, auto_reset=False)
    step, own_step = jax.jit(env.step), jax.jit(own.step)
    key = jax.random.key(3)
    state, theirs = env.init(key[None]), own.reset(key)
    starts = [np.asarray(state.obs[0])]
    for number in range(NUM_STEPS):
        keys = jax.random.fold_in(key, number)[None]
        action = env.sample(keys, state)
        state, outcome = step(keys, state, action)
        if len(starts) == 1:
            theirs = own_step(theirs, action[0])
            np.testing.assert_allclose(outcome.reward[0], theirs.reward, rtol=1e-4)
            demand(bool(outcome.is_over[0]) == bool(theirs.done), f"step {number} ends an episode")
        if outcome.is_over[0]:
            demand(int(state.info["steps"][0]) == 0, f"step {number} starts the next episode")
            starts.append(np.asarray(outcome.observation[0]))
    demand(len(starts) > 1, "more than one episode")
    demand(len({start.tobytes() for start in starts}) == len(starts), "another start for each episode")
    return f"the first episode is brax's, and {len(starts)} episodes began in as many places"


def check_jumanji(name: str, env: JaxEnv) -> str:
    """The first episode is that of Jumanji's own, and all its actions are valid."""
    import jax
    import jumanji

    own = jumanji.make(name)
    step, own_step = jax.jit(env.step), jax.jit(own.step)
    key = jax.random.key(3)
    state, (theirs, _) = env.init(key[None]), own.reset(key)
    for number in range(NUM_STEPS):
        keys = jax.random.fold_in(key, number)[None]
        action = env.sample(keys, state)
        state, outcome = step(keys, state, action)
        theirs, seen = own_step(theirs, action[0])
        np.testing.assert_allclose(outcome.reward[0], np.sum(seen.reward), rtol=1e-5)
        demand(bool(outcome.is_over[0]) == bool(seen.last()), f"step {number} ends an episode")
        if seen.last():
            return f"the first episode, of {number + 1} steps, is Jumanji's"
    return f"the first {NUM_STEPS} steps are Jumanji's"


def check_myriad(name: str, env: JaxEnv) -> str:
    """The first episode is that of Myriad's own."""
    import jax
    from myriad.envs import make_env

    own = make_env(name)
    key = jax.random.key(3)
    state, (_, theirs) = env.init(key[None]), own.reset(key, own.params, own.config)
    for number in range(NUM_STEPS):
        keys = jax.random.fold_in(key, number)[None]
        action = env.sample(keys, state)
        state, outcome = env.step(keys, state, action)
        _, theirs, reward, done, _ = own.step(jax.random.split(keys[0])[0], theirs, action[0], own.params, own.config)
        np.testing.assert_allclose(outcome.reward[0], reward, rtol=1e-5)
        demand(bool(outcome.is_over[0]) == bool(done), f"step {number} ends an episode")
        if done:
            return f"the first episode, of {number + 1} steps, is Myriad's"
    return f"the first {NUM_STEPS} steps are Myriad's"


def check_single(env: HostEnv) -> str:
    """One seed gives one course of an environment that is not in JAX."""
    one, other = _played_single(env), _played_single(env)
    demand(one == other, "the same seed gives the same")
    return f"{sum(is_over for _, is_over in one)} episodes ended, and the same seed gives the same again"


def check_shapes(env: JaxEnv) -> None:
    """The environment can be traced behind the protocol."""
    import jax

    def all_of_it(keys: Any) -> Any:  # noqa: ANN401
        state = env.init(keys)
        after, outcome = env.step(keys, state, env.sample(keys, state))
        return state, after, outcome.reward, outcome.is_over

    keys = jax.random.split(jax.random.key(0), NUM_ENVS)
    before, after, reward, is_over = jax.eval_shape(all_of_it, keys)
    demand(reward.shape == is_over.shape == (NUM_ENVS,), "a reward and an end for each environment")
    demand(is_over.dtype == bool, "ends are true or false")
    demand(_shapes(before) == _shapes(after), "a step leaves the form of the state as it was")


BY_THEMSELVES: Mapping[str, Callable[[str, JaxEnv], str]] = {
    "brax": check_brax,
    "jumanji": check_jumanji,
    "myriad": check_myriad,
}


def checks(library: str) -> Iterator[str]:
    """What was found of the library, which must be installed. Raises DifferenceError."""
    make = import_object(LIBRARIES[library].make)
    for name in ENVIRONMENTS[library]:
        env = make(name)
        if LIBRARIES[library].kind == "single":
            yield f"{name}: {check_single(env)}"
            continue
        yield f"{name}: {check_alone(env)}"
        if library in BY_THEMSELVES:
            yield f"{name}: {BY_THEMSELVES[library](name, env)}"
    if library in SHAPES_ONLY:
        known = sorted(set(import_object(SHAPES_ONLY[library])()) - DOWNLOADED)
        for name in known:
            check_shapes(make(name))
        yield f"{len(known)} environments fit the protocol"
    try:
        make("no such thing")
    except UserError as error:
        yield str(error).partition(" Known: ")[0]
    else:
        demand(condition=False, what="an unknown name is refused")


def demand(condition: object, what: str) -> None:
    """Raise DifferenceError where something does not hold."""
    if not condition:
        raise DifferenceError(f"This does not hold: {what}.")


def _shapes(tree: Any) -> list[Any]:  # noqa: ANN401
    import jax

    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


def _played(env: JaxEnv, ids: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Rewards and ends, (steps, environments), of those environments."""
    import jax
    import jax.numpy as jnp

    def keys_of(number: Any) -> Any:  # noqa: ANN401
        key = jax.random.fold_in(jax.random.key(5), number)
        return jax.vmap(lambda one: jax.random.fold_in(key, one))(jnp.asarray(ids))

    def step(state: Any, number: Any) -> Any:  # noqa: ANN401
        action = env.sample(keys_of(2 * number), state)
        state, outcome = env.step(keys_of(2 * number + 1), state, action)
        return state, (outcome.reward, outcome.is_over)

    played = jax.jit(lambda state: jax.lax.scan(step, state, jnp.arange(NUM_STEPS))[1])
    rewards, ends = played(env.init(keys_of(10**6)))
    return np.asarray(rewards), np.asarray(ends)


def _played_single(env: HostEnv) -> list[tuple[float, bool]]:
    rng = np.random.default_rng(1)
    env.reset(7)
    played = []
    for _ in range(20 * NUM_STEPS):
        _, reward, is_over = env.step(env.sample(rng))
        played.append((reward, is_over))
        if is_over:
            env.reset(None)
    return played


def _check_apart(library: str) -> bool:
    """Whether all is as it should be, found in the library's own environment."""
    isolated = LIBRARIES[library].isolated
    found = isolation.environment(isolated or library, listen=lambda sentence: print(sentence, flush=True))
    command = [str(found.python), "-P", str(Path(__file__).resolve()), "--here", library]
    variables = {**found.variables(), "PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, check=False, env={**os.environ, **variables}).returncode == 0


def main() -> int:
    """0 where all checks passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"of {', '.join(ENVIRONMENTS)} (all)")
    parser.add_argument("--here", action="store_true", help="check in this Python")
    arguments = parser.parse_args()
    wanted = arguments.libraries or list(ENVIRONMENTS)
    if not arguments.here:
        passed = [_check_apart(library) for library in wanted]
        return int(not all(passed))
    for library in wanted:
        for sentence in checks(library):
            print(f"{library} {sentence}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
