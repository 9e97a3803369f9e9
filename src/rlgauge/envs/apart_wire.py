"""Messages between an environment's process and who plays there: msgpack with arrays, behind four bytes of length."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any

import gymnasium
import msgspec
import numpy as np
from gymnasium import spaces

_LENGTH = struct.Struct("!I")
_ARRAY = 1
"""The code of msgpack's extension that holds an array."""


class ClosedError(EOFError):
    """The other side has ended."""


def send(stream: IO[bytes], message: object) -> None:
    """Write one message. Raises TypeError for what has no form there, OSError where nobody reads."""
    data = _ENCODER.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:  # noqa: ANN401  # whatever was sent
    """The next message; its arrays are its own. Raises ClosedError at the end."""
    (length,) = _LENGTH.unpack(_read(stream.read, _LENGTH.size))
    return _DECODER.decode(_read(stream.read, length))


def _read(read: Callable[[int], bytes], num: int) -> bytes:
    data = read(num)
    if len(data) < num:
        raise ClosedError
    return data


def _as_extension(value: object) -> object:
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        head = msgspec.msgpack.encode((value.dtype.str, value.shape))
        return msgspec.msgpack.Ext(_ARRAY, _LENGTH.pack(len(head)) + head + value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} can't be sent to another process")


def _of_extension(code: int, data: memoryview) -> np.ndarray[Any, Any]:
    if code != _ARRAY:
        raise ValueError(f"a message holds an extension of code {code}, which nobody sends")
    (length,) = _LENGTH.unpack(data[: _LENGTH.size])
    begin = _LENGTH.size + length
    dtype, shape = msgspec.msgpack.decode(data[_LENGTH.size : begin], type=tuple[str, tuple[int, ...]])
    return np.frombuffer(data[begin:], dtype).reshape(shape).copy()


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_as_extension)
_DECODER = msgspec.msgpack.Decoder(ext_hook=_of_extension)


def pack_space(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """The space as plain data. Raises TypeError for a kind that is not known here."""
    match space:
        case spaces.Box():
            return {"kind": "Box", "low": space.low, "high": space.high, "dtype": np.dtype(space.dtype).str}
        case spaces.Discrete():
            return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.Text():
            return {"kind": "Text", "most": space.max_length, "least": space.min_length, "letters": space.characters}
        case spaces.Dict():
            return {"kind": "Dict", "parts": {name: pack_space(part) for name, part in space.spaces.items()}}
    raise TypeError(f"{type(space).__name__} is a space that can't be sent to another process")


def unpack_space(told: dict[str, Any]) -> gymnasium.Space[Any]:
    """The space that `pack_space` told of."""
    match told["kind"]:
        case "Box":
            return spaces.Box(told["low"], told["high"], dtype=np.dtype(told["dtype"]).type)
        case "Discrete":
            return spaces.Discrete(told["n"], start=told["start"])
        case "Text":
            return spaces.Text(told["most"], min_length=told["least"], charset=told["letters"])
        case "Dict":
            return spaces.Dict({name: unpack_space(part) for name, part in told["parts"].items()})
    raise ValueError(f"{told['kind']} is no kind of space")
