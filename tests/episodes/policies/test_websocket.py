from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading

import gymnasium as gym
import msgpack
import numpy as np
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.latency import Latency
from rlgauge.episodes.policies.chunks import chunk_space
from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policies.websocket import identity, load_policy
from rlgauge.episodes.policies.websocket_wire import pack, unpack
from rlgauge.episodes.policy import open_policy, parse_source, wrap_policy
from tests.serving.served import ACTIONS, OBSERVATIONS, Counts, Sums, answering, openpi, serving

BATCH = np.random.default_rng(0).uniform(-1, 1, (4, 3)).astype(np.float32)


def loaded(uri, width=4, action_space=ACTIONS):
    return load_policy(PolicySource(uri), observation_space=OBSERVATIONS, action_space=action_space, width=width)


def test_a_server_of_openpi_is_asked_for_each_active_row_and_no_other():
    seen = []

    def infer(message):
        seen.append(message["observation"])
        return {"actions": np.stack([message["observation"][:2]])}

    with answering(openpi(infer)) as address:
        policy = loaded(address)
        actions = policy.act(BATCH, [1, 3])
        policy.close()
    assert [actions[0], actions[2]] == [None, None]
    assert (np.stack([actions[1], actions[3]]) == BATCH[[1, 3], :2]).all()
    assert (np.stack(seen) == BATCH[[1, 3]]).all()
    assert not policy.bit_stable


def test_an_observation_with_names_is_sent_as_it_is():
    seen = []

    def infer(message):
        seen.append(message)
        return {"actions": np.zeros(2, np.float32)}

    images = np.arange(2 * 48, dtype=np.uint8).reshape(2, 4, 4, 3)
    with answering(openpi(infer)) as address:
        policy = loaded(address, width=2)
        policy.act({"image": images, "state": BATCH[:2]}, [1])
        policy.act([{"prompt": "pick it up", "state": BATCH[0]}, None], [0])
        policy.close()
    assert seen[0].keys() == {"image", "state"}
    assert (seen[0]["image"] == images[1]).all()
    assert seen[1]["prompt"] == "pick it up"


def test_a_chunk_is_executed_as_far_as_the_horizon_says():
    asked = itertools.count(1)

    def infer(_message):
        return {"actions": np.full((5, 2), next(asked), np.float32)}

    with answering(openpi(infer)) as address:
        source = parse_source(f"{address}?horizon=3")
        policy = open_policy(source, observation_space=OBSERVATIONS, action_space=ACTIONS, width=1)
        policy.begin(0, 0)
        actions = [policy.act(BATCH[:1], [0])[0][0] for _ in range(7)]
        policy.close()
    assert actions == [1, 1, 1, 2, 2, 2, 3]


def test_an_answer_in_words_is_an_error_that_ends_with_its_last_line():
    def infer(_message):
        raise ValueError("no image was given")

    with answering(openpi(infer)) as address:
        policy = loaded(address)
        with pytest.raises(UserError, match=r"ws://127\.0\.0\.1:\d+ answers: ValueError: no image was given"):
            policy.act(BATCH, [0])
        policy.close()


def test_an_answer_without_actions_says_what_it_has():
    with answering(openpi(lambda _message: {"result": 1})) as address:
        policy = loaded(address)
        with pytest.raises(UserError, match="answered with a map of result, server_timing, and 'actions' is needed"):
            policy.act(BATCH, [0])
        policy.close()


def test_the_parts_of_a_call_are_noted():
    latency = Latency()
    with answering(openpi(lambda _message: {"actions": np.zeros(2, np.float32)})) as address:
        policy = loaded(address)
        policy.note_in(latency)
        policy.act(BATCH, [0, 1])
        policy.close()
    parts = Latency()
    parts.add_json(latency.to_json())
    assert parts.part("inference").num == parts.part("network").num == 1
    assert parts.part("inference").quantile(0.5) == pytest.approx(0.5e-3, rel=0.02)  # of two rows, one after the other


