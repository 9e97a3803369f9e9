from __future__ import annotations

import pytest

from rlgauge.core.files import StoreError
from rlgauge.kinds.train.output import Log, end_of


def fed(path, pieces, **sizes):
    log = Log(path, **sizes)
    for piece in pieces:
        log.feed(piece)
    log.flush(is_end=True)
    return path.read_bytes()


def test_what_is_short_is_kept_whole_after_what_was_there(tmp_path):
    path = tmp_path / "cout.txt"
    path.write_bytes(b"before\n")
    assert fed(path, [b"one\n", b"two\n"], head=100, tail=10) == b"before\none\ntwo\n"


def test_what_is_long_keeps_its_beginning_and_its_end_and_says_how_much_is_missing(tmp_path):
    printed = bytes(range(97, 123)) * 4
    content = fed(tmp_path / "cout.txt", [printed[i : i + 7] for i in range(0, len(printed), 7)], head=10, tail=20)
    head, marker, tail = content.split(b"\n")
    assert head == printed[:10]
    assert tail == printed[-20:]
    assert marker == b"[... %d bytes are left out here ...]" % (len(printed) - 30)


def test_nothing_is_said_to_be_missing_where_both_parts_hold_all(tmp_path):
    assert fed(tmp_path / "cout.txt", [b"0123456789", b"abc"], head=10, tail=20) == b"0123456789abc"


def test_the_file_stays_small_however_often_the_end_is_written(tmp_path):
    path = tmp_path / "cout.txt"
    log = Log(path, head=10, tail=20)
    sizes = []
    for number in range(500):
        log.feed(b"%06d\n" % number)
        log.flush(is_end=True)
        sizes.append(path.stat().st_size)
    assert max(sizes) < 100
    assert path.read_bytes().endswith(b"000498\n000499\n")


def test_a_piece_larger_than_both_parts_is_cut(tmp_path):
    content = fed(tmp_path / "cout.txt", [b"a" * 5 + b"b" * 1000 + b"c" * 5], head=5, tail=5)
    assert content == b"aaaaa\n[... 1000 bytes are left out here ...]\nccccc"


def test_a_log_that_can_not_be_written_is_an_error_of_the_store(tmp_path):
    with pytest.raises(StoreError, match="Can't write"):
        Log(tmp_path / "nowhere" / "cout.txt").feed(b"text")


def test_the_end_of_a_log_begins_with_a_whole_line(tmp_path):
    path = tmp_path / "cout.txt"
    path.write_text("a long first line\nsecond\nthird\n")
    assert end_of(path, 12) == "third\n"
    assert end_of(path) == path.read_text()
    assert end_of(tmp_path / "missing") == ""


def test_bytes_that_are_no_text_can_be_read(tmp_path):
    path = tmp_path / "cout.txt"
    path.write_bytes(b"\xff\xfe ok")
    assert "ok" in end_of(path)
