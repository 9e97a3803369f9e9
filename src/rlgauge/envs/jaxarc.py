"""JaxARC (github.com/aadimator/JaxARC) on the tasks of our own ARC grids: it ships none.

Shapes: N environments, T tasks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from rlgauge.core.errors import unknown
from rlgauge.envs.jax_env import Action, JaxEnv, Outcome, State
from rlgauge.envs.reference.arc_tasks import PADDING, Tasks, generated

if TYPE_CHECKING:
    import jax

Kind = Literal["point", "box", "mask"]
NUM_TASKS = 128
"""As many as our own environment has where it is measured."""
_SIZE, _NUM_OPERATIONS = 30, 35


class JaxArc:
    """The environment in its own wrappers for actions, for starting the next episode and for many at once.

    Its keys are part of its state, so that those of steps serve actions alone.
    """

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, actions: Kind) -> None:
        """Episodes start on the inputs of generated tasks, with `actions` of that kind."""
        self._actions = actions
        self._env = _wrapped(actions, _config(), generated(0, NUM_TASKS))

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        import jax

        return self._env.reset(jax.random.key_data(keys))[0]

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions, all equally likely."""
        import jax

        del state
        return jax.vmap(self._drawn)(keys)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""
        del keys
        state, seen = self._env.step(state, action)
        return state, Outcome(seen.observation, seen.reward, seen.discount == 0)

    def _drawn(self, key: jax.Array) -> dict[str, jax.Array]:
        import jax
        import jax.numpy as jnp

        operation_key, place_key = jax.random.split(key)
        operation = jax.random.randint(operation_key, (), 0, _NUM_OPERATIONS)
        if self._actions == "mask":
            return {"operation": operation, "selection": jax.random.bernoulli(place_key, shape=(_SIZE, _SIZE))}
        names = ("row", "col") if self._actions == "point" else ("r1", "c1", "r2", "c2")
        places = jax.random.randint(place_key, (len(names),), 0, _SIZE, jnp.int32)
        return {"operation": operation, **dict(zip(names, places, strict=True))}


def make(name: str) -> JaxEnv:
    """The environment with actions of the kind `name`: point, box or mask. Raises UserError."""
    if name not in get_args(Kind):
        raise unknown("kind of JaxARC's actions", name, get_args(Kind))
    return JaxArc(name)  # type: ignore[arg-type]  # it was looked up


def _config() -> Any:  # noqa: ANN401  # JaxARC's own
    """Its default, with episodes that start on the input of a pair, as they are."""
    import equinox
    from jaxarc.configs import JaxArcConfig
    from jaxarc.configs.grid_initialization_config import GridInitializationConfig

    start = GridInitializationConfig(demo_weight=1.0, permutation_weight=0.0, empty_weight=0.0, random_weight=0.0)
    return equinox.tree_at(lambda config: config.grid_initialization, JaxArcConfig(), start)


def _wrapped(actions: Kind, config: Any, tasks: Tasks) -> Any:  # noqa: ANN401
    from jaxarc.envs.environment import Environment
    from jaxarc.types import EnvParams
    from jaxarc.utils.buffer import stack_task_list
    from jaxarc.wrappers.action_wrappers import BboxActionWrapper, PointActionWrapper
    from stoa.core_wrappers.auto_reset import AutoResetWrapper
    from stoa.core_wrappers.vmap import VmapWrapper
    from stoa.core_wrappers.wrapper import AddRNGKey

    pairs = zip(tasks.inputs, tasks.targets, strict=True)
    buffer = stack_task_list([_task(number, *pair) for number, pair in enumerate(pairs)])
    env = Environment(config, EnvParams.from_config(config, buffer=buffer).buffer)
    if actions != "mask":
        env = (PointActionWrapper if actions == "point" else BboxActionWrapper)(env)
    return VmapWrapper(AutoResetWrapper(AddRNGKey(env)))


def _task(number: int, start: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401
    import jax.numpy as jnp
    from jaxarc.types import JaxArcTask

    given, wanted = (jnp.asarray(grid[None], jnp.int32) for grid in (start, target))
    return JaxArcTask(
        input_grids_examples=given,
        input_masks_examples=given != PADDING,
        output_grids_examples=wanted,
        output_masks_examples=wanted != PADDING,
        num_train_pairs=1,
        test_input_grids=given,
        test_input_masks=given != PADDING,
        true_test_output_grids=wanted,
        true_test_output_masks=wanted != PADDING,
        num_test_pairs=1,
        task_index=jnp.asarray(number, jnp.int32),
    )
