"""`rlgauge expert list|show|train`: policies that show how a task is done."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.console import say, show_table
from rlgauge.cli.interruption import code_of
from rlgauge.cli.main import FINE, dispatch
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.units import bytes_text, seconds_text
from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from rlgauge.kinds.train.experts.record import Record
    from rlgauge.kinds.train.experts.training import Look

_HELP = """usage: rlgauge expert list
       rlgauge expert show EXPERT
       rlgauge expert train ENV [--algo ppo|sac] [--steps N] [--seed N] [--out DIR]

list   the experts that come with rlgauge, and what they reach
show   how an expert was made
train  trains one with Stable-Baselines3, and writes it as an ONNX file

EXPERT is a name of the list, or a folder that `rlgauge expert train` wrote."""
_LINE_SECONDS = 10.0


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge expert`. Raises UserError."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(_HELP)
        return FINE
    parts = {name: f"{__name__}:{name}_experts" for name in ("list", "show", "train")}
    return dispatch("command after `rlgauge expert`", argv, parts)


def list_experts(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge expert list`. Raises UserError."""
    if parse(make_parser("expert list", "List the experts that come with rlgauge."), argv) is None:
        return FINE
    from rlgauge.kinds.train.experts.expert import shipped

    rows = [
        (name, _return_text(record), record.algorithm, str(record.num_steps_of_best), bytes_text(record.num_bytes))
        for name, record in shipped().items()
    ]
    show_table(("expert", "return", "algorithm", "steps", "file"), rows)
    return FINE


def show_experts(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge expert show`. Raises UserError."""
    parser = make_parser("expert show", "Show how an expert was made, and what it reaches.")
    parser.add_argument("expert", type=str, help="a name of `rlgauge expert list`, or an expert's folder")
    parser.add_argument("--json", action="store_true", help="print its record as JSON")
    options = parse(parser, argv)
    if options is None:
        return FINE
    from rlgauge.kinds.train.experts.expert import find_expert

    expert = find_expert(options.expert)
    if expert.record is None:
        raise UserError(f"Of {options.expert!r} no record tells how it was made: `rlgauge expert train` writes one.")
    if options.json:
        print(json.dumps(msgspec.to_builtins(expert.record), indent=1))
    else:
        _tell(expert.record, expert.source.uri)
    return FINE


def _tell(record: Record, uri: str) -> None:
    settings, agreement = record.settings, record.agreement
    rows = [
        ("environment", record.environment),
        ("return", f"{_return_text(record)} over {record.num_episodes} episodes"),
        ("command", record.command),
        ("steps", f"{record.num_steps_of_best} of {record.num_steps_trained} trained, {record.num_steps} asked for"),
        ("time", seconds_text(record.num_seconds)),
        ("layers", f"{' and '.join(map(str, settings.hidden))} units, {settings.activation}"),
        ("settings", ", ".join(f"{name} {value:g}" for name, value in settings.options.items())),
        ("made with", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("as the model", f"actions within {agreement.largest_difference:.1e} on {agreement.num_steps} observations"),
        ("policy", uri),
        ("sha256", record.sha256),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _return_text(record: Record) -> str:
    return f"{record.return_mean:.1f} ± {record.return_deviation:.1f}"


def train_experts(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge expert train`. Raises UserError."""
    parser = make_parser("expert train", "Train an expert with Stable-Baselines3, and write it as an ONNX file.")
    parser.add_argument("env", type=str, help="the environment, such as seals/Hopper-v1")
    parser.add_argument("--algo", type=str, help="ppo or sac (default: the first that has settings there)")
    parser.add_argument("--steps", type=int, help="steps of training (default: of the settings)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training")
    parser.add_argument("--out", type=str, help="folder for the expert (default: experts/ENV)")
    options = parse(parser, argv)
    if options is None:
        return FINE
    from rlgauge.kinds.train.experts.settings import settings_for

    algorithm, settings = settings_for(options.env, options.algo, num_steps=options.steps)
    folder = Path(options.out or f"experts/{options.env}")
    _check_free(folder)
    from rlgauge.kinds.train.experts.training import train

    record, ended_by = train(
        options.env,
        algorithm,
        settings=settings,
        seed=options.seed,
        folder=folder,
        command=shlex.join(["rlgauge", "expert", "train", *argv]),
        tell=_Teller(),
    )
    ended = "" if ended_by is None else f" It was ended after {record.num_steps_trained} steps."
    say(
        f"The return is {_return_text(record)} over {record.num_episodes} episodes, after {record.num_steps_of_best} "
        f"of {record.num_steps} steps.{ended} The expert is in '{folder}'."
    )
    return FINE if ended_by is None else code_of(ended_by)


def _check_free(folder: Path) -> None:
    """Raise UserError where the folder holds an expert already: the new one may be the worse."""
    from rlgauge.kinds.train.experts.expert import find_expert
    from rlgauge.kinds.train.experts.record import RECORD

    if (folder / RECORD).is_file():
        held = find_expert(str(folder)).record
        told = "" if held is None else f" of return {_return_text(held)}"
        raise UserError(f"'{folder}' holds an expert{told} already: give another --out, or remove it.")


class _Teller:
    """Prints a line every 10 s at most."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, look: Look) -> None:
        present = time.monotonic()
        if present - self._last >= _LINE_SECONDS or look.num_steps >= look.of_steps:
            self._last = present
            told = f"{look.num_steps} of {look.of_steps} steps, return {look.mean:.1f}, best so far {look.best:.1f}"
            print(told, file=sys.stderr, flush=True)
