"""Trains the policies that `rlgauge quickstart` evaluates, and writes them as ONNX files.

    OMP_NUM_THREADS=1 python scripts/train_quickstart_policies.py [--env ENV_ID] [--out FOLDER]

Needs the test extra (Stable-Baselines3 and onnx). A few minutes for each environment on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

FOLDER = Path(__file__).resolve().parents[1] / "src" / "rlgauge" / "quickstart" / "policies"
HIDDEN = [64, 64]
BOUNDS = ("low", "high")
NUM_EPISODES = 100
FIRST_SEED = 10_000  # of the evaluation; training resets with small seeds

Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How one policy is trained with PPO."""

    num_steps: int
    num_envs: int
    seed: int
    arguments: dict[str, Any]


def falling(start: float) -> Callable[[float], float]:
    """A schedule from `start` to zero, linear in what remains of the training."""
    return lambda remaining: start * remaining


# Close to the tuned settings of RL Baselines3 Zoo (hyperparams/ppo.yml), without its observation normalisation.
RECIPES = {
    "CartPole-v1": Recipe(
        num_steps=100_000,
        num_envs=8,
        seed=0,
        arguments={
            "n_steps": 32,
            "batch_size": 256,
            "n_epochs": 20,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "learning_rate": falling(1e-3),
            "clip_range": falling(0.2),
        },
    ),
    "Acrobot-v1": Recipe(
        num_steps=400_000,
        num_envs=16,
        seed=0,
        arguments={
            "n_steps": 256,
            "batch_size": 256,
            "n_epochs": 4,
            "gamma": 0.99,
            "gae_lambda": 0.94,
            "learning_rate": falling(1e-3),
        },
    ),
    "Pendulum-v1": Recipe(
        num_steps=150_000,
        num_envs=4,
        seed=0,
        arguments={
            "n_steps": 1024,
            "batch_size": 64,
            "n_epochs": 10,
            "gamma": 0.9,
            "gae_lambda": 0.95,
            "learning_rate": falling(1e-3),
            "use_sde": True,
            "sde_sample_freq": 4,
        },
    ),
}


def train(env_id: str, recipe: Recipe) -> PPO:
    """The trained model."""
    torch.set_num_threads(1)
    envs = make_vec_env(env_id, n_envs=recipe.num_envs, seed=recipe.seed)
    network = {"net_arch": HIDDEN, "activation_fn": torch.nn.Tanh}
    model = PPO("MlpPolicy", envs, seed=recipe.seed, policy_kwargs=network, device="cpu", **recipe.arguments)
    model.learn(recipe.num_steps)
    envs.close()
    return model


def actor(model: PPO) -> list[torch.nn.Linear]:
    """The layers from the observation to the logits or the mean action; tanh stands between them."""
    layers = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    return [layer for layer in layers if isinstance(layer, torch.nn.Linear)]


def export(model: PPO) -> onnx.ModelProto:
    """The deterministic actor: `observation` (batch, n) to `logits` (batch, m), or to `action` within its bounds."""
    layers = actor(model)
    box = isinstance(model.action_space, gymnasium.spaces.Box)
    output = "action" if box else "logits"
    nodes, tensors = [], []
    value = "observation"
    for index, layer in enumerate(layers):
        last = index == len(layers) - 1
        parameters = [f"weight_{index}", f"bias_{index}"]
        tensors += [tensor(layer.weight, parameters[0]), tensor(layer.bias, parameters[1])]
        total = output if last and not box else f"sum_{index}"
        nodes.append(helper.make_node("Gemm", [value, *parameters], [total], transB=1))
        if not last:
            nodes.append(helper.make_node("Tanh", [total], [f"hidden_{index}"]))
            value = f"hidden_{index}"
    if box:
        tensors += [numpy_helper.from_array(np.float32(getattr(model.action_space, end).item()), end) for end in BOUNDS]
        nodes.append(helper.make_node("Clip", [total, *BOUNDS], [output]))
    inputs, outputs = port("observation", layers[0].in_features), port(output, layers[-1].out_features)
    graph = helper.make_graph(nodes, "actor", [inputs], [outputs], tensors)
    exported = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="rlgauge"
    )
    onnx.checker.check_model(exported, full_check=True)
    return exported


def tensor(parameter: torch.nn.Parameter, name: str) -> onnx.TensorProto:
    """The parameter as an initializer."""
    return numpy_helper.from_array(parameter.detach().numpy(), name)


def port(name: str, size: int) -> onnx.ValueInfoProto:
    """A float input or output (batch, size)."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])


def about(env_id: str, recipe: Recipe, model: PPO) -> dict[str, str]:
    """What made the policy: no dates and no paths, so that the same training gives the same file."""
    packages = ["gymnasium", "numpy", "stable-baselines3", "torch"]
    facts = {"environment": env_id, "algorithm": "PPO", "steps": str(model.num_timesteps), "seed": str(recipe.seed)}
    return facts | {package: version(package) for package in packages}


def policy_of(session: onnxruntime.InferenceSession) -> Act:
    """The file's actions for a batch of observations: the largest logit's index, or the action itself."""
    output = session.get_outputs()[0].name

    def act(observations: np.ndarray) -> np.ndarray:
        values = session.run([output], {"observation": observations})[0]
        return values.argmax(1) if output == "logits" else values

    return act


def evaluate(env_id: str, act: Act) -> tuple[np.ndarray, np.ndarray]:
    """The returns of the seeded episodes, and every observation (steps, n) that was acted on."""
    env = gymnasium.make(env_id)
    returns, seen = [], []
    for episode in range(NUM_EPISODES):
        observation, _ = env.reset(seed=FIRST_SEED + episode)
        total, over = 0.0, False
        while not over:
            seen.append(observation)
            observation, reward, terminated, truncated, _ = env.step(act(observation[None])[0])
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    env.close()
    return np.array(returns), np.array(seen)


def difference(model: PPO, act: Act, observations: np.ndarray) -> str:
    """How far the file's actions are from the model's own."""
    expected, _ = model.predict(observations, deterministic=True)
    given = act(observations)
    if np.issubdtype(expected.dtype, np.integer):
        return f"{np.count_nonzero(expected != given)} of {len(given)} actions differ from the model's"
    return f"largest difference from the model's {len(given)} actions {np.abs(expected - given).max():.1e}"


def make(env_id: str, folder: Path) -> None:
    """Train, write and evaluate one policy."""
    recipe = RECIPES[env_id]
    start = time.perf_counter()
    model = train(env_id, recipe)
    seconds = time.perf_counter() - start
    exported = export(model)
    helper.set_model_props(exported, about(env_id, recipe, model))
    path = folder / f"{env_id}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(exported, path)
    act = policy_of(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]))
    returns, observations = evaluate(env_id, act)
    print(
        f"{path.name}: {path.stat().st_size} bytes, trained in {seconds:.0f} s, mean return {returns.mean():.1f} "
        f"(sd {returns.std(ddof=1):.1f}, worst {returns.min():.1f}) over {len(returns)} episodes, "
        f"{difference(model, act, observations)}",
        flush=True,
    )


def main() -> None:
    """Read the options and make what they ask for."""
    parser = argparse.ArgumentParser(description="Train the quickstart's policies and write them as ONNX files.")
    parser.add_argument("--env", choices=RECIPES, help="only this environment; all of them by default")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder for the files")
    options = parser.parse_args()
    for env_id in [options.env] if options.env else RECIPES:
        make(env_id, options.out)


if __name__ == "__main__":
    main()
