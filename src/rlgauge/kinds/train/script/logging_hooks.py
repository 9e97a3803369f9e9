"""Recording what a script logs by loggers of others: their methods write into the journal, too.

TensorBoard's SummaryWriter (torch's and tensorboardX's), `wandb.log`, the Logger of cherry and that of
Stable-Baselines3. What one of them passes on to another is recorded once.
"""

from __future__ import annotations

import functools
import importlib
import weakref
from collections.abc import Callable, Mapping
from threading import get_ident
from types import ModuleType
from typing import Any

from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.numbers import whole
from rlgauge.kinds.train.script import loggers
from rlgauge.kinds.train.script.folders import Names
from rlgauge.kinds.train.script.hooks import after_import
from rlgauge.kinds.train.script.patching import Method, replace, wrap_in_family

Note = Callable[..., None]
"""Records the arguments of one call of a logger's method; the first is the logger."""


_DISABLED = 50
"""The level at which a logger of Stable-Baselines3 writes nothing, and keeps its values."""


_inside: set[int] = set()
"""The threads that are in a logger's method. A set takes less time to ask than what is local to a thread."""
_names = Names()


class _Steps:
    """The step of what a run of wandb is given next."""

    __slots__ = ("next",)

    def __init__(self, first: int) -> None:
        self.next = first


_steps: dict[int, _Steps] = {}
"""Of each run of wandb, by its `id`."""
_has_hooks = False


def install(journal: Journal) -> None:
    """Record into the journal from now on."""
    global _has_hooks, _names  # noqa: PLW0603  # loggers are changed for all of the process
    loggers.open_log(journal)
    _names = Names()
    if _has_hooks:
        return
    _has_hooks = True
    for module in ("torch.utils.tensorboard.writer", "tensorboardX.writer"):
        after_import(module, _change_writer)
    after_import("wandb.sdk.wandb_run", _change_wandb_run)
    after_import("wandb", _change_wandb)
    after_import("stable_baselines3.common.logger", _change_sb3)
    for module in ("cherry.wrappers.logger_wrapper", "cherry.envs.logger_wrapper"):
        after_import(module, _change_cherry)


def stop() -> None:
    """Record no more, such as what a policy logs while it is tested."""
    loggers.close_log()


def _change_writer(module: ModuleType) -> None:
    wrap_in_family(module.SummaryWriter, "add_scalar", _noting(_scalar))
    wrap_in_family(module.SummaryWriter, "add_scalars", _noting(_scalars))


def _change_wandb_run(module: ModuleType) -> None:
    wrap_in_family(module.Run, "log", _noting(_wandb_log))


def _change_wandb(module: ModuleType) -> None:
    replace(module, "init", _watching_init)


def _change_sb3(module: ModuleType) -> None:
    wrap_in_family(module.Logger, "dump", _noting(_sb3_dump))


def _change_cherry(module: ModuleType) -> None:
    wrap_in_family(module.Logger, "log", _noting(_cherry_log))


def _noting(note: Note) -> Callable[[Method], Method]:
    """What has a logger's method note its arguments before it does its work."""

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        def noting(*args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's method
            thread = get_ident()
            if thread in _inside:
                return method(*args, **named)
            _inside.add(thread)
            try:
                try:  # noqa: SIM105  # a context manager takes half a microsecond
                    note(*args, **named)
                except Exception:  # noqa: BLE001, S110  # the method itself tells what is wrong with its arguments
                    pass
                return method(*args, **named)
            finally:
                _inside.discard(thread)

        return noting

    return wrap


def _scalar(
    writer: object, tag: str, scalar_value: object, global_step: object = None, *_: object, **__: object
) -> None:
    folder = getattr(writer, "log_dir", None) or getattr(writer, "logdir", None)  # torch's name, and tensorboardX's
    loggers.record(_names[folder, tag], scalar_value, global_step)


def _scalars(
    writer: object,
    main_tag: str,
    tag_scalar_dict: Mapping[str, object],
    global_step: object = None,
    *_: object,
    **__: object,
) -> None:
    folder = getattr(writer, "log_dir", None) or getattr(writer, "logdir", None)
    loggers.record_all({_names[folder, main_tag]: tag_scalar_dict}, global_step)


def _wandb_log(
    run: Any,  # noqa: ANN401  # a run of wandb
    data: Mapping[str, object],
    step: int | None = None,
    commit: bool | None = None,  # noqa: FBT001  # wandb has it so
    *_: object,
    **__: object,
) -> None:
    """Count its steps as wandb does: asking a run for its step would ask another process."""
    counted = _steps.get(id(run)) or _first_step(run)
    at = counted.next
    if step is not None:
        given = whole(step)
        if given is not None:
            counted.next = max(at, given)
            at = given
    if commit or (commit is None and step is None):
        counted.next += 1
    journal = loggers.current.journal  # and no call of `record_all`, which would take half a microsecond here
    if journal is not None:
        journal.scalars(data, at)


def _first_step(run: Any) -> _Steps:  # noqa: ANN401  # a run of wandb
    place = id(run)
    weakref.finalize(run, _steps.pop, place, None).atexit = False
    counted = _steps[place] = _Steps(whole(getattr(run, "starting_step", None)) or 0)
    return counted


def _sb3_dump(logger: Any, step: int = 0) -> None:  # noqa: ANN401  # a logger of Stable-Baselines3
    if logger.name_to_value and getattr(logger, "level", 0) != _DISABLED:
        loggers.record_all(logger.name_to_value, step)


def _cherry_log(logger: Any, key: str, value: object) -> None:  # noqa: ANN401  # a logger of cherry
    loggers.record(key, value, getattr(logger, "num_steps", None))


def _watching_init(init: Method) -> Method:
    """`wandb.init`, whose runs have a `log` of their own where wandb is disabled."""

    @functools.wraps(init)
    def watching(*args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's function
        run = init(*args, **named)
        own = getattr(run, "__dict__", {}).get("log")
        if own is not None:
            _watch_own_log(run, own)
        return run

    return watching


def _watch_own_log(run: Any, own: Method) -> None:  # noqa: ANN401  # a run of wandb
    wandb: Any = importlib.import_module("wandb")
    noting = functools.partial(_noting(_wandb_log)(_without_self(own)), run)
    is_global = getattr(wandb, "log", None) is own
    run.log = noting
    if is_global:
        wandb.log = noting


def _without_self(function: Method) -> Method:
    def method(_self: object, *args: Any, **named: Any) -> Any:  # noqa: ANN401  # a stranger's function
        return function(*args, **named)

    return method
