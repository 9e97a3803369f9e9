from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlgauge.cli.preflight import main
from rlgauge.core.errors import UserError

POLE = f"onnx:{Path(__file__).parents[2]}/src/rlgauge/quickstart/policies/CartPole-v1.onnx"
SHORT = ("--env", "CartPole-v1", "--num-episodes", "2", "--max-steps", "60")


def test_a_good_policy_is_fine_and_stands_beside_the_references(capsys):
    assert main([*SHORT, "--policy", f"pole={POLE}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["task", "policy", "episodes", "return", "success", "rate", "length", "errors"]
    assert [line.split()[1] for line in lines[2:5]] == ["pole", "zero", "random"]
    assert lines[-1].startswith("0 wrong, 0 doubtful, ")


def test_what_is_surely_wrong_ends_with_1_and_is_told_first(capsys):
    assert main([*SHORT, "--policy", "zero"]) == 1
    out = capsys.readouterr().out
    first = next(line for line in out.splitlines() if line.startswith(("wrong", "doubtful", "note")))
    assert first.startswith("wrong: zero, CartPole-v1: constant actions: All ")


def test_json_holds_rows_and_findings_with_their_numbers(capsys):
    assert main([*SHORT, "--policy", POLE, "--policy", "zero", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [row["policy"] for row in told["rows"]] == ["CartPole-v1", "zero", "zero", "random"]
    assert [row["is_reference"] for row in told["rows"]] == [False, False, True, True]
    constant = next(one for one in told["findings"] if one["check"] == "constant actions")
    assert (constant["level"], constant["policy"]) == ("wrong", "zero")
    assert constant["numbers"]["steps"] > 10


def test_statistics_of_a_file_are_compared_with_what_is_seen(tmp_path, capsys):
    stats = tmp_path / "stats.json"
    stats.write_text('{"observation": {"mean": [90, 90, 90, 90], "std": [1, 1, 1, 1]}}')
    assert main([*SHORT, "--policy", POLE, "--stats", str(stats)]) == 1
    assert "wrong: CartPole-v1, CartPole-v1: normalisation: " in capsys.readouterr().out


def test_success_by_return_and_benchmark_classes_are_those_of_an_evaluation(capsys):
    assert main([*SHORT, "--policy", POLE, "--success-return", "50"]) == 0
    assert "100%" in capsys.readouterr().out
    benchmark = (
        "--benchmark",
        "rlgauge.kinds.evaluate.benchmark:GymnasiumBenchmark",
        "--benchmark.env",
        "[Acrobot-v1]",
    )
    assert main([*benchmark, "--policy", "random", "--num-episodes", "1", "--max-steps", "9"]) == 0
    assert "Acrobot-v1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "zero"], "Say what to evaluate in"),
        (["--env", "CartPole-v1"], "Say which policy"),
        ([*SHORT, "--policy", "zero", "--stats", "none.json"], "There is no file 'none.json'"),
        (["--env", "CartPole-v1", "--policy", "zero", "--num-episodes", "0"], "--num-episodes must be more than 0"),
        (["--env", "CartPole-v1", "--policy", "onnx:none.onnx"], "There is no file"),
        (["--env", "gymnax:CartPole-v1", "--policy", "zero"], "gymnax|JAX"),
    ],
)
def test_mistakes_are_told_before_anything_is_played(arguments, message):
    with pytest.raises(UserError, match=message):
        main(arguments)
