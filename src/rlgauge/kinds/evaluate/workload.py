"""Evaluation as a workload: a case is a policy, a task and a block of episodes."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from rlgauge.core.case import Case, fingerprint, slug
from rlgauge.core.errors import UserError
from rlgauge.core.run import Record
from rlgauge.core.seeding import action_seed, episode_seed
from rlgauge.core.workload import Description, Measure
from rlgauge.episodes.rollout import Episode, Played
from rlgauge.kinds.evaluate.benchmark import Benchmark, build_benchmark
from rlgauge.kinds.evaluate.candidates import Candidate, Live
from rlgauge.kinds.evaluate.code_names import check_name, check_weights
from rlgauge.kinds.evaluate.gyms import Task

UNITS = {
    "return": "reward",
    "length": "steps",
    "environment_seconds": "s",
    "success": "success",
    "success_at_end": "success",
    "success_ever": "success",
}


PROTOCOL = 1
"""Version of how episodes are seeded, played and judged; raised when the same case would come out differently."""
_BLOCKS = {100: 10, 1000: 50}
"""Up to which episode how many, at the least, make a block; beyond, _LARGEST_BLOCK."""
_LARGEST_BLOCK = 250
LANES, DEVICE_LANES = 8, 256
"""How many environments step side by side where nobody says it: on the host, and in JAX."""
_GROWTH, _MOST_ROWS = 4, 64
"""A block on a device ends at so many times its beginning, and holds at most so many episodes a lane."""


class Block(NamedTuple):
    """Episodes `first` to `last - 1` of a task: the part of the list that one run plays."""

    first: int
    last: int


def blocks(num_episodes: int, width: int) -> Iterator[Block]:
    """The blocks that hold the first `num_episodes` episodes, played in `width` lanes.

    The episodes are cut in the same places whatever their number, so that 20 can grow to 50: small blocks first, which
    several workers can share, longer ones later, which cost less to start. Every block is a multiple of the width, so
    that no lane idles while episodes of equal length are played.
    """
    first = 0
    while first < num_episodes:
        least = next((size for end, size in _BLOCKS.items() if first < end), _LARGEST_BLOCK)
        size = math.ceil(least / width) * width
        yield Block(first, first + size)
        first += size


def device_blocks(num_episodes: int, width: int) -> Iterator[Block]:
    """The same where episodes are played on a device: fewer, since many episodes take no longer there than few."""
    first, last = 0, width
    while first < num_episodes:
        yield Block(first, last)
        first, last = last, min(_GROWTH * last, last + _MOST_ROWS * width)


class EvaluateWorkload:
    """Policies x tasks x blocks of episodes."""

    name = "evaluate"
    process: Literal["shared", "fresh"] = "shared"

    def __init__(
        self,
        benchmark: Benchmark | Mapping[str, Any],
        policies: Sequence[Candidate | Live | Mapping[str, Any]],
        *,
        lanes: int | None,
        trust: bool = False,
        episode_seconds: float | None = None,
    ) -> None:
        """Take the objects themselves, or, in a worker, what `describe` said of them; no `lanes` for the usual."""
        self.benchmark = benchmark if isinstance(benchmark, Benchmark) else _build(benchmark)
        self.benchmark.check()
        self.policies = [msgspec.convert(p, Candidate) if isinstance(p, Mapping) else p for p in policies]
        self._lanes = lanes
        self.trust = trust
        self.hang_seconds = episode_seconds
        self.units: Mapping[str, str] = UNITS
        self.first_episode = 0

    @property
    def is_on_device(self) -> bool:
        """Whether the environments are in JAX, and whole episodes are played on the device."""
        return self.tasks[0].device is not None

    @property
    def lanes(self) -> int:
        """How many environments step side by side."""
        if self._lanes is not None:
            return self._lanes
        if self.benchmark.usual_lanes is not None:
            return self.benchmark.usual_lanes
        return DEVICE_LANES if self.is_on_device else LANES

    def blocks(self, num_episodes: int) -> Iterator[Block]:
        """What runs play of a task's first `num_episodes` episodes."""
        return (device_blocks if self.is_on_device else blocks)(num_episodes, self.lanes)

    def describe(self) -> Description:
        """How a worker makes it again. Raises UserError for live environments and policies."""
        policies = []
        for policy in self.policies:
            if isinstance(policy, Live):
                raise UserError(
                    f"The policy {policy.name} is an object of this process, which no worker has: leave out `workers`, "
                    "or save it and give its URI, such as onnx:FILE or py:MODULE:CLASS."
                )
            policies.append(msgspec.structs.asdict(policy))
        described = msgspec.structs.asdict(self.benchmark.describe())
        benchmark = {**described, "settings": self.benchmark.settings()}
        return Description(
            "rlgauge.kinds.evaluate.workload:EvaluateWorkload",
            {
                "benchmark": benchmark,
                "policies": policies,
                "lanes": self._lanes,
                "trust": self.trust,
                "episode_seconds": self.hang_seconds,
            },
        )

    def cases(self) -> Iterator[Case]:
        """Every policy's blocks, task by task."""
        for policy in self.policies:
            for task in self.tasks:
                for block in self.blocks(self.benchmark.num_episodes):
                    if block.first >= self.first_episode:
                        yield self.case(policy, task, block)

    def whole_cases(self) -> Iterator[Case]:
        """Every policy's tasks in one block each, for one process that keeps nothing: no lane idles between blocks."""
        for policy in self.policies:
            for task in self.tasks:
                yield self.case(policy, task, Block(self.first_episode, self.benchmark.num_episodes))

    def part(self, first: int, last: int) -> EvaluateWorkload:
        """The same with the episodes from `first`, where a block begins, to `last - 1` only."""
        _ = self.tasks  # which copies share from here on: an environment that is like no other stays what it is
        part = copy.copy(self)
        part.benchmark = copy.copy(self.benchmark)
        part.benchmark.num_episodes = last
        part.first_episode = first
        return part

    def case(self, policy: Candidate | Live, task: Task, block: Block) -> Case:
        """One block of one task."""
        digest = self._digest(policy, task.id)
        return Case(
            workload=self.name,
            name=f"{task.id}-e{block.first:04d}",
            params={
                "protocol": PROTOCOL,
                "policy": digest,
                "train_seed": policy.train_seed,
                "task": task.id,
                "environment": task.environment,
                "benchmark": self._identity,
                "first": block.first,
                "last": block.last,
                "max_steps": self.benchmark.max_steps,
                "episode_seconds": self.hang_seconds,
                "width": self.lanes,
            },
            seed=self.benchmark.seed,
            labels=self._labels(policy, task, digest),
        )

    def _labels(self, policy: Candidate | Live, task: Task, digest: str) -> dict[str, str]:
        """What people and statistics call the case; see `rlgauge.core.index`."""
        settings = self._settings(task)
        labels = {
            "policy": policy.name,
            "algorithm": policy.name,
            "task": task.id,
            "uri": "" if isinstance(policy, Live) else policy.uri,
            "films": _films_folder(policy),
            "settings": settings,
            "checkpoint": digest,
            "unit": fingerprint([settings, digest, policy.train_seed]),
        }
        if policy.train_seed is not None:
            labels["train_seed"] = str(policy.train_seed)
        return labels

    def _settings(self, task: Task) -> str:
        if task.id not in self._hashes:
            limits = [self.benchmark.max_steps, self.hang_seconds]
            told = [PROTOCOL, task.environment, self._identity, *limits, self.lanes, self.benchmark.seed]
            self._hashes[task.id] = fingerprint(told)
        return self._hashes[task.id]

    def num_wanted(self, case: Case) -> int:
        """How many episodes of the block belong to the first `num_episodes`."""
        first, last = int(case.params["first"]), int(case.params["last"])
        return min(last, self.benchmark.num_episodes) - first

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """Environments and policies are opened on first use and closed at the end."""
        from rlgauge.kinds.evaluate.device_session import DeviceSession
        from rlgauge.kinds.evaluate.session import Session

        with contextlib.closing(DeviceSession(self) if self.is_on_device else Session(self)) as session:
            yield session.measure

    def check_policies(self) -> None:
        """Raise UserError where a policy of any task and training seed is not there, before any is played."""
        for policy in self.policies:
            for task in self.tasks:
                if isinstance(policy, Candidate):
                    source = policy.source(task.id)
                    if source.scheme in {"py", "lightning"}:
                        check_name(source.target.partition("@")[0])
                    if source.scheme == "py" and source.ckpt_path is None:
                        check_weights(source.target)

    def find_policy(self, case: Case) -> Candidate | Live:
        """The policy that a case is about."""
        return next(
            policy
            for policy in self.policies
            if policy.name == case.labels["policy"] and policy.train_seed == case.params["train_seed"]
        )

    def check(self, case: Case) -> None:
        """Raise UserError where the case is about another benchmark than the one that was made in this process."""
        if fingerprint(case.params["benchmark"]) != fingerprint(self._identity):
            raise UserError(
                f"{type(self.benchmark).__name__} came out differently when a worker made it again: a field was "
                "changed after it was made, or its source file. Give its constructor what differs, or no `workers`."
            )

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks of the benchmark."""
        self.benchmark.reset_seconds = self.hang_seconds
        tasks = self.benchmark.tasks()
        self._check_device(tasks)
        return tasks

    def _check_device(self, tasks: Sequence[Task]) -> None:
        """Raise UserError where environments in JAX can't be played as it is asked for."""
        device = next((task.id for task in tasks if task.device is not None), None)
        if device is None:
            return
        host = next((task.id for task in tasks if task.device is None), None)
        if host is not None:
            raise UserError(f"{device} is played on the device and {host} on the host: evaluate them one by one.")
        if self.hang_seconds is not None:
            raise UserError(
                f"{device} is played on the device, where nobody can tell what an environment takes for an episode: "
                "give no --episode-seconds (episode_seconds). --max-steps (max_steps) limits an episode, and "
                "--time-limit a run."
            )
        if self.benchmark.video_dir is not None and self.benchmark.record_mode != "none":
            raise UserError(
                f"{device} is played on the device, where nothing is rendered, so there are no films of it: give no "
                "--record-mode (record_mode='none')."
            )

    @cached_property
    def _identity(self) -> dict[str, Any]:
        return self.benchmark.identity()

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {}

    @cached_property
    def _digests(self) -> dict[tuple[str, str], str]:
        return {}

    def _digest(self, policy: Candidate | Live, task_id: str) -> str:
        if isinstance(policy, Live):
            return policy.digest()
        source = policy.source(task_id)
        key = (source.uri, source.ckpt_path or "")
        if key not in self._digests:
            self._digests[key] = source.digest()
        return self._digests[key]


