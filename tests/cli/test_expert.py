"""`rlgauge expert`: what comes with rlgauge, and the training of others."""

from __future__ import annotations

import json
import signal
import time

import pytest

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.experts.expert import find_expert, shipped


def test_the_list_shows_what_each_expert_reaches(give):
    said = give("expert", "list")
    assert said.code == 0
    lines = said.out.splitlines()[2:]
    assert len(lines) == len(shipped())
    for line, (name, record) in zip(lines, shipped().items(), strict=True):
        assert line.startswith(f"{name} ")
        assert f"{record.return_mean:.1f} ± {record.return_deviation:.1f}" in line


def test_one_is_shown_with_the_command_that_made_it(give):
    said = give("expert", "show", "seals/CartPole-v0")
    assert said.code == 0
    record = shipped()["seals/CartPole-v0"]
    assert record.command in said.out
    assert record.sha256 in said.out
    assert f"of {record.num_steps_trained} trained, {record.num_steps} asked for" in said.out


def test_a_record_is_printed_as_json(give):
    told = json.loads(give("expert", "show", "seals/CartPole-v0", "--json").out)
    assert told["environment"] == "seals/CartPole-v0"
    assert told["return_mean"] == shipped()["seals/CartPole-v0"].return_mean


def test_what_has_no_record_can_not_be_shown(give):
    said = give("expert", "show", "random")
    assert said.code == 2
    assert "Of 'random' no record tells how it was made" in said.err


def test_without_a_command_the_help_is_shown(give):
    assert "usage: rlgauge expert list" in give("expert").out
    said = give("expert", "lst")
    assert said.code == 2
    assert "Did you mean 'list'?" in said.err


def test_one_is_trained_and_found_again(give, folder):
    said = give("expert", "train", "seals/CartPole-v0", "--steps", "1000", "--seed", "3")
    assert said.code == 0
    assert "over 50 episodes" in said.out
    assert "return" in said.err
    record = find_expert("experts/seals/CartPole-v0").record
    assert record.command == "rlgauge expert train seals/CartPole-v0 --steps 1000 --seed 3"
    assert (record.num_steps, record.seed, record.algorithm) == (1000, 3, "ppo")
    assert record.command in give("expert", "show", "experts/seals/CartPole-v0").out


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["seals/Hoper-v1"], "Did you mean 'seals/Hopper-v1'?"),
        (["seals/CartPole-v0", "--algo", "sac"], "Known: ppo."),
        (["seals/CartPole-v0", "--steps", "0"], "can't be trained for 0 steps"),
        (["seals/CartPole-v0", "--step", "5"], "--steps"),
    ],
)
def test_what_can_not_be_trained_is_told(give, arguments, answer, folder):
    said = give("expert", "train", *arguments)
    assert said.code == 2
    assert answer in said.err
    assert not list(folder.iterdir())


def test_an_expert_is_not_written_over_another(give, folder):
    given = ("expert", "train", "seals/CartPole-v0", "--steps", "300", "--out", "mine")
    assert give(*given).code == 0
    before = (folder / "mine" / "policy.onnx").read_bytes()
    said = give(*given)
    assert said.code == 2
    assert "'mine' holds an expert of return" in said.err
    assert (folder / "mine" / "policy.onnx").read_bytes() == before


def test_one_that_is_ended_early_leaves_the_best_so_far(start, folder):
    process = start("expert", "train", "seals/CartPole-v0", "--steps", "60000", "--out", "mine")
    while process.poll() is None and not (folder / "mine" / "model.zip").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 130, err
    assert "It was ended after" in out
    record = find_expert(str(folder / "mine")).record
    assert record.num_steps_trained < record.num_steps == 60_000


def test_an_unknown_expert_is_answered_with_the_nearest(give):
    with pytest.raises(UserError, match="Did you mean"):
        find_expert("seals/CartPole-v1")
    assert "Did you mean 'seals/CartPole-v0'?" in give("expert", "show", "seals/CartPole-v1").err
