from __future__ import annotations

from importlib.resources import as_file, files

import gymnasium
import numpy as np
import onnx
import onnxruntime
import pytest

FILES = files("rlgauge.quickstart") / "policies"
ENVIRONMENTS = ["Acrobot-v1", "CartPole-v1", "Pendulum-v1"]


def session_of(env_id):
    with as_file(FILES / f"{env_id}.onnx") as path:
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def actor(env_id):
    session = session_of(env_id)
    output = session.get_outputs()[0].name

    def act(observation):
        (values,) = session.run([output], {"observation": observation[None]})
        return int(values[0].argmax()) if output == "logits" else values[0]

    return act


def mean_return(env_id, act, num_episodes=10):
    env = gymnasium.make(env_id)
    env.action_space.seed(0)
    total = 0.0
    for seed in range(num_episodes):
        observation, _ = env.reset(seed=seed)
        over = False
        while not over:
            action = env.action_space.sample() if act is None else act(observation)
            observation, reward, terminated, truncated, _ = env.step(action)
            total += float(reward)
            over = terminated or truncated
    env.close()
    return total / num_episodes


def test_there_is_one_small_file_for_each_environment():
    found = {entry.name: len(entry.read_bytes()) for entry in FILES.iterdir() if entry.name.endswith(".onnx")}
    assert sorted(found) == [f"{env_id}.onnx" for env_id in ENVIRONMENTS]
    assert max(found.values()) < 60_000


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_inputs_and_outputs_fit_the_environment_for_any_batch(env_id):
    env = gymnasium.make(env_id)
    discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
    session = session_of(env_id)
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == (
        "observation",
        "tensor(float)",
        ["batch", *env.observation_space.shape],
    )
    size = int(env.action_space.n) if discrete else env.action_space.shape[0]
    assert (returned.name, returned.shape) == ("logits" if discrete else "action", ["batch", size])
    for width in (1, 7):
        batch = np.zeros((width, *env.observation_space.shape), np.float32)
        assert session.run(None, {"observation": batch})[0].shape == (width, size)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_metadata_say_what_made_the_policy(env_id):
    facts = session_of(env_id).get_modelmeta().custom_metadata_map
    assert facts["environment"] == env_id
    assert facts.keys() == {
        "environment",
        "algorithm",
        "steps",
        "seed",
        "gymnasium",
        "numpy",
        "stable-baselines3",
        "torch",
    }
    assert int(facts["steps"]) > 0
    assert not any("/" in fact or "\\" in fact for fact in facts.values())


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_a_file_is_a_valid_model_that_older_runtimes_can_read(env_id):
    model = onnx.load_from_string((FILES / f"{env_id}.onnx").read_bytes())
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (9, 17)


def test_torques_stay_within_the_bounds():
    session = session_of("Pendulum-v1")
    extreme = np.random.default_rng(0).normal(scale=100, size=(500, 3)).astype(np.float32)
    torques = session.run(None, {"observation": extreme})[0]
    assert np.abs(torques).max() == 2.0


# Measured over 100 episodes, random and trained: 21 and 500, -498 and -84, -1166 and -155.
@pytest.mark.parametrize(("env_id", "margin"), [("CartPole-v1", 450), ("Acrobot-v1", 350), ("Pendulum-v1", 700)])
def test_a_policy_beats_random_actions_by_far(env_id, margin):
    assert mean_return(env_id, actor(env_id)) >= mean_return(env_id, None) + margin
