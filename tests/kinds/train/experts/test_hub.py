"""Repositories of the hub: from its cache, and a sentence at once where they can't be had."""

from __future__ import annotations

import socket
import sys

import pytest

from rlgauge.core import hub as core_hub
from rlgauge.core.errors import UserError
from rlgauge.envs import seals
from rlgauge.kinds.train.experts import hub
from tests.kinds.train.experts.hubs import COMMIT, as_downloaded, make_repository, serving

NAME = "HumanCompatibleAI/ppo-seals-Hopper-v1"
FILES = {"model": "ppo-seals-Hopper-v1.zip", "dataset": "data/train-00000-of-00001.parquet"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "hub"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The hub's own library, in so far as it is installed: whoever imports it fails."""
    monkeypatch.delitem(sys.modules, "huggingface_hub", raising=False)
    package = tmp_path / "installed" / "huggingface_hub"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('nobody is to be asked')")
    monkeypatch.syspath_prepend(str(package.parent))


def filled(cache, kind):
    """The folder of a repository, as the library leaves it."""
    folder = make_repository(cache, NAME, kind=kind)
    file = folder / FILES[kind]
    file.parent.mkdir(exist_ok=True)
    file.write_text("there")
    return as_downloaded(folder)


def test_the_default_repositories_are_named_after_the_environments():
    assert hub.default_repository("seals/Hopper-v1") == NAME
    assert {hub.default_repository(name).partition("/")[0] for name in seals.NAMES} == {"HumanCompatibleAI"}
    assert hub.whole_name("hf:@v1", "seals/Hopper-v1") == f"hf:{NAME}@v1"
    for other in (f"hf:{NAME}@v1", "hf:me/mine@v1", "seals/Hopper-v1", "sb3:model.zip"):
        assert hub.whole_name(other, "seals/Ant-v1") == other


@pytest.mark.parametrize("revision", [COMMIT, COMMIT[:7], "main"])
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_what_is_in_the_cache_needs_neither_the_network_nor_the_package(cache, kind, revision, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    folder = filled(cache, kind)
    assert hub.fetch(f"hf:{NAME}@{revision}", kind=kind) == (NAME, COMMIT, folder)
    other = "dataset" if kind == "model" else "model"
    with pytest.raises(UserError):
        hub.fetch(f"hf:{NAME}@{revision}", kind=other)


def test_a_part_of_a_commit_that_may_be_two_is_none(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    folder = filled(cache, "model")
    (folder.parent / f"{COMMIT[:7]}{'f' * 33}").mkdir()
    with pytest.raises(UserError, match="is not in the hub's cache"):
        hub.fetch(f"hf:{NAME}@{COMMIT[:7]}", kind="model")


def test_a_commit_of_which_only_other_files_were_had_is_not_there(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    folder = filled(cache, "model")
    (folder / FILES["model"]).unlink()
    (folder / "README.md").write_text("of a page that was looked at")
    with pytest.raises(UserError, match="is not in the hub's cache"):
        hub.fetch(f"hf:{NAME}@main", kind="model")


def test_a_revision_must_be_pinned(cache):
    with pytest.raises(UserError, match=f"pin the commit that you mean, hf:{NAME}@COMMIT"):
        hub.fetch(f"hf:{NAME}", kind="model")


@pytest.mark.parametrize("name", ["hf:Hopper@main", f"hf:{NAME}@../../x", f"hf:{NAME}@", "hf:"])
def test_what_is_no_name_of_a_repository_is_refused(cache, name):
    with pytest.raises(UserError, match="write hf:ORGANISATION/NAME@REVISION"):
        hub.fetch(name, kind="model")


def test_a_repository_that_is_named_as_a_path_is_told_how_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hub.advice(f"{NAME}@main").endswith(f"is written hf:{NAME}@REVISION.")
    assert hub.advice("a/b/c") == hub.advice("model.zip") == ""
    (tmp_path / NAME).mkdir(parents=True)
    assert hub.advice(NAME) == ""


def test_without_the_package_a_sentence_says_what_to_do(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"needs 'huggingface_hub'.*hf download .*--revision main.*shipped experts"):
        hub.fetch(f"hf:{NAME}@main", kind="model")


def test_a_hub_that_nobody_answers_for_is_never_asked(cache, library):
    with pytest.raises(UserError, match=r"The hub http://127.0.0.1:9 can't be reached \(Connection refused\)"):
        hub.fetch(f"hf:{NAME}@main", kind="dataset")


@pytest.mark.parametrize("address", ["nowhere", "http://no-such-host.invalid"])
def test_an_address_that_is_none_is_told(cache, library, address, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UserError, match=f"The hub {address} can't be reached"):
        hub.fetch(f"hf:{NAME}@main", kind="model")


def test_a_hub_that_takes_what_it_is_asked_and_never_answers_is_given_up(cache, library, monkeypatch):
    monkeypatch.setattr(core_hub, "_PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UserError, match=r"can't be reached \((no answer within 0.2 s|timed out)\)"):
            hub.fetch(f"hf:{NAME}@main", kind="model")


def test_a_hub_that_is_down_is_told(cache, library, tmp_path, monkeypatch):
    with serving(tmp_path, NAME, status=503) as (address, _asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(UserError, match=r"can't be reached \(it answers 503 Service Unavailable\)"):
            hub.fetch(f"hf:{NAME}@main", kind="model")


def test_nobody_is_asked_where_the_library_is_told_to_be_offline(cache, library, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serving(tmp_path, NAME) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids asking"):
            hub.fetch(f"hf:{NAME}@main", kind="model")
    assert asked == []


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_a_hub_that_answers_is_asked_once_for_what_is_read(cache, kind, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    for name in (FILES[kind], "replay.mp4"):
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "there" / name).write_text("content")
    with serving(tmp_path / "there", NAME, kind=kind) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        found = hub.fetch(f"hf:{NAME}@main", kind=kind)
        assert asked
        assert hub.fetch(f"hf:{NAME}@{COMMIT}", kind=kind) == found
    assert found.commit == COMMIT
    assert (found.folder / FILES[kind]).read_text() == "content"
    assert not (found.folder / "replay.mp4").exists()
    assert found.folder == cache / f"{kind}s--{NAME.replace('/', '--')}" / "snapshots" / COMMIT
    assert hub.fetch(f"hf:{NAME}@main", kind=kind) == found  # though nobody answers any more


def test_what_the_hub_has_not_is_told_in_a_sentence(cache, tmp_path, monkeypatch):
    pytest.importorskip("huggingface_hub")
    with serving(tmp_path, NAME) as (address, _asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(
            UserError, match=rf"{NAME} at 'v9' can't be had from {address}: .*404.*\. Download it where"
        ):
            hub.fetch(f"hf:{NAME}@v9", kind="model")


def test_the_cache_is_where_the_library_has_it(monkeypatch, tmp_path):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub.cache() == tmp_path / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("HF_HOME", "$HOME/home")
    assert hub.cache() == tmp_path / "home" / "hub"
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", "~/old")
    assert hub.cache() == tmp_path / "old"
    monkeypatch.setenv("HF_HUB_CACHE", "~/own")
    assert hub.cache() == tmp_path / "own"
