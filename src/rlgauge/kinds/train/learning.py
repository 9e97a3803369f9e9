"""Measuring one training of an algorithm that learns from demonstrations, in this process."""

from __future__ import annotations

import contextlib
import functools
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import gymnasium
import msgspec

from rlgauge.core.case import Case
from rlgauge.core.claim import number_of
from rlgauge.core.errors import UserError
from rlgauge.core.execute import EndedError, Outcome
from rlgauge.core.files import StoreError, plain_errors, write_atomic
from rlgauge.core.links import BY_ALGORITHM, link_by_algorithm
from rlgauge.core.run import Record, Status
from rlgauge.core.workload import Context, import_object
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.train.algorithm_workload import NUM_DEMONSTRATIONS, AlgorithmWorkload
from rlgauge.kinds.train.algorithms.interface import Label, find
from rlgauge.kinds.train.algorithms.reading import read
from rlgauge.kinds.train.demonstrations_made import shown_by
from rlgauge.kinds.train.demonstrations_read import Recorded, read_demonstrations
from rlgauge.kinds.train.experts.expert import Expert, find_expert
from rlgauge.kinds.train.experts.references import References, random_reference, references
from rlgauge.kinds.train.journal import Episode, Journal, Scalars, read_episodes, read_scalars
from rlgauge.kinds.train.numbers import whole
from rlgauge.kinds.train.reading import errors_of, read_training, record_of
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.weights import save
from rlgauge.kinds.train.spec import SPEC, VIDEOS
from rlgauge.kinds.train.stages import Stage, Stages

CHECKPOINTS = "checkpoints"
"""The folder of artifacts from which a training that was killed goes on."""


def measure(workload: AlgorithmWorkload, case: Case, context: Context) -> Iterator[Record]:
    """The training as a record, and one for each test episode, when all is done. Raises UserError."""
    if context.artifacts is None:
        raise UserError("A training leaves weights and curves: give it a folder (--out).")
    folder = context.artifacts.absolute()
    env_id = str(case.params["environment"]["gym_id"])
    earlier = _begin(folder, case)
    warnings = link_or_warn(folder, case)
    name = workload.expert_of(env_id)
    expert = None if name is None else find_expert(name, trust=workload.trust)
    stages = Stages(folder)
    stages.begin(Stage.SHOWING)
    shown = _shown(workload, expert, env_id)
    stages.begin(Stage.COMPARING)
    known = None if expert is None else references(env_id, expert)
    warnings += [known.warning] if known is not None and known.warning else []
    warnings += doubts(shown, env_id)
    journal = Journal(folder)
    training = _Training(case.seed, folder / CHECKPOINTS, expert, journal, env_id, stages)
    data = workload.config_of(env_id)
    config = read(workload.algo, data) if workload.is_ours else data
    train = find(workload.algo) if workload.is_ours else import_object(workload.algo)
    stages.begin(Stage.TRAINING)
    begun = time.perf_counter()
    try:
        with contextlib.nullcontext() if workload.is_ours else _own_failure():
            policy = train(training.make_env, shown.demonstrations, config, training)
    finally:
        journal.close()
    seconds = time.perf_counter() - begun + training.seconds_before
    saved = save([Thing("policy", policy)], folder)
    stages.begin(Stage.TESTING)
    from rlgauge.kinds.train.tested import tested  # with all that plays episodes, which training needs not wait for

    with _own_failure():
        tests = list(
            tested(
                policy,
                env_id,
                seed=case.seed,
                num_tests=workload.num_tests,
                num_videos=workload.num_videos,
                folder=folder,
            )
        )
    context.result.update(_result(tests), **reference_stats(known, env_id), **_began(training.where, earlier))
    if workload.is_shown(env_id):
        context.result["demonstrations"] = msgspec.to_builtins(shown.record)
    warnings += [*saved.warnings, *errors_of(tests)]
    stages.end()
    context.result.update(saved=saved.files, warnings=warnings, actor="the trained policy")
    yield record_of(read_training(folder), num_steps=training.num_steps, train_seconds=seconds)
    yield from tests


