"""Steps of robosuite in a second: without and with a camera, and two workers against one, in turns.

    python benchmarks/robosuite_workers.py [--pairs 5] [--episodes 40] [--max-steps 100] [--env Lift] [--camera]

Episodes come in blocks of 10, which workers share: give a multiple of 20. The ratio is that of each pair of runs, which
stood next to each other in time; the goal is 1.8 on a quiet machine.
"""

import argparse
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

from rlgauge.kinds.evaluate.robosuite import RobosuiteBenchmark


def main() -> None:
    """Measure and print."""
    options = _options()
    _benchmark(options).prepare(print)
    for camera in (None, "agentview"):
        rate = _steps_per_second(options, camera)
        print(f"one process, {'128x128 camera' if camera else 'no camera'}: {rate:.1f} steps/s", flush=True)
    ratios = []
    for pair in range(options.pairs):
        order = (1, 2) if pair % 2 == 0 else (2, 1)
        seconds = {workers: _seconds(options, workers) for workers in order}
        ratios.append(seconds[1] / seconds[2])
        told = f"one worker {seconds[1]:.1f} s, two workers {seconds[2]:.1f} s"
        print(f"pair {pair + 1}: {told}, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio of {len(ratios)} pairs: {statistics.median(ratios):.2f} (goal 1.8)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--max-steps", type=int, default=100)
    parser.add_argument("--env", default="Lift")
    parser.add_argument("--camera", action="store_true", help="the pairs observe images, too")
    return parser.parse_args()


def _benchmark(options: argparse.Namespace, *, camera: str | None = None) -> RobosuiteBenchmark:
    return RobosuiteBenchmark(
        options.env, num_episodes=options.episodes, max_steps=options.max_steps, camera=camera, record_mode="none"
    )


def _steps_per_second(options: argparse.Namespace, camera: str | None) -> float:
    """Of one environment that random actions are played in, resets left out."""
    benchmark = _benchmark(options, camera=camera)
    (make,) = benchmark.create_gyms()
    env = make()
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(5):
        env.step(env.action_space.sample())
    start = perf_counter()
    for _ in range(options.max_steps):
        env.step(env.action_space.sample())
    seconds = perf_counter() - start
    env.close()
    return options.max_steps / seconds


def _seconds(options: argparse.Namespace, workers: int) -> float:
    """Of a whole evaluation, from the start of its workers to its results."""
    benchmark = _benchmark(options, camera="agentview" if options.camera else None)
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        results = benchmark.evaluate("random", out=Path(folder) / "out", workers=workers, lanes=1)
        seconds = perf_counter() - start
    if results.results[0].n_episodes != options.episodes:
        raise SystemExit(f"{results.results[0].n_episodes} episodes were played, not {options.episodes}.")
    return seconds


if __name__ == "__main__":
    main()
