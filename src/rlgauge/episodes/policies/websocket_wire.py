"""Messages to and from policy servers: msgpack, with arrays as openpi writes them.

An array is a map of bytes: `__ndarray__`, `data`, `dtype`, `shape`; a scalar of NumPy is `__npgeneric__` with `data`
and `dtype`. With vla-eval the keys are text, and scalars are plain numbers. No message can run code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

ROWS = "__rlgauge__"
"""The key of a request about several rows, which only our own server understands; it announces so by the same key."""
PROTOCOL = 1
"""Version of such requests."""
MAX_BYTES = 64 * 2**20
"""Longer messages are refused, unless the server was told otherwise."""

_KINDS = "biufSU"
"""Of the dtypes that may cross: nothing that holds objects or records."""


class WireError(ValueError):
    """Bytes that are no message. The message continues a sentence that begins with who sent them."""


def pack(message: object, *, named: bool = False) -> bytes:
    """The message as bytes, `named` as vla-eval reads it. Raises WireError for what has no form there."""
    try:
        return (_NAMING if named else _ENCODER).encode(message)
    except (TypeError, OverflowError, RecursionError) as error:
        raise WireError(f"sent what msgpack has no form for: {error}") from error


def unpack(data: bytes) -> Any:  # noqa: ANN401  # whatever was packed
    """The message that the bytes hold; its arrays are its own. Raises WireError."""
    try:
        return _restored(_DECODER.decode(data))
    except (msgspec.DecodeError, RecursionError, TypeError, UnicodeDecodeError) as error:
        raise WireError(f"sent {len(data)} bytes that are no msgpack: {error}") from error


def _as_map(value: object) -> dict[bytes, object]:
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    kind = f"an array of {value.dtype}" if isinstance(value, (np.ndarray, np.generic)) else type(value).__name__
    raise TypeError(f"{kind} was given")


def _as_named_map(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    told = _as_map(value)
    return {key.decode(): part for key, part in told.items()}


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_as_map)
_NAMING = msgspec.msgpack.Encoder(enc_hook=_as_named_map)
_DECODER = msgspec.msgpack.Decoder()


def _restored(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        if b"__ndarray__" in value or "__ndarray__" in value:
            return _array(value)
        if b"__npgeneric__" in value:
            return _scalar(value)
        return {key: _restored(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_restored(part) for part in value]
    return value


def _array(value: Mapping[Any, Any]) -> NDArray[Any]:
    data, dtype, shape = _field(value, "data"), _dtype(value), _field(value, "shape")
    if not isinstance(data, bytes) or not isinstance(shape, list) or not all(_is_length(n) for n in shape):
        raise WireError("sent an array without its data or its shape")
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise WireError(f"sent {len(data)} bytes as an array of {dtype} of shape {tuple(shape)}")
    return np.ndarray(tuple(shape), dtype, data).copy()


def _is_length(value: object) -> bool:
    return type(value) is int and value >= 0


def _scalar(value: Mapping[Any, Any]) -> Any:  # noqa: ANN401  # a scalar of NumPy
    data, dtype = _field(value, "data"), _dtype(value)
    if not isinstance(data, (bool, int, float, str, bytes)):
        raise WireError("sent a scalar without its value")
    try:
        return dtype.type(data)
    except (ValueError, OverflowError) as error:
        raise WireError(f"sent {data!r:.60} as a {dtype}") from error


def _dtype(value: Mapping[Any, Any]) -> np.dtype[Any]:
    named = _field(value, "dtype")
    try:
        dtype = np.dtype(named) if isinstance(named, str) else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in _KINDS:
        raise WireError(f"sent an array of {named!r:.60}, which is no dtype of numbers or text")
    return dtype


def _field(value: Mapping[Any, Any], name: str) -> Any:  # noqa: ANN401
    return value.get(name.encode(), value.get(name))
