"""A look before an evaluation: is a policy that fails to blame, or how it is connected to the environment?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.hub import source_in_repository
from rlgauge.episodes.policies.mapping import read_mapping
from rlgauge.episodes.policies.protocol import Action, BatchPolicy, Illegal
from rlgauge.episodes.policies.random_actions import RandomPolicy
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policies.spaces import Box, describe, is_image
from rlgauge.episodes.policies.zero import ZeroPolicy
from rlgauge.episodes.policy import open_policy, wrap_policy
from rlgauge.episodes.rollout import Episode, Rules
from rlgauge.episodes.spec_check import check_policy
from rlgauge.kinds.evaluate import preflight_checks as checks
from rlgauge.kinds.evaluate.candidates import Candidate, Live
from rlgauge.kinds.evaluate.preflight_actions import compare_actions
from rlgauge.kinds.evaluate.preflight_against import Said, against_observations, channels_last, unlike
from rlgauge.kinds.evaluate.preflight_checks import Stage
from rlgauge.kinds.evaluate.preflight_findings import LEVELS, Finding, Preflight, Row
from rlgauge.kinds.evaluate.preflight_mapped import Heard, open_heard, seen_of
from rlgauge.kinds.evaluate.preflight_play import Plays, action_rows, arrays_of, columns, play, show
from rlgauge.kinds.evaluate.preflight_reactions import Reaction, reactions
from rlgauge.kinds.evaluate.preflight_soon import is_success_soon, solved_soon
from rlgauge.kinds.evaluate.preflight_stored import Stored, read_stats, stored_with
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.kinds.evaluate.session import success_of
from rlgauge.kinds.evaluate.workload import EvaluateWorkload, episode

if TYPE_CHECKING:
    import gymnasium

    from rlgauge.kinds.evaluate.benchmark import Benchmark
    from rlgauge.kinds.evaluate.gyms import Gyms, Task

EPISODES, STEPS = 5, 500
"""Played with each policy where nobody says how many; and after how many steps each is cut."""
_NETWORKS = ("onnx", "torchscript", "export", "lerobot", "hf", "lightning", "sb3")
"""Schemes whose policies were trained with all that they take."""
_UNCLIPPED = ("onnx", "torchscript", "export", "lerobot", "lightning")
"""Schemes whose policies can be asked for actions beyond the environment's bounds."""
_WORTH_A_LOOK = 0.2
"""Of the steps at a bound: with fewer, nothing is opened again to see actions before they are clipped."""
_MOST_OBSERVATIONS = 200
"""From which others are drawn."""
_FIRST = 5
"""Steps that are an episode's start."""


def preflight(
    benchmark: Benchmark,
    policy: object,
    *,
    num_episodes: int = EPISODES,
    max_steps: int = STEPS,
    stats: str | Path | None = None,
    trust: bool = False,
    lanes: int | None = None,
    train_seeds: Sequence[int] | None = None,
) -> Preflight:
    """What is wrong, or may be, between policies and the environments of a benchmark.

    `policy` and the rest are as for `Benchmark.evaluate`. Plays `num_episodes` episodes of each policy in each task,
    of at most `max_steps` steps, and as many with zero and with random actions. `stats` is a JSON file with statistics
    of training. Nothing is stored, and evaluations are as they were. Raises UserError.
    """
    workload = make_workload(benchmark, policy, lanes=lanes, trust=trust, train_seeds=train_seeds)
    return look(workload, num_episodes=num_episodes, max_steps=max_steps, stats=stats)


