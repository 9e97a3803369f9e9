"""JaxARC (github.com/aadimator/JaxARC), which ships no tasks: with those of our own ARC grids, or with MiniARC.

Shapes: N environments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rlgauge.envs.arc_sets import Kind, Pair, Task, TaskSet, find
from rlgauge.envs.jax_env import Action, JaxEnv, Outcome, State
from rlgauge.envs.reference.arc_tasks import PADDING

if TYPE_CHECKING:
    import jax

_NUM_OPERATIONS = 35


class JaxArc:
    """The environment in its own wrappers for actions, for starting the next episode and for many at once.

    Its keys are part of its state, so that those of steps serve actions alone.
    """

    kind: Literal["jax"] = "jax"
    uses_keys = True

    def __init__(self, actions: Kind, tasks: TaskSet) -> None:
        """Episodes start on the inputs of examples of the tasks, with `actions` of that kind."""
        self._actions = actions
        self._size = tasks.size
        self._env = _wrapped(actions, _config(tasks), tasks)

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
            return {
                "operation": operation,
                "selection": jax.random.bernoulli(place_key, shape=(self._size, self._size)),
            }
        names = ("row", "col") if self._actions == "point" else ("r1", "c1", "r2", "c2")
        places = jax.random.randint(place_key, (len(names),), 0, self._size, jnp.int32)
        return {"operation": operation, **dict(zip(names, places, strict=True))}


def make(name: str) -> JaxEnv:
    """The environment with actions of the kind `name`: point, box, mask, or mini-point and so on with MiniARC.

    Raises UserError.
    """
    actions, tasks = find(name, of="JaxARC")
    return JaxArc(actions, tasks)


def _config(tasks: TaskSet) -> Any:  # noqa: ANN401  # JaxARC's own
    """Its default for grids of that size, with episodes that start on the input of a pair, as they are."""
    import equinox
    from jaxarc.configs import DatasetConfig, JaxArcConfig
    from jaxarc.configs.grid_initialization_config import GridInitializationConfig

    start = GridInitializationConfig(demo_weight=1.0, permutation_weight=0.0, empty_weight=0.0, random_weight=0.0)
    grids = DatasetConfig(max_grid_height=tasks.size, max_grid_width=tasks.size)
    return equinox.tree_at(lambda config: (config.grid_initialization, config.dataset), JaxArcConfig(), (start, grids))


def _wrapped(actions: Kind, config: Any, tasks: TaskSet) -> Any:  # noqa: ANN401
    from jaxarc.envs.environment import Environment
    from jaxarc.types import EnvParams
    from jaxarc.utils.buffer import stack_task_list
    from jaxarc.wrappers.action_wrappers import BboxActionWrapper, PointActionWrapper
    from stoa.core_wrappers.auto_reset import AutoResetWrapper
    from stoa.core_wrappers.vmap import VmapWrapper
    from stoa.core_wrappers.wrapper import AddRNGKey

    most = tuple(max(map(len, parts)) for parts in zip(*tasks.tasks, strict=True))
    buffer = stack_task_list([_task(index, task, tasks.size, most) for index, task in enumerate(tasks.tasks)])
    env = Environment(config, EnvParams.from_config(config, buffer=buffer).buffer)
    if actions != "mask":
        env = (PointActionWrapper if actions == "point" else BboxActionWrapper)(env)
    return VmapWrapper(AutoResetWrapper(AddRNGKey(env)))


def _task(index: int, task: Task, size: int, most: Sequence[int]) -> Any:  # noqa: ANN401
    """The task in JaxARC's form, with room for as many examples and tests as `most` says."""
    import jax.numpy as jnp
    from jaxarc.types import JaxArcTask

    shown, wanted = _stacked(task.examples, size, most[0])
    asked, answers = _stacked(task.tests, size, most[1])
    return JaxArcTask(
        input_grids_examples=jnp.asarray(shown),
        input_masks_examples=jnp.asarray(shown != PADDING),
        output_grids_examples=jnp.asarray(wanted),
        output_masks_examples=jnp.asarray(wanted != PADDING),
        num_train_pairs=len(task.examples),
        test_input_grids=jnp.asarray(asked),
        test_input_masks=jnp.asarray(asked != PADDING),
        true_test_output_grids=jnp.asarray(answers),
        true_test_output_masks=jnp.asarray(answers != PADDING),
        num_test_pairs=len(task.tests),
        task_index=jnp.asarray(index, jnp.int32),
    )


def _stacked(pairs: Sequence[Pair], size: int, most: int) -> tuple[Any, Any]:
    """Starts and targets, (most, size, size) each, int32: padded, and so are those that are not there."""
    both = np.full((2, most, size, size), PADDING, np.int32)
    for place, pair in enumerate(pairs):
        for grids, grid in zip(both, pair, strict=True):
            grids[place, : grid.shape[0], : grid.shape[1]] = grid
    return both[0], both[1]
