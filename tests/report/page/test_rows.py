"""Tables as data: nothing is lost, and nothing in it is markup."""

from __future__ import annotations

import json
import re

import hypothesis
import pytest
from hypothesis import strategies

from rlgauge.report.page.blocks import block
from rlgauge.report.page.rows import data
from rlgauge.report.table import Table

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


@pytest.mark.parametrize(
    ("cells", "is_text"),
    [
        (["met", "-", "not met"], True),
        (["1.5", "-", "not comparable"], False),
        (["[0.1, 0.2]", "-"], False),
        (["+4 % [1, 2] faster", "\u22123"], False),
        ([".5", "<0.001"], False),
        (["out/1", "2-abc/3", "out/2", ""], True),
        (["", "-"], False),
    ],
)
def test_a_column_holds_words_where_most_of_its_cells_begin_with_none_of_a_number(cells, is_text):
    table = Table(name="t", title="t", header=["name", "x"], rows=[["a", cell] for cell in cells], num_text=1)
    assert table.is_text(1) is is_text
    assert ("n2" in re.findall(r'class="sorts([^"]*)"', block(table))[0]) is is_text


@pytest.mark.parametrize(("length", "class_"), [(16, "n1"), (17, "s1"), (28, "s1"), (29, "t1")])
def test_the_longer_words_are_the_more_they_may_take_several_lines(length, class_):
    table = Table(name="t", title="t", header=["name"], rows=[["a" * length]], num_text=1)
    assert f'class="sorts {class_}"' in block(table)