def look(
    workload: EvaluateWorkload, *, num_episodes: int = EPISODES, max_steps: int = STEPS, stats: str | Path | None = None
) -> Preflight:
    """The preflight of a workload's policies in its tasks. Raises UserError."""
    for name, value in (("num_episodes", num_episodes), ("max_steps", max_steps)):
        if value < 1:
            raise UserError(f"{name}={value}: at least 1 is needed.")
    if workload.is_on_device:
        raise UserError("Environments in JAX are played on the device, where a preflight can't look: there is none.")
    workload.check_policies()
    given = None if stats is None else read_stats(Path(stats))
    rows: list[Row] = []
    findings: list[Finding] = []
    with contextlib.closing(workload.benchmark.open_gyms()) as gyms:
        for position, task in enumerate(workload.tasks):
            table = _Table(workload, task, gyms, position, num_episodes=num_episodes, max_steps=max_steps)
            for policy in workload.policies:
                said = table.look(policy, given)
                findings += [
                    Finding(policy=policy.name, task=task.id, **one._asdict())
                    for one in sorted(said, key=lambda one: LEVELS.index(one.level))
                ]
            rows += table.rows()
            gyms.close_task(position)
    return Preflight(rows=rows, findings=sorted(findings, key=lambda one: LEVELS.index(one.level)))


