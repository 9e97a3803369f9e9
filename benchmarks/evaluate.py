"""Microseconds per counted step of evaluating one policy: ours against what people use, and against the floor.

    python benchmarks/evaluate.py [--env CartPole-v1 HalfCheetah-v5] [--policy mlp ppo] [--rounds 7] [--json FILE]

Every side plays with the same 2x64 tanh policy, one thread, deterministic, in CartPole with trained weights. `mlp` is
the bare torch network behind a `predict`, the same function on every side: it compares the loops. `ppo` is the same
network as a Stable-Baselines3 model, which the others ask through its `predict` and we through our adapter: it compares
what a user of such a model gets. The sides take turns; each round gives one ratio to ours, and the median of the
ratios is printed with its range.

- ours: the evaluation loop at width 8, everything kept that a stored evaluation keeps of an episode.
- ours, 2 workers: two processes at once, each playing its share; wall time of the slower.
- ours 32: the same loop with 32 lanes.
- SB3 1 / SB3 8 / SB3 32: `evaluate_policy` with one environment, with a DummyVecEnv of 8 or 32.
- Sync 8: Gymnasium's SyncVectorEnv of eight, the policy's `predict`, episodes counted with RecordEpisodeStatistics.
- floor: eight environments stepped by hand and the policy called once for all, nothing counted or kept.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from stable_baselines3 import PPO

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

WIDTH, WIDE = 8, 32
POLICIES = Path(__file__).parents[1] / "src" / "rlgauge" / "quickstart" / "policies"
EPISODES = {"CartPole-v1": 160, "Pendulum-v1": 48, "HalfCheetah-v5": 16}


class Mlp:
    """The actor's layers, from a batch of observations to a batch of actions."""

    batched = True

    def __init__(self, model: PPO) -> None:
        """Take the layers of the model."""
        import torch

        self._torch = torch
        self._layers = torch.nn.Sequential(*model.policy.mlp_extractor.policy_net, model.policy.action_net)
        self._is_discrete = hasattr(model.action_space, "n")

    def predict(self, observation: NDArray[Any], *_args: object, **_options: object) -> tuple[NDArray[Any], None]:
        """The likeliest action of every row, or the mean clipped to -1..1."""
        with self._torch.no_grad():
            values = self._layers(self._torch.from_numpy(observation).float()).numpy()
        return (values.argmax(1) if self._is_discrete else values.clip(-1.0, 1.0)), None


def build_policy(env_id: str, kind: str) -> PPO | Mlp:
    """The actor that every side uses, with weights of a fixed seed."""
    model = _build_model(env_id)
    return Mlp(model) if kind == "mlp" else model


def _build_model(env_id: str) -> PPO:
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)
    model = PPO("MlpPolicy", env_id, seed=1, device="cpu", policy_kwargs={"net_arch": [64, 64]})
    trained = POLICIES / f"{env_id}.onnx"
    if trained.exists() and env_id == "CartPole-v1":
        _take_weights(model, trained)
    return model


def _take_weights(model: PPO, path: Path) -> None:
    """The weights of a trained actor of the same shape, so that episodes have the length that they have in earnest."""
    import onnx
    import torch
    from onnx import numpy_helper

    arrays = {a.name: torch.tensor(numpy_helper.to_array(a)) for a in onnx.load(path).graph.initializer}
    hidden = model.policy.mlp_extractor.policy_net
    for index, layer in enumerate([hidden[0], hidden[2], model.policy.action_net]):
        layer.weight.data, layer.bias.data = arrays[f"weight_{index}"], arrays[f"bias_{index}"]


def play_ours(env_id: str, model: PPO | Mlp, num_episodes: int, lanes: int = WIDTH) -> int:
    """Counted steps of our loop."""
    from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

    results = GymnasiumBenchmark([env_id], num_episodes=num_episodes).evaluate(model, lanes=lanes)
    return results.metadata["timing"]["steps"]


def play_sb3(env_id: str, model: PPO | Mlp, num_episodes: int, num_envs: int) -> int:
    """Counted steps of SB3's evaluate_policy."""
    import gymnasium
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv

    envs = DummyVecEnv([lambda: Monitor(gymnasium.make(env_id)) for _ in range(num_envs)])
    envs.seed(0)
    _, lengths = evaluate_policy(model, envs, n_eval_episodes=num_episodes, return_episode_rewards=True)
    envs.close()
    return sum(lengths)


def play_sync(env_id: str, model: PPO | Mlp, num_episodes: int) -> int:
    """Counted steps of a loop over Gymnasium's SyncVectorEnv."""
    import gymnasium
    from gymnasium.wrappers.vector import RecordEpisodeStatistics

    envs = RecordEpisodeStatistics(gymnasium.make_vec(env_id, WIDTH, vectorization_mode="sync"))
    observations, _ = envs.reset(seed=0)
    steps = finished = 0
    while finished < num_episodes:
        actions, _ = model.predict(observations, deterministic=True)
        observations, _, _, _, info = envs.step(actions)
        if "episode" in info:
            finished += int(info["_episode"].sum())
            steps += int(info["episode"]["l"][info["_episode"]].sum())
    envs.close()
    return steps


