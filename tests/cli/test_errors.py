"""Every mistake on the command line is one sentence, with exit code 2 and without a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ENV = ("--env", "CartPole-v1")
POLICY = ("--policy", "random")
BENCHMARKS = "rlgauge.kinds.evaluate.benchmark"

MISTAKES = {
    "nothing": ((), "Say what to evaluate in: --env ID or --benchmark CLASS_PATH"),
    "no policy": (ENV, "Say which policy to evaluate: --policy URI"),
    "both": ((*ENV, *POLICY, "--benchmark", "mine.Plain"), "--env ID or --benchmark CLASS_PATH, not both"),
    "option": ((*ENV, "--polcy", "x"), "Unknown option '--polcy'. Did you mean '--policy'?"),
    "option with =": ((*ENV, *POLICY, "--wrkers=3"), "Unknown option '--wrkers'. Did you mean '--workers'?"),
    "argument": ((*ENV, *POLICY, "more"), "Unexpected argument 'more'."),
    "abbreviation": ((*ENV, *POLICY, "--work", "3"), "Unknown option '--work'. Did you mean '--workers'?"),
    "whole number": ((*ENV, *POLICY, "--workers", "x"), "--workers takes a whole number, not 'x'."),
    "fraction": ((*ENV, *POLICY, "--num_episodes", "1.5"), "--num-episodes takes a whole number, not '1.5'."),
    "number": ((*ENV, *POLICY, "--time-limit", "x"), "--time-limit takes a number, not 'x'."),
    "no value": ((*ENV, *POLICY, "--workers"), "--workers needs a value."),
    "no episodes": ((*ENV, *POLICY, "--num-episodes", "0"), "rlgauge: --num-episodes 0: at least 1 is needed."),
    "no workers": ((*ENV, *POLICY, "--workers", "0"), "--workers must be more than 0, not 0."),
    "no time": ((*ENV, *POLICY, "--episode-seconds=-1"), "--episode-seconds must be more than 0, not -1.0."),
    "size": ((*ENV, *POLICY, "--memory-limit", "2Q"), "'2Q' is no size: write one such as 2GiB"),
    "bytes": (
        (*ENV, *POLICY, "--memory-limit", "10"),
        "'10' is 10 bytes, less than 1 MiB: write the unit, such as 10G",
    ),
    "record mode": (
        (*ENV, *POLICY, "--record-mode", "fist:3"),
        "Unknown record mode 'fist:3'. Did you mean 'first:3'?",
    ),
    "ending": ((*ENV, *POLICY, "-o", "a.txt"), "--output a.txt: the ending says what is written"),
    "place": ((*ENV, *POLICY, "-o", "no/a.csv"), "--output no/a.csv: there is no folder 'no'."),
    "negative seed": ((*ENV, *POLICY, "--seed=-1"), "rlgauge: --seed -1: at least 0 is needed."),
    "too many": ((*ENV, *POLICY, "--num-episodes", "1000000000"), "at most 1,000,000 can be handled."),
    "errors below none": ((*ENV, *POLICY, "--max-errors=-1"), "--max-errors must be 0 or more, not -1."),
    "no folder": ((*ENV, *POLICY, "--out", " "), "--out needs the name of a folder."),
    "contradiction": ((*ENV, *POLICY, "--json", "--quiet"), "--json and --quiet contradict each other"),
    "environment": (
        ("--env", "CartPole-v9", *POLICY),
        "Unknown environment 'CartPole-v9'. Did you mean 'CartPole-v1'?",
    ),
    "policy": ((*ENV, "--policy", "randm"), "Unknown policy 'randm'. Did you mean 'random'?"),
    "scheme": ((*ENV, "--policy", "onx:a.onnx"), "Unknown policy scheme 'onx'. Did you mean 'onnx'?"),
    "policy file": (
        (*ENV, "--policy", "onnx:mine.pi"),
        "There is no file 'mine.pi' (from onnx:mine.pi). Did you mean 'mine.py'?",
    ),
    "policy module": ((*ENV, "--policy", "py:polices:wrong"), "There is no module 'polices'. Did you mean 'policies'?"),
    "policy name": ((*ENV, "--policy", "policies:Explodin"), "There is no 'Explodin' in 'policies'"),
    "policy shape": ((*ENV, "--policy", "policies:wrong_shape"), "returned an action of shape (3,)"),
    "seeds": ((*ENV, "--policy", "sb3:ppo_{seed}.zip", "--train-seeds", "4..0"), "'4..0' are no seeds"),
    "seeds missing": ((*ENV, "--policy", "sb3:ppo_{seed}.zip"), "(--train-seeds 0..2)"),
    "seeds unused": (
        (*ENV, *POLICY, "--train-seeds", "0..4"),
        "no policy has {seed} in its URI",
    ),
    "checkpoints": ((*ENV, *POLICY, *POLICY, "--ckpt_path", "x"), "--ckpt_path goes with one --policy; 2 were given."),
    "checkpoint": ((*ENV, "--policy", "policies.Weights", "--ckpt_path", "x"), "There is no file 'x'"),
    "class": (("--benchmark", "mine.Plan", *POLICY), "Unknown name in mine 'Plan'. Did you mean 'Plain'?"),
    "module": (("--benchmark", "minne.Plain", *POLICY), "There is no module 'minne' (of 'minne.Plain')"),
    "no class path": (("--benchmark", "mine", *POLICY), "'mine' is no class path"),
    "no benchmark": (("--benchmark", "rlgauge.core.case.Case", *POLICY), "rlgauge.core.case.Case is no benchmark"),
    "no class": (("--benchmark", "mine.not_a_class", *POLICY), "mine.not_a_class is no benchmark"),
    "base class": (("--benchmark", "rlgauge.Benchmark", *POLICY), "rlgauge.Benchmark has no environments"),
    "no class given": (("--benchmark.num_episodes", "3", *POLICY), "give the class path of a subclass of it"),
    "class record mode": (
        ("--benchmark", "mine.Filmed", "--benchmark.record_mode", "fails", *POLICY),
        "Unknown record mode 'fails'. Did you mean 'failures'?",
    ),
    "no super": (
        ("--benchmark", "mine.Forgetful", *POLICY),
        "Forgetful lacks gyms, max_steps, seed, video_dir, record_mode: its __init__() does not call super()",
    ),
    "class argument": (
        ("--benchmark", "mine.Plain", "--benchmark.num_episode", "3", *POLICY),
        "mine.Plain takes no argument 'num_episode'. Did you mean '--benchmark.num_episodes'?",
    ),
    "class argument's value": (
        ("--benchmark", "mine.Refusing", "--benchmark.level", "x", *POLICY),
        "--benchmark.level takes a whole number, not 'x'.",
    ),
    "untyped argument's value": (
        ("--benchmark", "mine.Plain", "--benchmark.num_episodes", "x", *POLICY),
        "--benchmark.num_episodes 'x': a whole number is needed.",
    ),
    "argument missing": (("--benchmark", f"{BENCHMARKS}.GymnasiumBenchmark", *POLICY), "needs --benchmark.env."),
    "refused by the class": (
        ("--benchmark", "mine.Refusing", "--benchmark.level", "9", *POLICY),
        "--benchmark mine.Refusing can't be made: ValueError: there are three levels",
    ),
    "option of --env": (
        ("--benchmark", "mine.Plain", "--num-episodes", "3", *POLICY),
        "--num-episodes goes with --env; a benchmark class takes --benchmark.num_episodes.",
    ),
    "syntax": (("--benchmark", "broken.A", *POLICY), "--benchmark broken.A can't be imported: "),
    "import": (
        ("--benchmark", "needy.A", *POLICY),
        "The module 'needy' needs 'no_such_module', which is not installed.",
    ),
    "import that raises": (("--benchmark", "raising.A", *POLICY), "can't be imported: division by zero."),
    "no file": (("--config", "no.yaml"), "--config: File does not exist:"),
    "a folder": (("--config", "."), "--config: Path is not a file:"),
    "no YAML": (("--config", "torn.yaml"), "The configuration file is no YAML: "),
    "entry": (
        ("--config", "entry.yaml"),
        "The configuration file has an unknown entry 'polici'. Did you mean 'policy'?",
    ),
    "class in YAML": (("--config", "class.yaml"), "Unknown name in mine 'Plan'. Did you mean 'Plain'?"),
    "a file as folder": ((*ENV, *POLICY, "--out", "mine.py"), "Can't write mine.py: File exists."),
    "a file on the way": ((*ENV, *POLICY, "--out", "mine.py/x"), "Can't write mine.py/x: Not a directory."),
}


@pytest.fixture
def files(benchmarks, policies):
    (benchmarks / "broken.py").write_text("def (")
    (benchmarks / "needy.py").write_text("import no_such_module")
    (benchmarks / "raising.py").write_text("1 / 0")
    (benchmarks / "torn.yaml").write_text("policy: [random\n")
    (benchmarks / "entry.yaml").write_text("polici: random\n")
    (benchmarks / "class.yaml").write_text("policy: random\nbenchmark:\n  class_path: mine.Plan\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(give, mistake):
    argv, sentence = MISTAKES[mistake]
    said = give("benchmark", *argv)
    assert said.code == 2
    assert said.err.startswith("rlgauge: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.usefixtures("files")
def test_a_policy_of_the_wrong_shape_is_said_before_the_first_episode(give, folder):
    assert give("benchmark", *ENV, "--policy", "policies:wrong_shape", "--out", "o").code == 2
    assert [path.read_bytes() for path in folder.glob("o/evaluate/*/*/records.jsonl")] == [b""]


def test_a_folder_that_cannot_be_written_is_said(give, folder, monkeypatch):
    """Root may write everywhere, so the refusal is the file system's: /proc takes no folders."""
    said = give("benchmark", *ENV, *POLICY, "--out", "/proc/rlgauge")
    assert said.code == 2
    assert said.err.startswith("rlgauge: Can't write /proc/rlgauge: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"trust: 'no'\n", "--trust takes true or false, not 'no'."),
        (b"quiet: 7\n", "--quiet takes true or false, not 7."),
        (b"\x89PNG\xff\xfe", "The configuration file is no text in UTF-8"),
    ],
)
def test_a_configuration_file_says_yes_or_no(content, told, give):
    Path("own.yaml").write_bytes(content)
    said = give("benchmark", "--config", "own.yaml", *ENV, *POLICY)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


@pytest.mark.usefixtures("files")
def test_a_class_path_may_come_after_its_arguments(give):
    said = give("benchmark", "--benchmark.num_episodes", "2", "--benchmark", "mine.Plain", *POLICY, "--quiet")
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize(
    ("body", "told"), [("1 / 0", "create_gyms() failed: ZeroDivisionError"), ("return None", "returned None")]
)
def test_a_benchmark_without_environments_is_a_sentence(body, told, give):
    Path("odd_benchmark.py").write_text(
        f"from rlgauge import Benchmark\nclass Odd(Benchmark):\n    def create_gyms(self):\n        {body}\n"
    )
    said = give("benchmark", "--benchmark", "odd_benchmark.Odd", *POLICY)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_a_policy_file_whose_library_is_missing_names_the_extra(give, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    Path("net.pt").write_bytes(b"x")
    said = give("benchmark", *ENV, "--policy", "torchscript:net.pt")
    assert said.code == 2
    assert "pip install 'rlgauge[torch]'" in said.err
