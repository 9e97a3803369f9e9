"""`rlgauge.lightning.CLI`: what `fit` trains, `benchmark` evaluates, as `rlgauge benchmark` does."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lightning.pytorch.cli import LightningCLI

from rlgauge.kinds.evaluate.results import BenchmarkResults
from rlgauge.lightning import CLI, BenchmarkMixin

EXAMPLES = Path(__file__).parents[1] / "examples" / "lightning"
QUIET = ("--trainer.accelerator=cpu", "--trainer.logger=false", "--trainer.enable_progress_bar=false")
QUIET += ("--trainer.enable_model_summary=false",)
TRAINED, UNTRAINED = "trained.ckpt", "untrained.ckpt"
ASKED = ("--benchmark", "pole.Pole", "--benchmark.num_episodes", "4", "--policy", "cloning.Cloned")
ASKED += ("--ckpt_path", TRAINED, "--output_dir", "results")


class Example(NamedTuple):
    """The modules of the example, imported, and the folder with them and the checkpoints of a `fit`."""

    folder: Path
    cloning: Any
    pole: Any


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("lightning")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr(sys, "argv", ["cli.py"])
        import cloning
        import pole

        asked = ["fit", "--seed_everything=1", "--trainer.max_epochs=3", *QUIET]
        fitted = CLI(cloning.Cloned, cloning.Demonstrations, args=asked, save_config_callback=None)
        fitted.trainer.save_checkpoint(TRAINED)
        fitted.model = cloning.Cloned()
        fitted.trainer.strategy.connect(fitted.model)
        fitted.trainer.save_checkpoint(UNTRAINED)
        yield Example(folder, cloning, pole)
    for name in ("cloning", "pole"):
        sys.modules.pop(name, None)


class Said(NamedTuple):
    code: int
    out: str
    err: str
    cli: Any


@pytest.fixture
def give(example, tmp_path, monkeypatch, capfd) -> Callable[..., Said]:
    """Gives arguments to a command line, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cli.py"])
    for name in (TRAINED, UNTRAINED):
        (tmp_path / name).symlink_to(example.folder / name)

    def give(*argv: str, make: type = CLI, **options: object) -> Said:
        capfd.readouterr()
        options = {"save_config_callback": None, **options}
        cli, code = None, 0
        try:
            cli = make(example.cloning.Cloned, example.cloning.Demonstrations, args=list(argv), **options)
        except SystemExit as end:
            code = end.code
        return Said(code, *capfd.readouterr(), cli)

    return give


def test_help_lists_the_subcommand_after_those_of_lightning(give):
    said = give("--help")
    assert said.code == 0
    named = [line.split()[0] for line in said.out.splitlines() if line.startswith("    ") and line[4] != " "]
    assert named[-5:] == ["fit", "validate", "test", "predict", "benchmark"]


def test_its_own_help_names_what_lightnings_users_know(give):
    said = give("benchmark", "--help")
    assert said.code == 0
    assert said.out.startswith("usage: cli.py benchmark ")
    for option in ("--benchmark CLASS_PATH", "--policy ", "--ckpt_path FILE", "--output_dir DIR", "--config "):
        assert option in said.out


def test_the_subcommand_evaluates_a_checkpoint_as_python_does(give, example):
    said = give("benchmark", *ASKED, "--workers", "2")
    expected = example.pole.Pole(num_episodes=4).evaluate({"Cloned": f"lightning:cloning.Cloned@{TRAINED}"})
    found = BenchmarkResults.from_json("results/results.json")
    assert said.code == 0
    assert found.digest() == expected.digest()
    assert expected.summary() in said.out
    assert Path("results/results.csv").read_text().startswith("task_id,success_rate,")
    assert (said.cli.model, said.cli.datamodule, said.cli.trainer) == (None, None, None)


def test_what_was_fitted_is_better_than_what_was_not(give, example):
    uris = {name: f"lightning:cloning.Cloned@{name}.ckpt" for name in ("trained", "untrained")}
    trained, untrained = example.pole.Pole(num_episodes=20).evaluate(uris).results
    assert trained.success_rate > untrained.success_rate == 0
    assert trained.mean_reward > 200 > untrained.mean_reward


CONFIG = f"""
benchmark:
  class_path: pole.Pole
  init_args:
    num_episodes: 50
policy: cloning.Cloned
ckpt_path: {TRAINED}
output_dir: elsewhere
"""


def indented(text: str) -> str:
    return text.replace("\n", "\n  ")


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_file_says_the_same_and_options_replace_what_it_says(give, is_nested):
    text = f"fit:\n  trainer:\n    max_epochs: 1\nbenchmark:{indented(CONFIG)}\n" if is_nested else CONFIG
    Path("asked.yaml").write_text(text)
    before, after = (("--config", "asked.yaml"), ()) if is_nested else ((), ("-c", "asked.yaml"))
    said = give(*before, "benchmark", *after, "--benchmark.num_episodes", "2", "--output_dir", "results")
    assert said.code == 0, said.err
    found = BenchmarkResults.from_json("results/results.json")
    assert [(one.policy, one.n_episodes) for one in found.results] == [("Cloned", 2)]
    assert not Path("elsewhere").exists()
    assert (said.cli.subcommand, said.cli.model, said.cli.trainer is None) == ("benchmark", None, not is_nested)


