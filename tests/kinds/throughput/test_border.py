"""What environments return that they must not is told in words."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.host_env import HostOutcome
from rlgauge.envs.jax_env import Outcome
from rlgauge.kinds.throughput import on_host
from rlgauge.kinds.throughput.on_device import Compiled
from rlgauge.kinds.throughput.point import Point
from tests.kinds.throughput import toys

POINT = Point(environment="my:Env", library="py", num_envs=6, scan_chunk_size=4)
HOST = Point(environment="my:Env", library="py", num_envs=6)


class Bent:
    """Steps that return what they are told to."""

    kind = "jax"
    uses_keys = False

    def __init__(self, bend):
        self.bend = bend

    def init(self, keys):
        return {"at": jnp.zeros(len(keys), jnp.int32), "clock": jnp.int32(0)}

    def sample(self, keys, state):
        return state["at"] > 0

    def step(self, keys, state, action):
        after = {"at": state["at"] + 1, "clock": state["clock"] + 1}
        return self.bend(after, Outcome(after["at"], after["at"] * 0.5, action))


@pytest.mark.parametrize(
    ("bend", "message"),
    [
        (
            lambda state, out: (state, *out),
            r"returned 4 values \(dict, int32\[6\], .* it must return two: the state, and",
        ),
        (lambda state, out: (*out, state, {"info": "x"}), "returned 5 values"),
        (lambda state, out: state["at"], r"returned int32\[6\]; it must return two"),
        (lambda state, out: (state, tuple(out)), r"returned 3 values .* beside the state; it must be an Outcome"),
        (lambda state, out: ({**state, "at": out.reward}, out), r"state\['at'\] from int32\[6\] into float32\[6\]"),
        (lambda state, out: ({**state, "clock": state["at"]}, out), r"state\['clock'\] from int32\[\] into int32\[6\]"),
        (lambda state, out: (state["at"], out), r"of another form than init: \*, not \{'at': \*, 'clock': \*\}"),
        (lambda state, out: ({**state, "at": "here"}, out), r"returned str as state\['at'\]; a state holds arrays"),
        (lambda state, out: (state, out._replace(is_over=out.reward)), r"float32\[6\] as is_over; it must be bool"),
        (lambda state, out: (state, out._replace(reward=None)), r"gave reward of type NoneType; it must be \(6,\)"),
    ],
)
def test_what_a_step_in_jax_must_not_return_is_said_with_what_it_must(bend, message):
    with pytest.raises(UserError, match=message):
        Compiled(lambda: Bent(bend), POINT, 0)


def test_steps_of_whole_numbers_and_of_shared_ones_are_no_mistake():
    assert Compiled(lambda: Bent(lambda *returned: returned), POINT, 0).go(1).num_steps == 24
    typed = Bent(lambda state, out: (state, out._replace(reward=out.observation)))
    assert Compiled(lambda: typed, POINT, 0).go(1).reward == 6 * (1 + 2 + 3 + 4)


def test_mistakes_within_an_environment_are_told_as_they_are():
    def bend(state, _outcome):
        return jnp.zeros(3) + state["at"]

    with pytest.raises(TypeError, match="incompatible shapes"):
        Compiled(lambda: Bent(bend), POINT, 0)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((0, 1.0, False, {}), r"my:Env.step returned 4 values \(int, float, bool, dict\); it must return three: obs"),
        (0, "returned int; it must return three"),
        ((0, None, False), "returned NoneType as reward; it must be a number"),
        ((0, np.ones(2), False), r"returned float64\[2\] as reward; it must be a number"),
        ((0, 1.0, ["no"]), "returned list as is_over; it must be True or False"),
    ],
)
def test_what_a_step_of_one_environment_must_not_return_is_said(returned, message):
    env = toys.Single()
    env.step = lambda _action: returned
    with pytest.raises(UserError, match=message):
        on_host.Serial(lambda: env, HOST, 0).go(2)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ((0, 1, 2, 3, 4), r"returned 5 values .*, without observation, .*; it must return a HostOutcome\("),
        (Outcome(0, np.ones(6), np.ones(6, bool)), "returned Outcome, without num_steps"),
        (HostOutcome(0, [1.0] * 6, np.ones(6, bool), 6), "returned list as reward; it must be an array"),
    ],
)
def test_what_a_step_of_many_environments_must_not_return_is_said(returned, message):
    env = toys.Vector(6)
    env.step = lambda _actions: returned
    with pytest.raises(UserError, match=message):
        on_host.Vectorised(lambda: env, HOST, 0).go(2)


def test_what_a_run_of_compiled_loops_must_not_return_is_said():
    env = toys.Compiled(6)
    env.run = lambda _num_steps: (3, 1.0)
    with pytest.raises(UserError, match=r"my:Env.run returned 2 values \(int, float\); it must return NativeCounts"):
        on_host.Native(lambda: env, HOST, 0).go(1)


def test_errors_of_an_environment_itself_pass():
    env = toys.Single()
    env.step = lambda _action: jax.numpy.nothing
    with pytest.raises(AttributeError, match="nothing"):
        on_host.Serial(lambda: env, HOST, 0).go(1)
