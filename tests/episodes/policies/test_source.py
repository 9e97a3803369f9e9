from __future__ import annotations

from pathlib import Path

import msgspec
import onnx
import pytest

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies.source import PolicySource, parse_source
from tests.episodes.policies.models import linear_onnx


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    (tmp_path / "ppo.zip").write_bytes(b"weights")
    (tmp_path / "my_policy.py").write_text("def act(observation):\n    return 0\n")
    return tmp_path


def test_scheme_target_and_options_are_told_apart(folder):
    source = parse_source("sb3:ppo.zip?deterministic=false&device=cuda:1")
    assert (source.scheme, source.target) == ("sb3", "ppo.zip")
    assert source.options == {"deterministic": "false", "device": "cuda:1"}
    assert parse_source("sb3:ppo.zip").option("deterministic") == "true"
    assert (parse_source("random").scheme, parse_source("random").target) == ("random", "")


@pytest.mark.parametrize(
    "uri", ["my_policy:act", "my_policy.act", "my_policy.py:act", "rlgauge.core.errors:UserError", "a.b.C"]
)
def test_a_class_path_needs_no_scheme(folder, uri):
    assert parse_source(uri).uri == f"py:{uri}"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("randm", "Unknown policy 'randm'. Did you mean 'random'?"),
        ("onx:model.onnx", "Unknown policy scheme 'onx'. Did you mean 'onnx'?"),
        ("hub:thing", "Unknown policy scheme 'hub'. Known: export, hf, lerobot, lightning, onnx, py, random, sb3,"),
        ("model.onnx", "is a path without a scheme. Did you mean 'onnx:model.onnx'?"),
        ("./runs/ppo.zip", "Did you mean 'sb3:./runs/ppo.zip'?"),
        ("policy.pt", "Did you mean 'torchscript:policy.pt'?"),
        ("my_policy.py", "does not say which one: write 'my_policy.py:NAME'"),
        ("onnx:modl.onnx", "There is no file 'modl.onnx' (from onnx:modl.onnx). Did you mean 'model.onnx'?"),
        ("sb3:there/ppo.zip", "There is no file 'there/ppo.zip'"),
        ("onnx", "does not say which one: write onnx:FILE"),
        ("py:", "write py:MODULE:NAME"),
        ("random:3", "takes nothing after its name: write 'random'"),
        ("zero?x=1", "has the option 'x', but 'zero' takes none"),
        ("sb3:ppo.zip?determinstic=true", "Unknown option of 'sb3' 'determinstic'. Did you mean 'deterministic'?"),
        ("sb3:ppo.zip?deterministic=no", "it takes true or false"),
        ("sb3:ppo.zip?device=gpu", "it takes cpu, cuda, cuda:N or mps"),
        ("sb3:ppo.zip?horizon=2", "Unknown option of 'sb3' 'horizon'"),
        ("policy.pt2", "Did you mean 'export:policy.pt2'?"),
        ("export:", "write export:FILE"),
        ("lightning:my_policy.Net", "does not say which one: write lightning:CLASS@FILE"),
        ("lightning:my_policy.Net@last.ckpt", "There is no file 'last.ckpt'"),
        ("hf:policy", "write hf:ORGANISATION/NAME@REVISION"),
        ("hf:me/policy", "may be another tomorrow: pin the commit that you mean, hf:me/policy@COMMIT"),
        ("hf:me/policy@../x", "names no repository: write hf:ORGANISATION/NAME@REVISION"),
        ("ws:host", "write ws://HOST:PORT"),
        ("ws://host:1?timeout=soon", "it takes seconds"),
        ("onnx:model.onnx?mapping=map.yaml", "There is no file 'map.yaml' (from mapping in 'onnx:model.onnx?mapping="),
        ("", "Unknown policy ''"),
    ],
)
def test_a_mistake_is_named_with_what_was_probably_meant(folder, uri, message):
    with pytest.raises(UserError) as caught:
        parse_source(uri)
    assert message in str(caught.value)


