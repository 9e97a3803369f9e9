"""What is installed, told by names and releases."""

from __future__ import annotations

import numpy as np
import pytest

from rlgauge.envs import distributions


@pytest.mark.parametrize(("release", "is_there"), [("3", True), ("3.1", True), ("3.10", False), ("4", False)])
def test_a_library_of_another_release_is_not_taken(monkeypatch, release, is_there):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "3.1.1")
    assert distributions.has("metaworld", release) is is_there


def test_a_library_that_is_not_installed_is_not_taken():
    assert not distributions.has("no-such-library", "1")


def test_versions_are_those_that_are_installed():
    assert distributions.versions("numpy") == {"numpy": np.__version__}
