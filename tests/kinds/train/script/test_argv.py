"""A `sys.argv` that knows whether it was read."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from rlgauge.kinds.train.script.argv import Argv


@pytest.fixture
def argv(monkeypatch: pytest.MonkeyPatch) -> Argv:
    found = Argv(["x.py", "--lr", "1"])
    monkeypatch.setattr(sys, "argv", found)
    return found


@pytest.mark.parametrize(
    "read",
    [
        list,
        tuple,
        lambda words: words[1:],
        lambda words: words[-1],
        lambda words: [*words],
        lambda words: ["python"] + words,  # noqa: RUF005  # as is meant
        lambda words: words + [],  # noqa: RUF005  # as is meant
        lambda words: "--lr" in words,
        lambda words: words.index("--lr"),
        lambda words: words.count("--lr"),
        lambda words: words.copy(),
        lambda words: words.pop(),
        lambda words: words.remove("--lr"),
        lambda words: list(reversed(words)),
    ],
)
def test_whoever_asks_for_the_arguments_is_noted(argv: Argv, read: Callable[[Any], Any]) -> None:
    plain = list.copy(argv)
    assert not argv.is_read
    assert read(argv) == read(plain)
    assert argv.is_read


def test_whoever_asks_for_the_name_of_the_script_alone_is_not(argv: Argv) -> None:
    assert (argv[0], argv[:1], len(argv)) == ("x.py", ["x.py"], 3)
    assert str(argv) == "['x.py', '--lr', '1']"
    assert not argv.is_read


def test_other_processes_are_handed_a_plain_list(argv: Argv) -> None:
    handed = pickle.loads(pickle.dumps(argv))
    assert (type(handed), handed) == (list, ["x.py", "--lr", "1"])
    assert (argv.is_read, argv.is_handed_on) == (False, True)


def test_nobody_knows_who_reads_a_list_in_its_place(argv: Argv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x.py"])
    assert argv.is_read