def test_a_checkpoint_goes_with_a_class_path_and_has_to_exist(folder):
    assert parse_source("my_policy:act", "ppo.zip").ckpt_path == "ppo.zip"
    with pytest.raises(UserError, match="goes with a class path, not with 'random'"):
        parse_source("random", "ppo.zip")
    with pytest.raises(UserError, match=r"There is no file 'last.ckpt'"):
        parse_source("my_policy:act", "last.ckpt")


def test_a_checkpoint_of_a_class_is_known_by_both_their_contents(folder):
    (folder / "last.ckpt").write_bytes(b"weights")
    (folder / "copy=1.ckpt").write_bytes(b"weights")
    source = parse_source("lightning:my_policy.act@last.ckpt")
    assert source.checkpoint == ("my_policy.act", Path("last.ckpt"))
    digest = source.digest()
    assert parse_source("lightning:my_policy.act@copy=1.ckpt").digest() == digest
    assert parse_source("py:my_policy.act", "last.ckpt").digest() != digest
    (folder / "copy=1.ckpt").write_bytes(b"others")
    assert parse_source("lightning:my_policy.act@copy=1.ckpt").digest() != digest


def test_how_a_server_is_asked_is_no_part_of_what_it_answers(monkeypatch):
    from rlgauge.episodes.policies import websocket

    monkeypatch.setattr(websocket, "identity", lambda uri: uri.partition("?")[0])
    plain, patient, chunked = (
        parse_source(f"ws://host:1{options}").digest() for options in ("", "?timeout=9&patience=0.5", "?horizon=2")
    )
    assert plain == patient
    assert chunked != plain


def test_what_is_not_installed_is_told_with_the_command(folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"needs 'onnxruntime', .*: pip install 'rlgauge\[onnx\]'\."):
        parse_source("onnx:model.onnx")
    with pytest.raises(UserError, match=r"needs 'lerobot', which is not installed: pip install lerobot\."):
        parse_source("lerobot:.")


def test_a_source_survives_json():
    source = PolicySource("py:a:b", "x.ckpt")
    assert msgspec.json.decode(msgspec.json.encode(source), type=PolicySource) == source


def test_the_digest_is_of_the_content_not_of_the_path(folder):
    (folder / "copy.onnx").write_bytes(b"weights")
    (folder / "other.onnx").write_bytes(b"other weights")
    digest = parse_source("onnx:model.onnx").digest()
    assert len(digest) == 32
    assert parse_source("onnx:copy.onnx").digest() == digest
    assert parse_source(f"onnx:{folder}/model.onnx").digest() == digest
    assert parse_source("onnx:other.onnx").digest() != digest
    assert parse_source("sb3:ppo.zip").digest() != digest


@pytest.mark.parametrize("name", ["model.onnx.data", "w.bin", f"{'long' * 60}.bin"])
def test_weights_that_an_onnx_file_keeps_elsewhere_are_part_of_its_digest(folder, name):
    model = onnx.load(linear_onnx(folder / "whole.onnx"))
    onnx.save(model, folder / "parts.onnx", save_as_external_data=True, location=name, size_threshold=0)
    (folder / "moved").mkdir()
    for file in ("parts.onnx", name):
        (folder / "moved" / file).write_bytes((folder / file).read_bytes())
    before = parse_source("onnx:parts.onnx").digest()
    assert parse_source("onnx:moved/parts.onnx").digest() == before
    (folder / name).write_bytes(bytes((folder / name).stat().st_size))
    assert parse_source("onnx:parts.onnx").digest() != before


def test_what_only_looks_like_a_name_of_other_weights_is_none(folder):
    for rest in (b"", b"\x04", b"\x80\x01abc", b"\x05..\0\xff/", b"\x03..."):
        (folder / "model.onnx").write_bytes(b"\x0a\x08location\x12" + rest)
        assert parse_source("onnx:model.onnx").digest()


