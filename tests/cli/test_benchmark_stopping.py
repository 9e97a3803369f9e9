from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from rlgauge import BenchmarkResults, Stopping
from rlgauge.core.errors import UserError
from rlgauge.core.store import Store
from rlgauge.kinds.evaluate.benchmark import GymnasiumBenchmark
from tests import driving

ROOT = Path(__file__).parents[2]
PAIR = ("--env", "CartPole-v1", "--policy", "random", "--policy", "zero", "--out", "o")
ONE = ("--env", "CartPole-v1", "--policy", "random", "--success-return", "25", "--out", "o")


def in_python(**rule) -> BenchmarkResults:
    return GymnasiumBenchmark(["CartPole-v1"]).evaluate(["random", "zero"], stop=Stopping(**rule))


def test_two_policies_are_played_until_it_is_decided(give):
    said = give("benchmark", *PAIR, "--stop-when-decided", "--workers", "2", "--alpha", "0.01")
    expected = in_python(alpha=0.01)
    assert said.code == 0
    assert f"digest {expected.digest()}" in said.out
    (decided, *_) = expected.stopped.sentences()
    assert decided in said.out
    assert "of 1,000 episodes saved." in said.out
    assert "same" not in said.out  # no comparison for a fixed number of episodes
    assert "do not hold; the rates' intervals here do" in said.out
    told = json.loads(Path("o/results.json").read_text())["metadata"]["stopping"]
    assert told["comparisons"][0]["decision"]["alpha"] == 0.01


def test_bounds_of_the_return_and_the_most_episodes_are_taken(give):
    argv = ("--stop-when-decided", "--return-bounds", "-5", "500", "--max-episodes", "60", "--json")
    told = json.loads(give("benchmark", *PAIR, *argv).out)["metadata"]["stopping"]
    assert told["rule"] == {"alpha": 0.05, "max_episodes": 60, "precision": None, "return_bounds": [-5.0, 500.0]}
    assert (told["n_episodes"], told["n_saved"], told["quantity"]) == (60, 0, "return")


def test_one_policy_is_played_until_its_interval_is_narrow(give):
    said = give("benchmark", *ONE, "--precision", "0.4")
    assert said.code == 0
    assert "no wider than 0.4 (95% confidence sequence)." in said.out


def test_a_benchmark_of_the_current_folder_is_stopped_too(give, benchmarks):
    argv = ("--benchmark", "mine.Filmed", "--benchmark.record_mode", "none", "--policy", "random", "--policy", "zero")
    said = give("benchmark", *argv, "--stop-when-decided", "--max-episodes", "40", "--out", "o")
    assert said.code == 0, said.err
    assert "Decided after " in said.out


def test_the_options_may_stand_in_a_file(give):
    argv = (*PAIR, "--stop-when-decided", "--return-bounds", "0", "500", "--max-episodes", "20")
    Path("f.yaml").write_text(give("benchmark", *argv, "--print_config").out)
    assert "return_bounds:\n- 0.0\n- 500.0\n" in Path("f.yaml").read_text()
    told = give("benchmark", "--config", "f.yaml", "--json")
    assert json.loads(told.out)["metadata"]["stopping"]["rule"]["return_bounds"] == [0, 500]
    Path("g.yaml").write_text("return_bounds: 3\n")
    said = give("benchmark", *PAIR, "--config", "g.yaml")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "write a list, such as [0, 500]" in said.err


