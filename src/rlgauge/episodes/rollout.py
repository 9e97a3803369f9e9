"""Playing episodes: L lanes in one process, one batched policy call a step, every episode exactly once.

The list of episodes is fixed before anything is played. A free lane takes the next episode of the list; every episode
that is started is finished and counted, so that short episodes are not favoured ("first N finished" would be biased).
The policy is always called with L rows, rows of idle lanes being zeros: an episode's outcome does not depend on the
lanes beside it.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.core.workload import NOWHERE
from rlgauge.episodes.alarm import EpisodeTimeoutError, StepAlarm
from rlgauge.episodes.latency import Latency, deciding
from rlgauge.episodes.observations import make_batch
from rlgauge.episodes.policies.protocol import Illegal

if TYPE_CHECKING:
    from gymnasium import Env

    from rlgauge.episodes.policies.protocol import BatchPolicy
    from rlgauge.episodes.video import Film, VideoRecorder

SUCCESS_KEYS = ("is_success", "success")
"""Where environments report success, in `info`."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One entry of the list to be played."""

    index: int
    seed: int
    action_seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What happened in an episode. `success...` is None where the environment said nothing of it.

    So are `terminated` and `truncated` where it does not tell them apart, and `environment_seconds` where nothing told
    its time from the policy's. `video` is the film's path below the recorder's folder.
    """

    task_id: str
    index: int
    seed: int
    total_return: float | None
    length: int
    terminated: bool | None
    truncated: bool | None
    success_at_end: bool | None
    success_ever: bool | None
    success_at_reset: bool
    environment_seconds: float | None
    info: dict[str, Any]
    error: str | None = None
    timed_out: bool = False
    video: str | None = None


class Rules(NamedTuple):
    """How a task is played and judged."""

    task_id: str
    max_steps: int | None = None
    episode_seconds: float | None = None
    judge: Callable[[Played], str] = lambda _played: "unmeasured"
    recorder: VideoRecorder | None = None
    at: Callable[[int], None] | None = None


class Lane:
    """One environment and the episode that it is playing."""

    __slots__ = (
        "env",
        "environment_seconds",
        "episode",
        "film",
        "info",
        "length",
        "row",
        "step",
        "success_at_end",
        "success_at_reset",
        "success_ever",
        "task_id",
        "total_return",
    )

    def __init__(self, row: int, env: Env[Any, Any], task_id: str) -> None:
        """Row `row` of the batch is played in `env`."""
        self.row = row
        self.task_id = task_id
        self.take(env)
        self.film: Film | None = None

    def take(self, env: Env[Any, Any]) -> None:
        """Play in `env` from now on."""
        self.env = env
        self.step = env.step

    def begin(self, episode: Episode) -> None:
        """Forget the episode before."""
        self.episode = episode
        self.total_return = 0.0
        self.length = 0
        self.environment_seconds = 0.0
        self.info: dict[str, Any] = _NOTHING
        self.success_at_reset = False
        self.success_at_end: bool | None = None
        self.success_ever: bool | None = None

    def read(self, info: dict[str, Any]) -> None:
        """Keep the step's `info`, and what it says of success."""
        self.info = info
        self.success_at_end = success = reported_success(info)
        if success is not None:
            self.success_ever = success or bool(self.success_ever)

    def played(self, *, terminated: bool = False, truncated: bool = False) -> Played:
        """What happened so far."""
        return Played(
            task_id=self.task_id,
            index=self.episode.index,
            seed=self.episode.seed,
            total_return=self.total_return,
            length=self.length,
            terminated=terminated,
            truncated=truncated,
            success_at_end=self.success_at_end,
            success_ever=self.success_ever,
            success_at_reset=self.success_at_reset,
            environment_seconds=self.environment_seconds,
            info=self.info,
        )


_NOTHING: dict[str, Any] = {}
"""The `info` of an environment that says nothing."""


def reported_success(info: dict[str, Any]) -> bool | None:
    """What the environment says of success; None where it says nothing, or what is no answer (NaN).

    Raises ValueError for what is neither true nor false, 1 nor 0.
    """
    for key in SUCCESS_KEYS:
        if key in info and (value := info[key]) is not None:
            try:
                success = as_truth(value)
            except ValueError as error:
                raise ValueError(f"info[{key!r}] is {error}") from None
            if success is not None:
                return success
    return None


