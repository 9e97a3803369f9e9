"""Entry point of `rlgauge`: finds the command and imports nothing else."""

from __future__ import annotations

import errno
import importlib
import os
import site
import sys
from collections.abc import Callable, Mapping, Sequence

from rlgauge import __version__
from rlgauge.cli import interruption
from rlgauge.core.errors import SubmittedError, UserError, unknown

COMMANDS: Mapping[str, tuple[str, str]] = {
    "benchmark": ("evaluate policies in environments", "rlgauge.cli.benchmark:main"),
    "preflight": ("look for what makes a good policy fail, before it is evaluated", "rlgauge.cli.preflight:main"),
    "train": ("run a training script over environments and seeds", "rlgauge.cli.train:main"),
    "expert": ("list and show the experts that come with rlgauge, and train others", "rlgauge.cli.expert:main"),
    "runs": ("list the runs of a folder, or show one of them", "rlgauge.cli.runs:main"),
    "import": ("write the results of other systems as runs into a folder", "rlgauge.cli.import_:main"),
    "export": ("write runs for others: one zip file, or as other systems keep them", "rlgauge.cli.export:main"),
    "summary": ("summarise runs per algorithm and task, with intervals", "rlgauge.cli.summary:main"),
    "report": ("write one page with all that runs add up to, or the same for others", "rlgauge.cli.report:main"),
    "view": ("show the report and the videos in a browser, with what goes on", "rlgauge.cli.view:main"),
    "compare": ("compare a candidate with a baseline, with a verdict and an exit code", "rlgauge.cli.compare:main"),
    "power": ("say how many seeds or episodes a comparison needs, or can show", "rlgauge.cli.power:main"),
    "throughput": ("measure steps per second and memory of environments", "rlgauge.cli.throughput:main"),
    "suite": ("list, show and run suites: measurements as data", "rlgauge.cli.suite:main"),
    "tune": ("search for a better configuration, and judge it on fresh seeds", "rlgauge.cli.tune:main"),
    "serve-policy": ("serve a policy to others over a websocket", "rlgauge.cli.serve_policy:main"),
    "doctor": ("look whether this machine is fit for measuring, and what is installed", "rlgauge.cli.doctor:main"),
    "plot": ("draw the figures of a report as files", "rlgauge.cli.plot:main"),
    "quickstart": ("evaluate three policies in three environments; videos, a report", "rlgauge.cli.quickstart:main"),
}
"""What each command does and where it is."""

FINE, FAILED, MISUSED, PIPE_CLOSED = 0, 1, 2, 141
"""Exit codes; those of what was ended from outside are in `interruption`."""


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 fine, 1 something failed, 2 a mistake in what was asked, 128 and a signal that ended it."""
    with interruption.heard():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(argv: list[str]) -> int:
    try:
        code = _run(argv)
        sys.stdout.flush()
    except UserError as error:
        from rlgauge.cli.console import complain

        complain(f"rlgauge: {error}")
        return MISUSED
    except SubmittedError as error:
        print(error)
        return FINE
    except KeyboardInterrupt as error:
        print(f"{interruption.word_for(error)}.", file=sys.stderr)
        return interruption.code_of(error)
    except BrokenPipeError:
        _close_output()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        from rlgauge.cli.console import complain

        complain(f"rlgauge: {error.strerror}, where it was written to: what was printed is not whole.")
        _close_output()
        return FAILED
    return code


def _close_output() -> None:
    """Lead standard output to nowhere: the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in {"-h", "--help"}:
        print(_help())
        return FINE
    if argv[0] in {"-V", "--version"}:
        print(f"rlgauge {__version__}")
        return FINE
    site.addsitedir(os.getcwd())  # noqa: PTH109  # so that class paths find the modules of the current folder
    return dispatch("command", argv, {name: target for name, (_, target) in COMMANDS.items()})


def dispatch(what: str, argv: Sequence[str], targets: Mapping[str, str]) -> int:
    """The exit code of the command named by the first argument, called with the others. Raises UserError."""
    if argv[0] not in targets:
        raise unknown(what, argv[0], targets)
    module, _, name = targets[argv[0]].partition(":")
    function: Callable[[list[str]], int] = getattr(importlib.import_module(module), name)
    return function(list(argv[1:]))


def _help() -> str:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (text, _) in COMMANDS.items())
    return f"""usage: rlgauge COMMAND ...

Evaluates policies in reinforcement learning environments.

commands:
{commands}

options:
  -h, --help     show this help, or with a command that command's
  -V, --version  show the version

Try `rlgauge quickstart`, or `rlgauge benchmark --env CartPole-v1 --policy random`."""
