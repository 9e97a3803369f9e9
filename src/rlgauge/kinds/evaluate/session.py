"""Measuring blocks of episodes: one process, its environments and its policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rlgauge.core.case import Case
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.workload import Context
from rlgauge.episodes.alarm import EpisodeTimeoutError, StepAlarm
from rlgauge.episodes.latency import Elsewhere, Latency
from rlgauge.episodes.policy import open_policy, wrap_policy
from rlgauge.episodes.repeats import repeats
from rlgauge.episodes.rollout import Played, Rollout, Rules, as_truth
from rlgauge.episodes.spec_check import check_policy, row_dependence
from rlgauge.episodes.video import VideoRecorder
from rlgauge.kinds.evaluate.candidates import Candidate, Live
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, episode, outcome, record

if TYPE_CHECKING:
    import gymnasium

    from rlgauge.episodes.policies.protocol import BatchPolicy
    from rlgauge.kinds.evaluate.benchmark import Benchmark


class Session:
    """Keeps one task's environments and one opened policy at a time."""

    def __init__(self, workload: EvaluateWorkload) -> None:
        """Nothing is opened yet."""
        self._workload = workload
        self._benchmark = workload.benchmark
        self._gyms = workload.benchmark.open_gyms()
        self._positions = {task.id: position for position, task in enumerate(workload.tasks)}
        self._position: int | None = None
        self._policy: BatchPolicy | None = None
        self._key: tuple[str, int | None, str] | None = None
        self._is_own = False
        self._is_bit_stable = False
        self._repeats: dict[str, bool] = {}

    def close(self) -> None:
        """Close the policy and the environments that were made here."""
        self._close_policy()
        self._gyms.close()

    def measure(self, case: Case, context: Context) -> Iterator[Record]:
        """Play the episodes of the block that are still wanted."""
        kept = {record.index for record in context.kept}
        last = case.params["first"] + (context.num_wanted or 0)
        indices = [index for index in range(case.params["first"], last) if index not in kept]
        if not indices:
            return
        task = case.params["task"]
        rollout, latency = self._rollout(case, context, num_lanes=min(len(indices), self._workload.lanes))
        start, steps = perf_counter(), 0
        for played in rollout.play([episode(case.seed, task, index) for index in indices]):
            steps += played.length
            if played.video is not None:
                played = replace(played, video=f"{case.labels['films']}/{played.video}")  # noqa: PLW2901
            yield record(played, success_of(self._benchmark, played))
        seconds = perf_counter() - start
        context.result.update(steps=steps, seconds=seconds, latency=latency.to_json(), bit_stable=self._is_bit_stable)
        if not self._repeats.get(task, True):
            context.result.update(not_reproducible=[task], bit_stable=False)

    def _rollout(self, case: Case, context: Context, *, num_lanes: int) -> tuple[Rollout, Latency]:
        position = self._move_to(case.params["task"])
        envs = self._gyms.lanes(position, num_lanes)
        policy = self._open(case, envs[0])
        latency = Latency()
        if isinstance(policy, Elsewhere):
            policy.note_in(latency)
        rules = Rules(
            task_id=case.params["task"],
            max_steps=case.params["max_steps"],
            episode_seconds=self._workload.hang_seconds,
            judge=lambda played: outcome(played, success_of(self._benchmark, played)),
            recorder=self._recorder(case.labels["films"], envs[0]),
            at=None if self._workload.hang_seconds is None else context.at,
        )
        rollout = Rollout(
            envs,
            policy,
            width=case.params["width"],
            rules=rules,
            latency=latency,
            remake=lambda lane: self._gyms.remake(position, lane),
        )
        return rollout, latency

    def _move_to(self, task_id: str) -> int:
        """Only one task's environments are open at a time."""
        position = self._positions[task_id]
        if self._position not in {None, position}:
            self._gyms.close_task(self._position or 0)
        self._position = position
        return position

    def _open(self, case: Case, env: gymnasium.Env[Any, Any]) -> BatchPolicy:
        """The case's policy, checked against the environment before it plays there."""
        key = (case.labels["policy"], case.params["train_seed"], case.params["task"])
        if self._policy is None or key != self._key:
            self._close_policy()
            self._workload.check(case)
            self._policy = self._load(self._workload.find_policy(case), case, env)
            self._check(self._policy, case, env)
            self._try_again(case, env)
            self._key = key
        return self._policy

    def _try_again(self, case: Case, env: gymnasium.Env[Any, Any]) -> None:
        """Find out, once a task, whether it does the same again; not of one that may hang, which nothing would end."""
        task = case.params["task"]
        if self._workload.hang_seconds is None and task not in self._repeats:
            self._repeats[task] = repeats(env, case.seed)

    def _close_policy(self) -> None:
        """Close a policy that was opened here; a live object belongs to who made it."""
        if self._policy is not None and self._is_own:
            self._policy.close()
        self._policy = None

    def _check(self, policy: BatchPolicy, case: Case, env: gymnasium.Env[Any, Any]) -> None:
        """Raise UserError where the policy does not fit; find out whether its bits depend on the row."""
        observation = self._first_observation(case, env)
        width = case.params["width"]
        check_policy(
            policy,
            observation_space=env.observation_space,
            action_space=env.action_space,
            observation=observation,
            width=width,
            name=case.labels["uri"] or case.labels["policy"],
            environment=case.params["task"],
        )
        self._is_bit_stable = policy.bit_stable and not row_dependence(
            policy, observation_space=env.observation_space, observation=observation, width=width
        )

    def _first_observation(self, case: Case, env: gymnasium.Env[Any, Any]) -> object:
        """What a reset gives, or one of its space where this reset raises: which episodes do so is found by playing.

        Raises UserError where it stands still.
        """
        with StepAlarm(self._workload.hang_seconds) as alarm:
            alarm.step_start = perf_counter()
            try:
                observation, _ = env.reset(seed=case.seed)
                alarm.step_start = None
            except EpisodeTimeoutError:
                raise UserError(
                    f"{case.params['task']} was not reset within {self._workload.hang_seconds:g} s, "
                    "before the first episode."
                ) from None
            except Exception:  # noqa: BLE001  # an environment may raise anything
                env.observation_space.seed(case.seed)
                observation = env.observation_space.sample()
        return observation

    def _load(self, policy: Candidate | Live, case: Case, env: gymnasium.Env[Any, Any]) -> BatchPolicy:
        width = case.params["width"]
        observed, acted = env.observation_space, env.action_space
        self._is_own = not isinstance(policy, Live)
        if isinstance(policy, Live):
            return wrap_policy(policy.policy, observation_space=observed, action_space=acted, width=width)
        source = policy.source(case.params["task"])
        if source.digest() != case.params["policy"]:
            raise UserError(f"The policy {source.uri} has changed since the command was given; give it again.")
        return open_policy(
            source, observation_space=observed, action_space=acted, width=width, trust=self._workload.trust
        )

    def _recorder(self, folder: str, env: gymnasium.Env[Any, Any]) -> VideoRecorder | None:
        benchmark = self._benchmark
        if benchmark.video_dir is None or benchmark.record_mode == "none":
            return None
        if env.render_mode != "rgb_array":
            raise UserError(
                f"{case_name(env)} was made with render_mode={env.render_mode!r}, so it can't be filmed: make it with "
                "render_mode='rgb_array', or set record_mode='none'."
            )
        return VideoRecorder(benchmark.video_dir / folder, record_mode=benchmark.record_mode)


def success_of(benchmark: Benchmark, played: Played) -> bool | None:
    """Whether an episode is a success by the rule of the benchmark. Raises UserError where that is no answer."""
    if played.error:
        return None
    told = benchmark.is_success(played)
    try:
        return None if told is None else as_truth(told)
    except ValueError as error:
        raise UserError(f"is_success() of {type(benchmark).__name__} gave {error}.") from error


def case_name(env: gymnasium.Env[Any, Any]) -> str:
    """What to call an environment in a sentence."""
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


class Memory:
    """A context that keeps nothing: for evaluations that are not stored."""

    def __init__(self, num_wanted: int) -> None:
        """Nothing was measured before."""
        self.kept: Sequence[Record] = ()
        self.num_wanted: int | None = num_wanted
        self.artifacts: Path | None = None
        self.result: dict[str, Any] = {}

    def at(self, index: int) -> None:
        """Nobody watches."""
        del index
