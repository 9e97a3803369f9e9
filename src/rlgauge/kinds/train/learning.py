"""Measuring one training of an algorithm that learns from demonstrations, in this process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import gymnasium
import msgspec

from rlgauge.core.case import Case
from rlgauge.core.claim import number_of
from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.core.run import Record
from rlgauge.core.seeding import derive
from rlgauge.core.workload import Context, import_object
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.candidates import Live
from rlgauge.kinds.evaluate.session import Memory
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.kinds.train.algorithm_workload import NUM_DEMONSTRATIONS, AlgorithmWorkload
from rlgauge.kinds.train.algorithms.interface import Label, find
from rlgauge.kinds.train.algorithms.reading import read
from rlgauge.kinds.train.demonstrations_made import made_demonstrations
from rlgauge.kinds.train.demonstrations_read import Recorded, read_demonstrations
from rlgauge.kinds.train.experts.expert import Expert, find_expert
from rlgauge.kinds.train.experts.references import References, random_reference, references
from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.reading import errors_of, read_training, record_of
from rlgauge.kinds.train.script.found import Thing
from rlgauge.kinds.train.script.weights import save
from rlgauge.kinds.train.spec import SPEC, VIDEOS

CHECKPOINTS = "checkpoints"
"""The folder of artifacts from which a training that was killed goes on."""
_FIRST_SHOWN = 1_000_000
"""The seed of the first episode that an expert shows; no other use has such seeds."""


def measure(workload: AlgorithmWorkload, case: Case, context: Context) -> Iterator[Record]:
    """The training as a record, and one for each test episode, when all is done. Raises UserError."""
    if context.artifacts is None:
        raise UserError("A training leaves weights and curves: give it a folder (--out).")
    folder = context.artifacts.absolute()
    env_id = str(case.params["environment"]["gym_id"])
    _begin(folder, case)
    name = workload.expert_of(env_id)
    expert = None if name is None else find_expert(name)
    shown = _shown(workload, expert, env_id)
    known = None if expert is None else references(env_id, expert)
    warnings = [known.warning] if known is not None and known.warning else []
    journal = Journal(folder)
    label = None if expert is None else expert.label(make(env_id))
    training = _Training(case.seed, folder / CHECKPOINTS, label, journal, env_id)
    begun = time.perf_counter()
    try:
        data = workload.config_of(env_id)
        config = read(workload.algo, data) if workload.is_ours else data
        train = find(workload.algo) if workload.is_ours else import_object(workload.algo)
        policy = train(training.make_env, shown.demonstrations, config, training)
    finally:
        journal.close_scalars()
    seconds = time.perf_counter() - begun
    saved = save([Thing("policy", policy)], folder)
    tests = list(_tested(workload, case, policy, env_id, folder))
    context.result.update(_result(tests, shown), **_known(known, env_id))
    warnings += [*saved.warnings, *errors_of(tests)]
    context.result.update(saved=saved.files, warnings=warnings, actor="the trained policy")
    yield record_of(read_training(folder), num_steps=training.num_steps, train_seconds=seconds)
    yield from tests


class _Training:
    """What an algorithm is told, and where it tells how it goes."""

    def __init__(self, seed: int, folder: Path, label: Label | None, journal: Journal, env_id: str) -> None:
        self.seed = seed
        self.folder = folder
        self.label = label
        self.num_steps = 0
        self._journal = journal
        self._env_id = env_id
        self._num_envs = 0

    def make_env(self) -> gymnasium.Env[Any, Any]:
        """The environment, whose episodes are counted."""
        self._num_envs += 1
        return _Counted(make(self._env_id), self, self._journal, place=self._num_envs - 1)

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Keep scalars."""
        self._journal.scalars({name: float(value) for name, value in values.items()}, step)

    def progress(self, done: int, total: int) -> None:
        """Steps are counted by the environments."""


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


