"""Small real environments, benchmarks and policies, each with one property that evaluations must get right."""

from __future__ import annotations

import ctypes
import json
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from rlgauge import Benchmark
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark

ONNX = Path(__file__).parents[1] / "src" / "rlgauge" / "quickstart" / "policies" / "CartPole-v1.onnx"
BOX = spaces.Box(-np.inf, np.inf, (2,), np.float32)
Step = tuple[float, bool, bool, dict[str, Any]]


class Toy(gym.Env):
    """Episodes of `length` steps with reward 1; the observation is the step and a number of the episode."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = BOX
    action_space = spaces.Discrete(2)

    def __init__(self, length: int = 5, render_mode: str | None = None) -> None:
        self.length = length
        self.render_mode = render_mode
        self.count = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        self.mark = self.np_random.random()
        return self.observe(), {}

    def step(self, action):
        self.count += 1
        return self.observe(), self.reward(action), self.count >= self.length, False, self.told()

    def observe(self) -> Any:
        return np.array([self.count, self.mark], np.float32)

    def reward(self, action: Any) -> float:
        return 1.0

    def told(self) -> dict[str, Any]:
        return {}

    def render(self) -> np.ndarray:
        return np.full((32, 32, 3), 40 * self.count % 256, np.uint8)


class Succeeds(Toy):
    """Half of all episodes succeed, by the seed alone: those last 20 steps, the others 4."""

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.length = 20 if self.mark < 0.5 else 4
        return observation, info

    def told(self):
        return {"is_success": self.mark < 0.5} if self.count >= self.length else {}


class Listens(Toy):
    """The return is what the actions say, so that it shows which action met which step."""

    def __init__(self, length: int = 30) -> None:
        super().__init__(length)

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        self.length = 5 + int(25 * self.mark)
        return observation, info

    def reward(self, action):
        return float(action * 2.0**-self.count)


class Scripted(Toy):
    """Gives the steps (reward, terminated, truncated, info) of a list, the same in each episode."""

    def __init__(self, steps: Sequence[Step], *, reset_info: Mapping[str, Any] | None = None) -> None:
        super().__init__(len(steps))
        self.steps = steps
        self.reset_info = dict(reset_info or {})

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], self.reset_info

    def step(self, action):
        self.count += 1
        return self.observe(), *self.steps[self.count - 1]


class AlreadyThere(Toy):
    """Successful at reset already."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0], {"is_success": True}

    def told(self):
        return {"is_success": True}


def sleep_in_python() -> None:
    while True:
        time.sleep(60)


def sleep_in_c() -> None:
    """With every signal blocked: the alarm's would end the sleep."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(600)


class Faulty(Toy):
    """In about a third of the episodes, by their seed, something is wrong at step 3."""

    def __init__(self, fault: str, length: int = 6) -> None:
        super().__init__(length)
        self.fault = fault
        self.is_broken = False

    def reset(self, *, seed=None, options=None):
        if self.is_broken:
            raise RuntimeError("a broken environment was used again")
        observation, info = super().reset(seed=seed)
        if self.fault == "raise_reset" and self.is_struck:
            self.is_broken = True
            raise RuntimeError("the simulator did not start")
        if self.fault == "nan_reset" and self.is_struck:
            observation[1] = np.nan
        return observation, info

    @property
    def is_struck(self) -> bool:
        return self.mark < 1 / 3

    def step(self, action):  # noqa: C901  # one case a fault
        observation, reward, terminated, truncated, info = super().step(action)
        info = {"is_success": True}
        if self.count != 3 or not self.is_struck:
            return observation, reward, terminated, truncated, info
        match self.fault:
            case "raise":
                self.is_broken = True
                raise RuntimeError("the simulator said no")
            case "hang_python":
                self.is_broken = True
                sleep_in_python()
            case "hang_c":
                sleep_in_c()
            case "nan_reward":
                reward = float("nan")
            case "inf_reward":
                reward = np.float32(np.inf)
            case "no_reward":
                reward = None
            case "nan_observation":
                observation[0] = np.nan
            case "wrong_shape":
                observation = np.zeros(3, np.float32)
            case "four_values":
                return observation, reward, terminated, info
            case "odd_success":
                info = {"is_success": np.array([True, False])}
        return observation, reward, terminated, truncated, info


class Text(Toy):
    """Observations that are no arrays."""

    observation_space = spaces.Text(20)

    def observe(self):
        return f"step {self.count}"


class Named(Toy):
    """A dictionary of arrays."""

    observation_space = spaces.Dict({"state": BOX, "phase": spaces.Discrete(9)})

    def observe(self):
        return {"state": super().observe(), "phase": self.count}


class Goal(Toy):
    """Reaches its goal at step 3 and leaves it again, as robotic tasks with a fixed horizon do."""

    observation_space = spaces.Dict({"observation": BOX, "achieved_goal": BOX, "desired_goal": BOX})

    def observe(self):
        state = super().observe()
        return {"observation": state, "achieved_goal": state, "desired_goal": np.array([3, 0], np.float32)}

    def step(self, action):
        observation, reward, *_ = super().step(action)
        is_end = self.count >= self.length
        return observation, reward, False, is_end, {"is_success": np.float32(self.count == 3)}


class RefusesSeed(Toy):
    """Can't be reset with one seed."""

    def __init__(self, refused: int) -> None:
        super().__init__()
        self.refused = refused

    def reset(self, *, seed=None, options=None):
        if seed == self.refused:
            raise ValueError("this seed has no level")
        return super().reset(seed=seed, options=options)


