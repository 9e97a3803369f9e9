"""Repositories of the hub: from its cache, and a sentence at once where they can't be had."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from rlgauge.core.errors import UserError
from rlgauge.envs import seals
from rlgauge.kinds.train.experts import hub
from tests.kinds.train.experts.hubs import COMMIT, make_repository

NAME = "HumanCompatibleAI/ppo-seals-Hopper-v1"


class Hub(ModuleType):
    """Stands in for huggingface_hub, which may not be installed."""

    def __init__(self, answer):
        super().__init__("huggingface_hub")
        self.answer, self.asked = answer, []
        self.errors = SimpleNamespace(HfHubHTTPError=OSError)

    def snapshot_download(self, repository, **options):
        self.asked.append((repository, options))
        if isinstance(self.answer, Exception):
            raise self.answer
        return str(self.answer)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    return tmp_path / "hub"


def test_the_default_repositories_are_named_after_the_environments():
    assert hub.default_repository("seals/Hopper-v1") == NAME
    assert {hub.default_repository(name).partition("/")[0] for name in seals.NAMES} == {"HumanCompatibleAI"}


@pytest.mark.parametrize("revision", [COMMIT, "main"])
@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_what_is_in_the_cache_needs_neither_the_network_nor_the_package(cache, kind, revision, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    folder = make_repository(cache, NAME, kind=kind)
    (folder / "file").write_text("there")
    assert hub.fetch(f"hf:{NAME}@{revision}", kind=kind) == (NAME, COMMIT, folder)
    other = "dataset" if kind == "model" else "model"
    with pytest.raises(UserError):
        hub.fetch(f"hf:{NAME}@{revision}", kind=other)


def test_a_revision_must_be_pinned(cache):
    with pytest.raises(UserError, match=f"pin the commit that you mean, hf:{NAME}@COMMIT"):
        hub.fetch(f"hf:{NAME}", kind="model")


def test_what_is_no_name_of_a_repository_is_refused(cache):
    with pytest.raises(UserError, match="write hf:ORGANISATION/NAME@REVISION"):
        hub.fetch("hf:Hopper@main", kind="model")


def test_without_the_package_a_sentence_says_what_to_do(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"needs 'huggingface_hub'.*hf download .*--revision main.*shipped experts"):
        hub.fetch(f"hf:{NAME}@main", kind="model")


def test_a_hub_that_nobody_answers_for_is_never_asked(cache, monkeypatch):
    library = Hub("")
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    with pytest.raises(UserError, match=r"The hub http://127.0.0.1:9 can't be reached"):
        hub.fetch(f"hf:{NAME}@main", kind="dataset")
    assert library.asked == []


def test_a_hub_that_answers_is_asked_for_the_revision(cache, monkeypatch, tmp_path):
    library = Hub(tmp_path / "snapshots" / COMMIT)
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setattr(hub, "_answers", lambda _endpoint: True)
    found = hub.fetch(f"hf:{NAME}@v1", kind="dataset")
    assert found == (NAME, COMMIT, tmp_path / "snapshots" / COMMIT)
    ((repository, options),) = library.asked
    assert (repository, options["revision"], options["repo_type"]) == (NAME, "v1", "dataset")
    assert options["cache_dir"] == cache


def test_what_the_hub_refuses_is_told_in_a_sentence(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(OSError("404 Not Found\nRequest ID: 1")))
    monkeypatch.setattr(hub, "_answers", lambda _endpoint: True)
    with pytest.raises(UserError, match=r"can't be had from http://127\.0\.0\.1:9: 404 Not Found Download it where"):
        hub.fetch(f"hf:{NAME}@main", kind="model")


def test_the_cache_is_where_the_library_has_it(monkeypatch, tmp_path):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub.cache() == tmp_path / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert hub.cache() == tmp_path / "home" / "hub"