def _begin(folder: Path, case: Case) -> None:
    """Write down what is trained, and take over what an earlier attempt has kept to go on from."""
    with plain_errors(folder):
        (folder / VIDEOS).mkdir(exist_ok=True)
        attempt = folder.parent
        earlier = [one for one in attempt.parent.iterdir() if 0 < number_of(one.name) < number_of(attempt.name)]
        kept = [one / folder.name / CHECKPOINTS for one in sorted(earlier, key=lambda one: number_of(one.name))]
        last = next((one for one in reversed(kept) if one.is_dir()), None)
        if last is None:
            (folder / CHECKPOINTS).mkdir(exist_ok=True)
        else:
            shutil.copytree(last, folder / CHECKPOINTS, dirs_exist_ok=True)
    write_atomic(folder / SPEC, msgspec.json.format(msgspec.json.encode(case.params)))


def _shown(workload: AlgorithmWorkload, expert: Expert | None, env_id: str) -> Recorded:
    """The demonstrations: the data set that was given, or what the expert shows. Raises UserError."""
    wanted = workload.config_of(env_id).get("demonstrations", {}).get("n_expert_demos")
    if expert is None or workload.demonstrations is not None:
        return read_demonstrations(str(workload.demonstrations), make(env_id), num_episodes=wanted)
    number = wanted or NUM_DEMONSTRATIONS
    return made_demonstrations(expert, env_id, seeds=range(_FIRST_SHOWN, _FIRST_SHOWN + number))


def _tested(workload: AlgorithmWorkload, case: Case, policy: object, env_id: str, folder: Path) -> Iterator[Record]:
    """The test episodes, on the task's own reward, as `rlgauge benchmark` plays them; counted from 1."""
    if not workload.num_tests:
        return
    films = workload.num_videos > 0
    benchmark = Benchmark(
        [_Maker(env_id, films=films)],
        num_episodes=workload.num_tests,
        seed=derive(case.seed, "test"),
        video_dir=folder / VIDEOS if films else None,
        record_mode=f"first:{workload.num_videos}" if films else "none",
    )
    evaluation = EvaluateWorkload(benchmark, [_Trained("trained", policy)], lanes=None)
    with evaluation.session() as play:
        for block in evaluation.whole_cases():
            for record in sorted(play(block, Memory(workload.num_tests)), key=lambda one: one.index):
                video = record.values.get("video")
                told = {} if video is None else {"video": f"{VIDEOS}/{video}"}
                yield Record(record.index + 1, {**record.values, **told}, record.error)


class _Trained(Live):
    """The policy of this run, which needs no other name."""

    def digest(self) -> str:
        return self.name


class _Maker:
    """Makes the environment, with frames where films are wanted."""

    def __init__(self, env_id: str, *, films: bool) -> None:
        self._env_id = env_id
        self._films = films

    def __call__(self) -> gymnasium.Env[Any, Any]:
        return make(self._env_id, render=self._films)


def _known(known: References | None, env_id: str) -> dict[str, Any]:
    """What random actions reach, and the expert, if there is one."""
    if known is None:
        return {"references": {"random": random_reference(env_id).mean}}
    returns = known.expert.returns
    return {
        "expert_stats": {**_stats("return", returns), "n_traj": len(returns)},
        "references": {"random": known.random.mean, "expert": known.expert.mean},
    }


def _result(tests: Sequence[Record], shown: Recorded) -> dict[str, Any]:
    """What the run tells beside its records, the returns by the names that imitation's folders have."""
    fine = [record.values for record in tests if record.error is None]
    returns = [float(values["return"]) for values in fine]  # type: ignore[arg-type]  # a test episode has one
    lengths = [float(values["length"]) for values in fine]  # type: ignore[arg-type]  # as above
    return {
        "imit_stats": {**_stats("return", returns), **_stats("len", lengths), "n_traj": len(returns)},
        "demonstrations": msgspec.to_builtins(shown.record),
    }


def _stats(name: str, values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    told = {"mean": fmean(values), "min": min(values), "max": max(values)}
    if len(values) > 1:
        told["std"] = stdev(values)
    return {f"{name}_{which}": value for which, value in told.items()}
