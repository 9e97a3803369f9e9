"""Our own reference environments as ones that can be measured and evaluated.

Shapes: N environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from rlgauge.core.errors import unknown
from rlgauge.core.workload import import_object
from rlgauge.envs.jax_env import Action, Choices, JaxEnv, Outcome, State

if TYPE_CHECKING:
    import jax

REFERENCES = {
    "cartpole": "rlgauge.envs.reference.cartpole:CartPole",
    "gene-circuit": "rlgauge.envs.reference.gene_circuit:GeneCircuit",
    "arc-point": "rlgauge.envs.reference.arc_grid:with_points",
    "arc-box": "rlgauge.envs.reference.arc_grid:with_boxes",
    "arc-mask": "rlgauge.envs.reference.arc_grid:with_masks",
}
"""What makes each."""


class Reference(Protocol):
    """What our environments have in common; random numbers follow from a stream an environment, and a clock."""

    def start(self, stream: jax.Array) -> Any:  # noqa: ANN401  # a state of the environment's own
        """The start of an episode in an environment for each stream, (N,), uint32."""

    def sample(self, state: Any) -> Any:  # noqa: ANN401
        """Random actions."""

    def step(self, state: Any, action: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """The next state, and what was seen: observation, reward, terminated and truncated, at least."""


class Own:
    """A reference environment. The keys' bits are the streams; afterwards no key is used."""

    kind: Literal["jax"] = "jax"
    uses_keys = False

    def __init__(self, env: Reference) -> None:
        """Adapt `env`."""
        self._env = env
        self.best_block: int | None = getattr(env, "best_block", None)
        num = getattr(env, "num_actions", None)
        self.actions = None if num is None else Choices(num)

    def init(self, keys: jax.Array) -> State:
        """N environments, each at the start of an episode."""
        import jax

        return self._env.start(jax.vmap(lambda key: jax.random.bits(key, (), "uint32"))(keys))

    def with_streams(self, state: State, streams: jax.Array) -> State:
        """The state with these streams, (N,), uint32."""
        return state._replace(stream=streams)

    def without_streams(self, state: State) -> State:
        """The state without any."""
        return state._replace(stream=None)

    def reset(self, keys: jax.Array) -> tuple[State, Any]:
        """N environments, each at the start of an episode, and what is seen there."""
        state = self.init(keys)
        return state, state.observation

    def sample(self, keys: jax.Array, state: State) -> Action:
        """Random actions."""
        del keys
        return self._env.sample(state)

    def step(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome]:
        """The state after a step of each."""
        return self.advance(keys, state, action)[:2]

    def advance(self, keys: jax.Array, state: State, action: Action) -> tuple[State, Outcome, jax.Array]:
        """The same, and which episodes terminated."""
        del keys
        state, seen = self._env.step(state, action)
        return state, Outcome(seen.observation, seen.reward, seen.terminated | seen.truncated), seen.terminated


class OwnFreeRunning(Own):
    """A reference environment whose lanes can go on by themselves."""

    def run(self, state: State, num_steps: int) -> tuple[State, jax.Array, jax.Array]:
        """The state after so many steps of each with random actions; episodes and rewards of each."""
        env: Any = self._env
        return env.run(state, env.sample, num_steps)  # type: ignore[no-any-return]


def make(name: str) -> JaxEnv:
    """The reference environment of that name. Raises UserError."""
    if name not in REFERENCES:
        raise unknown("reference environment", name, REFERENCES)
    env = import_object(REFERENCES[name])()
    return OwnFreeRunning(env) if hasattr(env, "run") else Own(env)
