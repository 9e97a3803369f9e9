from __future__ import annotations

import itertools
import re
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import msgpack
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.chunks import chunk_space
from rlgauge.episodes.policies.protocol import Illegal
from rlgauge.episodes.policies.source import PolicySource
from rlgauge.episodes.policies.websocket import load_policy
from rlgauge.episodes.policies.websocket_wire import ROWS, pack, unpack
from rlgauge.episodes.policy import wrap_policy
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from tests.serving.served import ACTIONS, OBSERVATIONS, Counts, Sums, serving

BATCH = np.random.default_rng(0).uniform(-1, 1, (4, 3)).astype(np.float32)


class Client:
    """Sends messages and reads the answers, as openpi's client does."""

    def __init__(self, address):
        self._stack = connect(address, compression=None)
        self.connection = self._stack.__enter__()
        self.metadata = unpack(self.connection.recv())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def say(self, message):
        self.connection.send(message if isinstance(message, (bytes, str)) else pack(message))
        answer = self.connection.recv(timeout=20)
        return answer if isinstance(answer, str) else unpack(answer)


def loaded(address, width=4):
    source = PolicySource(address)
    return load_policy(source, observation_space=OBSERVATIONS, action_space=ACTIONS, width=width)


def asked(rows, observations, **more):
    return {ROWS: {"rows": rows, **more}, "observations": observations}


def test_a_client_of_openpi_is_greeted_and_gets_a_chunk_and_the_time_it_took():
    with serving(Sums(), digest="abc") as (address, _), Client(address) as client:
        assert client.metadata[ROWS]["digest"] == "abc"
        answer = client.say({"observation/state": BATCH[0]})
    assert answer["actions"].shape == (1, 2)
    assert answer["actions"][0, 0] == BATCH[0].sum()
    assert answer["server_timing"]["infer_ms"] >= 0


def test_named_observations_are_picked_from_what_a_client_of_openpi_sends():
    class Named(Sums):
        def act(self, observations, active):
            return super().act(observations["state"], active)

    space = gym.spaces.Dict({"state": OBSERVATIONS})
    with serving(Named(), observation_space=space) as (address, _), Client(address) as client:
        answer = client.say({"state": BATCH[0], "prompt": "pick it up"})
        assert "sent an observation without state" in client.say({"prompt": "pick it up"})
    assert answer["actions"][0, 0] == BATCH[0].sum()


def test_chunks_are_sent_as_one_array_to_either_kind_of_client():
    class Chunks(Sums):
        def act(self, observations, active):
            return [[action, -action] for action in super().act(observations, active)]

    with serving(Chunks(), action_space=chunk_space(ACTIONS)) as (address, _), Client(address) as client:
        assert client.say({"observation": BATCH[0]})["actions"].shape == (2, 2)
        assert client.say(asked([0, 1, 2], BATCH[:3]))["actions"].shape == (3, 2, 2)


def test_each_client_and_each_row_of_a_policy_that_remembers_has_a_memory_of_its_own():
    policy = wrap_policy(Counts(), observation_space=OBSERVATIONS, action_space=ACTIONS, width=4)
    with serving(policy, remembers=True, width=4) as (address, _):
        one, other = loaded(address, width=2), loaded(address, width=2)
        for client, seed in ((one, 1), (other, 2)):
            client.begin(0, seed)
            client.begin(1, seed)
        one.act(BATCH[:2], [0])
        found = [client.act(BATCH[:2], [0, 1]) for client in (one, other)]
        one.close()
        other.close()
    assert np.stack(found).tolist() == [[[2, 1], [1, 1]], [[1, 2], [1, 2]]]


def test_rows_of_a_policy_that_remembers_are_free_again_when_a_client_has_gone():
    policy = wrap_policy(Counts(), observation_space=OBSERVATIONS, action_space=ACTIONS, width=2)
    with serving(policy, remembers=True, width=2) as (address, _):
        first = loaded(address, width=2)
        first.act(BATCH[:2], [0, 1])
        late = loaded(f"{address}?patience=0", width=2)
        with pytest.raises(UserError, match="remembers, and its 2 rows are taken: start the server with a larger"):
            late.act(BATCH[:2], [0])
        late.close()
        first.close()
        patient = loaded(address, width=2)
        assert patient.act(BATCH[:2], [0])[0].tolist() == [1, 0]
        patient.close()


def test_a_client_of_openpi_starts_an_episode_when_it_comes_and_when_it_says_reset():
    policy = wrap_policy(Counts(), observation_space=OBSERVATIONS, action_space=ACTIONS, width=1)
    with serving(policy, remembers=True, width=1) as (address, _), Client(address) as client:
        counts = []
        for message in ({"state": BATCH[0]}, {"state": BATCH[0]}, {"reset": True}, {"state": BATCH[0]}):
            answer = client.say(message)
            counts.append(answer["actions"][0, 0] if answer else None)
    assert counts == [1, 2, None, 1]


