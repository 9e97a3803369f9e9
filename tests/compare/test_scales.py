from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.importers import read
from tests.compare.making import compared, seeds


def table(folder: Path, name: str, values: list[float], title: str = "success"):
    path = folder / name
    rows = [f"toy,CartPole-v1,{seed},{value}" for seed, value in enumerate(values)]
    path.write_text("\n".join([f"algo,env,seed,{title}", *rows]))
    return read([path]).readings


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_table_of_percent_is_not_compared_with_one_of_which_that_cannot_be_told(tmp_path, is_turned):
    """Of 1 %, 1 %, 0.9 % and 80 %, 90 %, 70 % nobody is to think that the first are better."""
    few, many = table(tmp_path, "few.csv", [1, 1, 0.9]), table(tmp_path, "many.csv", [80, 90, 70])
    with pytest.raises(UserError, match=r"many.csv go beyond 1 and are taken as percent, those of .*few.csv do not"):
        compared(*((many, few) if is_turned else (few, many)))


def test_tables_of_one_scale_are_compared(tmp_path):
    for values in ([80, 90, 70], [0.8, 0.9, 0.7]):
        ours, theirs = (table(tmp_path, name, values) for name in ("a.csv", "b.csv"))
        assert compared(ours, theirs).lines[0].baseline == pytest.approx(0.8)


def test_a_rate_of_zero_is_zero_on_either_scale(tmp_path):
    ours, theirs = table(tmp_path, "none.csv", [0, 0, 0]), table(tmp_path, "many.csv", [80, 90, 70])
    assert compared(ours, theirs).lines[0].difference == pytest.approx(-0.8)


def test_percent_is_compared_with_what_is_known_to_be_a_share(tmp_path):
    ours = table(tmp_path, "many.csv", [80, 90, 70])
    assert compared(ours, seeds([0.5, 0.6, 0.55], "success")).lines[0].candidate == pytest.approx(0.8)