def test_statistics_of_observations_are_part_of_the_digest_by_their_content(folder):
    (folder / "a.pkl").write_bytes(b"1")
    (folder / "b.pkl").write_bytes(b"1")
    (folder / "c.pkl").write_bytes(b"2")
    plain, a, b, c = (
        parse_source(f"sb3:ppo.zip{option}").digest()
        for option in ("", "?normalize=a.pkl", "?normalize=b.pkl", "?normalize=c.pkl")
    )
    assert a == b
    assert len({plain, a, c}) == 3
    assert parse_source("sb3:ppo.zip?normalize=none").digest() == plain
    with pytest.raises(UserError, match=r"no file 'd\.pkl'"):
        parse_source("sb3:ppo.zip?normalize=d.pkl")


@pytest.mark.parametrize("beside", ["vecnormalize.pkl", "ppo/vecnormalize.pkl", "rl_vecnormalize_9_steps.pkl"])
def test_statistics_that_lie_beside_a_model_are_not_passed_over(folder, beside):
    (folder / beside).parent.mkdir(exist_ok=True)
    (folder / beside).write_bytes(b"1")
    with pytest.raises(UserError, match=f"sb3:ppo.zip[?]normalize={beside}'"):
        parse_source("sb3:ppo.zip")
    with pytest.raises(UserError, match=f"deterministic=false&normalize={beside}'"):
        parse_source("sb3:ppo.zip?deterministic=false")
    assert (
        parse_source("sb3:ppo.zip?normalize=none").digest() != parse_source(f"sb3:ppo.zip?normalize={beside}").digest()
    )


def test_options_that_change_the_behaviour_change_the_digest_and_spelt_out_defaults_do_not(folder):
    digest = parse_source("sb3:ppo.zip").digest()
    assert parse_source("sb3:ppo.zip?device=cpu&deterministic=true").digest() == digest
    assert parse_source("sb3:ppo.zip?deterministic=false").digest() != digest


def test_the_digest_of_code_follows_the_name_the_source_and_the_checkpoint(folder):
    digest = parse_source("my_policy:act").digest()
    assert parse_source("my_policy.act").digest() == digest
    assert parse_source("py:my_policy.py:act").digest() == digest
    assert parse_source("my_policy:other").digest() != digest
    assert parse_source("my_policy:act", "ppo.zip").digest() != digest
    (folder / "my_policy.py").write_text("def act(observation):\n    return 1\n")
    assert parse_source("my_policy:act").digest() != digest


def test_the_digest_of_code_does_not_run_it(folder):
    (folder / "explodes.py").write_text("raise SystemExit\n")
    assert parse_source("py:explodes:act").digest()


def test_a_folder_of_weights_is_a_checkpoint_too(folder):
    weights = folder / "weights"
    weights.mkdir()
    (weights / "a").write_bytes(b"1")
    before = parse_source("my_policy:act", "weights").digest()
    (weights / "a").rename(weights / "b")
    assert parse_source("my_policy:act", "weights").digest() != before


def test_random_and_zero_have_constant_digests_of_their_own():
    assert parse_source("random").digest() == parse_source("random").digest() != parse_source("zero").digest()


def test_a_file_that_cannot_be_read_is_said(folder):
    (folder / "folder.onnx").mkdir()
    assert parse_source("onnx:folder.onnx").digest()
    source = parse_source("onnx:model.onnx")
    (folder / "model.onnx").unlink()
    with pytest.raises(UserError, match=r"Could not read 'model.onnx': No such file"):
        source.digest()


def test_statistics_in_a_folder_are_of_the_model_of_its_name_or_of_the_best_one(folder):
    (folder / "Ant-v5").mkdir()
    (folder / "Ant-v5" / "vecnormalize.pkl").write_bytes(b"1")
    (folder / "best_model.zip").write_bytes(b"1")
    assert parse_source("sb3:ppo.zip")
    with pytest.raises(UserError, match=r"Ant-v5/vecnormalize\.pkl"):
        parse_source("sb3:best_model.zip")