def test_a_policy_is_known_by_address_and_metadata_or_by_what_our_server_tells_of_its_content():
    def told(metadata):
        with answering(openpi(dict, metadata)) as address:
            return identity(f"{address}?timeout=5"), identity(address)

    assert len(set(told({}))) == 1
    assert told({}) != told({})  # at another port
    with serving(Sums(), digest="one") as (address, _), serving(Sums(), digest="one") as (other, _):
        assert identity(address) == identity(other)
        with serving(Sums(), digest="two") as (third, _):
            assert identity(third) != identity(address)


def test_our_own_server_is_asked_once_for_all_rows_and_keeps_its_promise_of_bits():
    with serving(Sums()) as (address, server):
        policy = loaded(address)
        actions = policy.act(BATCH, [0, 2, 3])
        assert policy.bit_stable
        policy.close()
        assert server.batcher.totals.requests == 1
    direct = Sums().act(BATCH, [0, 2, 3])
    assert actions[1] is None
    assert all((actions[row] == direct[row]).all() for row in (0, 2, 3))


class Breaking:
    """A server like openpi's that ends the connection instead of the answers of the given numbers."""

    def __init__(self, *numbers):
        self.numbers = set(numbers)
        self.num = 0
        self.connections = 0

    def __call__(self, connection):
        self.connections += 1
        connection.send(pack({}))
        for message in connection:
            self.num += 1
            if self.num in self.numbers:
                connection.socket.shutdown(socket.SHUT_RDWR)
                return
            connection.send(pack({"actions": unpack(message)["observation"][:2]}))


def test_a_policy_that_forgets_goes_on_where_the_connection_broke():
    server = Breaking(2, 3, 6)
    with answering(server) as address:
        policy = loaded(address)
        actions = policy.act(BATCH, range(4))
        policy.close()
    assert (np.stack(actions) == BATCH[:, :2]).all()
    assert server.connections == 4


class Noisy(Counts):
    """Says something else each time that it is asked the same."""

    draws = itertools.count()

    def act(self, observation):
        self.num += 1
        return np.array([self.num, next(Noisy.draws) % 10], np.float32)


def remembering(policy, width=2):
    return wrap_policy(policy, observation_space=OBSERVATIONS, action_space=ACTIONS, width=width)


def played(policy, break_it=lambda: None):
    """What two rows of a policy are answered; row 1 begins anew after two steps, and then the connection breaks."""
    policy.begin(0, 3)
    policy.begin(1, 5)
    found = [list(policy.act(BATCH[:2], [0, 1])) for _ in range(2)]
    policy.begin(1, 6)
    found.append(list(policy.act(BATCH[:2], [0, 1])))
    break_it()
    found.extend(list(policy.act(BATCH[:2], [0, 1])) for _ in range(2))
    return found


def played_through_a_restart(make, digest="d"):
    """The same through a server that ends and comes back at the same port with what `make` makes."""
    with contextlib.ExitStack() as stack:
        first = serving(make(), remembers=True, width=2)
        address, _ = first.__enter__()
        policy = loaded(address, width=2)
        port = int(address.rpartition(":")[2])

        def break_it():
            first.__exit__(None, None, None)
            stack.enter_context(serving(make(), remembers=True, width=2, port=port, digest=digest))

        stack.callback(policy.close)
        return played(policy, break_it)


def test_a_policy_that_remembers_is_told_its_episodes_again_and_goes_on():
    direct = played(remembering(Counts()))
    found = played_through_a_restart(lambda: remembering(Counts()))
    assert np.stack(found).tolist() == np.stack(direct).tolist()
    assert np.stack(found)[:, :, 0].tolist() == [[1, 1], [2, 2], [3, 1], [4, 2], [5, 3]]


def test_an_episode_that_is_not_answered_again_as_before_ends_as_an_error():
    found = played_through_a_restart(lambda: remembering(Noisy()))
    assert all(isinstance(action, Illegal) for step in found[3:] for action in step)
    assert "did not answer again as it had" in found[3][0].fault