def play_floor(env_id: str, model: PPO | Mlp, num_steps: int) -> int:
    """Steps of eight environments and one policy call, and nothing else."""
    import gymnasium
    import numpy as np

    from rlgauge.episodes.policy import wrap_policy

    envs = [gymnasium.make(env_id) for _ in range(WIDTH)]
    spaces = {"observation_space": envs[0].observation_space, "action_space": envs[0].action_space}
    adapted = wrap_policy(model, **spaces, width=WIDTH)
    batch = np.stack([env.reset(seed=row)[0] for row, env in enumerate(envs)])
    rows = list(range(WIDTH))
    for _ in range(num_steps // WIDTH):
        actions = model.predict(batch)[0] if isinstance(model, Mlp) else adapted.act(batch, rows)
        for row, env in enumerate(envs):
            batch[row], _, terminated, truncated, _ = env.step(actions[row])
            if terminated or truncated:
                batch[row], _ = env.reset()
    for env in envs:
        env.close()
    return num_steps // WIDTH * WIDTH


def _serve(connection: Connection, env_id: str, kind: str) -> None:
    model = build_policy(env_id, kind)
    play_ours(env_id, model, WIDTH)
    connection.send(0)
    while (num_episodes := connection.recv()) is not None:
        connection.send(play_ours(env_id, model, num_episodes))


class TwoWorkers:
    """Two processes that have loaded the policy, as two workers of a long evaluation have."""

    def __init__(self, env_id: str, kind: str) -> None:
        """Start both and wait until they have played a little."""
        context = multiprocessing.get_context("spawn")
        self._connections, self._processes = [], []
        for _ in range(2):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, env_id, kind), daemon=True)
            process.start()
            self._connections.append(ours)
            self._processes.append(process)
        for connection in self._connections:
            connection.recv()

    def play(self, num_episodes: int) -> int:
        """Counted steps of both."""
        for connection in self._connections:
            connection.send(num_episodes // 2)
        return sum(connection.recv() for connection in self._connections)

    def close(self) -> None:
        """End both."""
        for connection, process in zip(self._connections, self._processes, strict=True):
            connection.send(None)
            process.join(10)


def microseconds(play: Callable[[], int]) -> float:
    """Wall time per counted step."""
    start = time.perf_counter()
    steps = play()
    return (time.perf_counter() - start) / steps * 1e6


def measure(env_id: str, kind: str, rounds: int) -> dict[str, list[float]]:
    """Every side once a round, after one round that is not counted."""
    model, episodes = build_policy(env_id, kind), EPISODES[env_id]
    workers = TwoWorkers(env_id, kind)
    steps = play_ours(env_id, model, episodes)
    sides: dict[str, Callable[[], int]] = {
        "ours": lambda: play_ours(env_id, model, episodes),
        "floor": lambda: play_floor(env_id, model, steps),
        "SB3 8": lambda: play_sb3(env_id, model, episodes, WIDTH),
        "ours 32": lambda: play_ours(env_id, model, episodes, WIDE),
        "SB3 32": lambda: play_sb3(env_id, model, episodes, WIDE),
        "SB3 1": lambda: play_sb3(env_id, model, max(4, episodes // 4), 1),
        "Sync 8": lambda: play_sync(env_id, model, episodes),
        "ours, 2 workers": lambda: workers.play(episodes),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for round_index in range(rounds + 1):
        for name, play in sides.items():
            value = microseconds(play)
            if round_index:
                times[name].append(value)
    workers.close()
    return times


def report(env_id: str, kind: str, times: dict[str, list[float]]) -> list[str]:
    """Lines of a table: median time, and the median of the paired ratios to ours with their range."""
    lines = []
    for name, values in times.items():
        ratios = [value / own for value, own in zip(values, times["ours"], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} | {min(ratios):.2f}..{max(ratios):.2f}"
        lines.append(f"| {env_id} | {kind} | {name} | {statistics.median(values):.1f} | {ratio} |")
    return lines


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", nargs="+", default=["CartPole-v1", "HalfCheetah-v5"], choices=list(EPISODES))
    parser.add_argument("--policy", nargs="+", default=["mlp", "ppo"], choices=["mlp", "ppo"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, {options.rounds} rounds")
    print("| environment | policy | side | us per counted step | ratio to ours | range |\n|---|---|---|---|---|---|")
    measured = {}
    for env_id, kind in itertools.product(options.env, options.policy):
        times = measured[f"{env_id} {kind}"] = measure(env_id, kind, options.rounds)
        print("\n".join(report(env_id, kind, times)), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(measured))


if __name__ == "__main__":
    main()
