"""What is tuned: one algorithm in one environment, whose configuration takes other values."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.workload import Description, build, import_object
from rlgauge.kinds.train.algorithms.interface import ALGORITHMS
from rlgauge.tune.space import Axis, Space, find_space, read_space, shipped

if TYPE_CHECKING:
    from rlgauge.kinds.train.algorithm_workload import AlgorithmWorkload
    from rlgauge.kinds.train.original.workload import OriginalWorkload
    from rlgauge.kinds.train.workload import ScriptWorkload

    Trainings: TypeAlias = "AlgorithmWorkload | OriginalWorkload | ScriptWorkload"

OURS = "rlgauge.kinds.train.algorithm_workload:AlgorithmWorkload"
ORIGINAL = "rlgauge.kinds.train.original.workload:OriginalWorkload"
SCRIPT = "rlgauge.kinds.train.workload:ScriptWorkload"
OWN_SPACE = "SPACE"
"""The name of the space in the module of an algorithm of one's own."""
_NUM_GUESSES = 200
_UNSHOWN = frozenset({"bc", "dagger"})


class Base:
    """A workload as it is described, and settings that are the same in all its configurations."""

    def __init__(self, described: Description, fixed: Mapping[str, Any] | None = None) -> None:
        """Raises UserError for what can't be trained, or is no training of one algorithm in one environment."""
        self.described = described
        self.fixed = dict(fixed or {})
        self._arguments = described.init_args
        if described.class_path != SCRIPT and "overrides" not in self._arguments:
            raise UserError(f"{described.class_path} can't be tuned: trainings of algorithms and of scripts can.")
        plain: Any = build(described)
        self._plain = plain
        if len(plain.envs) > 1:
            raise UserError(
                f"One environment is tuned at a time, and these are {len(plain.envs)}: "
                f"{', '.join(map(str, plain.envs))}. Choose one with --select env=NAME or --env (env)."
            )
        if plain.num_tests < 1:
            raise UserError("Without test episodes (--tests 0) there is no return to tune by: ask for some.")
        self.configured({}, [0])  # what is fixed is looked at, too

    @classmethod
    def of(cls, workload: Trainings, fixed: Mapping[str, Any] | None = None) -> Base:
        """What describes the workload. Raises UserError."""
        return cls(workload.describe(), fixed)

    @property
    def algorithm(self) -> str:
        """What results call it."""
        return str(self._plain.algorithm)

    @property
    def env(self) -> str | None:
        """Where it is trained; None where a script chooses."""
        env = self._plain.envs[0]
        return None if env is None else str(env)

    @property
    def is_script(self) -> bool:
        """Whether a script is trained, whose arguments are its settings."""
        return self.described.class_path == SCRIPT

    @property
    def is_ours(self) -> bool:
        """Whether its configuration is one of ours, all of whose settings are known."""
        return self.described.class_path == OURS and bool(self._plain.is_ours)

    @property
    def has_curve(self) -> bool:
        """Whether the episodes of its training may show how good it is.

        BC plays none, in those of DAgger the expert plays, too, and nobody counts those of the original library.
        """
        return self.described.class_path != ORIGINAL and not (self.is_ours and self._plain.algo in _UNSHOWN)

    @property
    def identity(self) -> str:
        """A hash of all that defines the default training: code, environment, expert, configuration."""
        (case,) = self.configured({}, [0]).cases()
        return fingerprint([case.params, case.labels.get("script")])

    def configured(self, values: Mapping[str, Any], seeds: Sequence[int]) -> Trainings:
        """The workload with what is fixed and some values, trained with these seeds. Raises UserError.

        A value replaces its own setting and no other: the rest of the configuration is as it was.
        """
        changed = {**self.fixed, **values}
        arguments = {**self._arguments, "seeds": list(seeds)}
        if self.is_script:
            arguments["args"] = with_arguments(arguments["args"], changed)
        elif self.is_ours:
            arguments |= self._configuration(changed)
        else:
            arguments["overrides"] = {**arguments["overrides"], **changed}
        workload: Trainings = import_object(self.described.class_path)(**arguments)
        return workload

    def cases(self, values: Mapping[str, Any], seeds: Sequence[int]) -> list[Case]:
        """The trainings of a configuration, in the order of the seeds."""
        return list(self.configured(values, seeds).cases())

    def own_space(self) -> Space:
        """The space that belongs to the algorithm. Raises UserError where it has none."""
        if self.described.class_path == OURS:
            algo = str(self._plain.algo)
            if self.is_ours and algo in shipped():
                return find_space(algo)
            if not self.is_ours:
                return _space_in_module(algo)
        is_theirs = self.described.class_path == ORIGINAL and self._plain.algo not in ALGORITHMS
        if is_theirs and self._plain.algo in shipped():
            return find_space(self._plain.algo)
        raise UserError(
            f"No space belongs to {self.algorithm}: give one with --space (space), a YAML file or one of "
            f"{', '.join(shipped())}."
        )

    def check(self, space: Space) -> None:
        """Raise UserError with the setting's name where no value of it can be used."""
        for name, axis in space.axes.items():
            problem = self._problem(name, axis)
            if problem is not None and not self._is_usable(space):
                raise UserError(f"{space.where} contains no valid value for {name}: {problem}")

    def _problem(self, name: str, axis: Axis) -> str | None:
        """Why none of an axis's values can be used; None where one can."""
        problem = None
        for value in axis.probes:
            try:
                self.configured({name: value}, [0])
            except UserError as error:
                problem = str(error)
            else:
                return None
        return problem

    def _is_usable(self, space: Space) -> bool:
        """Whether values that can't be used alone can be together."""
        rng = random.Random(0)  # noqa: S311  # no secret
        for _ in range(_NUM_GUESSES):
            values = {name: _guess(axis, rng) for name, axis in space.axes.items()}
            try:
                self.configured(values, [0])
            except UserError:
                continue
            return True
        return False

    def _configuration(self, changed: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that come to the whole configuration with changes, as they were given where that does it."""
        from rlgauge.kinds.train.algorithms.reading import as_data, overridden, read

        overrides = {**self._arguments["overrides"], **changed}
        env = str(self.env)
        by_path = import_object(OURS)(**{**self._arguments, "overrides": overrides}).config_of(env)
        whole = overridden(self._plain.config_of(env), changed)
        if by_path == as_data(read(str(self._plain.algo), whole)):
            return {"overrides": overrides}
        return {"config_name": None, "config": whole, "overrides": {}}


def _guess(axis: Axis, rng: random.Random) -> Any:  # noqa: ANN401  # a value of an axis
    """Any value; where there are infinitely many, one of its ends."""
    return rng.choice(axis.probes) if axis.count is None else axis.at(rng.randrange(axis.count))


def with_arguments(args: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """The arguments of a script with these values, which replace those that were given before.

    True is the option alone; without it is what False and None are.
    """
    flags = {flag_of(name): value for name, value in values.items()}
    kept: list[str] = []
    rest = list(args)
    while rest:
        argument = rest.pop(0)
        name, equals, _ = argument.partition("=")
        if name not in flags:
            kept.append(argument)
        elif not equals and rest and not is_option(rest[0]):
            rest.pop(0)
    return kept + [part for flag, value in flags.items() for part in _spelled(flag, value)]


def flag_of(name: str) -> str:
    """How a script's option is typed."""
    return f"--{name}" if len(name) > 1 else f"-{name}"


def is_option(text: str) -> bool:
    """Whether the text is the name of an option, and no negative number."""
    return text.startswith("-") and not text[1:2].isdigit() and text[1:2] != "."


def _spelled(flag: str, value: Any) -> list[str]:  # noqa: ANN401  # a value of a space
    if value is None or value is False:
        return []
    return [flag] if value is True else [flag, str(value)]


def _space_in_module(algo: str) -> Space:
    """The space of an algorithm of one's own, which its module brings. Raises UserError."""
    module = algo.partition(":")[0] if ":" in algo else algo.rpartition(".")[0]
    try:
        data = import_object(f"{module}:{OWN_SPACE}")
    except UserError as error:
        raise UserError(
            f"{algo} brings no space: write one as {OWN_SPACE} in its module, such as {OWN_SPACE} = "
            "{'scale': [0.5, 1, 2]}, or give a file with --space (space)."
        ) from error
    return read_space(copy.deepcopy(data), where=f"{module}.{OWN_SPACE}")
