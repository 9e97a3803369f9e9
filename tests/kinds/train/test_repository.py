from __future__ import annotations

import subprocess

import pytest

from rlgauge.kinds.train import repository
from rlgauge.kinds.train.repository import changes


@pytest.fixture
def folder(tmp_path):
    def git(*arguments):
        named = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *named, *arguments], check=True, capture_output=True)

    (tmp_path / "x.py").write_text("one\n")
    git("init")
    git("add", "x.py")
    git("commit", "-m", "first")
    return tmp_path


def test_what_was_changed_since_the_commit_is_told(folder):
    assert changes(folder) is None
    (folder / "x.py").write_text("two\n")
    assert b"-one\n+two\n" in changes(folder)


def test_without_a_repository_nothing_is(tmp_path):
    assert changes(tmp_path) is None
    assert changes(tmp_path / "missing") is None


def test_what_is_large_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(repository, "_MOST_BYTES", 100)
    (folder / "x.py").write_text("x\n" * 1000)
    assert changes(folder) is None
