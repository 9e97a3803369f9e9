"""Environments in processes of their own: the same episodes, errors told, and no process left behind."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

import gymnasium
import numpy as np
import psutil
import pytest
from gymnasium import spaces

from rlgauge import Benchmark, UserError
from rlgauge.envs.apart import Apart, ApartError, Interpreter, call
from rlgauge.envs.apart_wire import ClosedError, pack_space, receive, send, unpack_space
from rlgauge.episodes.alarm import EpisodeTimeoutError, StepAlarm

HERE = Interpreter(Path(sys.executable), os.environ)
MAKER = "rlgauge.envs.gymnasium:make"


def apart(env_id="CartPole-v1", **settings):
    return Apart(MAKER, {"env_id": env_id, **settings}, python=HERE)


def process_of(env):
    return psutil.Process(env._process._process.pid)


@pytest.fixture(scope="module")
def pole():
    env = apart(render=True)
    yield env
    env.close()


def test_arrays_and_plain_data_come_through_as_they_were_sent():
    message = {
        "image": np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[::-1, ::-1],
        "state": np.array([1.5, -np.inf, np.nan]),
        "scalar": np.array(3, np.int64),
        "empty": np.zeros((0, 3), np.float32),
        "flag": np.bool_(1),
        "text": "pick up the bowl",
        "none": None,
        "list": [1, 2.5, True],
    }
    stream = io.BytesIO()
    send(stream, message)
    send(stream, {"and": "another"})
    stream.seek(0)
    received = receive(stream)
    assert received.keys() == message.keys()
    for name in ("image", "state", "scalar", "empty"):
        assert received[name].dtype == message[name].dtype
        np.testing.assert_array_equal(received[name], message[name])
        received[name][...] = 0  # its own
    assert {name: received[name] for name in ("flag", "text", "none", "list")} == {
        "flag": True,
        "text": "pick up the bowl",
        "none": None,
        "list": [1, 2.5, True],
    }
    assert receive(stream) == {"and": "another"}
    with pytest.raises(ClosedError):
        receive(stream)


def test_what_has_no_form_there_is_told():
    for thing in (object(), np.array([object()])):
        with pytest.raises(TypeError, match="can't be sent"):
            send(io.BytesIO(), thing)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, np.array([1, np.inf], np.float32), dtype=np.float32),
        spaces.Box(0, 255, (4, 5, 3), np.uint8),
        spaces.Discrete(3, start=-1),
        spaces.Text(9, min_length=2, charset="ab "),
        spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Dict({"c": spaces.Box(0, 1)})}),
    ],
)
def test_spaces_come_through_as_they_were(space):
    stream = io.BytesIO()
    send(stream, pack_space(space))
    stream.seek(0)
    assert unpack_space(receive(stream)) == space


def test_a_space_that_is_not_known_is_told():
    with pytest.raises(TypeError, match="Graph"):
        pack_space(spaces.Graph(spaces.Discrete(2), None))


def test_episodes_are_those_of_the_environment_itself(pole):
    own = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    assert pole.observation_space == own.observation_space
    assert pole.action_space == own.action_space
    assert pole.render_mode == "rgb_array"
    assert pole.metadata["render_fps"] == own.metadata["render_fps"]
    for seed in (3, 4):
        observation, info = pole.reset(seed=seed)
        expected, _ = own.reset(seed=seed)
        np.testing.assert_array_equal(observation, expected)
        assert info == {}
        for action in (1, 0) * 5:
            told, expected = pole.step(action), own.step(action)
            assert np.asarray(told[0]).tobytes() == expected[0].tobytes()
            assert told[1:] == expected[1:]
        np.testing.assert_array_equal(pole.render(), own.render())


def test_it_is_an_environment_that_can_be_evaluated():
    (result,) = Benchmark(gyms=[apart], num_episodes=4).evaluate("random", lanes=2).results
    assert (result.n_episodes, result.n_errors) == (4, 0)
    for episode in result.episodes:
        assert episode.length == episode.total_return >= 8


def test_what_the_user_did_wrong_is_told_as_such_and_the_process_ends():
    before = psutil.Process().children()
    with pytest.raises(UserError, match=r"Unknown environment 'CartPol-v1'\. Did you mean"):
        apart("CartPol-v1")
    assert psutil.Process().children() == before


def test_what_an_environment_raises_is_told_with_its_trace_and_it_goes_on(pole):
    pole.reset(seed=0)
    with pytest.raises(ApartError, match=r"(?s)AssertionError.*Traceback"):
        pole.step(7)
    assert pole.reset(seed=0)[1] == {}


def test_a_process_that_is_killed_says_so():
    env = apart()
    env.reset(seed=0)
    process_of(env).send_signal(signal.SIGKILL)
    with pytest.raises(ApartError, match="was killed by signal 9"):
        env.step(0)
    with pytest.raises(ApartError, match="make another one"):
        env.step(0)
    env.close()


def test_closing_ends_the_process_and_can_be_done_twice():
    env = apart()
    process = process_of(env)
    env.close()
    env.close()
    assert not process.is_running()


def test_an_environment_that_nobody_closed_leaves_no_process():
    env = apart()
    process = process_of(env)
    env._process._process.stdin.close()  # as where the one who asks is killed
    process.wait(timeout=20)
    assert not process.is_running()
    env._process.end()


def test_a_step_that_stands_still_is_interrupted_and_ends_the_process():
    env = apart()
    process = process_of(env)
    process.suspend()
    with StepAlarm(0.3) as alarm:
        alarm.step_start = time.perf_counter()
        with pytest.raises(EpisodeTimeoutError):
            env.reset(seed=0)
    assert not process.is_running()
    with pytest.raises(ApartError, match="make another one"):
        env.reset(seed=0)
    env.close()


def test_a_function_is_called_there():
    assert call("math:hypot", {}, python=HERE) == 0.0
    with pytest.raises(ApartError, match="No module named 'nowhere'"):
        call("nowhere:nothing", {}, python=HERE)


def test_what_libraries_print_disturbs_nothing():
    assert call("builtins:print", {"end": "x" * 100_000}, python=HERE) is None
