"""What a script left."""

from __future__ import annotations

import pytest

from rlgauge.kinds.train.script import left
from rlgauge.kinds.train.script.left import Left, collect, keep, keep_returned


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left, "_SCOPES", {})
    monkeypatch.setattr(left, "_RETURNED", {})


def test_a_script_without_functions_leaves_its_globals_alone() -> None:
    assert collect({"__name__": "x", "model": 1}, entry=None) == Left({"model": 1}, None, None)


def test_the_last_end_of_a_function_is_what_counts() -> None:
    keep("train", {"model": 1, "step": 5})
    keep("main", {"model": 2})
    keep("train", {"model": 3})
    assert collect({}, entry="main").main == {"model": 3}


def test_what_the_entry_returned_is_told() -> None:
    assert keep_returned("main", "policy") == "policy"
    keep_returned("train", "other")
    assert collect({}, entry="main").returned == "policy"
    assert collect({}, entry=None).returned is None
