"""Records survive the way to the disk and back; what is torn or damaged is seen."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlgauge.core.files import StoreError
from rlgauge.core.run import Record, decode_record, encode_record, read_records

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | FINITE | st.text()
RECORDS = st.builds(
    Record, st.integers(0, 2**53), st.dictionaries(st.text(), VALUES, max_size=5), st.none() | st.text()
)


@given(RECORDS)
def test_a_record_comes_back_as_it_was_written(record: Record) -> None:
    line = encode_record(record)
    back = decode_record(line.removesuffix(b"\n"))
    assert back == record
    assert line.count(b"\n") == 1
    assert {name: type(value) for name, value in back.values.items()} == {
        name: type(value) for name, value in record.values.items()
    }


@given(RECORDS, st.data())
def test_a_line_with_one_changed_byte_is_dropped(record: Record, data: st.DataObject) -> None:
    line = bytearray(encode_record(record).removesuffix(b"\n"))
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] ^= data.draw(st.integers(1, 255))
    assert decode_record(bytes(line)) is None


@given(RECORDS)
def test_a_line_cut_anywhere_is_dropped(record: Record) -> None:
    line = encode_record(record).removesuffix(b"\n")
    assert all(decode_record(line[:end]) is None for end in range(len(line)))


def test_a_file_cut_at_any_byte_keeps_its_whole_lines(tmp_path: Path) -> None:
    written = [Record(i, {"return": i / 3, "said": 'a "c":" b'}, "broke" if i == 2 else None) for i in range(5)]
    lines = [encode_record(record) for record in written]
    whole, path = b"".join(lines), tmp_path / "records.jsonl"
    ends = [len(b"".join(lines[: number + 1])) for number in range(len(lines))]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        read = read_records(path)
        num_whole = sum(end - 1 <= cut for end in ends)  # the newline alone may be missing
        assert read.records == written[:num_whole]
        assert read.num_dropped == (cut not in {0, *ends, *(end - 1 for end in ends)})


def test_the_last_record_of_an_index_counts_and_indices_are_in_order(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    written = [Record(2, {"v": 1}), Record(0, {"v": 1}), Record(2, {"v": 2})]
    path.write_bytes(b"".join(map(encode_record, written)))
    assert read_records(path).records == [Record(0, {"v": 1}), Record(2, {"v": 2})]


def test_records_that_are_errors_are_not_valid(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(encode_record(Record(0, {"v": 1})) + encode_record(Record(1, {}, "broke")))
    assert read_records(path).num_valid == 1


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "records.jsonl").records == []


def test_a_file_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").mkdir()
    with pytest.raises(StoreError, match="Can't read"):
        read_records(tmp_path / "records.jsonl")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_record_refuses_a_number_that_is_not_finite(number: float) -> None:
    with pytest.raises(ValueError, match=r"return is .* at index 4"):
        Record(4, {"return": number})


def test_a_line_with_the_right_checksum_and_no_record_is_dropped() -> None:
    import zlib

    body = b'{"i":"zero","v":{}}'
    assert decode_record(b'%s,"c":"%08x"}' % (body[:-1], zlib.crc32(body))) is None
