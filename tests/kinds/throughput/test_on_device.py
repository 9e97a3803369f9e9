from __future__ import annotations

import jax.numpy as jnp
import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs.jax_env import Outcome
from rlgauge.kinds.throughput.on_device import Compiled
from rlgauge.kinds.throughput.point import Point


class Stepping:
    """Steps that do what they are told to do to a number."""

    kind = "jax"
    uses_keys = False

    def __init__(self, follow):
        self.follow = follow

    def init(self, keys):
        return jnp.zeros(len(keys), jnp.int32)

    def sample(self, keys, state):
        return state

    def step(self, keys, state, action):
        after = self.follow(state)
        return after, Outcome(after, jnp.zeros(len(state)), jnp.zeros(len(state), bool))


def stepped(follow):
    point = Point(environment="stepping", library="py", num_envs=8, scan_chunk_size=4)
    prepared = Compiled(lambda: Stepping(follow), point, 0)
    prepared.go(2)
    return prepared


@pytest.mark.parametrize(
    ("follow", "has_changed"),
    [(lambda state: state, False), (lambda state: state + 1, True), (lambda state: 1 - state, True)],
    ids=["idle", "counting", "there and back"],
)
def test_steps_that_lead_back_are_steps(follow, has_changed):
    assert stepped(follow).has_changed() is has_changed


@pytest.mark.parametrize(
    ("follow", "is_still"),
    [
        (lambda state: jnp.minimum(state + 1, 20), True),
        (lambda state: state + 1, False),
        (lambda state: 1 - state, False),  # as before after a chunk, whose steps are even in number
    ],
    ids=["stopped", "counting", "there and back"],
)
def test_environments_that_have_stopped_stand_still(follow, is_still):
    prepared = stepped(follow)
    prepared.go(9)
    assert prepared.stands_still(5) is is_still


def test_the_operations_of_the_loop_itself_are_not_the_environments():
    assert stepped(lambda state: state + 1).facts["flops"] == 0

    def reckoned(state):
        part = state * 0.3
        for factor in range(20):
            part = part * part + factor
        return part.astype(jnp.int32)

    assert stepped(reckoned).facts["flops"] >= 8 * 20


@pytest.mark.parametrize("part", ["reward", "is_over"])
def test_what_gives_rewards_or_ends_does_not_stand_still(part):
    env = Stepping(lambda state: state)
    step = env.step
    given = {"reward": jnp.ones(8), "is_over": jnp.ones(8, bool)}[part]
    env.step = lambda *arguments: (step(*arguments)[0], step(*arguments)[1]._replace(**{part: given}))
    point = Point(environment="stepping", library="py", num_envs=8, scan_chunk_size=4)
    assert Compiled(lambda: env, point, 0).stands_still(1) is False


@pytest.mark.parametrize("axes", [{"policy": "fixed"}, {"emit": "write"}])
def test_what_compiled_code_does_not_show_is_not_measured_in_its_name(axes):
    env = Stepping(lambda state: state + 1)
    env.is_opaque = True
    with pytest.raises(UserError, match="can't be honoured: py draws its actions in compiled code"):
        Compiled(lambda: env, Point(environment="stepping", library="py", num_envs=8, **axes), 0)


def test_episodes_that_32_bits_cannot_count_are_refused():
    point = Point(environment="stepping", library="py", num_envs=50_000, block=50_000, scan_chunk_size=50_000)
    with pytest.raises(UserError, match="too many steps to count"):
        Compiled(lambda: Stepping(lambda state: state + 1), point, 0)


@pytest.mark.parametrize("name", ["reward", "is_over"])
def test_one_value_for_all_environments_is_no_step_of_each(name):
    env = Stepping(lambda state: state + 1)
    step = env.step
    env.step = lambda *given: (step(*given)[0], step(*given)[1]._replace(**{name: jnp.bool_(True)}))
    with pytest.raises(UserError, match=rf"gave {name} of shape \(\); it must be \(8,\)"):
        Compiled(lambda: env, Point(environment="stepping", library="py", num_envs=8), 0)
