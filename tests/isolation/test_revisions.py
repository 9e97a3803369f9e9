"""Environments of git revisions: that rlgauge, with the libraries of this interpreter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from rlgauge import isolation
from rlgauge.core.errors import UserError
from rlgauge.isolation import pythons
from tests.isolation.offline import ask


def git(repo: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(repo), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(repo: Path, version: str, place: str = "src/rlgauge") -> str:
    (repo / place).mkdir(parents=True, exist_ok=True)
    (repo / place / "__init__.py").write_text(f'__version__ = "{version}"\n')
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", version)
    return git(repo, "rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RLGAUGE_CACHE", str(tmp_path / "cache"))
    found = tmp_path / "repo"
    found.mkdir()
    git(found, "init", "-q", "-b", "trunk")
    return found


def test_a_revision_is_imported_before_ours_with_our_libraries(repo, monkeypatch):
    old, new = commit(repo, "0.0.7"), commit(repo, "0.0.8")
    (repo / "src" / "rlgauge" / "__init__.py").write_text('__version__ = "not committed"\n')
    monkeypatch.setenv("PYTHONPATH", str(pythons.own_source()))
    code = (
        "import importlib.metadata as m, numpy, rlgauge\n"
        "print(rlgauge.__version__, m.version('rlgauge'), numpy.__file__, sep='\\n')"
    )
    for revision, hash_, version in (("HEAD~1", old, "0.0.7"), ("trunk", new, "0.0.8")):
        built = isolation.environment_of_revision(repo, revision)
        assert built.commit == hash_
        assert built.packages is None
        assert ask(built.python, code, built.variables()) == [version, version, np.__file__]


def test_without_pythonpath_the_revision_comes_first_as_well(repo, monkeypatch):
    commit(repo, "0.0.7", "rlgauge")  # at the top
    monkeypatch.delenv("PYTHONPATH", raising=False)
    built = isolation.environment_of_revision(repo, "HEAD")
    assert ask(built.python, "import rlgauge; print(rlgauge.__version__)", built.variables()) == ["0.0.7"]


def test_a_revision_is_exported_once_and_outlives_its_repository(repo):
    commit(repo, "0.0.7")
    told: list[str] = []
    first = isolation.environment_of_revision(repo, "HEAD", listen=told.append)
    assert told == [f"Exported revision {first.commit[:12]} of {repo}."]
    assert isolation.environment_of_revision(repo, first.commit, listen=told.append) == first
    assert len(told) == 1
    git(repo, "checkout", "-q", "--orphan", "other")
    commit(repo, "0.0.9")
    assert ask(first.python, "import rlgauge; print(rlgauge.__version__)", first.variables()) == ["0.0.7"]
    assert isolation.remove(first.name) == 1
    assert not first.python.exists()


@pytest.mark.parametrize("revision", ["v9", "--all", "", "HEAD:src"])
def test_an_unknown_revision_is_named(repo, revision):
    commit(repo, "0.0.7")
    with pytest.raises(UserError, match="name a branch, a tag or a commit"):
        isolation.environment_of_revision(repo, revision)


def test_a_folder_that_is_no_repository_is_named(repo, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="is not a git repository that can be read"):
        isolation.environment_of_revision(tmp_path, "HEAD")


def test_a_revision_without_rlgauge_is_refused_and_not_kept(repo, tmp_path):
    commit(repo, "1.0", "src/something_else")
    with pytest.raises(UserError, match="holds no rlgauge"):
        isolation.environment_of_revision(repo, "HEAD")
    assert list((tmp_path / "cache" / "environments").glob("[!.]*")) == []
