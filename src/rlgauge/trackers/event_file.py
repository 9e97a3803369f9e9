"""Writing TensorBoard's event files: length-prefixed records of the protocol buffer message `Event`.

Formats: tensorflow/core/lib/io/record_writer.h (framing), tensorflow/core/util/event.proto, summary.proto and
tensor.proto (field numbers below). `rlgauge.importers.events` reads them. TensorBoard itself takes a second to import
and many threads; this takes nothing, beside a run that is being measured.
"""

from __future__ import annotations

import struct
from pathlib import Path

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EVENT_TIME, _EVENT_STEP, _EVENT_VERSION, _EVENT_SUMMARY = 1, 2, 3, 5
_SUMMARY_VALUE = 1
_TAG, _SIMPLE_VALUE, _IMAGE, _TENSOR, _METADATA = 1, 2, 4, 8, 9
_TENSOR_TYPE, _TENSOR_SHAPE, _TENSOR_STRINGS = 1, 2, 8
_SHAPE_DIMENSION, _DIMENSION_SIZE = 2, 1
_METADATA_PLUGIN, _PLUGIN_NAME = 1, 1
_IMAGE_HEIGHT, _IMAGE_WIDTH, _IMAGE_CHANNELS, _IMAGE_CONTENT = 1, 2, 3, 4
_STRING = 7
"""TensorProto's type of texts."""
_COLOURS = 3
_POLYNOMIAL = 0x82F63B78
"""Of CRC-32C, reflected."""
_MASK = 0xA282EAD8
_LAST_STEP = 2**63 - 1


class EventFile:
    """An event file that is being written. Times are in seconds since 1970."""

    def __init__(self, path: Path, time: float) -> None:
        """Make the file, with the record that says what it is."""
        self._file = path.open("wb")
        self._write(_double(_EVENT_TIME, time) + _field(_EVENT_VERSION, b"brain.Event:2"))

    def scalar(self, tag: str, value: float, step: int, time: float) -> None:
        """Add a number, of which TensorBoard keeps 32 bits."""
        self._summary(_field(_TAG, tag.encode()) + _key(_SIMPLE_VALUE, _FIXED32) + _single(value), step, time)

    def text(self, tag: str, text: str, time: float, *, step: int = 0) -> None:
        """Add a text, in Markdown."""
        size = _field(_TENSOR_SHAPE, _field(_SHAPE_DIMENSION, _integer(_DIMENSION_SIZE, 1)))
        tensor = _integer(_TENSOR_TYPE, _STRING) + size + _field(_TENSOR_STRINGS, text.encode())
        plugin = _field(_METADATA_PLUGIN, _field(_PLUGIN_NAME, b"text"))
        self._summary(_field(_TAG, tag.encode()) + _field(_METADATA, plugin) + _field(_TENSOR, tensor), step, time)

    def image(self, tag: str, content: bytes, size: tuple[int, int], time: float, *, step: int = 0) -> None:
        """Add an image as a file of any kind that browsers show; `size` is its width and height in pixels."""
        width, height = size
        image = (
            _integer(_IMAGE_HEIGHT, height)
            + _integer(_IMAGE_WIDTH, width)
            + _integer(_IMAGE_CHANNELS, _COLOURS)
            + _field(_IMAGE_CONTENT, content)
        )
        self._summary(_field(_TAG, tag.encode()) + _field(_IMAGE, image), step, time)

    def flush(self) -> None:
        """Hand what was added to the system."""
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _summary(self, value: bytes, step: int, time: float) -> None:
        at = _integer(_EVENT_STEP, max(-_LAST_STEP, min(step, _LAST_STEP)) & (1 << 64) - 1)
        self._write(_double(_EVENT_TIME, time) + at + _field(_EVENT_SUMMARY, _field(_SUMMARY_VALUE, value)))

    def _write(self, record: bytes) -> None:
        length = struct.pack("<Q", len(record))
        self._file.write(b"".join((length, _check(length), record, _check(record))))


def _field(number: int, content: bytes) -> bytes:
    return b"".join((_key(number, _BYTES), _varint(len(content)), content))


def _integer(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _key(number, _FIXED64) + struct.pack("<d", value)


def _single(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:  # beyond what 32 bits hold
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:  # noqa: PLR2004  # the highest bit says that more follow
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _table() -> list[int]:
    made = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        made.append(value)
    return made


_TABLE = _table()


def _check(content: bytes) -> bytes:
    """The masked CRC-32C of the framing."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)
