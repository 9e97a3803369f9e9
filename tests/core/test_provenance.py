"""Where a number comes from: what is recorded, and what must never be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rlgauge.core import provenance

IDENTITY = {f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    return tmp_path


@pytest.fixture
def tools(tmp_path_factory, monkeypatch):
    """A function that puts one fake program on an otherwise empty PATH."""
    provenance._gpus.cache_clear()
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, text: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)

    yield put
    provenance._gpus.cache_clear()


def look(folder: Path) -> provenance.Repository:
    """The repository as it is now, not as it was when first asked for."""
    provenance.repository.cache_clear()
    return provenance.repository(folder)


def test_a_clean_repository_is_its_commit(repository):
    commit = git(repository, "rev-parse", "HEAD")
    assert look(repository) == provenance.Repository(commit=commit, dirty=False, num_changed=0, num_untracked=0)


def test_a_changed_file_is_dirty_and_the_hash_follows_its_content(repository):
    hashes = set()
    for text in ("x = 2\n", "x = 3\n"):
        (repository / "code.py").write_text(text)
        state = look(repository)
        assert (state.dirty, state.num_changed, state.num_untracked) == (True, 1, 0)
        hashes.add(state.diff_hash)
    assert len(hashes) == 2
    assert look(repository).diff_hash in hashes


def test_staged_and_renamed_files_count_as_changed(repository):
    unstaged = (repository / "code.py").write_text("x = 2\n") and look(repository)
    git(repository, "add", "code.py")
    assert look(repository) == unstaged
    git(repository, "mv", "code.py", "other.py")
    assert look(repository).num_changed == 2


def test_an_untracked_file_is_dirty_by_its_name(repository):
    (repository / "new file.py").write_text("a")
    first = look(repository)
    assert (first.dirty, first.num_changed, first.num_untracked) == (True, 0, 1)
    (repository / "new file.py").rename(repository / "newer.py")
    assert look(repository).diff_hash != first.diff_hash


def test_what_git_ignores_is_not_dirty(repository):
    (repository / ".gitignore").write_text("out/\n")
    git(repository, "add", ".gitignore")
    git(repository, "commit", "--quiet", "-m", "second")
    (repository / "out").mkdir()
    (repository / "out" / "run.json").write_text("{}")
    assert look(repository).dirty is False


def test_the_users_git_configuration_does_not_change_the_hash(repository):
    (repository / "code.py").write_text("x = 2\n")
    plain = look(repository)
    for name, value in (("diff.noprefix", "true"), ("diff.context", "9"), ("color.ui", "always")):
        git(repository, "config", name, value)
    git(repository, "config", "diff.external", "false")
    assert look(repository) == plain


def test_a_file_or_folder_inside_stands_for_its_whole_repository(repository):
    (repository / "sub").mkdir()
    (repository / "sub" / "script.py").write_text("")
    (repository / "code.py").write_text("x = 2\n")
    whole = look(repository)
    assert look(repository / "sub") == whole
    assert look(repository / "sub" / "script.py") == whole


def test_without_a_repository_or_commit_or_git_the_reason_is_said(tmp_path, tools, monkeypatch):
    assert look(tmp_path) == provenance.Repository(reason="git is not installed")
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert look(tmp_path) == provenance.Repository(reason="not in a git repository")
    git(tmp_path, "init", "--quiet")
    assert look(tmp_path) == provenance.Repository(reason="the repository has no commit yet")


def test_a_git_that_fails_is_quoted(tmp_path, tools):
    tools("git", "echo 'fatal: index file corrupt' >&2; exit 128")
    assert look(tmp_path).reason == "index file corrupt"


def test_git_is_asked_once_a_process(repository):
    first = look(repository)
    (repository / "code.py").write_text("x = 2\n")
    assert provenance.repository(repository) is first


def test_remotes_are_not_recorded(repository):
    git(repository, "remote", "add", "origin", "https://me:hunter2@example.org/code.git")
    provenance.repository.cache_clear()
    found = provenance.collect(source=repository)
    assert found["repository"]["commit"]
    assert "hunter2" not in json.dumps(found)
    assert "example.org" not in json.dumps(found)


def test_only_named_variables_are_recorded(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    found = provenance.collect()
    assert found["environment"]["OMP_NUM_THREADS"] == "3"
    assert set(found["environment"]) <= set(provenance.VARIABLES) - {"XLA_FLAGS"}
    assert "hunter2" not in json.dumps([found, provenance.host()])


def test_the_command_is_recorded_without_its_secrets(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rlgauge", "train", "--api-key", "hunter2", "--seed", "3"])
    assert provenance.collect()["argv"] == ["rlgauge", "train", "--api-key", "***", "--seed", "3"]
    assert provenance.collect(argv=["other", "--token=hunter2"])["argv"] == ["other", "--token=***"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-key", "hunter2"],
        ["--api_key=hunter2 and, more hunter2"],
        ["-token", "hunter2"],
        ["--policy.init_args.Password", "hunter2"],
        ["--use-key", "--token", "hunter2"],
        ["logger.secret=hunter2"],
        ["--policy", '{"host": "x", "api_key": "hunter2", "n": 3}'],
        ["--policy", "{host: x, api_key: hunter2}"],
        ["--policy", "{'credentials': 'my hunter2'}"],
        ["--policy=ws://host:80/act?id=3&auth_token=hunter2"],
        ["--policy", "ws://me:hunter2@host:80"],
        ["wss://hunter2@host"],
        ["--command", "python x.py --api-key hunter2 --seed {seed}"],
        ["--command", "python x.py --password 'my hunter2' {env}"],
    ],
)
def test_secrets_in_arguments_are_masked(arguments):
    shown = provenance.masked(arguments)
    assert "hunter2" not in " ".join(shown)
    assert "***" in " ".join(shown)
    assert len(shown) == len(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["rlgauge", "benchmark", "--env", "CartPole-v1", "--policy", "py:my.keyboard:Policy"],
        ["--policy=sb3:monkey.zip", "--seed", "3"],
        ["--use-keys", "--seed", "3"],
        ["--policy", "ws://host:80/me@home"],
        ["train.py", "keys", "auth.py", "--name=x"],
        ["--command", "python x.py --use-keys --seed {seed}"],
    ],
)
def test_other_arguments_are_recorded_as_they_are(arguments):
    assert provenance.masked(arguments) == arguments


def test_secrets_are_masked_wherever_json_holds_words():
    given = {"args": ["--token", "hunter2", "--n=1"], "of": [{"command": "x --key=hunter2"}, 3, None]}
    masked = {"args": ["--token", "***", "--n=1"], "of": [{"command": "x --key=***"}, 3, None]}
    assert provenance.masked_within(given) == masked


def test_masking_a_long_argument_is_linear():
    assert provenance.masked(["a" * 1_000_000, "key" * 300]) == ["a" * 1_000_000, "key" * 300]


def test_versions_are_those_installed_and_what_is_absent_is_left_out():
    packages = provenance.collect(packages=["pytest", "no-such-package"])["packages"]
    assert packages["numpy"] == np.__version__
    assert packages["pytest"] == pytest.__version__
    assert "no-such-package" not in packages
    assert "pytest" not in provenance.collect()["packages"]


def test_versions_are_found_without_importing_anything_heavy():
    code = (
        "import sys; from rlgauge.core import provenance; found = provenance.collect(); provenance.host();"
        "assert 'numpy' in found['packages'];"
        "print(*{'numpy', 'torch', 'gymnasium', 'psutil', 'jax'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"


def test_the_host_is_described():
    host = provenance.host()
    assert host["hostname"]
    assert host["num_cores"] == os.cpu_count()
    assert host["memory_bytes"] > 2**27
    assert set(host) == {field.name for field in msgspec.structs.fields(provenance.Host)}


def test_python_is_named_with_its_version():
    found = provenance.collect()
    assert re.match(rf"{sys.version_info[0]}\.{sys.version_info[1]}\.\d+", found["python"])
    assert found["python_implementation"] == "CPython"


def test_what_is_collected_survives_json():
    for found, kind in ((provenance.collect(), provenance.Provenance), (provenance.host(), provenance.Host)):
        assert msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(found), type=kind)) == found


def test_gpus_are_listed_with_their_driver(tools):
    tools("nvidia-smi", "echo 'NVIDIA H200, 570.86, 143771'; echo 'NVIDIA GB10, 580.1, [N/A]'")
    assert provenance.host()["gpus"] == [
        {"name": "NVIDIA H200", "driver_version": "570.86", "memory_bytes": 143771 * 2**20},
        {"name": "NVIDIA GB10", "driver_version": "580.1", "memory_bytes": None},
    ]


def test_without_nvidias_driver_there_are_no_gpus(tools):
    assert provenance.host()["gpus"] == []


@pytest.mark.parametrize("answer", ["exit 9", "echo No devices were found"])
def test_gpus_are_unknown_where_the_driver_gives_no_answer(tools, answer):
    tools("nvidia-smi", answer)
    assert provenance.host()["gpus"] is None