def _films_folder(policy: Candidate | Live) -> str:
    """A file name of a policy's own: a hash goes with what a slug alone would not tell apart."""
    name = slug(policy.name)
    if name != policy.name or "=" in name:
        name = f"{name[:60]}-{fingerprint(policy.name)[:8]}"
    return name if policy.train_seed is None else f"{name}=seed{policy.train_seed}"


def episode(seed: int, task_id: str, index: int) -> Episode:
    """Episode `index` of a task: its seeds depend on nothing else."""
    return Episode(index, episode_seed(seed, task_id, index), action_seed(seed, task_id, index))


def record(played: Played, success: bool | None) -> Record:  # noqa: FBT001  # a measured value
    """What is kept of an episode. After an error only its length and its seed are known to be right."""
    values = {
        "outcome": outcome(played, success),
        "return": None if played.error else played.total_return,
        "length": played.length,
        "success": None if played.error else success,
        "success_at_end": None if played.error else played.success_at_end,
        "success_ever": None if played.error else played.success_ever,
        "success_at_reset": played.success_at_reset,
        "terminated": played.terminated,
        "truncated": played.truncated,
        "seed": played.seed,
        "environment_seconds": played.environment_seconds,
        "video": played.video,
    }
    return Record(played.index, values, played.error)


def outcome(played: Played, success: bool | None) -> str:  # noqa: FBT001  # a measured value
    """success, failure, unmeasured, error or timeout."""
    if played.error is not None:
        return "timeout" if played.timed_out else "error"
    if success is None:
        return "unmeasured"
    return "success" if success else "failure"


def _build(described: Mapping[str, Any]) -> Benchmark:
    return build_benchmark(Description(described["class_path"], described["init_args"]), described["settings"])