def as_truth(value: object) -> bool | None:
    """True or false, in whatever form it is said; None for NaN. Raises ValueError for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    number = _as_number(value)
    if number is None or not (isnan(number) or number in {0, 1}):
        raise ValueError(f"{value!r:.60}, which is neither true nor false")
    return None if isnan(number) else number == 1


def _as_number(value: object) -> float | None:
    """A number, also out of an array of one; None for anything else."""
    if isinstance(value, (int, float, np.number)):
        return float(value)
    is_one = isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "biuf"
    return float(np.asarray(value).item()) if is_one else None


class Rollout:
    """Plays a list of episodes of one task with one policy.

    `envs` has one environment a lane and `policy` was opened for at least as many rows. `remake` disposes of a lane's
    environment that has raised or hangs, and gives the one to go on with.
    """

    def __init__(
        self,
        envs: Sequence[Env[Any, Any]],
        policy: BatchPolicy,
        *,
        width: int,
        rules: Rules,
        latency: Latency,
        remake: Callable[[int], Env[Any, Any]],
    ) -> None:
        """Prepare; nothing is reset yet."""
        self._lanes = [Lane(row, env, rules.task_id) for row, env in enumerate(envs)]
        self._policy = policy
        self._has_decided = deciding(policy)
        self._rules = rules
        self._latency = latency
        self._remake = remake
        self._batch = make_batch(envs[0].observation_space, width)
        self._alarm = StepAlarm(rules.episode_seconds)
        self._is_watched = rules.episode_seconds is not None or rules.at is not None
        self._rows: list[int] = []

    def play(self, episodes: Sequence[Episode]) -> Iterator[Played]:
        """Every episode of the list, in the order in which they end."""
        queue = iter(episodes)
        with self._alarm, contextlib.ExitStack() as stack:
            stack.callback(self._discard_films)
            active: list[Lane] = []
            for lane in self._lanes:
                yield from self._begin_next(lane, queue, active)
            while active:
                self._rows = [lane.row for lane in active]
                ended = self._step_all(active)
                while not ended:
                    ended = self._step_all(active)
                for lane, end in ended:
                    yield self._finish(lane, end)
                    active.remove(lane)
                    yield from self._begin_next(lane, queue, active)

    def _step_all(self, active: list[Lane]) -> list[tuple[Lane, Played]]:  # noqa: C901  # what a call would cost
        """One step of every active lane; the lanes whose episode has ended, with what happened.

        The hot loop of every evaluation: locals instead of attributes, and what can be asked once for all lanes
        (whether anything is not finite) is asked once.
        """
        batch, put, clock, note = self._batch, self._batch.put, perf_counter, self._latency.environment.pending.append
        max_steps, watches = self._rules.max_steps or sys.maxsize, self._is_watched
        ended: list[tuple[Lane, Played]] = []
        rewards = 0.0
        actions = self._act()
        for lane in active:
            row = lane.row
            if watches:
                self._watch(lane)
            action = actions[row]
            if type(action) is Illegal:
                ended.append((lane, self._refused(lane, action)))
                continue
            start = clock()
            try:
                observation, given, terminated, truncated, info = lane.step(action)
                seconds = clock() - start
                if watches:
                    self._alarm.step_start = None
                put(row, observation)
                reward = float(given)  # sums of NumPy's float32 would lose digits
                if info or lane.info:
                    lane.read(info)
            except (Exception, EpisodeTimeoutError) as error:  # noqa: BLE001  # what an environment raises ends its episode only
                ended.append((lane, self._broken(lane, error, clock() - start, at=f"step {lane.length + 1}")))
                continue
            note(seconds)
            lane.environment_seconds += seconds
            lane.length += 1
            lane.total_return += reward
            rewards += reward
            if lane.film is not None:
                self._add_frame(lane)
            if terminated or truncated or lane.length >= max_steps:
                cut = bool(truncated) or not terminated
                ended.append((lane, self._checked(lane, lane.played(terminated=bool(terminated), truncated=cut))))
            elif watches and self._alarm.is_over(lane.environment_seconds):
                ended.append((lane, self._checked(lane, lane.played())))
        if not (isfinite(rewards) and batch.is_finite()):
            ended.extend(self._not_finite(active, {id(lane) for lane, _ in ended}))
        self._latency.flush()
        return ended

    def _act(self) -> Sequence[Any]:
        """The policy's actions, one a row; its time is no episode's."""
        if self._rules.at is not None:
            self._rules.at(NOWHERE)
        start = perf_counter()
        actions = self._policy.act(self._batch.value, self._rows)
        seconds = perf_counter() - start
        if self._has_decided():
            self._latency.policy.pending.append(seconds)
        return actions

    def _watch(self, lane: Lane) -> None:
        """Before a step of a lane: the alarm's clock starts, and whoever supervises is told the index."""
        self._alarm.step_start = perf_counter()
        if self._rules.at is not None:
            self._rules.at(lane.episode.index)

    def _begin_next(self, lane: Lane, queue: Iterator[Episode], active: list[Lane]) -> Iterator[Played]:
        """Start the next episode in the lane; yields those whose reset failed before one could be started."""
        for episode in queue:
            lane.begin(episode)
            self._watch(lane)
            start = perf_counter()
            try:
                observation, info = lane.env.reset(seed=episode.seed)
                self._alarm.step_start = None
                self._batch.put(lane.row, observation)
                lane.info = info or _NOTHING
                lane.success_at_reset = bool(reported_success(lane.info))
            except (Exception, EpisodeTimeoutError) as error:  # noqa: BLE001  # a reset that raises ends its episode only
                yield self._finish(lane, self._broken(lane, error, perf_counter() - start, at="reset"))
                continue
            lane.environment_seconds = perf_counter() - start
            self._policy.begin(lane.row, episode.action_seed)
            if self._rules.recorder is not None and self._rules.recorder.wants(episode.index):
                self._open_film(lane, self._rules.recorder)
            if not self._batch.is_row_finite(lane.row):
                yield self._finish(lane, self._checked(lane, lane.played()))
                continue
            active.append(lane)
            return
        self._batch.clear(lane.row)

    def _finish(self, lane: Lane, end: Played) -> Played:
        """The end of an episode, its film closed."""
        if lane.film is None or self._rules.recorder is None:
            return end
        start = perf_counter()
        path = lane.film.close(self._rules.judge(end))
        lane.film = None
        self._latency.render.append(perf_counter() - start)
        return end if path is None else replace(end, video=path.relative_to(self._rules.recorder.output_dir).as_posix())

    def _broken(self, lane: Lane, error: BaseException, seconds: float, *, at: str) -> Played:
        """The episode whose environment raised or stood still; the lane gets an environment to go on with."""
        self._alarm.step_start = None
        lane.environment_seconds += seconds
        lane.take(self._remake(lane.row))
        self._batch.clear(lane.row)
        if isinstance(error, EpisodeTimeoutError):
            return replace(lane.played(), error=f"{self._timeout()} in {at}", timed_out=True)
        last = traceback.format_exception_only(error)[-1].strip()
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        return replace(lane.played(), error=f"{at}: {last}\n{where}")

    def _refused(self, lane: Lane, action: Illegal) -> Played:
        """The episode in which the policy did what the environment does not allow."""
        self._alarm.step_start = None
        self._batch.clear(lane.row)
        return replace(lane.played(), error=f"step {lane.length + 1}: the policy {action.fault}")

    def _checked(self, lane: Lane, end: Played) -> Played:
        """The end of an episode, an error where a number of it is not finite or its time is over."""
        at = f"step {lane.length}" if lane.length else "reset"
        if not self._batch.is_row_finite(lane.row):
            self._batch.clear(lane.row)
            return replace(end, error=f"{at}: the observation is not finite", total_return=None)
        if end.total_return is None or not isfinite(end.total_return):
            return replace(end, error=f"{at}: the reward is not finite", total_return=None)
        if self._alarm.is_over(lane.environment_seconds):
            return replace(end, error=f"{self._timeout()} in {at}", timed_out=True)
        return end

    def _timeout(self) -> str:
        return f"timeout: the environment took more than {self._rules.episode_seconds:g} s for the episode"

    def _not_finite(self, active: Sequence[Lane], ended: set[int]) -> Iterator[tuple[Lane, Played]]:
        for lane in active:
            if id(lane) not in ended and not (isfinite(lane.total_return) and self._batch.is_row_finite(lane.row)):
                yield lane, self._checked(lane, lane.played())

    def _open_film(self, lane: Lane, recorder: VideoRecorder) -> None:
        fps = lane.env.metadata.get("render_fps")
        lane.film = recorder.open(self._rules.task_id, lane.episode.index, fps=fps, seed=lane.episode.seed)
        self._add_frame(lane)

    def _add_frame(self, lane: Lane) -> None:
        start = perf_counter()
        try:
            frame = lane.env.render()
        except Exception as error:
            raise UserError(
                f"{self._rules.task_id} can't be rendered ({type(error).__name__}: {error}). Leave out the videos "
                "(record_mode='none'), or set up rendering: without a screen MuJoCo needs MUJOCO_GL=osmesa or egl."
            ) from error
        if lane.film is not None:
            lane.film.add(frame, step=lane.length, total_return=lane.total_return)
        self._latency.render.append(perf_counter() - start)

    def _discard_films(self) -> None:
        for lane in self._lanes:
            if lane.film is not None:
                lane.film.discard()
                lane.film = None