def test_the_list_of_a_dry_run_is_what_is_played_at_most(give):
    said = give("benchmark", *PAIR, "--stop-when-decided", "--max-episodes", "30", "--dry-run")
    assert "At most 60 episodes, 0 of them in o already." in said.out
    assert "Predicted: at most about " in said.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--precision", "0.1"), "A precision goes with one policy, and 2 were given"),
        (
            ("--precision", "0.1", "--stop-when-decided"),
            "--stop-when-decided compares policies and --precision measures",
        ),
        (("--stop-when-decided", "--num-episodes", "5"), "--num-episodes fixes how many are played"),
        (("--alpha", "0.1"), "--alpha goes with --stop-when-decided"),
        (("--max-episodes", "9"), "--max-episodes goes with --stop-when-decided"),
        (("--return-bounds", "0", "9"), "--return-bounds goes with --stop-when-decided"),
        (("--stop-when-decided", "--alpha", "2"), "rlgauge: --alpha 2.0: a share of false alarms"),
        (("--stop-when-decided", "--max-episodes", "0"), "rlgauge: --max-episodes 0: a whole number from 1"),
        (
            ("--stop-when-decided", "--return-bounds", "9", "0"),
            "--return-bounds 9.0 0.0: the lowest and the highest return are needed, such as 0 5",
        ),
        (("--stop-when-decided", "--return-bounds", "9"), "--return-bounds needs 2 values."),
        (("--stop-when-decided", "--return-bounds", "a", "b"), "--return-bounds takes a number, not 'a'."),
        (("--stop-when-decided", "--return-bounds", "0", "11"), "which is not between the bounds 0 and 11"),
    ],
)
def test_options_that_contradict_each_other_are_one_sentence(give, argv, said):
    told = give("benchmark", *PAIR, *argv)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert said in told.err


def test_one_policy_alone_can_not_be_decided(give):
    said = give("benchmark", *ONE, "--stop-when-decided")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "There is one policy, random, and nothing to be decided" in said.err
    assert "(--precision)" in said.err
    assert not Path("o").exists()


def test_a_policy_is_not_compared_with_itself(give):
    argv = ("--env", "CartPole-v1", "--policy", "a=random", "--policy", "zero", "--policy", "b=random", "--out", "o")
    said = give("benchmark", *argv, "--stop-when-decided")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "a and b are the same policy" in said.err
    assert not Path("o").exists()
    with pytest.raises(UserError, match="random and random-2 are the same policy"):
        GymnasiumBenchmark(["CartPole-v1"]).evaluate(["random", "random"], stop=Stopping())
    with pytest.raises(UserError, match="are the same policy"):
        GymnasiumBenchmark(["CartPole-v1"]).evaluate({"a": _left, "b": _left}, stop=Stopping())


def _left(observation):
    return 0


def test_a_rule_that_lacks_a_measure_names_the_options_for_it(give):
    said = give("benchmark", "--env", "CartPole-v1", "--policy", "random", "--precision", "0.2", "--out", "o")
    assert said.code == 2
    assert "the bounds of the return (--return-bounds), or a rule for success (--success-return)." in said.err


def test_errors_beyond_what_is_allowed_still_end_with_1(give, folder, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    argv = ("--benchmark", "tests.chance.Chances", "--benchmark.rates", "[[0.1, 1.0]]", "--benchmark.fault", "raises")
    argv = (*argv, "--policy", "one=py:tests.chance:one", "--policy", "zero", "--stop-when-decided", "--out", "o")
    said = give("benchmark", *argv)
    assert said.code == 1
    assert "errors and timeouts count as failures." in said.out
    assert "--max-errors allows 0" in said.err
    assert give("benchmark", *argv, "--max-errors", "100").code == 0


def test_after_ctrl_c_the_same_command_goes_on_to_the_same_decision(start, give, folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.syspath_prepend(str(ROOT))
    argv = ("--benchmark", "tests.chance.Chances", "--benchmark.rates", "[[0.5, 0.8]]", "--workers", "2")
    argv = ("benchmark", *argv, "--policy", "py:tests.chance:slow_one", "--policy", "zero", "--stop-when-decided")
    driver = start(*argv, "--out", "o")
    try:
        driving.wait_for(lambda: sum(run.num_records or 0 for run in Store("o").runs()) >= 40)
        driver.send_signal(signal.SIGINT)
        _, told = driver.communicate(timeout=60)
    finally:
        driver.kill()
    assert driver.returncode == 130, told
    assert "the same command goes on" in told
    assert give(*argv, "--out", "o", "--quiet").code == 0
    assert give(*argv, "--out", "whole", "--quiet").code == 0
    resumed, whole = (BenchmarkResults.from_json(f"{name}/results.json") for name in ("o", "whole"))
    assert resumed.digest() == whole.digest()
    assert resumed.stopped == whole.stopped