@contextlib.contextmanager
def _own_failure() -> Iterator[None]:
    """What a training has made can't be used: that is a failure of its run, and no mistake that all of them share."""
    try:
        yield
    except UserError as error:
        text = str(error)
        raise EndedError(Outcome(status=Status.FAILED, fail_kind="error", fail_trace=text, message=text)) from error


class _Training:
    """What an algorithm is told, and where it tells how it goes."""

    def __init__(
        self, seed: int, folder: Path, expert: Expert | None, journal: Journal, env_id: str, stages: Stages
    ) -> None:
        self.seed = seed
        self.folder = folder
        self.num_steps = 0
        self.where: str | None = None
        self.seconds_before = 0.0
        self._expert = expert
        self._journal = journal
        self._env_id = env_id
        self._stages = stages
        self._num_envs = 0

    @functools.cached_property
    def label(self) -> Label | None:
        """The expert's actions; it is opened for the first who asks, as few do. Raises UserError."""
        return None if self._expert is None else self._expert.label(make(self._env_id))

    def make_env(self) -> gymnasium.Env[Any, Any]:
        """The environment, whose episodes are counted."""
        self._num_envs += 1
        return _Counted(make(self._env_id), self, self._journal, place=self._num_envs - 1)

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Keep scalars."""
        self._journal.scalars({name: float(value) for name, value in values.items()}, whole(step))

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is, for who looks on: steps are counted by the environments."""
        self._stages.far(done, total)

    def told(self) -> str:
        """Episodes, scalars, and how long it took."""
        told = _Told(
            num_steps=self.num_steps,
            seconds=time.monotonic() - self._journal.start,
            episodes=read_episodes(self._journal.folder),
            scalars=read_scalars(self._journal.folder),
        )
        return msgspec.json.encode(told).decode()

    def take_up(self, told: str, *, where: str) -> None:
        """Count on from there."""
        before = msgspec.json.decode(told, type=_Told)
        self.where = where
        self.num_steps = before.num_steps
        self.seconds_before = before.seconds
        for episode in before.episodes:
            self._journal.start = time.monotonic() - episode.seconds
            self._journal.episode(
                episode.total,
                episode.length,
                num_steps=episode.num_steps,
                is_truncated=episode.is_truncated,
                place=episode.place,
            )
        for one in before.scalars:
            self._journal.start = time.monotonic() - one.seconds
            self._journal.scalars(
                {name: math.nan if value is None else value for name, value in one.values.items()}, one.step
            )
        self._journal.start = time.monotonic() - before.seconds


class _Told(msgspec.Struct, frozen=True):
    """What a training told until a checkpoint."""

    num_steps: int
    seconds: float
    episodes: list[Episode]
    scalars: list[Scalars]


