"""Options that are guessed from a script's source."""

from __future__ import annotations

import ast

import pytest

from rlgauge.kinds.train.script.arguments import ENV_NAMES, SEED_NAMES, Option, given, guessed, reads_arguments


def env_and_seed(source: str, *others: str) -> tuple[str | None, str | None]:
    trees = [ast.parse(one) for one in (source, *others)]
    found = guessed(trees, ENV_NAMES), guessed(trees, SEED_NAMES)
    return tuple(None if one is None else one.word for one in found)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import argparse\np.add_argument('--env-id', type=str)\np.add_argument('--seed')", ("--env-id", "--seed")),
        ("import argparse\np.add_argument('--gym-id')\np.add_argument('--num-envs')", ("--gym-id", None)),
        ("import argparse\np.add_argument('-e', '--env_name', '--env')\n", ("--env", None)),
        ("import argparse\np.add_argument('-s', dest='seed')\n", (None, "-s")),
        ("import argparse\np.add_argument('--envName')\np.add_argument('--Seed')\n", ("--envName", "--Seed")),
        ("import argparse\np.add_argument('gymenv')\np.add_argument('--EnvIdex')\n", ("gymenv", None)),
        ("import argparse\np.add_argument('--env', action='store_true')\n", (None, None)),
        ("import argparse\np.add_argument('env')\n", ("env", None)),
        ("import click\n@click.command()\n@click.option('--env')\ndef main(env, seed): pass", ("--env", None)),
        ("import click\n@click.command()\n@click.argument('env_id')\ndef main(env_id): pass", ("env_id", None)),
        ("from absl import flags\nflags.DEFINE_string('env_name', '', '')\n", ("--env_name", None)),
        ("from absl import flags\nS = flags.DEFINE_integer('seed', 0, '')\n", (None, "--seed")),
        (
            "import tyro\nclass Args:\n  env_id: str\n  seed: int = 1\ntyro.cli(Args)",
            ("--env-id", "--seed"),
        ),
        ("import tyro\ndef train(env: str, rng_seed: int): pass\ntyro.cli(train)", ("--env", "--rng-seed")),
        (
            "import tyro\nclass T:\n  seed: int\nclass Args:\n  env_id: str\n  train: T\ntyro.cli(Args)",
            ("--env-id", "--train.seed"),
        ),
        ("import tyro\nclass B:\n  seed: int\nclass Args(B):\n  env: str\ntyro.cli(Args)", ("--env", "--seed")),
        (
            "from absl import flags\nflags.DEFINE_string(NAME, '', '')\nflags.DEFINE_string('env', '', '')",
            ("--env", None),
        ),
        ("import fire\ndef main(env_id='a', seed=0): pass\nfire.Fire(main)", ("--env_id", "--seed")),
        ("import typer\ndef main(env: str, seed: int = 0): pass\ntyper.run(main)", ("env", "--seed")),
        (
            "from transformers import HfArgumentParser\nclass A:\n  env_id: str\np = HfArgumentParser((A, B))",
            ("--env_id", None),
        ),
        (
            "import draccus\nclass C:\n  env_id: str\n@draccus.wrap()\ndef main(config: C): pass\nmain()",
            ("--env_id", None),
        ),
        ("'''Usage: train.py [--env-id=<id>] [--seed=<n>]'''\nimport docopt", ("--env-id", "--seed")),
        ("import sys\nif '--env' in sys.argv: pass", ("--env", None)),
        ("import argparse\n'''mentions --env in a text'''", (None, None)),
        ("class Args:\n  env_id: str\n", (None, None)),
    ],
)
def test_options_are_found_in_the_source(source: str, found: tuple[str | None, str | None]) -> None:
    assert env_and_seed(source) == found


def test_of_several_options_the_likelier_is_taken() -> None:
    assert env_and_seed("import argparse\np.add_argument('--task')\np.add_argument('--env-id')\n")[0] == "--env-id"


def test_a_parser_beside_the_script_is_asked_where_the_script_has_none() -> None:
    beside = "import argparse\np.add_argument('--env')\np.add_argument('--seed')\n"
    assert env_and_seed("import beside", beside) == ("--env", "--seed")
    assert env_and_seed("import argparse, beside\np.add_argument('--env-id')", beside) == ("--env-id", "--seed")


def test_a_dataclass_beside_the_script_has_its_options() -> None:
    assert env_and_seed("import tyro\ntyro.cli(Args)", "class Args:\n  env_id: str\n  seed: int") == (
        "--env-id",
        "--seed",
    )


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (Option("--env-id"), ["--env-id", "A-v1"]),
        (Option("-e"), ["-e", "A-v1"]),
        (Option("env="), ["env=A-v1"]),
        (Option("env", is_positional=True), ["A-v1"]),
        (given("env-id"), ["--env-id", "A-v1"]),
        (given("-e"), ["-e", "A-v1"]),
        (given("env.name="), ["env.name=A-v1"]),
    ],
)
def test_an_option_becomes_words_of_the_command_line(option: Option, words: list[str]) -> None:
    assert option.words("A-v1") == words


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("import argparse", False),
        ("import argparse\np = argparse.ArgumentParser()", True),
        ("import argparse as ap\ndef f():\n    return ap.ArgumentParser()", True),
        ("from argparse import ArgumentParser as P\nclass Own(P):\n    pass", True),
        ("from argparse import *\nArgumentParser()", True),
        ("import argparse\ndef f(args: argparse.Namespace) -> argparse.ArgumentParser:\n    pass", False),
        ("import argparse\nf(argparse.Namespace(lr=1))", False),
        ("import argparse\nfrom library import parser\nargs = parser().parse_args()", True),
        ("def f():\n    from absl import flags", False),
        ("def f():\n    from absl import flags\n    flags.DEFINE_string('a', '', '')", True),
        ("import absl.flags\nabsl.flags.FLAGS", True),
        ("from absl import logging\nlogging.info('a')", False),
        ("import click\nclick.echo('a')", False),
        ("import click\n@click.command()\ndef f():\n    pass", True),
        ("from transformers import AutoModel\nAutoModel.from_pretrained('a')", False),
        ("from transformers.hf_argparser import HfArgumentParser\nHfArgumentParser(A)", True),
        ("import hydra\n@hydra.main(None)\ndef f(c):\n    pass", True),
        ("from hydra.utils import instantiate\ninstantiate(1)", False),
        ("import tyro\ntyro.cli(f)", True),
        ("from tap import Tap\nclass Args(Tap):\n    pass", True),
        ("import sys\nprint(sys.argv)", True),
        ("from sys import argv", True),
        ("def main(argv=None):\n    return argv", False),
        ("import numpy", False),
    ],
)
def test_reading_a_command_line_is_seen(source: str, *, reads: bool) -> None:
    assert reads_arguments(ast.parse(source)) is reads
