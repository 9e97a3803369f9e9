from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.evaluate.checkpoints import Manner, is_torn, look, num_planned


def zipped(path: Path, content: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("policy", content)
    return path


def pretrained(folder: Path, *, steps: int | None = None, num_bytes: int = 8) -> Path:
    """A folder as lerobot writes it, with weights of so many bytes instead of 8."""
    own = folder / "pretrained_model"
    own.mkdir(parents=True)
    (own / "config.json").write_text("{}")
    header = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (own / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(num_bytes))
    (own / "train_config.json").write_text(json.dumps({"steps": steps}))
    return own


@pytest.mark.parametrize(
    ("scheme", "name", "step"),
    [
        ("sb3", "rl_model_10000_steps.zip", 10000),
        ("sb3", "ppo_500.zip", 500),
        ("sb3", "best_model.zip", None),
        ("sb3", "ppo_seed3.zip", None),
        ("lightning", "epoch=3-step=400.ckpt", 400),
        ("lightning", "epoch=3-step=400-v1.ckpt", 400),
        ("lightning", "last.ckpt", None),
        ("lightning", "epoch=3-val_loss=0.25.ckpt", None),
        ("lightning", "epoch_3.ckpt", None),
        ("lerobot", "000500", 500),
        ("lerobot", "last", None),
        ("onnx", "policy-timesteps_20.onnx", 20),
        ("export", "GLOBAL_STEP7.pt2", 7),
        ("sb3", "step_1M.zip", 10**6),
        ("sb3", "ppo_step_1.5M.zip", 1_500_000),
        ("sb3", "500k_steps.zip", 500_000),
        ("sb3", "step=1_500_000.zip", 1_500_000),
        ("lightning", "epoch=3_step=2e6.ckpt", 2 * 10**6),
        ("lightning", "epoch_3_step_400.ckpt", 400),
        ("sb3", "ppo_3_500_steps.zip", 500),
        ("sb3", "step_400_20261121.zip", 400),
        ("sb3", "timestep_1M.zip", 10**6),
        ("sb3", "step_1.5.zip", None),
        ("sb3", "step_10x_7.zip", None),
        ("sb3", "1_500_000_steps.zip", None),
        ("sb3", "epoch_3_steps_400.zip", None),
        ("sb3", "model_1M.zip", None),
        ("sb3", "model_seed_7.zip", None),
        ("sb3", "model-v-2.zip", None),
        ("sb3", "model_version_2.zip", None),
        ("sb3", "fold_3.zip", None),
        ("sb3", "ppo_trial-12.zip", None),
        ("sb3", "epoch-12.zip", None),
        ("sb3", "model_2026-11-21.zip", None),
        ("sb3", "model_2026-11-21_15-30-00.zip", None),
        ("lerobot", "20261121", None),
        ("sb3", "model_20000000.zip", 20_000_000),
    ],
)
def test_the_step_is_what_the_name_says_it_is(scheme, name, step):
    assert Manner(scheme=scheme).step_of(name) == step


def test_an_expression_finds_the_step_where_a_name_says_it_otherwise():
    assert Manner(scheme="lightning", step=r"epoch=(\d+)").step_of("epoch=3-step=400.ckpt") == 3
    assert Manner(scheme="lightning", step=r"epoch=(\d+)").step_of("last.ckpt") is None


@pytest.mark.parametrize("step", ["epoch", r"(\d+)-(\d+)", "("])
def test_an_expression_without_one_group_is_refused(step):
    with pytest.raises(UserError, match="write a regular expression with one group"):
        Manner(scheme="sb3", step=step).check()


def test_files_of_a_scheme_without_a_usual_name_are_to_be_named():
    with pytest.raises(UserError, match="say it with --watch-files"):
        Manner(scheme="py").check()
    Manner(scheme="py", pattern="*.npz").check()


def test_statistics_of_observations_go_with_the_model_of_their_step(tmp_path):
    for step in (10, 20):
        zipped(tmp_path / f"rl_model_{step}_steps.zip")
        (tmp_path / f"rl_model_vecnormalize_{step}_steps.pkl").write_text("statistics")
        (tmp_path / f"rl_model_replay_buffer_{step}_steps.pkl").write_text("much")
    found = look(tmp_path, Manner(scheme="sb3")).checkpoints
    assert [one.step for one in found] == [10, 20]
    assert [one.normalizer.name for one in found] == [f"rl_model_vecnormalize_{step}_steps.pkl" for step in (10, 20)]
    assert [one.beside[0].name for one in found] == [f"rl_model_replay_buffer_{step}_steps.pkl" for step in (10, 20)]
    assert not is_torn(found[0], found)
    assert look(tmp_path, Manner(scheme="sb3", is_normalised=True)).checkpoints[0].normalizer is None


def test_a_model_whose_statistics_are_not_there_yet_is_not_whole(tmp_path):
    zipped(tmp_path / "rl_model_10_steps.zip")
    (tmp_path / "rl_model_vecnormalize_10_steps.pkl").write_text("statistics")
    zipped(tmp_path / "rl_model_20_steps.zip")
    first, second = found = look(tmp_path, Manner(scheme="sb3")).checkpoints
    assert [is_torn(first, found), is_torn(second, found)] == [False, True]


def test_what_a_replay_buffer_does_is_no_change_of_the_policy(tmp_path):
    zipped(tmp_path / "m_10_steps.zip")
    buffer = tmp_path / "m_replay_buffer_10_steps.pkl"
    buffer.write_text("much")
    (before,) = look(tmp_path, Manner(scheme="sb3")).checkpoints
    mark, state = before.mark(), before.state()
    buffer.write_text("much more")
    assert before.state() != state
    assert before.mark() == mark
    zipped(before.path, "other weights")
    assert before.mark() != mark


def test_an_archive_without_its_end_is_torn(tmp_path):
    path = zipped(tmp_path / "m_10.zip")
    (checkpoint,) = look(tmp_path, Manner(scheme="sb3")).checkpoints
    content = path.read_bytes()
    assert not is_torn(checkpoint)
    for num in (0, 4, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:num])
        assert is_torn(checkpoint)