class _Counted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Writes each episode of the task's own rewards into the journal."""

    def __init__(self, env: gymnasium.Env[Any, Any], training: _Training, journal: Journal, *, place: int) -> None:
        super().__init__(env)
        self._training = training
        self._journal = journal
        self._place = place
        self._total = 0.0
        self._length = 0

    def reset(self, **named: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401  # the environment's own
        """Begin anew; an episode that was left is none."""
        self._total, self._length = 0.0, 0
        return self.env.reset(**named)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401  # as above
        """The environment's step, counted."""
        result = self.env.step(action)
        self._total += float(result[1])
        self._length += 1
        self._training.num_steps += 1
        if result[2] or result[3]:
            self._journal.episode(
                self._total,
                self._length,
                num_steps=self._training.num_steps,
                is_truncated=not result[2],
                place=self._place,
            )
            self._total, self._length = 0.0, 0
        return result


def _began(where: str | None, earlier: str | None) -> dict[str, str]:
    """Whether it went on from a checkpoint; nothing where it is the first attempt."""
    if earlier is None:
        return {}
    if where is None:
        return {"began": f"begun anew, as {earlier} left nothing to go on from"}
    return {"began": f"gone on from {where} of {earlier}"}


def _begin(folder: Path, case: Case) -> str | None:
    """Write down what is trained, and take over what an earlier attempt has kept to go on from; the name of that.

    Where none has kept anything, it is the last attempt; None where there was none.
    """
    with plain_errors(folder):
        (folder / VIDEOS).mkdir(exist_ok=True)
        attempt = folder.parent
        earlier = [one for one in attempt.parent.iterdir() if 0 < number_of(one.name) < number_of(attempt.name)]
        kept = [one / folder.name / CHECKPOINTS for one in sorted(earlier, key=lambda one: number_of(one.name))]
        last = next((one for one in reversed(kept) if one.is_dir() and any(one.iterdir())), None)
        if last is None:
            (folder / CHECKPOINTS).mkdir(exist_ok=True)
        else:
            part = folder / f".{CHECKPOINTS}.part"
            shutil.copytree(last, part)
            part.rename(folder / CHECKPOINTS)  # whole, or who comes next takes those of an earlier attempt
    write_atomic(folder / SPEC, msgspec.json.format(msgspec.json.encode(case.params)))
    named = last or (kept[-1] if kept else None)
    return None if named is None else named.parent.parent.name


def link_or_warn(folder: Path, case: Case) -> list[str]:
    """Link to the run by its algorithm and environment; where that can't be, a sentence: it costs no run."""
    try:
        link_by_algorithm(folder.parent, case)
    except (OSError, StoreError, msgspec.DecodeError) as error:
        return [f"There is no link to this run in {BY_ALGORITHM}: {error}."]
    return []


def _shown(workload: AlgorithmWorkload, expert: Expert | None, env_id: str) -> Recorded:
    """The demonstrations: the data set that was given, or what the expert shows. Raises UserError."""
    wanted = workload.config_of(env_id).get("demonstrations", {}).get("n_expert_demos")
    source = workload.demonstrations_of(env_id)
    if expert is None or source is not None:
        return read_demonstrations(str(source), make(env_id), num_episodes=wanted)
    return shown_by(expert, env_id, num_episodes=wanted or NUM_DEMONSTRATIONS)


def doubts(shown: Recorded, env_id: str) -> list[str]:
    """A sentence where demonstrations say themselves that they are of another environment."""
    told = shown.record.environment
    if told in {None, env_id}:
        return []
    return [f"The demonstrations {shown.record.source} say that they are of {told}; they fit {env_id}, and were used."]


def reference_stats(known: References | None, env_id: str) -> dict[str, Any]:
    """What random actions reach, and the expert, if there is one."""
    if known is None:
        return {"references": {"random": random_reference(env_id).mean}}
    returns = known.expert.returns
    return {
        "expert_stats": {**_returns(returns), "n_traj": len(returns)},
        "references": {"random": known.random.mean, "expert": known.expert.mean},
    }


def _result(tests: Sequence[Record]) -> dict[str, Any]:
    """What the run tells of its tests, by the names that imitation's folders have."""
    fine = [record.values for record in tests if record.error is None]
    returns = [float(values["return"]) for values in fine]  # type: ignore[arg-type]  # a test episode has one
    lengths = [float(values["length"]) for values in fine]  # type: ignore[arg-type]  # as above
    return {"imit_stats": {**_returns(returns), **_stats("len", lengths), "n_traj": len(returns)}}


def _returns(values: Sequence[float]) -> dict[str, float]:
    """Of the task's own rewards, which are those that an environment's monitor sees."""
    length = {"monitor_return_len": len(values)} if values else {}
    return {**_stats("return", values), **_stats("monitor_return", values), **length}


def _stats(name: str, values: Sequence[float]) -> dict[str, float]:
    """As imitation has them: `std` is over the number of values, not over one less."""
    if not values:
        return {}
    told = {"mean": fmean(values), "min": min(values), "max": max(values), "std": pstdev(values)}
    return {f"{name}_{which}": value for which, value in told.items()}