class Gated(Sums):
    """Waits in its first pass until it is let through."""

    def __init__(self):
        super().__init__()
        self.has_begun = threading.Event()
        self.gate = threading.Event()

    def act(self, observations, active):
        self.has_begun.set()
        self.gate.wait(20)
        return super().act(observations, active)


def test_what_waits_at_the_same_time_goes_through_in_one_pass():
    policy = Gated()
    with serving(policy, width=8) as (address, server), ThreadPoolExecutor(4) as pool:
        clients = [Client(address) for _ in range(4)]
        first = pool.submit(clients[0].say, asked([0], BATCH[:1]))
        policy.has_begun.wait(20)
        others = [pool.submit(client.say, asked([0, 1], BATCH[1:3])) for client in clients[1:]]
        while len(server.batcher._waiting) < 3:
            threading.Event().wait(0.001)
        policy.gate.set()
        answers = [other.result(20)["actions"] for other in (first, *others)]
        for client in clients:
            client.__exit__(None, None, None)
    assert policy.passes == [[0], [0, 1, 2, 3, 4, 5]]
    assert all((answer[:, 0] == BATCH[1:3].sum(1)).all() for answer in answers[1:])
    assert server.batcher.totals.to_json() | {"infer_seconds": 0} == {
        "requests": 4,
        "rows": 7,
        "passes": 2,
        "infer_seconds": 0,
    }


def test_a_request_larger_than_a_pass_takes_several():
    policy = Sums()
    with serving(policy, width=3) as (address, _), Client(address) as client:
        actions = client.say(asked([0, 1, 2, 3], BATCH))["actions"]
    assert (actions[:, 0] == BATCH.sum(1)).all()
    assert policy.passes == [[0, 1, 2], [0]]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"\xc1", "sent 1 bytes that are no msgpack"),
        ("text", "sent an observation"),
        (pack([1, 2]), "sent an observation"),
        (pack({"observation": BATCH[0, :2]}), r"sent an observation of shape \(2,\), and the policy takes Box"),
        (pack({"observation": BATCH[0].astype(complex).real.astype("U8")}), "of <U8"),
        (pack({ROWS: {"rows": "all"}}), "nothing clear of its rows"),
        (pack({ROWS: 1}), "nothing clear of its rows"),
        (pack(asked([0, 1], BATCH)), "sent no observations for its 2 rows"),
        (pack(asked([0, 1], None)), "sent no observations for its 2 rows"),
        (pack(asked([0, 0], BATCH[:2])), "asked twice"),
        (pack(asked([0], np.float32(1))), "sent no observations"),
    ],
)
def test_a_malformed_message_is_answered_in_words_and_the_conversation_goes_on(message, answer):
    with serving(Sums()) as (address, _), Client(address) as client:
        said = client.say(message)
        assert isinstance(said, str)
        assert re.search(answer, said)
        assert client.say({"observation": BATCH[0]})["actions"].shape == (1, 2)


def test_a_message_that_is_too_long_ends_its_connection_with_the_reason_and_no_other():
    with serving(Sums(), max_bytes=2000) as (address, _), Client(address) as other:
        with Client(address) as client, pytest.raises(ConnectionClosed) as error:
            client.say({"observation": np.zeros(5000)})
        assert error.value.rcvd.code == 1009
        assert "limit of 2000 bytes" in error.value.rcvd.reason
        assert other.say({"observation": BATCH[0]})["actions"].shape == (1, 2)
        policy = loaded(address, width=400)
        with pytest.raises(UserError, match=r"refuses observations of this size.*--max-bytes"):
            policy.act(np.zeros((400, 3), np.float32), range(400))
        policy.close()


class Touchy(Gated):
    """Fails for an observation of zeros."""

    def act(self, observations, active):
        if not np.asarray(observations)[active].any(1).all():
            self.has_begun.set()
            self.gate.wait(20)
            raise RuntimeError("nothing to see")
        return super().act(observations, active)


def test_only_who_is_at_fault_hears_that_the_policy_failed():
    policy = Touchy()
    with serving(policy) as (address, server), ThreadPoolExecutor(3) as pool:
        clients = [Client(address) for _ in range(3)]
        first = pool.submit(clients[0].say, asked([0], BATCH[:1]))
        policy.has_begun.wait(20)
        fine = pool.submit(clients[1].say, asked([0], BATCH[:1]))
        faulty = pool.submit(clients[2].say, asked([0], np.zeros((1, 3), np.float32)))
        while len(server.batcher._waiting) < 2:
            threading.Event().wait(0.001)
        policy.gate.set()
        assert first.result(20)["actions"].shape == fine.result(20)["actions"].shape == (1, 2)
        assert faulty.result(20) == "The policy given failed: RuntimeError: nothing to see"
        for client in clients:
            client.__exit__(None, None, None)


