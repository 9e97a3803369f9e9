from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rlgauge.serving.batching import Batcher, FullError
from tests.serving.served import OBSERVATIONS, Sums

OBSERVATION = np.ones(3, np.float32)


@contextlib.asynccontextmanager
async def batching(policy, **options):
    with ThreadPoolExecutor(1) as thread:
        batcher = Batcher(policy, OBSERVATIONS, **{"width": 4, "remembers": False, **options}, thread=thread)
        passes = asyncio.create_task(batcher.run())
        try:
            yield batcher
        finally:
            passes.cancel()


def asked(batcher, guest, *rows):
    return asyncio.create_task(batcher.ask(guest, [batcher.row(guest, row, OBSERVATION, None) for row in rows]))


def test_a_long_pass_waits_for_who_has_asked_lately_and_for_nobody_who_has_gone():
    policy = Sums()

    async def play():
        async with batching(policy, wait_seconds=60) as batcher:
            with batcher.guest() as one:
                with batcher.guest() as other:
                    await asked(batcher, one, 0)
                    await asked(batcher, other, 0, 1)
                    batcher._pass_seconds = 1000.0
                    first = asked(batcher, one, 0)
                    for _ in range(20):
                        await asyncio.sleep(0)
                    assert not first.done()
                    await asyncio.gather(first, asked(batcher, other, 0, 1))
                batcher._pass_seconds = 1000.0
                await asked(batcher, one, 0)

    asyncio.run(asyncio.wait_for(play(), 30))
    assert policy.passes == [[0], [0, 1], [0, 1, 2], [0]]


def test_places_are_taken_from_the_first_and_free_again_when_a_guest_has_gone():
    async def play():
        async with batching(Sums(), remembers=True) as batcher:
            with batcher.guest() as one:
                assert [batcher.row(one, row, OBSERVATION, None).place for row in (7, 0, 3, 7)] == [0, 1, 2, 0]
                with batcher.guest() as other:
                    assert batcher.row(other, 0, OBSERVATION, None).place == 3
                    with pytest.raises(FullError):
                        batcher.row(other, 1, OBSERVATION, None)
                batcher.forget(one, 0)
                with batcher.guest() as other:
                    assert [batcher.row(other, row, OBSERVATION, None).place for row in (0, 1)] == [1, 3]

    asyncio.run(play())


def test_the_first_request_of_a_row_starts_an_episode_and_later_ones_do_when_they_say_so():
    async def play():
        async with batching(Sums(), remembers=True) as batcher:
            with batcher.guest() as guest:
                seeds = [batcher.row(guest, 0, OBSERVATION, seed).seed for seed in (None, None, 7)]
                batcher.forget(guest, 0)
                return [*seeds, batcher.row(guest, 0, OBSERVATION, None).seed]

    assert asyncio.run(play()) == [0, None, 7, 0]


class Reusing(Sums):
    """Answers in the same array each time."""

    array = np.zeros((4, 2), np.float32)

    def act(self, observations, active):
        self.array += 1
        return list(self.array)


def test_an_answer_stays_what_it_was_when_the_policy_goes_on():
    async def play():
        async with batching(Reusing()) as batcher:
            with batcher.guest() as guest:
                return [(await asked(batcher, guest, 0)).actions[0] for _ in range(3)]

    assert [action[0] for action in asyncio.run(play())] == [1, 2, 3]