def test_without_a_policy_it_is_the_model_of_the_command_line(give):
    said = give("benchmark", "--env", "CartPole-v1", "--num-episodes", "1", "--ckpt_path", TRAINED, "--json")
    assert said.code == 0
    assert BenchmarkResults.from_json("results/benchmark/results.json").results[0].policy == "Cloned"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ("--benchmark", "pole.Pole"),
            "rlgauge: Say which checkpoint of cloning.Cloned to evaluate: --ckpt_path",
        ),
        (("--policy", "random"), "rlgauge: Say what to evaluate in: --env ID or --benchmark CLASS_PATH"),
        ((*ASKED, "--benchmark", "pole.Poll"), "rlgauge: Unknown name in pole 'Poll'. Did you mean 'Pole'?"),
        ((*ASKED, "--benchmark.steps", "many"), "rlgauge: --benchmark.steps takes a whole number, not 'many'."),
        ((*ASKED, "--output_folder", "o"), "rlgauge: Unknown option '--output_folder'. Did you mean '--output_dir'?"),
        ((*ASKED, "--ckpt_path", "traned.ckpt"), "Did you mean 'trained.ckpt'?"),
        ((*ASKED, "--policy", "random"), "rlgauge: --ckpt_path goes with one --policy; 2 were given."),
        ((*ASKED[:4], "--policy", "random", *ASKED[6:]), "A checkpoint path goes with a class path, not with 'random'"),
        ((*ASKED[:4], "--policy", "pole.Pole", *ASKED[6:]), "pole.Pole is no LightningModule, but another class"),
    ],
)
def test_mistakes_are_told_as_rlgauge_benchmark_tells_them(give, argv, told):
    said = give("benchmark", *argv)
    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not list(Path().glob("results/*/results.json"))


@pytest.mark.parametrize(
    ("query", "told"), [("mapping=map.yaml", ""), ("horizon=1", "chunks of actions are asked for")]
)
def test_options_after_a_class_path_stay_with_the_checkpoint(give, query, told):
    Path("map.yaml").write_text("observation: {do: [{dtype: float32}]}")
    asked = ("--env", "CartPole-v1", "--num-episodes", "1", "--policy", f"cloning.Cloned?{query}")
    said = give("benchmark", *asked, "--ckpt_path", TRAINED)
    assert said.code == (2 if told else 0), said.err
    assert told in said.err
    if not told:
        results = BenchmarkResults.from_json("results/benchmark/results.json")
        assert [one.policy for one in results.results] == ["Cloned"]
        assert f"lightning:cloning.Cloned@{TRAINED}?{query}" in Path("results/benchmark/results.json").read_text()


def test_a_module_without_a_checkpoint_is_refused(give):
    said = give("benchmark", "--env", "CartPole-v1", "--num-episodes", "1", "--policy", "cloning.Cloned")
    assert said.code == 2
    assert "is a LightningModule, and without a checkpoint its weights are random: give --ckpt_path FILE" in said.err


def test_failed_runs_end_it_with_1(give):
    Path("breaking.py").write_text("def act(observation):\n    return [1][int(abs(observation[2]) > 0.1)]\n")
    said = give("benchmark", "--env", "CartPole-v1", "--policy", "breaking.py:act", "--num-episodes", "1")
    assert said.code == 1
    assert "1 of 1 run failed:" in said.err


def test_a_mixin_adds_it_to_a_command_line_of_ones_own(give):
    class Own(BenchmarkMixin, LightningCLI):
        told = ()

        def before_benchmark(self):
            self.told += ("before",)

        def after_benchmark(self):
            self.told += (Path("results/results.json").exists(),)

    said = give("benchmark", *ASKED, "--policy", "random", "--policy", "zero", make=Own)
    assert said.code == 2  # with a checkpoint there is one policy
    argv = ("benchmark", "--env", "CartPole-v1", "--policy", "zero", "--num-episodes", "1", "--output_dir", "results")
    assert give(*argv, make=Own).cli.told == ("before", True)


def test_the_other_subcommands_are_lightnings(give, example):
    fitted = give("fit", "--trainer.max_steps=2", "--trainer.enable_checkpointing=false", *QUIET).cli
    assert isinstance(fitted.model, example.cloning.Cloned)
    assert fitted.trainer.global_step == 2
    said = give("validate", "--ckpt_path", TRAINED, "--trainer.limit_val_batches=1", *QUIET)
    assert "val_loss" in said.out
    assert give("fit", "--trainer.max_stops=2").code == 2


def test_without_subcommands_there_is_nothing_to_add(give, example):
    said = give(*QUIET, run=False, trainer_defaults={"enable_checkpointing": False})
    assert isinstance(said.cli.model, example.cloning.Cloned)


def test_where_a_parser_is_made_in_another_way_it_is_still_the_first_argument(give):
    """As where a version of Lightning to come has other methods."""

    class Another:
        def __init__(self, *args, **options):
            self.options = options

    class Mixed(BenchmarkMixin, Another):
        pass

    asked = ("--env", "CartPole-v1", "--policy", "zero", "--num-episodes", "1", "--output_dir", "results")
    assert give("benchmark", *asked, make=Mixed).code == 0
    assert Path("results/results.json").exists()
    assert give("fit", make=Mixed).cli.options["args"] == ["fit"]


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_the_page_shows_the_files_of_the_example(file):
    page = (EXAMPLES.parents[1] / "docs" / "lightning.md").read_text()
    assert f'```python title="{file.name}"\n{file.read_text()}```\n' in page
