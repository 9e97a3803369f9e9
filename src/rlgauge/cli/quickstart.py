"""`rlgauge quickstart`: something to look at within a minute."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from rlgauge.cli.console import say
from rlgauge.cli.evaluation import Manner, evaluate
from rlgauge.cli.main import FAILED, FINE
from rlgauge.cli.options import make_parser, parse
from rlgauge.cli.report_after import write_report
from rlgauge.kinds.evaluate.run import make_workload
from rlgauge.quickstart.benchmark import QuickstartBenchmark

_SUCCESS = (
    "A success is a return that reaches the reward threshold of the environment's registration in Gymnasium; that of "
    "Pendulum-v1 has none."
)


def main(argv: Sequence[str]) -> int:
    """The exit code of `rlgauge quickstart`. Raises UserError."""
    parser = make_parser(
        "quickstart",
        "Evaluate a random, a hand-written and a trained policy in CartPole-v1, Acrobot-v1 and Pendulum-v1, on the "
        "same episodes, with a video of each and a report.",
    )
    parser.add_argument("--out", type=str, default="quickstart", metavar="DIR", help="folder of runs, results, videos")
    parser.add_argument("--num-episodes", type=int, default=100, metavar="N", help="episodes of each policy in each")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that share the work")
    options = parse(parser, argv)
    if options is None:
        return FINE
    out = Path(options.out)
    print(f"Evaluating three policies in three environments, {options.num_episodes} episodes each.", flush=True)
    print("End it at any time, even with kill -9: the same command goes on where it was.\n", flush=True)
    benchmark = QuickstartBenchmark(num_episodes=options.num_episodes, video_dir=out / "videos")
    code = evaluate(make_workload(benchmark, policies()), Manner(out=out, workers=options.workers))
    if code in {FINE, FAILED}:
        print()
        say(_SUCCESS)
        print(_next(out), end="\n\n")
        write_report(out)
    return code


def policies() -> list[str]:
    """The three policies, named."""
    folder = resources.files("rlgauge.quickstart") / "policies"
    return [
        "trained=onnx:" + f"{folder}/{{task}}.onnx",
        "controller=py:rlgauge.quickstart.controllers:Controller",
        "random",
    ]


def _next(out: Path) -> str:
    name = _command()
    return f"""
Next:
  {name} runs list {out}
  {name} benchmark --env CartPole-v1 --policy random --policy zero --num-episodes 50 --workers 2
  {name} benchmark --env CartPole-v1 --policy py:my_module:my_function
  {name} benchmark --help"""


def _command() -> str:
    """How this command is called from here: by its path where its environment is not active."""
    path = Path(sys.executable).with_name("rlgauge")
    if shutil.which("rlgauge") is not None or not path.is_file():
        return "rlgauge"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
