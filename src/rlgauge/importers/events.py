"""Scalars of TensorBoard's event files: length-prefixed records of the protocol buffer message `Event`.

Formats: tensorflow/core/lib/io/record_writer.h (framing), tensorflow/core/util/event.proto, summary.proto and
tensor.proto (field numbers below).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FRAME, _CHECK = 12, 4
"""Bytes before a record (its length and the length's checksum) and after it (its checksum)."""
_EVENT_TIME, _EVENT_STEP, _EVENT_SUMMARY = 1, 2, 5
_SUMMARY_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_TENSOR_TYPE, _TENSOR_CONTENT, _FLOATS, _DOUBLES, _STRINGS = 1, 4, 5, 6, 8
_CODES = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}
"""Formats of TensorProto's types that hold a scalar: float, double, int32, int64."""


class Point(NamedTuple):
    """A value logged at a step; `text` where it is none."""

    tag: str
    step: int
    time: float
    value: float | None
    text: str | None = None


Field = tuple[int, int | bytes]


def points(content: bytes) -> Iterator[Point]:
    """The scalars and texts of a file in its order; a torn end is left out."""
    view = memoryview(content)
    position = 0
    while position + _FRAME <= len(view):
        (length,) = struct.unpack_from("<Q", view, position)
        start = position + _FRAME
        if start + length + _CHECK > len(view):
            return
        try:
            yield from _event(bytes(view[start : start + length]))
        except (IndexError, struct.error, UnicodeDecodeError):
            return
        position = start + length + _CHECK


def _event(record: bytes) -> Iterator[Point]:
    step, time = 0, 0.0
    summaries = []
    for number, value in _fields(record):
        if number == _EVENT_STEP and isinstance(value, int):
            step = value
        elif number == _EVENT_TIME and isinstance(value, bytes):
            (time,) = struct.unpack("<d", value)
        elif number == _EVENT_SUMMARY and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, value in _fields(summary):
            if number == _SUMMARY_VALUE and isinstance(value, bytes):
                yield from _value(value, step, time)


def _value(message: bytes, step: int, time: float) -> Iterator[Point]:
    tag, value, text = "", None, None
    for number, field in _fields(message):
        if not isinstance(field, bytes):
            continue
        if number == _TAG:
            tag = field.decode()
        elif number == _SIMPLE_VALUE:
            (value,) = struct.unpack("<f", field)
        elif number == _TENSOR:
            value, text = _tensor(field)
    if value is not None or text is not None:
        yield Point(tag, step, time, value, text)


def _tensor(message: bytes) -> tuple[float | None, str | None]:
    """The one number or text of a tensor; neither for one of more than one, or of another type."""
    kind = 0
    for number, field in _fields(message):
        if number == _TENSOR_TYPE and isinstance(field, int):
            kind = field
        if not isinstance(field, bytes):
            continue
        if number == _STRINGS:
            return None, field.decode()
        code = {_TENSOR_CONTENT: _CODES.get(kind), _FLOATS: "<f", _DOUBLES: "<d"}.get(number)
        if code is not None and len(field) == struct.calcsize(code):
            return float(struct.unpack(code, field)[0]), None
    return None, None


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of a message: number, and an integer or the bytes of anything else."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if length is None:
            if kind != _BYTES:
                raise IndexError(f"wire type {kind}")
            length, position = _varint(message, position)
        if position + length > end:
            raise IndexError("a field ends after its message")
        yield number, message[position : position + length]
        position += length


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  # the highest bit says that more follow
            return value, position
        shift += 7
