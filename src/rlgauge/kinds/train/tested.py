"""Test episodes of a policy of this process, on the task's own reward, as `rlgauge benchmark` plays them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium

from rlgauge.core.run import Record
from rlgauge.core.seeding import derive
from rlgauge.envs.gymnasium import make
from rlgauge.kinds.evaluate.benchmark import Benchmark
from rlgauge.kinds.evaluate.candidates import Live
from rlgauge.kinds.evaluate.session import Memory
from rlgauge.kinds.evaluate.workload import EvaluateWorkload
from rlgauge.kinds.train.spec import VIDEOS


def tested(
    policy: object, env_id: str, *, seed: int, num_tests: int, num_videos: int, folder: Path
) -> Iterator[Record]:
    """A record of each episode, counted from 1, the first `num_videos` filmed into a folder of `folder`.

    The seed is that of the training: two policies of the same one are tested in the same episodes.
    """
    if not num_tests:
        return
    films = num_videos > 0
    benchmark = Benchmark(
        [_Maker(env_id, films=films)],
        num_episodes=num_tests,
        seed=derive(seed, "test"),
        video_dir=folder / VIDEOS if films else None,
        record_mode=f"first:{num_videos}" if films else "none",
    )
    evaluation = EvaluateWorkload(benchmark, [_Trained("trained", policy)], lanes=None)
    with evaluation.session() as play:
        for block in evaluation.whole_cases():
            for record in sorted(play(block, Memory(num_tests)), key=lambda one: one.index):
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
