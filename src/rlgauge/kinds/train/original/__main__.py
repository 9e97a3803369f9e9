"""A run of a script of the library imitation, in its own Python: `python -m rlgauge.kinds.train.original TASK`.

The script is as it comes. It is given our demonstrations in the form that it reads, and, as a kind of policy that it
can be told to ask, our expert; its training is timed. What it trained is tested as what we train is, besides its own
tests.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rlgauge.core.files import write_atomic
from rlgauge.kinds.train.demonstrations import Demonstrations
from rlgauge.kinds.train.demonstrations_read import read_npz
from rlgauge.kinds.train.journal import TESTS, encoded, line_of
from rlgauge.kinds.train.original.expert import AskedExpert
from rlgauge.kinds.train.original.task import SCRIPTS, TOLD, UNSHOWN, Task, Told
from rlgauge.kinds.train.tested import tested

_SHOWN = Path("demonstrations")
_WHERE_SHOWN = ("demonstrations.source='local'", f"demonstrations.path={str(_SHOWN)!r}")
_POLICY_TYPE = "rlgauge"
_TRAINERS = {
    "airl": ("adversarial.common", "AdversarialTrainer"),
    "bc": ("bc", "BC"),
    "dagger": ("dagger", "SimpleDAggerTrainer"),
    "gail": ("adversarial.common", "AdversarialTrainer"),
    "preference_comparisons": ("preference_comparisons", "PreferenceComparisons"),
}
"""Module and class of what trains."""


class _Watch:
    """What trained, for how long, and how many steps its environments took meanwhile, where they are counted."""

    def __init__(self) -> None:
        self.trainer: Any = None
        self.seconds = 0.0
        self.num_steps = 0

    def over(self, train: Callable[..., Any]) -> Callable[..., Any]:
        """The method `train`, watched."""

        @functools.wraps(train)
        def watched(trainer: object, *args: Any, **named: Any) -> Any:  # noqa: ANN401  # the library's own
            begun = time.perf_counter()
            try:
                return train(trainer, *args, **named)
            finally:
                self.trainer, self.seconds = trainer, time.perf_counter() - begun

        return watched

    def counting(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """The method `step_wait` of a vector of environments, counted until the training has ended."""

        @functools.wraps(step)
        def counted(venv: Any) -> Any:  # noqa: ANN401  # a vector of Stable-Baselines3
            if self.trainer is None:
                self.num_steps += venv.num_envs
            return step(venv)

        return counted


def main(path: str) -> None:
    """Run the script, then test what it trained; raises SystemExit where the script fails."""
    task = msgspec.json.decode(Path(path).read_bytes(), type=Task)
    importlib.import_module("seals")  # its environments, before ours take their ids
    script = importlib.import_module(f"imitation.scripts.{SCRIPTS[task.algorithm]}")
    if task.demonstrations is not None:
        write_shown(read_npz(Path(task.demonstrations)), _SHOWN)
    register(task)
    watch = _Watch()
    module, name = _TRAINERS[task.algorithm]
    trainer = getattr(importlib.import_module(f"imitation.algorithms.{module}"), name)
    trainer.train = watch.over(trainer.train)
    if task.algorithm in UNSHOWN:
        buffering: Any = importlib.import_module("imitation.data.wrappers").BufferingWrapper
        buffering.step_wait = watch.counting(buffering.step_wait)
    sys.argv = [SCRIPTS[task.algorithm], *_command(task), "with", *task.updates, *words(task)]
    script.main_console()
    _tell(task, watch)


def words(task: Task) -> list[str]:
    """What is said of environment, seed, demonstrations and expert, in Sacred's words."""
    return [
        f"seed={task.seed}",
        f"environment.gym_id={task.env!r}",
        *([] if task.demonstrations is None else _WHERE_SHOWN),
        *([] if task.expert is None else [f"expert.policy_type={_POLICY_TYPE!r}"]),
    ]


def _command(task: Task) -> list[str]:
    """Which of its script's algorithms; none where it has one alone."""
    return [] if task.algorithm in UNSHOWN else [task.algorithm]


def write_shown(shown: Demonstrations, folder: Path) -> None:
    """Write demonstrations as the library reads them.

    The rewards of single steps are not known, and nothing learns from them: the last one of an episode has them all, so
    that its return is right.
    """
    types: Any = importlib.import_module("imitation.data.types")
    ends = np.cumsum(shown.lengths)
    trajectories = []
    for start, end, total in zip(ends - shown.lengths, ends, shown.returns, strict=True):
        rewards = np.zeros(end - start)
        rewards[-1] = total
        seen = np.concatenate([shown.observations[start:end], shown.next_observations[end - 1 : end]])
        trajectories.append(
            types.TrajectoryWithRew(
                obs=seen,
                acts=shown.actions[start:end],
                infos=None,
                terminal=bool(shown.is_terminated[end - 1]),
                rews=rewards,
            )
        )
    importlib.import_module("imitation.data.serialize").save(folder, trajectories)


def register(task: Task) -> None:
    """Make our expert a kind of policy that the library can be told to ask."""
    name = task.expert
    if name is None:
        return

    def opened(venv: Any) -> AskedExpert:  # noqa: ANN401  # a vector of Stable-Baselines3
        return AskedExpert(venv.observation_space, venv.action_space, name=name, folder=Path(task.began_in))

    importlib.import_module("imitation.policies.serialize").policy_registry.register(_POLICY_TYPE, value=opened)


def _tell(task: Task, watch: _Watch) -> None:
    """Test what was trained, and write down what it came to."""
    folder = Path(task.folder)
    [home] = (Path("output") / "sacred" / SCRIPTS[task.algorithm]).glob("[0-9]*")
    run = json.loads((home / "run.json").read_bytes())
    result = importlib.import_module("sacred.serializer").restore(run["result"])
    policy = _policy(task, watch.trainer)
    with (folder / TESTS).open("ab") as file:
        for record in tested(policy, task.env, seed=task.seed, num_tests=task.num_tests, num_videos=0, folder=folder):
            file.write(line_of(encoded(record)))
    told = Told(sacred=str(home), result=result, train_seconds=watch.seconds, num_steps=_num_steps(task, watch))
    write_atomic(folder / TOLD, msgspec.json.format(msgspec.json.encode(told)))


def _policy(task: Task, trainer: Any) -> Any:  # noqa: ANN401  # of the library
    """What was trained: by preference comparisons it is the agent that the learned reward taught."""
    return trainer.trajectory_generator.algorithm.policy if task.algorithm in UNSHOWN else trainer.policy


def _num_steps(task: Task, watch: _Watch) -> int | None:
    trainer = watch.trainer
    if task.algorithm in UNSHOWN:
        return watch.num_steps
    if task.algorithm == "bc":
        return None
    if task.algorithm == "dagger":
        return sum(len(one) for one in trainer._all_demos)  # noqa: SLF001  # it tells no other way
    return int(trainer.gen_algo.num_timesteps)


def _given(argv: Sequence[str]) -> str:
    if len(argv) != 1:
        raise SystemExit("Give it the path of a task.")
    return argv[0]


if __name__ == "__main__":
    main(_given(sys.argv[1:]))