def told_after_a_fault(policy, **options):
    """What two clients of a policy that remembers are told, one of whom shows it nothing, once a third has gone on."""
    with serving(policy, remembers=True, **options) as (address, server), ThreadPoolExecutor(3) as pool:
        clients = [Client(address) for _ in range(3)]
        first = pool.submit(clients[0].say, asked([0], BATCH[:1]))
        policy.has_begun.wait(20)
        shown = [pool.submit(clients[1].say, asked([0], BATCH[:1]))]
        while len(server.batcher._waiting) < 1:
            threading.Event().wait(0.001)
        shown.append(pool.submit(clients[2].say, asked([0], np.zeros((1, 3), np.float32))))
        while len(server.batcher._waiting) < 2:
            threading.Event().wait(0.001)
        policy.gate.set()
        first.result(20)
        told = [one.result(20) for one in shown]
        for client in clients:
            client.__exit__(None, None, None)
        return told


def test_who_shared_a_pass_of_a_policy_that_remembers_hears_that_it_may_be_anothers_fault():
    for told in told_after_a_fault(Touchy()):
        assert "in a pass that this client shared with others, maybe by another client's observation" in told
        assert told.endswith("RuntimeError: nothing to see")


def test_where_nothing_is_shared_only_who_is_at_fault_hears_of_it():
    fine, faulty = told_after_a_fault(Touchy(), shares=False)
    assert fine["actions"].shape == (1, 2)
    assert faulty == "The policy given failed: RuntimeError: nothing to see"


def test_an_action_that_is_refused_is_refused_on_the_other_side():
    class Refusing(Sums):
        def act(self, observations, active):
            actions = super().act(observations, active)
            actions[1] = Illegal("returned NaN")
            return actions

    with serving(Refusing()) as (address, _):
        policy = loaded(address)
        actions = policy.act(BATCH, [0, 1, 3])
        policy.close()
        with Client(address) as client:
            client.say(asked([5], BATCH[:1]))
    assert actions[1] == Illegal("returned NaN")
    assert actions[3][0] == BATCH[3].sum()


def test_health_is_told_and_no_page_of_a_browser_is_let_in():
    with serving(Sums()) as (address, _):
        with urllib.request.urlopen(address.replace("ws", "http", 1) + "/healthz", timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b"OK\n")
        with pytest.raises(InvalidStatus), connect(address, origin="https://example.org"):
            pass
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(address.replace("ws", "http", 1) + "/else", timeout=10)


def test_an_array_that_msgpack_itself_packs_is_understood():
    array = {b"__ndarray__": True, b"data": BATCH[0].tobytes(), b"dtype": "<f4", b"shape": (3,)}
    with serving(Sums()) as (address, _), Client(address) as client:
        assert client.say(msgpack.packb({"state": array}))["actions"][0, 0] == BATCH[0].sum()


def test_a_port_that_is_taken_is_an_error():
    with serving(Sums()) as (address, _), pytest.raises(UserError, match="Nothing can be served on"):
        _serve_once(int(address.rpartition(":")[2]))


def _serve_once(port):
    import asyncio

    from rlgauge.serving.policy_server import PolicyServer
    from tests.serving.served import served

    async def run():
        with ThreadPoolExecutor(1) as thread:
            async with PolicyServer(served(Sums()), thread=thread, port=port).running():
                pass

    asyncio.run(run())


class Pushes:
    """Pushes a pole by what it has seen before: it remembers."""

    def reset(self, seed=None):
        self.angle = 0.0

    def act(self, observation):
        self.angle = 0.5 * self.angle + float(observation[2]) + 0.5 * float(observation[3])
        return int(self.angle > 0)


def test_what_was_stored_before_a_server_stayed_away_is_gone_on_with(tmp_path):
    pole = GymnasiumBenchmark("CartPole-v1", num_episodes=16, max_steps=40)
    env = gym.make("CartPole-v1")
    spaces = {"observation_space": env.observation_space, "action_space": env.action_space}

    class Ending(Pushes):
        steps = itertools.count()

        def act(self, observation):
            if next(Ending.steps) == 600:
                raise RuntimeError("out of memory")
            return super().act(observation)

    def evaluated(policy, **options):
        with serving(wrap_policy(policy, **spaces, width=4), width=4, remembers=True, **spaces) as (address, _):
            return pole.evaluate({"p": address}, lanes=4, **options)

    with pytest.raises(UserError, match="failed: RuntimeError: out of memory"):
        evaluated(Ending(), out=tmp_path)
    kept = sum(len(path.read_bytes().splitlines()) for path in tmp_path.rglob("records.jsonl"))
    found = evaluated(Pushes(), out=tmp_path).results[0]
    direct = pole.evaluate({"p": Pushes()}, lanes=4).results[0]
    assert 0 < kept < 16
    assert [one.total_return for one in found.episodes] == [one.total_return for one in direct.episodes]
    assert found.n_missing == 0
