"""Tables as data: nothing is lost, and nothing in it is markup."""

from __future__ import annotations

import json
import re

import hypothesis
from hypothesis import strategies

from rlgauge.report.page.rows import data

TEXTS = strategies.sampled_from(["", "-", "a,b", "1", "2", "</script><b>", "<!--", "a;b|c~d,e"]) | strategies.text(
    "ab\u202e\n", max_size=4
)


def read(column):
    """The values of a column, as the script of the page has them."""
    if "names" in column:
        place, found = 0, []
        for step, times in zip(column["steps"][::2], column["steps"][1::2], strict=True):
            for _ in range(times):
                place += step
                found.append(column["names"][place])
        return found
    return column["values"] if "values" in column else column["joined"].split(column["by"])


@hypothesis.given(strategies.lists(strategies.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=30))
def test_what_is_written_is_read_again(rows):
    written = data(rows, num_columns=3, name="x")
    (text,) = re.findall(r'<script type="application/json" id="x">([^<]*)</script>', written)
    found = json.loads(text)
    assert found["n"] == len(rows)
    shown = [[one.replace("\u202e", "\\u202e") for one in row] for row in rows]
    assert [list(row) for row in zip(*map(read, found["columns"]), strict=True)] == shown


def test_seeds_and_names_that_repeat_take_little_room():
    rows = [[f"algorithm {place // 4000}", f"Task {place // 40 % 100}", str(place % 40)] for place in range(20_000)]
    assert len(data(rows, num_columns=3, name="x")) < 20_000
