"""Seconds of evaluating a policy in CartPole on the device, against the host and against a rollout written by hand.

    python benchmarks/device_episodes.py [--episodes 10000] [--host-episodes 200] [--rounds 5] [--json FILE]

Every side plays CartPole with the same 2x64 tanh network in float32, which balances the pole (about 485 steps an
episode; `--untrained` takes one that does not). The sides take turns; each round gives one ratio of seconds per episode
to those of `evaluate`, and the median of the ratios is printed with its range. Compiling is told apart.

- evaluate: `Benchmark(gyms=["rlgauge:cartpole"]).evaluate`, from the seeds to the results, nothing stored.
- stored: the same with `out=`, every record on disk.
- gymnax: `evaluate` in gymnax:CartPole-v1, and
- by hand: `jit(vmap(scan))` of gymnax's own step over 500 steps for as many episodes, whose returns are summed until
  the first end. It plays on after an episode has ended, so its work is the same where all episodes are long.
- host: our evaluation of Gymnasium's CartPole-v1 with the same network in NumPy, 32 lanes, fewer episodes.

`playing` is the part of a side's seconds between the first step and the last record.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlgauge import Benchmark

MOST_STEPS = 500
HOST_LANES = 32


class Network:
    """Two hidden layers of 64; with `skill`, its last layer leans to where the pole falls."""

    def __init__(self, *, skill: float) -> None:
        """Draw the weights."""
        rng = np.random.default_rng(0)
        shapes = ((4, 64), (64, 64), (64, 2))
        self.weights = [(rng.normal(size=shape) / shape[0] ** 0.5).astype(np.float32) for shape in shapes]
        if skill:
            self._lean(skill)

    def _lean(self, skill: float) -> None:
        """Make one unit carry angle and rate through all layers."""
        first, second, last = self.weights
        first[:, 0] = np.float32([0, 0, skill, skill])
        second[:, 0] = 0
        second[0, 0] = skill
        last *= 1e-3
        last[0] = np.float32([-1, 1])

    def in_jax(self, observation: Any) -> Any:  # noqa: ANN401  # an array
        """The action for one observation."""
        import jax.numpy as jnp

        first, second, last = self.weights
        return jnp.argmax(jnp.tanh(jnp.tanh(observation @ first) @ second) @ last)


class OnHost(Network):
    """The same in NumPy, for a batch."""

    batched = True

    def act(self, observations: Any) -> Any:  # noqa: ANN401
        """The actions for a batch of observations."""
        first, second, last = self.weights
        return (np.tanh(np.tanh(observations @ first) @ second) @ last).argmax(1)


class Once(NamedTuple):
    """Wall seconds of all but compiling, of playing alone, and of compiling; the mean length of the episodes."""

    seconds: float
    playing: float
    compiling: float
    length: float


def evaluated(gym: Any, policy: Any, num_episodes: int, **how: Any) -> Once:  # noqa: ANN401
    """What an evaluation took."""
    start = time.perf_counter()
    results = Benchmark(gyms=[gym], num_episodes=num_episodes).evaluate({"network": policy}, **how)
    seconds = time.perf_counter() - start
    timing = results.metadata["timing"]
    compiling = timing.get("compile_seconds", 0.0)
    return Once(seconds - compiling, timing["process_seconds"], compiling, results.results[0].mean_length or 0.0)


def stored(gym: str, policy: Any, num_episodes: int) -> Once:  # noqa: ANN401
    """The same with every record on disk."""
    with tempfile.TemporaryDirectory() as folder:
        return evaluated(gym, policy, num_episodes, out=folder)


def by_hand(policy: Callable[[Any], Any], num_episodes: int) -> Callable[[], Once]:
    """A rollout of gymnax as its users write it, compiled."""
    import gymnax
    import jax
    import jax.numpy as jnp

    env, params = gymnax.make("CartPole-v1")

    def episode(key: Any) -> Any:  # noqa: ANN401
        def step(so_far: Any, key: Any) -> tuple[Any, None]:  # noqa: ANN401
            observation, state, total, length, alive = so_far
            observation, state, reward, done, _ = env.step(key, state, policy(observation), params)
            return (observation, state, total + alive * reward, length + alive, alive & ~done), None

        first = (*env.reset(key, params), jnp.float32(0), jnp.int32(0), jnp.bool_(True))  # noqa: FBT003
        (_, _, total, length, _), _ = jax.lax.scan(step, first, jax.random.split(key, MOST_STEPS))
        return total, length

    keys = jax.random.split(jax.random.key(0), num_episodes)
    start = time.perf_counter()
    compiled = jax.jit(jax.vmap(episode)).lower(keys).compile()
    compiling = time.perf_counter() - start

    def once() -> Once:
        start = time.perf_counter()
        _, lengths = (np.asarray(part) for part in compiled(keys))
        seconds = time.perf_counter() - start
        return Once(seconds, seconds, compiling, float(lengths.mean()))

    return once


def sides(options: argparse.Namespace) -> dict[str, Callable[[], Once]]:
    """What is measured, by name; each plays `--episodes`, the host fewer."""
    import gymnasium

    skill = 0.0 if options.untrained else 2.0
    network, num = Network(skill=skill).in_jax, options.episodes
    return {
        "evaluate": lambda: evaluated("rlgauge:cartpole", network, num),
        "stored": lambda: stored("rlgauge:cartpole", network, num),
        "gymnax": lambda: evaluated("gymnax:CartPole-v1", network, num),
        "by hand": by_hand(network, num),
        "host": lambda: evaluated(
            lambda: gymnasium.make("CartPole-v1"), OnHost(skill=skill), options.host_episodes, lanes=HOST_LANES
        ),
    }


def measure(options: argparse.Namespace) -> dict[str, list[Once]]:
    """Every side in turn, round after round."""
    measured: dict[str, list[Once]] = {}
    for name, side in itertools.chain.from_iterable(sides(options).items() for _ in range(options.rounds)):
        measured.setdefault(name, []).append(side())
    return measured


def tell(measured: dict[str, list[Once]], options: argparse.Namespace) -> None:
    """Print a line a side."""
    print(f"{'':10} {'episodes':>8} {'length':>7} {'seconds':>8} {'playing':>8} {'compiling':>9}   to one of evaluate")
    for name, found in measured.items():
        num = options.host_episodes if name == "host" else options.episodes
        seconds, playing, compiling, length = (statistics.median(column) for column in zip(*found, strict=True))
        ratios = [
            (one.seconds / num) / (own.seconds / options.episodes)
            for one, own in zip(found, measured["evaluate"], strict=True)
        ]
        told = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
        print(f"{name:10} {num:8} {length:7.1f} {seconds:8.3f} {playing:8.3f} {compiling:9.2f}   {told}")


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--host-episodes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--untrained", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    measured = measure(options)
    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds")
    tell(measured, options)
    if options.json is not None:
        told = {name: [one._asdict() for one in found] for name, found in measured.items()}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
