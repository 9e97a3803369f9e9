"""A workload: a describable thing that lists its cases and can measure one."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from rlgauge.core.case import Case, canonical
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.run import Record

MAIN = "__main__"
NOWHERE = -1
"""The index of what belongs to none, such as a policy's call for all lanes: it may take as long as it likes."""


class Description(msgspec.Struct, frozen=True):
    """A class path (`package.module:Class`) and the JSON arguments that make it again in another process."""

    class_path: str
    init_args: dict[str, Any] = {}


class Context(Protocol):
    """What a measurement is given beside its case."""

    kept: Sequence[Record]
    """Valid records of an earlier attempt; their indices need not be measured again."""
    num_wanted: int | None
    """How many records complete the case; None where the case decides itself."""
    artifacts: Path | None
    """A folder for weights and videos; None where nothing is stored."""
    result: dict[str, Any]
    """What the run reports beside its records; written to run.json at the end."""

    def at(self, index: int) -> None:
        """Say that something is being done at an index, so that a measurement that hangs can be blamed on it."""


Measure = Callable[[Case, Context], Iterator[Record]]


@runtime_checkable
class Workload(Protocol):
    """Lists its cases and measures one. Nothing heavy exists before `session()` is entered."""

    name: str
    units: Mapping[str, str]
    hang_seconds: float | None
    """After how long at one index without progress the process is killed and the index becomes an error."""

    @property
    def process(self) -> Literal["shared", "fresh", "forked", "alone"]:
        """Whether one process measures several cases in a row, every case gets a new one, or a fork of a warm one.

        "alone" is "fresh" for what anything else on the machine would disturb: one case at a time, whatever number of
        workers is asked for, all on one machine, and a scheduler gives them one that nobody else has.

        "forked" is for short cases: one process opens the session, and what it holds is copied into the fork that each
        case gets, so that a crash ends one case alone. What must not be copied (threads, GPUs, JAX, connections, other
        processes) is to be opened while a case is measured, not in the session. The session is closed once, after the
        last case; handlers of the process's exit don't run in forks. Other systems than Linux take it as "fresh".
        """

    def describe(self) -> Description:
        """How a worker makes it again. Raises UserError where it holds a live object."""

    def cases(self) -> Iterable[Case]:
        """All cases, in the order in which they are to run."""

    def num_wanted(self, case: Case) -> int | None:
        """How many records complete the case; None where one finished run is enough."""

    def session(self) -> AbstractContextManager[Measure]:
        """What measures: made once per process, closed at its end."""


def build(description: Description) -> Workload:
    """The workload that was described. Raises UserError where its class can't be found."""
    made = import_object(description.class_path)(**description.init_args)
    if not isinstance(made, Workload):
        raise UserError(f"{description.class_path} is no workload: it lacks a part of rlgauge.core.workload.Workload.")
    return made


def import_object(path: str) -> Any:  # noqa: ANN401  # whatever the path names
    """What `package.module:name` or `package.module.name` names. Raises UserError, with the nearest known name."""
    module_name, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    if not module_name or not name:
        raise UserError(f"{path!r} is no class path: write package.module:Name or package.module.Name.")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise UserError(
                f"There is no module {error.name!r} (of {path!r}); is it installed, and on PYTHONPATH?"
            ) from error
        raise UserError(f"The module {module_name!r} needs {error.name!r}, which is not installed.") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise unknown(f"name in {module_name}", part, _own_names(found))
        found = getattr(found, part)
    return found


def _own_names(found: Any) -> list[str]:  # noqa: ANN401  # a module or a class
    """Its public names; of a module those that it defines, where it defines any."""
    public = {name: value for name, value in vars(found).items() if not name.startswith("_")}
    own = [name for name, value in public.items() if getattr(value, "__module__", None) == found.__name__]
    return own or list(public)


def class_path(kind: type) -> str:
    """`package.module:Class` under which another process finds it. Raises UserError where it can't."""
    if "<locals>" in kind.__qualname__:
        raise UserError(f"{kind.__name__} is defined inside a function, so no other process can make it: {_REMEDY}")
    module = kind.__module__
    if module == MAIN:
        module = _importable_main(kind)
    return f"{module}:{kind.__qualname__}"


def home(module: str) -> str:
    """The name under which another process imports the module: that of its file for the program being run."""
    return main_name() or module if module == MAIN else module


def main_name() -> str | None:
    """The name under which the program being run can be imported; None where it has no file."""
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file is not None and Path(file).is_file() else None


def describe_arguments(owner: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    """The arguments as JSON. Raises UserError naming the one that is a live object."""
    described = {}
    for name, value in arguments.items():
        try:
            described[name] = canonical(value)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{owner} was given {name}={value!r}, a live object that no other process has: {_REMEDY}"
            ) from error
    return described


_REMEDY = "leave out `workers` and `out` to run in this process, or describe it by a class path and plain arguments."


def _importable_main(kind: type) -> str:
    name, main = main_name(), sys.modules[MAIN]
    if name is None or (getattr(main, "__spec__", None) is None and not _is_guarded(Path(str(main.__file__)))):
        raise UserError(
            f"{kind.__name__} is defined in the program being run, which another process can't import: move it to a "
            "module, or put what the program does under `if __name__ == '__main__':`."
        )
    return name


def _is_guarded(file: Path) -> bool:
    """Whether importing the file only defines things: it runs under `if __name__ == "__main__"`."""
    names = (node.id for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.Name))
    return "__name__" in names
