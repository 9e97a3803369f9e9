"""Measuring blocks of episodes on a device: environments in JAX, and policies compiled with them or asked for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from rlgauge.envs import on_device
from rlgauge.envs.jax_env import Choices, Evaluable
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.policies import code
from rlgauge.episodes.policies.sb3 import is_sb3
from rlgauge.episodes.policies.torchscript import is_module
from rlgauge.episodes.policy import open_policy, wrap_policy
from rlgauge.episodes.rollout import Episode, Played
from rlgauge.episodes.spec_check import check_policy, row_dependence
from rlgauge.kinds.evaluate.candidates import Live
from rlgauge.kinds.evaluate.session import success_of
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, episode, record

if TYPE_CHECKING:
    from rlgauge.episodes.device_rollout import Task
    from rlgauge.episodes.policies.protocol import BatchPolicy
    from rlgauge.episodes.policies.traced import Traced


class _Plays(Protocol):
    def play(self, episodes: Sequence[Episode], task: Task) -> Iterator[Played]: ...


class _Ready(NamedTuple):
    """What plays a policy in a task; `reason` says why it is asked on the host where that is no matter of course."""

    plays: _Plays
    latency: Latency
    is_bit_stable: bool
    is_asked: bool = False
    reason: str | None = None
    close: Callable[[], None] = lambda: None


class _Asking(NamedTuple):
    """What to call a policy that is asked, whether it was opened here, and why it is asked."""

    name: str
    is_own: bool = True
    reason: str | None = None


class DeviceSession:
    """Keeps one task's environment and one policy at a time, and what was compiled."""

    def __init__(self, workload: EvaluateWorkload) -> None:
        """Nothing is made yet."""
        self._workload = workload
        self._tasks = {task.id: task for task in workload.tasks}
        self._env: Evaluable | None = None
        self._task = ""
        self._key: object = None
        self._ready: _Ready | None = None
        self._compiled: dict[str, Any] = {}
        self._compile_seconds = 0.0

    def close(self) -> None:
        """Close the policy that was opened here."""
        if self._ready is not None:
            self._ready.close()
        self._ready = None

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        """Play the episodes of the block that are still wanted."""
        kept = {record.index for record in context.kept}
        last = case.params["first"] + (context.num_wanted or 0)
        task = case.params["task"]
        episodes = [episode(case.seed, task, i) for i in range(case.params["first"], last) if i not in kept]
        if not episodes:
            return
        ready, told = self._open(case), self._told(case)
        start, steps = perf_counter(), 0
        for played in ready.plays.play(episodes, told):
            steps += played.length
            yield record(played, success_of(self._workload.benchmark, played))
        context.result.update(
            steps=steps,
            seconds=perf_counter() - start,
            compile_seconds=self._compile_seconds,
            latency=ready.latency.to_json(),
            bit_stable=ready.is_bit_stable,
        )
        if ready.is_asked:
            context.result.update(asked={case.labels["policy"]: ready.reason})
        self._compile_seconds = 0.0

    def _told(self, case: Case) -> Task:
        from rlgauge.episodes.device_rollout import Task

        actions = self._env.actions if self._env is not None else None
        allowed = f"0 to {actions.num - 1}" if isinstance(actions, Choices) else "those between its bounds"
        return Task(case.params["task"], case.params["max_steps"], allowed)

    def _open(self, case: Case) -> _Ready:
        """What plays the case's policy in its task."""
        task = case.params["task"]
        env = self._environment(task)
        key = (case.labels["policy"], case.params["train_seed"], task)
        if self._ready is None or self._key != key:
            self.close()
            self._workload.check(case)
            self._ready, self._key = self._loaded(case, env), key
        return self._ready

    def _environment(self, task: str) -> Evaluable:
        if self._env is None or self._task != task:
            found = self._tasks[task].device
            if found is None:
                raise UserError(f"{task} is no environment in JAX.")
            self._env, self._task = on_device.make(found), task
            self._compiled.clear()
        return self._env

    def _loaded(self, case: Case, env: Evaluable) -> _Ready:
        from rlgauge.episodes.device_asked import gymnasium_spaces
        from rlgauge.episodes.policies import traced

        policy = self._workload.find_policy(case)
        name = case.labels["uri"] or policy.name
        task = case.params["task"]
        if isinstance(policy, Live):
            return self._adapted(policy.policy, case, env, name)
        source = policy.source(task)
        if source.digest() != case.params["policy"]:
            raise UserError(f"The policy {source.uri} has changed since the command was given; give it again.")
        match source.scheme:
            case "random":
                return self._compiled_with(traced.random_policy(env), env)
            case "zero":
                return self._compiled_with(traced.zero_policy(env), env)
            case "py" if not source.is_adapted:
                observed, acted = _spaces(env, task)
                found = code.load(
                    source.target, ckpt_path=source.ckpt_path, observation_space=observed, action_space=acted
                )
                return self._adapted(found, case, env, name)
        observed, acted = gymnasium_spaces(env, task)
        width, trust = self._workload.lanes, self._workload.trust
        opened = open_policy(source, observation_space=observed, action_space=acted, width=width, trust=trust)
        return self._asked(case, env, opened, _Asking(name))

    def _adapted(self, policy: object, case: Case, env: Evaluable, name: str) -> _Ready:
        """A policy that is an object: compiled where JAX can trace it, else asked."""
        from rlgauge.episodes.device_asked import gymnasium_spaces
        from rlgauge.episodes.policies import traced

        task, reason = case.params["task"], None
        if not (is_sb3(policy) or is_module(policy)):
            try:
                return self._compiled_with(traced.trace(policy, env, name=name, environment=task), env)
            except traced.NotTraceableError as error:
                reason = str(error)
        try:
            observed, acted = gymnasium_spaces(env, task)
        except UserError as error:
            raise UserError(f"The policy {name} {reason or 'is no function'}. {error}") from error
        width = self._workload.lanes
        wrapped = wrap_policy(policy, observation_space=observed, action_space=acted, width=width, name=name)
        return self._asked(case, env, wrapped, _Asking(name, is_own=case.labels["uri"] != "", reason=reason))

    def _compiled_with(self, policy: Traced, env: Evaluable) -> _Ready:
        import jax

        from rlgauge.episodes.device_loop import idle, make_program
        from rlgauge.episodes.device_rollout import Compiled, example

        lanes = idle(env, self._workload.lanes)
        shapes = jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), policy.params)
        given = (policy.params, lanes, *example(lanes))
        program = self._compile(f"{policy.text}{shapes}", make_program(env, policy.choose), *given)
        return _Ready(Compiled(program, policy.params, lanes), Latency(), is_bit_stable=jax.default_backend() == "cpu")

    def _asked(self, case: Case, env: Evaluable, policy: BatchPolicy, how: _Asking) -> _Ready:
        """A policy that is asked at each step."""
        import numpy as np

        from rlgauge.episodes import device_asked
        from rlgauge.episodes.device_loop import idle, make_step
        from rlgauge.episodes.device_rollout import example

        width, latency = self._workload.lanes, Latency()
        is_stable = self._checked(case, env, policy, how.name)
        lanes, actions = idle(env, width), device_asked.no_actions(env, width)
        queue, limit = example(lanes)
        step = self._compile("asked", make_step(env), lanes, queue, actions, np.zeros(width, bool), limit)
        asked = device_asked.Asked(step, lanes, actions, policy, latency)
        close = policy.close if how.is_own else _nothing
        return _Ready(asked, latency, is_bit_stable=is_stable, is_asked=True, reason=how.reason, close=close)

    def _checked(self, case: Case, env: Evaluable, policy: BatchPolicy, name: str) -> bool:
        """Whether its bits depend on no other row. Raises UserError where the policy does not fit."""
        from rlgauge.episodes import device_asked

        task, width = case.params["task"], self._workload.lanes
        observed, acted = device_asked.gymnasium_spaces(env, task)
        first = device_asked.first_observation(env, case.seed)
        check_policy(
            policy,
            observation_space=observed,
            action_space=acted,
            observation=first,
            width=width,
            name=name,
            environment=task,
        )
        return policy.bit_stable and not row_dependence(
            policy, observation_space=observed, observation=first, width=width
        )

    def _compile(self, text: str, function: Callable[..., Any], *given: Any) -> Any:  # noqa: ANN401  # compiled code
        """The function, compiled for what it will be given; equal text is equal code."""
        import jax

        if text not in self._compiled:
            start = perf_counter()
            self._compiled[text] = jax.jit(function).lower(*given).compile()
            self._compile_seconds += perf_counter() - start
        return self._compiled[text]


def _nothing() -> None:
    """A live object belongs to who made it."""


def _spaces(env: Evaluable, task: str) -> tuple[Any, Any]:
    """Gymnasium's spaces for a class whose constructor names them; None where there are none."""
    from rlgauge.episodes import device_asked

    try:
        return device_asked.gymnasium_spaces(env, task)
    except UserError:
        return None, None
