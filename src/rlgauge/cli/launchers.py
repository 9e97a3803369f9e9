"""Where runs are executed: on this machine, by Slurm or by Ray; the options that say so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlgauge.cli import resources
from rlgauge.cli.options import as_list
from rlgauge.core.errors import SubmittedError, UserError, unknown
from rlgauge.core.execute import Event, Plan

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.core.case import Case
    from rlgauge.core.execute import Launcher
    from rlgauge.core.store import Tell
    from rlgauge.core.workload import Workload
    from rlgauge.launch.by_python import Python

CONFIG = "--launcher-config"
NO_WAIT = "--no-wait"
LAUNCHERS = ("local", "slurm", "ray")
_GATHERED: ContextVar[list[Plan] | None] = ContextVar("plans that are submitted together", default=None)
_FILES = (".yaml", ".yml")
_NOTHING = ("", "null", "~")
"""What a YAML file says of a setting that it leaves open."""
_PER_GPU = "per_gpu"


def add_launcher(parser: ArgumentParser, *, can_leave: bool = True) -> None:
    """The options, without `--no-wait` where a command measures anew each time, so that none could collect later."""
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
    group.add_argument(
        resources.OPTION,
        type=str | None,
        metavar="cpu=N,gpu=N",
        help="what each run is given, such as cpu=2,gpu=0.5; on this machine as many run at once as fit",
    )
    if can_leave:
        group.add_argument(NO_WAIT, action="store_true", help="end when slurm has all; the same command collects later")


def given(options: Namespace) -> list[str]:
    """The options once more, for another command; none where they say what is the default."""
    settings = [part for one in as_list(options.launcher_config) for part in (CONFIG, one)]
    name = [] if options.launcher == LAUNCHERS[0] else ["--launcher", options.launcher]
    asked = [] if options.resources is None else [resources.OPTION, options.resources]
    return [*name, *settings, *asked, *([NO_WAIT] if options.no_wait else [])]


def config_of(options: Namespace) -> dict[str, Any]:
    """The settings of the launcher, slurm or ray, with the resources of each run. Raises UserError."""
    config = read_config(as_list(options.launcher_config))
    return resources.as_settings(resources.read_resources(options.resources), options.launcher, config)


def workers_of(options: Namespace) -> int:
    """How many runs go on at once here: as many as were asked for, else as fit, else one. Raises UserError."""
    asked = resources.read_resources(options.resources)
    if options.workers is not None or options.launcher != LAUNCHERS[0]:
        return options.workers or 1
    return resources.num_that_fit(asked)


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


def make_launcher_by_python(options: Namespace, python_of: Callable[[Case], Python | None], *, tell: Tell) -> Launcher:
    """The launcher that was asked for, for cases of several Pythons, one after the other. Raises UserError."""
    from rlgauge.launch.by_python import ByPython

    is_local = options.launcher == LAUNCHERS[0]
    config = read_config(as_list(options.launcher_config)) if is_local else config_of(options)

    def launcher_of(python: Python | None) -> Launcher:
        own = config if python is None else {**config, "python": str(python.path)}
        return _elsewhere(options.launcher, own, tell=tell)

    if is_local:
        if config or options.resources is not None:
            name = CONFIG if config else resources.OPTION
            raise UserError(f"{name}: local has no settings here: what is measured has the machine to itself.")
        return ByPython(python_of)
    launcher_of(None)  # says at once what is wrong with the settings
    return ByPython(python_of, launcher_of)


def check_launcher(options: Namespace) -> None:
    """Raise UserError for a launcher, or settings of one elsewhere, that no command could take."""
    if options.no_wait and options.launcher in {"local", "ray"}:
        raise UserError(f"{NO_WAIT} is for --launcher slurm: what other launchers run ends with this command.")
    if options.launcher != LAUNCHERS[0]:
        _elsewhere(options.launcher, config_of(options), tell=lambda _sentence: None)


def make_launcher(
    options: Namespace, local: Callable[[Sequence[Mapping[str, str]]], Launcher], *, tell: Tell
) -> Launcher:
    """The launcher that was asked for; `tell` is told what it has to say. Raises UserError.

    `local` makes that of this machine, given environment variables of each worker: there are as many as these.
    """
    check_launcher(options)
    if options.launcher == LAUNCHERS[0]:
        return local(_own_of_each(options))
    return _elsewhere(options.launcher, config_of(options), waits=not options.no_wait, tell=tell)


def _elsewhere(name: str, config: Mapping[str, Any], *, waits: bool = True, tell: Tell) -> Launcher:
    """The launcher of these settings, other than that of this machine. Raises UserError."""
    if name not in LAUNCHERS:
        raise unknown("launcher", name, LAUNCHERS)
    if name == "slurm":
        from rlgauge.launch import slurm

        plans = _GATHERED.get()
        return slurm.make(config, wait=waits, tell=tell) if plans is None else _Gathering(plans)
    from rlgauge.launch import ray

    return ray.make(config)


def _own_of_each(options: Namespace) -> Sequence[Mapping[str, str]]:
    """What gives each worker of this machine its GPU and its threads, where that is asked for. Raises UserError."""
    config, asked = read_config(as_list(options.launcher_config)), resources.read_resources(options.resources)
    num_workers = workers_of(options)
    resources.check_fit(asked, num_workers)
    own = resources.worker_variables(asked, num_workers)
    if not config:
        return own
    if set(config) != {_PER_GPU}:
        raise unknown("setting of the launcher local", next(name for name in config if name != _PER_GPU), [_PER_GPU])
    if not str(config[_PER_GPU]).isdecimal():
        raise UserError(f"{CONFIG} {_PER_GPU}={config[_PER_GPU]}: it is how many workers may share a GPU.")
    if asked.gpu is not None:
        raise UserError(f"{resources.OPTION} gpu and {CONFIG} {_PER_GPU} say the same: give one of them.")
    from rlgauge.launch.gpus import worker_variables

    shares = worker_variables(num_workers, int(config[_PER_GPU]))
    return [{**one, **share} for one, share in zip(own, shares, strict=True)]


def read_config(parts: Iterable[str]) -> dict[str, Any]:
    """The settings of `KEY=VALUE` and of YAML files; the last counts. Raises UserError.

    Values are texts, as they were written, and mappings and lists of such: YAML takes 1:00:00 for a number of seconds,
    an account 0123 for 83, and a partition called on for true.
    """
    import yaml

    found: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        try:
            if not equals and Path(part).suffix in _FILES:
                found |= _of_file(Path(part))
            elif equals and name.strip():
                found[name.strip()] = _texts_in(value) if value.lstrip().startswith(("[", "{")) else value.strip()
            else:
                raise UserError(f"{CONFIG} {part}: write KEY=VALUE, such as partition=main, or a YAML file.")
        except yaml.YAMLError as error:
            raise UserError(f"{CONFIG} {part}: it can't be read as YAML: {error}") from error
    return found


def _of_file(path: Path) -> dict[str, Any]:

    try:
        told = _texts_in(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{CONFIG} {path}: the file can't be read: {error}") from error
    if not isinstance(told, dict):
        raise UserError(f"{CONFIG} {path}: the file must have settings by name, such as `partition: main`.")
    return {str(name): None if value in _NOTHING else value for name, value in told.items()}


def _texts_in(written: str) -> Any:  # noqa: ANN401  # whatever YAML can hold
    import yaml

    return yaml.load(written, Loader=yaml.BaseLoader)  # noqa: S506  # it makes texts, lists and mappings alone
