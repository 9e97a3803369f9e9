from __future__ import annotations

from pathlib import Path

import pytest

from rlgauge.kinds.train.script.folders import Names


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("runs/a", "runs/b", "b/loss"),
        ("runs/a", "runs/a/test", "test/loss"),
        ("runs/a/train", "runs/a", "a/loss"),
        ("runs/a/test", "runs/b/test", "b/test/loss"),
        ("runs/a", "runs/a/", "loss"),
        ("runs/a", Path("runs/a"), "loss"),
        (None, None, "loss"),
    ],
)
def test_a_tag_of_another_folder_than_its_first_has_the_folder_before_it(first, second, name):
    names = Names()
    assert names[first, "loss"] == "loss"
    assert names[second, "loss"] == name
    assert names[first, "loss"] == "loss"
    assert names[second, "loss"] == name


def test_tags_of_one_folder_alone_are_called_as_they_are():
    names = Names()
    assert [names["runs/a", "loss"], names["runs/b", "speed"]] == ["loss", "speed"]
