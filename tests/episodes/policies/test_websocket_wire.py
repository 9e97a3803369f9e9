from __future__ import annotations

import contextlib

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rlgauge.episodes.policies.websocket_wire import WireError, pack, unpack

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.unicode_string_dtypes(max_len=4),
)
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))


def openpi_map(array):
    return {b"__ndarray__": True, b"data": array.tobytes(), b"dtype": array.dtype.str, b"shape": array.shape}


@given(ARRAYS)
def test_arrays_come_back_as_they_were_and_can_be_written(array):
    found = unpack(pack({"observation": [array]}))["observation"][0]
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()
    assert found.flags.writeable


@given(ARRAYS)
def test_the_bytes_are_those_of_openpi(array):
    assert pack({"image": array}) == msgpack.packb({"image": openpi_map(array)})


def test_scalars_of_numpy_keep_their_type():
    scalar = np.float32(0.1)
    found = unpack(pack({"reward": scalar}))["reward"]
    assert type(found) is np.float32
    assert found == scalar
    of_openpi = {b"__npgeneric__": True, b"data": scalar.item(), b"dtype": "<f4"}
    assert pack(scalar) == msgpack.packb(of_openpi)


def test_maps_with_keys_of_text_are_read_as_vla_eval_writes_them():
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    told = {"__ndarray__": True, "data": array.tobytes(), "dtype": "<i2", "shape": [2, 3]}
    assert (unpack(msgpack.packb({"state": told}))["state"] == array).all()


def test_maps_with_keys_of_text_are_written_for_vla_eval():
    told = msgpack.unpackb(pack({"state": np.float32([1, 2]), "reward": np.float32(0.5)}, named=True))
    array = {"__ndarray__": True, "data": np.float32([1, 2]).tobytes(), "dtype": "<f4", "shape": [2]}
    assert told == {"state": array, "reward": 0.5}


def test_an_array_that_is_not_contiguous_is_sent_as_it_looks():
    array = np.arange(12).reshape(3, 4)[:, ::2]
    assert (unpack(pack(array)) == array).all()


def array_map(**changes):
    told = {"__ndarray__": True, "data": b"\0" * 8, "dtype": "<f4", "shape": [2], **changes}
    return msgpack.packb({key.encode(): value for key, value in told.items() if value is not None})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"\x81",
        msgpack.packb([1, 2])[:-1],
        b"\x91" * 100_000,
        array_map(dtype="|O"),
        array_map(dtype="f4,f4"),
        array_map(dtype="no dtype"),
        array_map(dtype=None),
        array_map(dtype=7),
        array_map(shape=[3]),
        array_map(shape=[-2]),
        array_map(shape=[2**62, 2**62]),
        array_map(shape=[True, 2]),
        array_map(shape=None),
        array_map(data="text"),
        array_map(data=None),
        msgpack.packb({b"__npgeneric__": True, b"data": [1], b"dtype": "<f4"}),
        msgpack.packb({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}),
    ],
)
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(WireError, match="sent"):
        unpack(data)


@pytest.mark.parametrize(
    "value", [np.array([object()]), np.zeros(2, "f4,f4"), np.array([1j]), object(), 2**70, {(1, 2, 3): object()}]
)
def test_what_has_no_form_is_not_sent(value):
    with pytest.raises(WireError, match="no form"):
        pack({"observation": value})


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(WireError):
        unpack(data)
