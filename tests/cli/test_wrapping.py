from __future__ import annotations

import pytest

from rlgauge.cli.wrapping import glue, narrowed, unglue


def lines(cell: str, width: int) -> list[str]:
    ((_, narrow),) = narrowed([["t", cell]], width)
    return narrow.split("\n")


@pytest.mark.parametrize(
    ("cell", "width", "expected"),
    [
        ("seals/Walker2d-v0", 14, ["seals/", "Walker2d-v0"]),
        ("unitree-go2-flat-terrain", 12, ["unitree-go2-", "flat-terrain"]),
        ("REGRESSION: slower", 12, ["REGRESSION:", "slower"]),
        ("worse, within tolerance", 15, ["worse, within", "tolerance"]),
        ("97.0 % [93.1, 99.0] %", 14, ["97.0 %", "[93.1, 99.0] %"]),
        ("1,953 ± 287", 8, ["1,953", "± 287"]),
        ("-2,229 [-2,308, -2,150]", 16, ["-2,229", "[-2,308, -2,150]"]),
        ("-2,229 [-2,308, -2,150]", 9, ["-2,229", "[-2,308,", "-2,150]"]),
    ],
)
def test_a_cell_is_broken_where_a_reader_would(cell, width, expected):
    assert lines(cell, width) == expected


@pytest.mark.parametrize(
    "cell",
    ["inconclusive", "steps_per_second", "CartPole-v1", "49,795 steps/s", "4 / 5", "< 0.0001", "1e-05", "12.5 %"],
)
def test_words_numbers_and_their_units_are_whole(cell):
    assert lines(cell, 3) == [cell]


def test_the_widest_column_is_broken_first_and_no_more_than_is_needed():
    columns = [["task", "seals/Walker2d-v0"], ["verdict", "worse, within tolerance"], ["n", "5 / 5"]]
    assert narrowed(columns, 45) == columns
    assert narrowed(columns, 40) == [columns[0], ["verdict", "worse, within\ntolerance"], columns[2]]
    assert narrowed(columns, 30)[0] == ["task", "seals/\nWalker2d-v0"]


def test_only_what_belongs_together_is_glued_and_all_is_as_it_was_again():
    parts = ["Tolerance", "2 %,", "49,795 steps/s,", "p", "= 0.38,", "[0.1, 0.2],", "4 / 5", "and", "words."]
    glued = glue(" ".join(parts))
    assert [unglue(part) for part in glued.split(" ")] == parts
    assert unglue(glued) == " ".join(parts)