class _Table:
    """One task, and all that was played there."""

    def __init__(
        self, workload: EvaluateWorkload, task: Task, gyms: Gyms, position: int, *, num_episodes: int, max_steps: int
    ) -> None:
        self._workload = workload
        self._benchmark = workload.benchmark
        self._task = task
        self._gyms, self._position = gyms, position
        self._width = workload.lanes
        own = self._benchmark.max_steps
        self._max_steps = max_steps if own is None else min(own, max_steps)
        self._is_shorter = own is None or max_steps < own
        self._envs = gyms.lanes(position, min(num_episodes, self._width))
        self._observed, self._acted = self._envs[0].observation_space, self._envs[0].action_space
        self._episodes = [episode(self._benchmark.seed, task.id, index) for index in range(num_episodes)]
        self._plays: list[Plays] = []
        self._references = [
            self._play(name, policy) for name, policy in self._reference_policies() if policy is not None
        ]
        self._soon = solved_soon(self._references, self._episodes, self._first_step)

    def _reference_policies(self) -> Iterator[tuple[str, BatchPolicy | None]]:
        zero: BatchPolicy | None = None
        with contextlib.suppress(UserError):  # spaces without a zero
            zero = ZeroPolicy(describe(self._acted), width=self._width)
        yield "zero", zero
        yield "random", RandomPolicy(self._acted, width=self._width)

    def rows(self) -> list[Row]:
        """What each did, the references last."""
        own = [_row(self._task.id, plays, is_reference=False) for plays in self._plays]
        return own + [_row(self._task.id, plays, is_reference=True) for plays in self._references]

    def look(self, policy: Candidate | Live, given: Stored | None) -> list[Said]:
        """All that can be said of a policy here."""
        source = None if isinstance(policy, Live) else policy.source(self._task.id)
        if source is not None and source.scheme == "hf":
            source = source_in_repository(source)
        opened, heard = self._open(policy, source)
        try:
            return list(self._look(policy, source, opened, heard, given))
        finally:
            if source is not None:
                opened.close()

    def _look(
        self,
        policy: Candidate | Live,
        source: PolicySource | None,
        opened: BatchPolicy,
        heard: Heard | None,
        given: Stored | None,
    ) -> Iterator[Said]:
        fault = self._misfit(policy, opened)
        if fault is not None:
            yield fault
            own, acts = Plays(policy.name), []
        else:
            before = 0 if heard is None else len(heard.actions)
            own = self._play(policy.name, opened)
            acts = [] if heard is None else heard.actions[before:]
            self._plays.append(own)
        cut = self._max_steps if self._is_shorter else None
        stage = Stage(own, self._references, describe(self._observed), describe(self._acted), cut, self._soon)
        for check in (checks.of_faults, checks.of_success, checks.of_observations):
            yield from check(stage)
        if fault is not None:
            return
        yield from self._upright(source)
        for check in (checks.of_episodes, checks.of_actions, checks.of_references):
            yield from check(stage)
        is_network = source is not None and source.scheme in _NETWORKS
        if own.fault is None:
            yield from checks.of_reactions(stage, self._reactions(opened, own), is_network=is_network)
        yield from checks.of_saturation(stage, self._unclipped(source, stage))
        yield from self._against(policy, source, own, acts, given)

    def _misfit(self, policy: Candidate | Live, opened: BatchPolicy) -> Said | None:
        """What the check before any evaluation says."""
        env = self._envs[0]
        try:
            observation, _ = env.reset(seed=self._episodes[0].seed)
        except Exception:  # noqa: BLE001  # an environment may raise anything; its episodes will say so
            return None
        try:
            check_policy(
                opened,
                observation_space=self._observed,
                action_space=self._acted,
                observation=observation,
                width=self._width,
                name=policy.name,
                environment=self._task.id,
            )
        except UserError as error:
            text = str(error)
            check = "NaN" if "NaN" in text else "out of bounds" if "outside [" in text else "misfit"
            return Said("wrong", check, text, "An evaluation is refused for the same reason.", {})
        return None

    def _play(self, name: str, policy: BatchPolicy) -> Plays:
        return play(
            name,
            policy,
            self._envs,
            self._episodes,
            width=self._width,
            rules=Rules(self._task.id, max_steps=self._max_steps, episode_seconds=self._workload.hang_seconds),
            remake=self._remake,
            success=lambda played: success_of(self._benchmark, played),
        )

    def _first_step(self, name: str, episodes: Sequence[Episode]) -> Plays:
        """One step of a reference, as if it were the whole episode."""
        policy = dict(self._reference_policies())[name]
        return play(
            name,
            cast("BatchPolicy", policy),
            self._envs,
            episodes,
            width=self._width,
            rules=Rules(self._task.id, max_steps=1, episode_seconds=self._workload.hang_seconds),
            remake=self._remake,
            success=lambda played: is_success_soon(self._benchmark, played),
        )

    def _remake(self, lane: int) -> gymnasium.Env[Any, Any]:
        self._envs[lane] = self._gyms.remake(self._position, lane)
        return self._envs[lane]

    def _open(self, policy: Candidate | Live, source: PolicySource | None) -> tuple[BatchPolicy, Heard | None]:
        if isinstance(policy, Live) or source is None:
            wrapped = wrap_policy(
                cast("Live", policy).policy,
                observation_space=self._observed,
                action_space=self._acted,
                width=self._width,
            )
            return wrapped, None
        return open_heard(
            source,
            observation_space=self._observed,
            action_space=self._acted,
            width=self._width,
            trust=self._workload.trust,
        )

    def _sequences(self, own: Plays) -> list[list[Any]]:
        """The starts of episodes, the policy's and the references' in turn."""
        starts = [[trace.start for trace in plays.traces] for plays in (own, *self._references)]
        longest = max(map(len, starts), default=0)
        return [one[place] for place in range(longest) for one in starts if place < len(one) and one[place]]

    def _reactions(self, opened: BatchPolicy, own: Plays) -> Mapping[str, Reaction] | None:
        pool = [one for plays in (own, *self._references) for one in plays.observations]
        pool = pool[:: max(1, len(pool) // _MOST_OBSERVATIONS)]
        if not pool:
            return {}
        return reactions(opened, self._observed, self._sequences(own), pool=pool, width=self._width)

    def _unclipped(self, source: PolicySource | None, stage: Stage) -> Any:  # noqa: ANN401  # (N, D), or None
        """Actions as the policy gives them, where many are at a bound and they can be had."""
        from gymnasium import spaces

        done_ND = action_rows(stage.own.actions)
        space = stage.acted
        if source is None or done_ND is None or not isinstance(space, Box):
            return None
        mapping = read_mapping(source)
        if source.scheme not in _UNCLIPPED and (mapping is None or mapping.action is None):
            return None
        if np.add(*checks.shares_at_bounds(space, done_ND)).max() < _WORTH_A_LOOK:
            return None
        unbounded = spaces.Box(-np.inf, np.inf, space.shape, space.dtype.type)
        try:
            opened = open_policy(
                source,
                observation_space=self._observed,
                action_space=unbounded,
                width=self._width,
                trust=self._workload.trust,
            )
        except UserError:  # made for these bounds
            return None
        with contextlib.closing(opened):
            shown = show(opened, self._observed, self._sequences(stage.own), width=self._width)
        return action_rows([one for one in shown if not isinstance(one, Illegal)])

    def _against(
        self,
        policy: Candidate | Live,
        source: PolicySource | None,
        own: Plays,
        acts: Sequence[Action],
        given: Stored | None,
    ) -> Iterator[Said]:
        """What is unlike training; `acts` are actions before a mapping that changes them."""
        live = policy.policy if isinstance(policy, Live) else None
        stored = given or stored_with(source, live, trust=self._workload.trust)
        if stored is None:
            yield _UNKNOWN
            return
        traces = [trace for plays in (own, *self._references) for trace in plays.traces]
        starts = [one for trace in traces for one in trace.start[:_FIRST]]
        yield from against_observations(
            stored,
            columns(self._mapped(source, own.observations)),
            starts_N=columns(self._mapped(source, starts)),
            others_N=[columns(self._mapped(source, plays.observations)) for plays in self._references],
            is_unit=source is not None and source.scheme == "lerobot",
        )
        if stored.action is not None:
            mapping = None if source is None else read_mapping(source)
            yield from compare_actions(stored.action, own.actions, mapping=mapping, given=acts)

    def _mapped(self, source: PolicySource | None, observations: Sequence[Any]) -> list[Any]:
        """What the policy itself sees of them."""
        return seen_of(source, observations, observation_space=self._observed, action_space=self._acted)

    def _upright(self, source: PolicySource | None) -> Iterator[Said]:
        """Whether what the policy sees of cameras is what the environment's own rendering shows, in a reset."""
        env = self._envs[0]
        if env.render_mode != "rgb_array":
            return
        try:
            observation, _ = env.reset(seed=self._episodes[0].seed)
            frame: Any = env.render()
        except Exception as error:  # noqa: BLE001  # an environment may raise anything
            text = f"render() raises {type(error).__name__}: {error}, so cameras can't be compared with it."
            yield Said("note", "orientation", text, "Mend it, or look at a film of an episode.", {})
            return
        if not is_image(np.shape(frame)):
            return
        (seen,) = self._mapped(source, [observation])
        for name, array in arrays_of(seen).items():
            image = channels_last(array)
            if image is not None:
                what = f"The observation {name!r}" if name else "The observation"
                of = "what render() shows"
                yield from unlike(
                    _grey(image, image.shape), _grey(np.asarray(frame), image.shape), what, of, sure=False
                )


_UNKNOWN = Said(
    "note",
    "no statistics",
    "No statistics of training are stored with the policy: whether observations and actions are on its scale, in its "
    "order and of its sign, and whether images are the right way up, can't be told from them.",
    "Give --stats FILE, the stats.json of the data that it was trained on.",
    {},
)


def _grey(image: Any, shape: Sequence[int]) -> Any:  # noqa: ANN401  # arrays
    """The image without colours, in the size of another's: (height, width, 1)."""
    from rlgauge.episodes.policies.mapping_images import resize

    return resize(image.mean(2, keepdims=True, dtype=np.float32), shape[0], shape[1]).astype(np.float64)


def _row(task: str, plays: Plays, *, is_reference: bool) -> Row:
    told = [success for success in plays.successes if success is not None]
    return Row(
        task=task,
        policy=plays.policy,
        is_reference=is_reference,
        episodes=len(plays.episodes),
        mean_return=float(np.mean(plays.returns)) if plays.returns else None,
        success_rate=sum(told) / len(told) if told else None,
        mean_length=float(np.mean(plays.lengths)) if plays.lengths else None,
        errors=sum(one.error is not None for one in plays.episodes),
    )
