"""A `benchmark` subcommand for command lines that are made with LightningCLI."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rlgauge.cli import interruption
from rlgauge.cli.benchmark import build_parser as build_command_parser
from rlgauge.cli.benchmark import dotted, measure, spelled
from rlgauge.cli.console import complain, say
from rlgauge.cli.errors import in_options
from rlgauge.cli.launchers import CONFIG
from rlgauge.cli.main import FINE, MISUSED
from rlgauge.cli.options import as_list, parse, with_each
from rlgauge.core.errors import SubmittedError, UserError
from rlgauge.episodes.policies.schemes import SCHEMES

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    class _LightningCLI:
        """What is used of LightningCLI: public names only, which all of its versions have."""

        parser: ArgumentParser
        config: Namespace
        config_init: Any
        subcommand: str | None
        model: Any
        datamodule: Any
        trainer: Any

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # noqa: ANN401

        def setup_parser(self, *args: Any, **kwargs: Any) -> None: ...  # noqa: ANN401

        def parse_arguments(self, *args: Any, **kwargs: Any) -> None: ...  # noqa: ANN401

        def instantiate_classes(self) -> None: ...

else:
    _LightningCLI = object

SUBCOMMAND = "benchmark"
_HELP = "Evaluate policies in environments, from their checkpoints."
_OUT = "results/benchmark"
_NAMED = re.compile(r"(?:([\w.+-]+)=)?(.+)", re.DOTALL)


class BenchmarkMixin(_LightningCLI):
    """Adds `benchmark` to a LightningCLI: `class CLI(BenchmarkMixin, LightningCLI): pass`.

    The subcommand has the options of `rlgauge benchmark`, and `--output_dir`. It makes neither model, data nor trainer.

    Where it is the first argument, Lightning has no part in it. So that `--help` lists it, and that arguments may come
    before it (`--config FILE` with a part for each subcommand), it is also added to the parser of LightningCLI; that is
    left out where a version of Lightning makes its parser in another way than those that are known.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # those of LightningCLI
        """Run what is asked for; raises SystemExit where `benchmark` has an exit code other than 0."""
        self._model_of_cli = args[0] if args else kwargs.get("model_class")
        argv = sys.argv[1:] if kwargs.get("args") is None else kwargs["args"]
        if kwargs.get("run", True) and isinstance(argv, Sequence) and list(argv[:1]) == [SUBCOMMAND]:
            self._run_alone(list(argv[1:]))
        else:
            super().__init__(*args, **kwargs)

    def benchmark(self, **_: object) -> None:
        """Evaluate what was asked for, and write and print the results."""
        with _ended_as_commands_are():
            code = evaluate(self._asked_of, self._asked, model_class=self._model_of_cli)
        if code != FINE:
            raise SystemExit(code)

    def setup_parser(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # those of LightningCLI
        """Add the subcommand to those of Lightning."""
        super().setup_parser(*args, **kwargs)
        subcommands = _subcommands_of(self.parser)
        if subcommands is not None:
            parser = build_parser(SUBCOMMAND)
            parser.add_argument("--seed_everything", type=bool, default=False, help=argparse.SUPPRESS)
            subcommands.add_subcommand(SUBCOMMAND, parser, help=_HELP)

    def parse_arguments(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # those of LightningCLI
        """Parse them, and keep a checkpoint from being taken for one of the model of this command line."""
        super().parse_arguments(*args, **kwargs)
        if self.config.get("subcommand") == SUBCOMMAND:
            self._asked_of = _subcommands_of(self.parser).choices[SUBCOMMAND]
            self._asked = self.config[SUBCOMMAND].clone()
            self.config[SUBCOMMAND].ckpt_path = None

    def instantiate_classes(self) -> None:
        """Make nothing for `benchmark`."""
        if self.subcommand != SUBCOMMAND:
            super().instantiate_classes()
            return
        self._make_nothing()
        self.config_init = {SUBCOMMAND: {}}
        self.trainer = SimpleNamespace(benchmark=None)  # where the methods of subcommands are looked up

    def _run_alone(self, argv: list[str]) -> None:
        self._asked_of = self.parser = build_parser(f"{Path(sys.argv[0]).name} {SUBCOMMAND}")
        with _ended_as_commands_are():
            asked = read(self.parser, argv)
        if asked is None:
            raise SystemExit(FINE)
        self._asked = asked
        self.subcommand = SUBCOMMAND
        self._make_nothing()
        for name in (f"before_{SUBCOMMAND}", SUBCOMMAND, f"after_{SUBCOMMAND}"):  # the hooks of LightningCLI
            getattr(self, name, lambda: None)()

    def _make_nothing(self) -> None:
        self.model = self.datamodule = self.trainer = None


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a class whose base is not known before it is asked for
    """`CLI`, a LightningCLI with the subcommand; Lightning is imported for it, and for nothing else here."""
    if name != "CLI":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    doc = "A LightningCLI with fit, validate, test, predict and benchmark."
    made = type("CLI", (BenchmarkMixin, _lightning_cli()), {"__doc__": doc, "__module__": __name__})
    globals()["CLI"] = made
    return made


def _lightning_cli() -> type:
    """LightningCLI, of whichever of the two packages is there."""
    found: type
    if importlib.util.find_spec("lightning") is not None:
        from lightning.pytorch.cli import LightningCLI

        found = LightningCLI
    elif importlib.util.find_spec("pytorch_lightning") is not None:
        from pytorch_lightning.cli import LightningCLI as OtherCLI

        found = OtherCLI
    else:
        raise UserError("CLI needs 'lightning', which is not installed: pip install 'rlgauge[lightning]'.")
    return found


def build_parser(prog: str) -> ArgumentParser:
    """The options of the subcommand."""
    parser = build_command_parser()
    parser.prog = prog
    parser.set_defaults(out=_OUT)
    parser.add_argument("--output_dir", type=str | None, metavar="DIR", help="the same as --out")
    return parser


def read(parser: ArgumentParser, argv: Sequence[str]) -> Namespace | None:
    """What was asked for; None where help or the configuration was, which is printed by now. Raises UserError."""
    spelled = ["--config" if argument == "-c" else argument for argument in argv]
    return parse(parser, with_each(dotted(spelled), [CONFIG]), repeated=("--policy", "--env", CONFIG))


def evaluate(parser: ArgumentParser, options: Namespace, *, model_class: object = None) -> int:
    """The exit code, as that of `rlgauge benchmark`. Raises UserError."""
    if options.output_dir is not None:
        options.out = options.output_dir
    _name_checkpoint(options, model_class)
    try:
        return measure(parser, options)
    except UserError as error:
        raise in_options(error, spelled(options)) from error


def _name_checkpoint(options: Namespace, model_class: object) -> None:
    """Make `lightning:CLASS@FILE` of a class path and a checkpoint; without --policy it is the command line's model.

    Raises UserError where neither a policy nor a checkpoint of this model is named.
    """
    policies = as_list(options.policy) or ([_path_of(model_class)] if isinstance(model_class, type) else [])
    if policies and not options.policy and options.ckpt_path is None:
        raise UserError(
            f"Say which checkpoint of {policies[0]} to evaluate: --ckpt_path FILE. Another policy is named by --policy."
        )
    if options.ckpt_path is None or len(policies) != 1:
        return
    found = _NAMED.fullmatch(policies[0])
    assert found is not None  # noqa: S101  # everything but an empty text, which is no class path
    name, whole = found.groups()
    path, mark, query = whole.partition("?")
    if path.partition(":")[0] in SCHEMES:
        return
    name = name or re.split(r"[.:]", path)[-1]
    options.policy = [f"{name}=lightning:{_elsewhere(path)}@{options.ckpt_path}{mark}{query}"]
    options.ckpt_path = None


def _path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _elsewhere(path: str) -> str:
    """The class path as another process finds it: that of a class in the script itself begins with its file."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    head, _, name = path.partition(".")
    return f"{file}:{name}" if head == "__main__" and file is not None else path


def _subcommands_of(parser: Any) -> Any:  # noqa: ANN401  # jsonargparse does not name its type
    """Where subcommands are added to a parser; None where it has none."""
    actions = parser._actions  # noqa: SLF001  # argparse has no public way to ask
    return next((one for one in actions if isinstance(one, argparse._SubParsersAction)), None)  # noqa: SLF001


@contextlib.contextmanager
def _ended_as_commands_are() -> Iterator[None]:
    """Raises SystemExit for what ends a command of rlgauge, after one sentence."""
    try:
        with interruption.heard():
            yield
    except UserError as error:
        complain(f"rlgauge: {error}")
        raise SystemExit(MISUSED) from error
    except SubmittedError as error:
        say(str(error))
        raise SystemExit(FINE) from error
    except KeyboardInterrupt as error:
        complain(f"{interruption.word_for(error)}.")
        raise SystemExit(interruption.code_of(error)) from error