def test_another_policy_at_the_same_address_is_refused():
    with pytest.raises(UserError, match="came back with another policy"):
        played_through_a_restart(lambda: remembering(Counts()), digest="other")


def test_a_server_that_stays_away_is_an_error_after_the_patience_and_is_told_of_once(caplog):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"ws://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(UserError, match=f"{address} is not there .*waiting 0.3 s for it did not help"):
            loaded(f"{address}?patience=0.3")
    assert [record.getMessage().endswith("waiting up to 0.3 s for it.") for record in caplog.records] == [True]


def test_a_server_that_does_not_answer_is_an_error_after_timeout_and_patience():
    def converse(connection):
        connection.send(pack({}))
        for _ in connection:
            pass

    with answering(converse) as address:
        policy = loaded(f"{address}?timeout=0.1&patience=0.2")
        with pytest.raises(UserError, match=r"has not answered for 0\.1 s"):
            policy.act(BATCH, [0])
        policy.close()


def test_a_server_that_comes_late_is_waited_for(caplog):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    is_wanted = threading.Event()
    found = []

    def late():
        is_wanted.wait()
        with serving(Sums(), port=port):
            is_over.wait()

    is_over = threading.Event()
    thread = threading.Thread(target=late)
    thread.start()
    caplog.handler.addFilter(lambda _record: is_wanted.set() or True)  # once it says that it waits
    policy = loaded(f"ws://127.0.0.1:{port}")
    found = policy.act(BATCH, range(4))
    policy.close()
    is_over.set()
    thread.join()
    assert found[0].shape == (2,)
    assert "is back after" in caplog.text


SPACES = gym.spaces


@pytest.mark.parametrize(
    ("theirs", "ours", "told"),
    [
        ({"action_space": SPACES.Box(-1, 1, (2,))}, {}, r"other actions: here they are Box\(-10.*not Box\(-1"),
        (
            {"action_space": SPACES.Discrete(2)},
            {"action_space": SPACES.Discrete(3)},
            r"Discrete\(3\), not Discrete\(2\)",
        ),
        ({"action_space": SPACES.Discrete(2, start=1)}, {"action_space": SPACES.Discrete(2)}, "other actions"),
        ({"observation_space": SPACES.Box(-1, 1, (4,))}, {}, r"other observations: here they are Box.*\(3,\)"),
        ({"observation_space": SPACES.Box(0, 255, (3,), np.uint8)}, {}, "float32.*not Box.*uint8"),
        ({"observation_space": SPACES.Dict({"state": OBSERVATIONS})}, {}, "other observations"),
        (
            {"observation_space": SPACES.Dict({"state": SPACES.Box(-1, 1, (2,))})},
            {"observation_space": SPACES.Dict({"state": OBSERVATIONS})},
            r"\(3,\), float32\), not .*\(2,\), float32\) \(in 'state'\)",
        ),
    ],
)
def test_a_server_that_was_started_for_other_spaces_is_refused(theirs, ours, told):
    given = {"observation_space": OBSERVATIONS, "action_space": ACTIONS, **ours}
    with serving(Sums(), **theirs) as (address, _), pytest.raises(UserError, match=told):
        load_policy(PolicySource(address), **given, width=2)


def test_bounds_that_lie_beyond_what_a_space_shows_in_words_are_compared():
    low = -np.arange(1, 41, dtype=np.float32)
    other = low.copy()
    other[20] = -50
    boxes = [SPACES.Box(one, np.ones(40, np.float32)) for one in (low, other)]
    with serving(Sums(), action_space=boxes[0]) as (address, _):
        loaded(address, action_space=boxes[0]).close()
        with pytest.raises(UserError, match="another low"):
            loaded(address, action_space=boxes[1])


