"""Running a script, whatever its shape, as if it had been started by hand."""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.script import fixed, left, loops, rewriting, seeding
from rlgauge.kinds.train.script.arguments import ENV_NAMES, SEED_NAMES
from rlgauge.kinds.train.script.argv import Argv
from rlgauge.kinds.train.script.left import Left
from rlgauge.kinds.train.script.planning import plan
from rlgauge.kinds.train.script.shapes import Script
from rlgauge.kinds.train.spec import Spec

_DEEPEST = 5000


class Run:
    """A script that is ready to run: once, by a call."""

    def __init__(self, spec: Spec) -> None:
        """Read the script and make a plan. Raises UserError, OSError or SyntaxError where it can't be run."""
        self._spec = spec
        self._found = _module_of(spec.script)
        with _deep_recursion():
            self.script = _script_of(spec.script, self._found)
            self.plan = plan(self.script, spec)
        self._fixed = fixed.seeds(self.script.tree)  # which is rewritten to run
        self._late_warnings: list[str] = []
        self._module = ModuleType("__main__")
        self._argv = Argv([str(self.script.path), *self.plan.argv])

    def __call__(self) -> None:
        """Run it to its end. Raises whatever the script raises."""
        sys.argv = self._argv
        if "seed" not in self.plan.ways:
            seeding.offset_jax(self._spec)
        code = self._code()
        self._place()
        exec(code, vars(self._module))  # noqa: S102  # running it is what was asked for
        if self.plan.calls_entry and self.plan.entry is not None:
            self._call(self.plan.entry)

    @property
    def left(self) -> Left:
        """What the script has left."""
        return left.collect(vars(self._module), entry=self.plan.entry)

    @property
    def args(self) -> list[str]:
        """The script's own arguments, as they were given."""
        return self._spec.args

    @property
    def unread(self) -> str | None:
        """A sentence where arguments were given, and nothing that ran has read them; None where something may have."""
        if not self._spec.args:
            return None
        script, entry = self.script, self.plan.entry
        if self.plan.own:
            is_lost = not self.plan.calls_entry and entry in script.kept and not left.num_ends(entry or "")
            return f"{self._given} went nowhere: they are values of {entry}, which nothing called." if is_lost else None
        if script.names_argv or self._argv.is_read or self._argv.is_handed_on:
            return None
        return (
            f"{self._given} went nowhere: {script.path.name} ran to its end, and nothing read them. Have it read "
            "them, as by argparse, or give its main(env=...) parameters of these names."
        )

    @property
    def _given(self) -> str:
        """The arguments, with secrets masked."""
        from rlgauge.core.provenance import masked

        return f"The arguments {' '.join(masked(self._spec.args))}"

    @property
    def warnings(self) -> list[str]:
        """What whoever reads the run should know of how the script was run."""
        return [*self._own_warnings, *self._of_processes]

    @property
    def _of_processes(self) -> list[str]:
        """A sentence where only processes that the script started may have read its arguments."""
        is_doubtful = self._argv.is_handed_on and not self._argv.is_read and not self.script.names_argv
        if not self._spec.args or self.plan.own or not is_doubtful:
            return []
        return [
            f"{self._given} may have gone nowhere: nothing read them but, perhaps, processes that the script started."
        ]

    @property
    def _own_warnings(self) -> list[str]:
        entry, given = self.plan.entry, self.plan.values
        num = left.num_ends(entry) if entry is not None and not self.plan.calls_entry else 0
        if num < 2 or not given:  # noqa: PLR2004  # once is as it should be
            return [*self.plan.warnings, *self._late_warnings]
        told = ", ".join(f"{name}={value!r}" for name, value in given.items())
        text = f"The script called {entry} {num} times, each time with {told}: its figures are of all of these."
        return [*self.plan.warnings, text]

    def _call(self, entry: str) -> None:
        """Call what counts as `main`; where the file binds that to what can't be called, nothing."""
        if entry in self.script.functions or self._found is not None:
            function = getattr(self._module, entry)
        else:
            function = getattr(self._module, entry, None)
            if not callable(function):
                return
            seeding.overwrite(self._spec.seed, self.script.folder)  # what stands elsewhere does not do so as it starts
        values = self._values(function)
        if self._is_unseeded(values):
            seeding.offset_jax(self._spec)
            self._late_warnings = fixed.warning(self.script.path.name, self._fixed)
        left.keep_returned(entry, _awaited(function(**values)))

    def _is_unseeded(self, values: Mapping[str, object]) -> bool:
        """Whether a seed that the plan left to the signature of a function does not get in by these values."""
        if self.plan.entry in self.script.functions or set(SEED_NAMES) & set(values):
            return False
        return not self.script.binds_seed and "BENCH_SEED" not in self.script.texts

    def _code(self) -> CodeType:
        entry, is_called = self.plan.entry, self.plan.calls_entry
        is_there = entry is not None and entry in self.script.functions
        given = {} if is_called or entry is None else {**self.plan.own, **self.plan.values}
        with _deep_recursion():
            if entry is not None and is_there and not is_called:
                places = {name: self.script.place(entry, name) for name in self.plan.values}
                loops.shorten(self.script.tree, entry, places, self.plan.values)
            changes = rewriting.Changes(
                kept=self.script.kept,
                given={entry: given} if entry is not None else {},
                entry=entry if entry in self.script.kept else None,
                filled=None if is_called or is_there else entry,
                runs_block=not is_called,
            )
            tree = rewriting.rewritten(self.script.tree, changes)
            return compile(tree, str(self.script.path), "exec", dont_inherit=True)

    def _place(self) -> None:
        """Put the script's module among the others, and its folder where imports are looked for."""
        if self._found is not None:
            self._module = importlib.util.module_from_spec(self._found)
        else:
            vars(self._module).update(__file__=str(self.script.path), __builtins__=builtins, __cached__=None)
            if not sys.flags.safe_path:
                del sys.path[0]
            sys.path.insert(0, str(self.script.folder))
        folder, seed = self.script.folder, self._spec.seed
        vars(self._module).update(
            {
                left.KEEP: left.keep,
                left.KEEP_RETURNED: left.keep_returned,
                rewriting.RESEED: seeding.instead_of(seed),
                rewriting.OVERWRITE: lambda: seeding.overwrite(seed, folder),
                rewriting.FILL: self._filled,
                loops.ONE_TURN: loops.one_turn,
                **({"display": print} if self.script.is_notebook else {}),
            }
        )
        sys.modules[self._module.__name__] = self._module

    def _filled(self, function: object) -> object:
        """The function with the run's values in place of what it is called with, as its signature takes them."""
        if isinstance(function, type) or not callable(function):
            return function
        try:
            signature = inspect.signature(function)
            values = self._values(function)
        except (TypeError, ValueError):  # of what is built in, nobody knows
            return function
        name = self.plan.entry or ""
        return _with_values(name, function, signature, values)

    def _values(self, function: object) -> dict[str, object]:
        """The plan's values; of a function whose source is elsewhere, by its signature."""
        if self.plan.entry in self.script.functions or not callable(function):
            return {**self.plan.own, **self.plan.values}
        known, takes_rest = _parameters(function, by_name=self.plan.calls_entry)
        env = next((name for name in ENV_NAMES if name in known), "env" if takes_rest else None)
        seed = next((name for name in SEED_NAMES if name in known), None)
        if env is None and self._spec.env is not None and self._found is not None:
            raise UserError(f"{self._spec.script} has no parameter for an environment, such as env.")
        given = {env: self._spec.env, seed: self._spec.seed}
        return {name: value for name, value in given.items() if name is not None and value is not None}


