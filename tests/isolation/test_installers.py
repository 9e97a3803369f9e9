"""uv is told what pip is set to, and nothing that the user told it otherwise."""

from __future__ import annotations

import sys

import pytest

from rlgauge.isolation.installers import find_uv, pip_settings, uv_options, uv_settings

LISTING = """\
:env:.find-links='/from/variables'
global.cert='/certificates.pem'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.find-links='/from/file'
install.index-url='https://install.example/simple'
global.index-url='https://global.example/simple'
download.find-links='/only/for/download'
"""


def test_variables_go_before_the_section_of_install_and_that_before_the_global_one():
    found = pip_settings(LISTING)
    assert found["find-links"] == "/from/variables"
    assert found["index-url"] == "https://install.example/simple"


def test_uv_gets_links_indexes_and_certificates():
    assert uv_settings(pip_settings(LISTING), {}) == {
        "UV_FIND_LINKS": "/from/variables",
        "UV_INDEX_URL": "https://install.example/simple",
        "UV_EXTRA_INDEX_URL": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/certificates.pem",
    }


def test_several_folders_of_links_are_separated_as_uv_wants_them():
    assert uv_settings({"find-links": "/a\n/b"}, {}) == {"UV_FIND_LINKS": "/a,/b"}


@pytest.mark.parametrize(
    ("variable", "left_out"),
    [
        ("UV_FIND_LINKS", "UV_FIND_LINKS"),
        ("UV_INDEX_URL", "UV_INDEX_URL"),
        ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
        ("UV_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"),
        ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
        ("UV_INDEX_STRATEGY", "UV_INDEX_STRATEGY"),
        ("SSL_CERT_FILE", "SSL_CERT_FILE"),
    ],
)
def test_what_the_user_set_for_uv_stays(variable, left_out):
    assert left_out not in uv_settings(pip_settings(LISTING), {variable: "mine"})


def test_uv_leaves_every_index_alone_where_pip_does():
    assert uv_options({"no-index": "true"}) == ["--no-index"]
    assert uv_options({"no-index": "0"}) == uv_options({}) == []


def test_a_pip_without_settings_changes_nothing():
    assert uv_settings(pip_settings(""), {}) == {}


def test_lines_that_are_no_settings_are_passed_over():
    assert pip_settings("WARNING: something\nglobal.cert=not quoted\n\n") == {}


def test_uv_is_found_by_its_variable_on_the_path_or_beside_this_python(tmp_path, monkeypatch):
    for folder in ("on_path", "beside"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "uv").touch(mode=0o755)
    monkeypatch.setenv("UV", "/told/uv")
    monkeypatch.setenv("PATH", str(tmp_path / "on_path"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    assert find_uv() == "/told/uv"
    monkeypatch.delenv("UV")
    assert find_uv() == str(tmp_path / "on_path" / "uv")
    monkeypatch.setenv("PATH", "")
    assert find_uv() == str(tmp_path / "beside" / "uv")
    (tmp_path / "beside" / "uv").unlink()
    assert find_uv() is None