def test_what_differs_by_design_is_not_refused(tmp_path):
    with serving(Sums(), observation_space=SPACES.Box(-5, 5, (3,))) as (address, _):
        loaded(address).close()  # of observations no bounds are compared
    (tmp_path / "map.yaml").write_text("action: [{unnormalize: {low: [-2, -2], high: [2, 2]}}]")
    source = parse_source(f"{address}?mapping={tmp_path}/map.yaml")
    with serving(Sums(), action_space=SPACES.Box(-1, 1, (2,)), port=int(address.rpartition(":")[2])):
        open_policy(source, observation_space=OBSERVATIONS, action_space=ACTIONS, width=2).close()
    with serving(Sums(), action_space=chunk_space(ACTIONS)) as (address, _):
        loaded(address).close()
        loaded(address, action_space=chunk_space(ACTIONS)).close()
        with pytest.raises(UserError, match=r"other actions.*\(in 'each'\)"):
            loaded(address, action_space=chunk_space(SPACES.Box(-1, 1, (2,))))


class Counting:
    """A server like openpi's whose memory is the connection's: how often it was asked there."""

    def __init__(self, *metadata):
        self.metadata = list(metadata)
        self.connections = 0

    def __call__(self, connection):
        self.connections += 1
        connection.send(pack(self.metadata.pop(0) if self.metadata else {}))
        for number, message in enumerate(connection, 1):
            connection.send(pack({"actions": np.array([number, unpack(message)["observation"][0]], np.float32)}))


def test_a_server_of_openpi_that_remembers_has_a_connection_for_each_row_and_each_episode():
    server = Counting()
    with answering(server) as address:
        policy = loaded(f"{address}?remembers=true", width=2)
        found = played(policy)
        policy.close()
    assert np.stack(found)[:, :, 0].tolist() == [[1, 1], [2, 2], [3, 1], [4, 2], [5, 3]]
    assert (np.stack(found)[:, :, 1] == BATCH[:2, 0]).all()
    assert server.connections == 3


def test_another_policy_that_greets_a_later_episode_is_refused():
    with answering(Counting({}, {"name": "other"}, {"name": "other"})) as address:
        policy = loaded(f"{address}?remembers=true", width=2)
        with pytest.raises(UserError, match="came back with another policy"):
            played(policy)
        policy.close()


def test_what_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(UserError, match=r"ws://127\.0\.0\.1:1 needs 'websockets'.*pip install 'rlgauge\[remote\]'"):
        identity("ws://127.0.0.1:1")


class Harness:
    """A server as vla-eval has it: a connection is a session, which counts what it was asked in its episode."""

    def __init__(self):
        self.episodes = []
        self.connections = 0

    def __call__(self, connection):
        self.connections += 1
        number = self.connections
        count = 0
        for data in connection:
            message = msgpack.unpackb(data)
            match message["type"]:
                case "hello":
                    payload = {"harness_version": "1", "protocol_version": 1, "model_server": "Counting"}
                    connection.send(msgpack.packb({**message, "payload": payload}))
                case "episode_start" | "episode_end":
                    self.episodes.append((number, message["type"]))
                    count = 0
                case "observation":
                    count += 1
                    state = message["payload"]["observation"]
                    assert (state["__ndarray__"], state["shape"]) == (True, [3])
                    payload = {
                        "actions": {
                            "__ndarray__": True,
                            "data": np.float32([count, number]).tobytes(),
                            "dtype": "<f4",
                            "shape": [2],
                        }
                    }
                    connection.send(
                        msgpack.packb({"type": "action", "payload": payload, "seq": message["seq"], "timestamp": 0.0})
                    )


def test_a_server_of_vla_eval_has_a_session_for_each_row_and_hears_of_episodes():
    harness = Harness()
    with answering(harness) as address:
        policy = load_policy(
            PolicySource(f"{address}?protocol=vla-eval"),
            observation_space=OBSERVATIONS,
            action_space=ACTIONS,
            width=2,
        )
        found = played(policy)
        policy.close()
    counts = np.stack(found)[:, :, 0].tolist()
    assert counts == [[1, 1], [2, 2], [3, 1], [4, 2], [5, 3]]
    assert harness.connections == 2
    assert harness.episodes == [(1, "episode_start"), (2, "episode_start"), (2, "episode_end"), (2, "episode_start")]