def _parameters(function: Callable[..., object], *, by_name: bool) -> tuple[set[str], bool]:
    """The names of a function's parameters, and whether it takes any other; `by_name`, of what can be given so.

    Nothing where nobody knows, as of what is built in.
    """
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set(), False
    kinds = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    known = {one.name for one in found if one.kind in kinds or (not by_name and one.kind is one.POSITIONAL_ONLY)}
    has_given = isinstance(function, functools.partial) and bool(function.args)  # nobody knows what has a value
    return known, by_name and not has_given and any(one.kind is one.VAR_KEYWORD for one in found)


def _with_values(
    name: str, function: Callable[..., object], signature: inspect.Signature, values: Mapping[str, object]
) -> object:
    """The function, with these values whatever its caller passes; itself where it takes none of them."""
    if not values:
        return function

    @functools.wraps(function)
    def filled(*args: object, **named: object) -> object:
        given = signature.bind_partial(*args, **named)
        given.arguments.update(values)
        return left.keep_returned(name, function(*given.args, **given.kwargs))

    return filled


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    """Let trees be walked that Python can compile, such as of a sum of a thousand terms."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _module_of(script: str) -> importlib.machinery.ModuleSpec | None:
    """Where Python finds the module of `package.module:function`; None for a path. Raises UserError."""
    name, colon, _ = script.partition(":")
    if not colon or Path(script).exists():
        return None
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        raise UserError(f"There is no module {error.name!r} (of {script!r}); is it on PYTHONPATH?") from error
    if found is None or not found.origin or not found.origin.endswith(".py"):
        raise UserError(f"There is no module {name!r} with a source (of {script!r}); is it on PYTHONPATH?")
    return found


def _script_of(script: str, found: importlib.machinery.ModuleSpec | None) -> Script:
    if found is not None:
        return Script(Path(str(found.origin)), function=script.partition(":")[2])
    path = Path(script)
    if path.suffix == ".ipynb":
        raise UserError(f"{path.name} is a notebook: export it, with jupyter nbconvert --to script {path.name}.")
    return Script(path.absolute())


def _awaited(value: object) -> object:
    """The value; of a coroutine what it gives, of a generator the last that it yields."""
    if inspect.iscoroutine(value):
        import asyncio

        return asyncio.run(value)
    if inspect.isgenerator(value):
        return next(iter(collections.deque(value, maxlen=1)), None)
    return value