class Remembers(Toy):
    """Gives what it gave before, too."""

    total = 0.0

    def reward(self, action):
        self.total += 1.0
        return self.total


class Counted(Toy):
    """Knows how many of its kind were made and closed."""

    open: ClassVar[list[Counted]] = []
    num_made = 0
    num_closed_twice = 0

    def __init__(self, length: int = 5) -> None:
        super().__init__(length)
        Counted.open.append(self)
        Counted.num_made += 1

    def close(self):
        if self not in Counted.open:
            Counted.num_closed_twice += 1
            return
        Counted.open.remove(self)


class CountedFaulty(Counted, Faulty):
    """Both."""

    def __init__(self) -> None:
        Counted.__init__(self)
        self.fault = "raise"
        self.is_broken = False
        self.length = 6


class Of(Benchmark):
    """One environment of this module by name and arguments: a benchmark that workers can make."""

    def __init__(self, env: str, arguments: Mapping[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.env = env
        self.env_arguments = dict(arguments or {})

    def create_gyms(self) -> list[Callable[[], gym.Env]]:
        return [lambda: globals()[self.env](**self.env_arguments)]


class MyBenchmark(Benchmark):
    """As the system replaced has it: fields, super().__init__, instances."""

    def __init__(self, env_name: str = "CartPole-v1", num_episodes: int = 20) -> None:
        self.env_name = env_name
        super().__init__(num_episodes=num_episodes)

    def create_gyms(self):
        return [MyGym(self.env_name)]


class MyGym(gym.Wrapper):
    def __init__(self, env_name: str) -> None:
        super().__init__(gym.make(env_name))


class Threshold(Of):
    """A rule of its own for success, which answers with NumPy's bool."""

    def __init__(self, env: str, least: float, **settings: Any) -> None:
        super().__init__(env, **settings)
        self.least = least

    def is_success(self, played):
        return np.float64(played.total_return) >= self.least


class Noisy:
    """A policy that draws from its own generator, and remembers: each row and episode must have its own."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def reset(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.total = 0.0

    def act(self, observation: Any) -> int:
        self.total += float(np.sum(observation)) + self.scale * self.rng.standard_normal()
        return int(self.total % 2 >= 1)


def by_row(observation: np.ndarray) -> int:
    """A function of one observation, whose bits NumPy would change with the batch's width."""
    weights = np.sin(np.arange(observation.size * 64, dtype=np.float32)).reshape(observation.size, 64)
    return int((np.tanh(observation @ weights) @ np.cos(np.arange(64, dtype=np.float32))) > 0)


def is_struck(seed: int) -> bool:
    """Whether a Faulty episode of this seed goes wrong."""
    return bool(np.random.default_rng(seed).random() < 1 / 3)


LATE = 2


def fails_late(observation: np.ndarray) -> int:
    if observation[0] == LATE:
        raise RuntimeError("the policy gave up")
    return 0


def saved_policies(folder: Path) -> dict[str, str]:
    """Policies of every kind for CartPole-v1, by name, made on the spot where they need a file."""
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Tanh(), torch.nn.Linear(64, 2))
    torch.jit.save(torch.jit.trace(net, torch.zeros(8, 4)), folder / "net.pt")
    return {
        "random": "random",
        "onnx": f"onnx:{ONNX}",
        "torch": f"torchscript:{folder / 'net.pt'}",
        "rows": "py:tests.gyms:by_row",
        "noisy": "py:tests.gyms:Noisy",
    }


def main(out: str, workers: str, policies: str) -> None:
    """Evaluate in a process of its own, which a test may kill; the digest is printed."""
    benchmark = GymnasiumBenchmark("CartPole-v1", num_episodes=60, max_steps=60)
    results = benchmark.evaluate(json.loads(policies), out=out, workers=int(workers) or None)
    print(results.digest())  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
