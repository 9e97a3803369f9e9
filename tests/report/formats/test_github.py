from __future__ import annotations

import pytest

from rlgauge.core.errors import UserError
from rlgauge.report.content import Report, Section, Text
from rlgauge.report.formats.github import MOST_BYTES, append
from tests.report.formats.made import report


def test_it_comes_after_what_the_step_has_told_before(tmp_path):
    path = tmp_path / "summary"
    path.write_text("before\n")
    append(report(), path)
    assert path.read_text().startswith("before\n\n# ")


def test_what_has_no_room_is_named_and_what_comes_later_is_there(tmp_path):
    path = tmp_path / "summary"
    parts = [("first", "a"), ("long", "é" * MOST_BYTES), ("last", "z")]
    sections = [Section(name=name, title=name, body=[Text(text)]) for name, text in parts]
    append(Report(title="t", intro="i", sections=sections), path)
    said = path.read_text()
    assert path.stat().st_size < MOST_BYTES
    assert "## first\n\na\n\n## long\n\n## last\n\nz\n\n> [!NOTE]\n" in said
    assert said.endswith("Parts that are left out for want of room: 1 of long.\n")


def test_a_summary_that_is_full_is_left_as_it_is(tmp_path):
    path = tmp_path / "summary"
    path.write_bytes(b"x" * MOST_BYTES)
    with pytest.raises(UserError, match="holds 1,048,576 bytes, and GitHub takes 1,048,576 of a step"):
        append(report(), path)
    assert path.stat().st_size == MOST_BYTES
