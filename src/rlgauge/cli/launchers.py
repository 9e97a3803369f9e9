"""Where runs are executed: on this machine, by Slurm or by Ray; the options that say so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli.options import as_list
from rlgauge.core.errors import SubmittedError, UserError, unknown
from rlgauge.core.execute import Event, Plan

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.core.execute import Launcher
    from rlgauge.core.store import Tell
    from rlgauge.core.workload import Workload

CONFIG = "--launcher-config"
LAUNCHERS = ("local", "slurm", "ray")
_GATHERED: ContextVar[list[Plan] | None] = ContextVar("plans that are submitted together", default=None)
_FILES = (".yaml", ".yml")
_PER_GPU = "per_gpu"


def add_launcher(parser: ArgumentParser) -> None:
    """The options."""
    group = parser.add_argument_group("Where it is run")
    group.add_argument(
        "--launcher", type=str, default=LAUNCHERS[0], metavar="NAME", help="local (this machine), slurm or ray"
    )
    group.add_argument(
        CONFIG,
        type=list[str] | str,
        default=[],
        metavar="KEY=VALUE",
        help="its settings, such as partition=main time=30 of slurm or per_gpu=1 of local, or a YAML file; repeatable",
    )
    group.add_argument("--no-wait", action="store_true", help="end when slurm has all; the same command collects later")


def given(options: Namespace) -> list[str]:
    """The options once more, for another command; none where they say what is the default."""
    settings = [part for one in as_list(options.launcher_config) for part in (CONFIG, one)]
    name = [] if options.launcher == LAUNCHERS[0] else ["--launcher", options.launcher]
    return [*name, *settings, *(["--no-wait"] if options.no_wait else [])]


class _Gathering:
    """Keeps plans, to be handed over together."""

    waits = False

    def __init__(self, plans: list[Plan]) -> None:
        self._plans = plans

    def launch(self, plan: Plan, path: Path | None, workload: Workload) -> Generator[Event]:
        """Keep the plan. Raises SubmittedError."""
        del path, workload
        self._plans.append(plan)
        raise SubmittedError("It is handed over with others.")


@contextlib.contextmanager
def gathered() -> Iterator[list[Plan]]:
    """While it lasts, commands of this thread that hand over to Slurm leave what is missing here, and run nothing."""
    plans: list[Plan] = []
    before = _GATHERED.set(plans)
    try:
        yield plans
    finally:
        _GATHERED.reset(before)


def make_launcher(
    options: Namespace, local: Callable[[Sequence[Mapping[str, str]]], Launcher], *, tell: Tell
) -> Launcher:
    """The launcher that was asked for; `tell` is told what it has to say. Raises UserError.

    `local` makes that of this machine, given environment variables of each worker, if there are any.
    """
    if options.launcher not in LAUNCHERS:
        raise unknown("launcher", options.launcher, LAUNCHERS)
    config = read_config(as_list(options.launcher_config))
    if options.no_wait and options.launcher != "slurm":
        raise UserError("--no-wait is for --launcher slurm: what other launchers run ends with this command.")
    if options.launcher == "slurm":
        from rlgauge.launch import slurm

        plans = _GATHERED.get()
        return slurm.make(config, wait=not options.no_wait, tell=tell) if plans is None else _Gathering(plans)
    if options.launcher == "ray":
        from rlgauge.launch import ray

        return ray.make(config)
    return local(_gpu_of_each(config, options.workers))


def _gpu_of_each(config: Mapping[str, Any], num_workers: int) -> Sequence[Mapping[str, str]]:
    """What gives each worker its GPU, where that is asked for. Raises UserError."""
    if not config:
        return ()
    if set(config) != {_PER_GPU}:
        raise unknown("setting of the launcher local", next(name for name in config if name != _PER_GPU), [_PER_GPU])
    if type(config[_PER_GPU]) is not int:
        raise UserError(f"{CONFIG} {_PER_GPU}={config[_PER_GPU]}: it is how many workers may share a GPU.")
    from rlgauge.launch.gpus import worker_variables

    return worker_variables(num_workers, config[_PER_GPU])


def read_config(parts: Iterable[str]) -> dict[str, Any]:
    """The settings of `KEY=VALUE`, a value as YAML reads it, and of YAML files; the last counts. Raises UserError."""
    import yaml

    found: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        try:
            if not equals and Path(part).suffix in _FILES:
                found |= _of_file(Path(part))
            elif equals and name.strip():
                found[name.strip()] = yaml.safe_load(value)
            else:
                raise UserError(f"{CONFIG} {part}: write KEY=VALUE, such as partition=main, or a YAML file.")
        except yaml.YAMLError as error:
            raise UserError(f"{CONFIG} {part}: it can't be read as YAML: {error}") from error
    return found


def _of_file(path: Path) -> dict[str, Any]:
    import yaml

    try:
        told = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{CONFIG} {path}: the file can't be read: {error}") from error
    if not isinstance(told, dict):
        raise UserError(f"{CONFIG} {path}: the file must have settings by name, such as `partition: main`.")
    return {str(name): value for name, value in told.items()}