@pytest.mark.parametrize(("num_bytes", "is_whole"), [(8, True), (7, False), (0, False)])
def test_weights_of_lerobot_are_as_long_as_they_say(tmp_path, num_bytes, is_whole):
    pretrained(tmp_path / "000500", num_bytes=num_bytes)
    (checkpoint,) = look(tmp_path, Manner(scheme="lerobot")).checkpoints
    assert is_torn(checkpoint) != is_whole


def test_checkpoints_of_lerobot_are_folders_and_tell_how_long_the_training_is(tmp_path):
    folder = tmp_path / "outputs" / "checkpoints"
    pretrained(folder / "000500", steps=1000)
    pretrained(folder / "001000", steps=1000)
    (folder / "last").symlink_to("001000")
    found = look(tmp_path, Manner(scheme="lerobot"))
    assert [(one.step, one.home, num_planned(one)) for one in found.checkpoints] == [
        (500, folder, 1000),
        (1000, folder, 1000),
    ]
    assert found.passed_over == {}


def test_names_without_a_step_are_passed_over_and_unfinished_ones_not_looked_at(tmp_path):
    for name in ("m_10.zip", "best_model.zip", ".m_20.zip"):
        zipped(tmp_path / name)
    found = look(tmp_path, Manner(scheme="sb3"))
    assert [one.path.name for one in found.checkpoints] == ["m_10.zip"]
    assert {path.name: why for path, why in found.passed_over.items()} == {
        "best_model.zip": "its name does not say after how many steps it was written"
    }


def test_several_trainings_are_refused_unless_it_is_known_which(tmp_path):
    for name in ("a", "b"):
        zipped(tmp_path / name / "m_10.zip")
    with pytest.raises(UserError, match=r"holds the checkpoints of 2 trainings, in .*a and .*b: watch one of them"):
        look(tmp_path, Manner(scheme="sb3"))
    found = look(tmp_path, Manner(scheme="sb3"), home=tmp_path / "b")
    assert [one.path for one in found.checkpoints] == [tmp_path / "b" / "m_10.zip"]
    assert list(found.passed_over) == [tmp_path / "a" / "m_10.zip"]


def test_of_two_of_a_step_the_newer_one_is_taken(tmp_path):
    import os

    manner = Manner(scheme="lightning")
    for name, seconds in (("epoch=0-step=10.ckpt", 100), ("epoch=0-step=10-v1.ckpt", 200)):
        os.utime(zipped(tmp_path / name), (seconds, seconds))
    found = look(tmp_path, manner)
    assert [one.path.name for one in found.checkpoints] == ["epoch=0-step=10-v1.ckpt"]
    assert list(found.passed_over) == [tmp_path / "epoch=0-step=10.ckpt"]
