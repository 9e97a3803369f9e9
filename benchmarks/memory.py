"""Peak memory of an evaluation against the number of episodes, and of a film against the number of frames.

    python benchmarks/memory.py

Every point is a fresh process that evaluates through the store; the peak is its largest resident size.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

EPISODES = (200, 2_000, 20_000)
FRAMES = (200, 2_000, 6_000)


def evaluate(num_episodes: int, num_frames: int | None) -> None:
    """Evaluate in this process: `num_episodes` of CartPole, or one filmed episode of Pendulum with so many steps."""
    from rlgauge.core.execute import execute
    from rlgauge.core.store import Store
    from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
    from rlgauge.kinds.evaluate.run import make_workload
    from rlgauge.launch.inline import Inline

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        benchmark = GymnasiumBenchmark(["CartPole-v1"], num_episodes=num_episodes)
        if num_frames is not None:
            benchmark = GymnasiumBenchmark(
                ["Pendulum-v1"],
                num_episodes=1,
                video_dir=out / "videos",
                record_mode="all",
                env_kwargs={"max_episode_steps": num_frames},
            )
        execute(make_workload(benchmark, "random"), Store(out), launcher=Inline())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def peak_mebibytes(num_episodes: int, num_frames: int | None = None) -> int:
    """The peak of a fresh process."""
    command = [sys.executable, __file__, str(num_episodes), *([] if num_frames is None else [str(num_frames)])]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print both tables."""
    print("| episodes | peak MiB |\n|---|---|")
    for num_episodes in EPISODES:
        print(f"| {num_episodes} | {peak_mebibytes(num_episodes)} |", flush=True)
    print("\n| frames of one film | peak MiB |\n|---|---|")
    for num_frames in FRAMES:
        print(f"| {num_frames} | {peak_mebibytes(1, num_frames)} |", flush=True)


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    if arguments:
        evaluate(arguments[0], arguments[1] if len(arguments) > 1 else None)
    else:
        main()
