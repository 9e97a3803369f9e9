"""The workload: an algorithm as the original library trains it, over environments and seeds."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.workload import Description, Measure, describe_arguments
from rlgauge.envs.gymnasium import make
from rlgauge.isolation import Listen, environment, requirements_of
from rlgauge.kinds.train.algorithm_workload import NUM_DEMONSTRATIONS, TUNED
from rlgauge.kinds.train.algorithms.tuned import name_for, tuned
from rlgauge.kinds.train.demonstrations_made import shown_by
from rlgauge.kinds.train.demonstrations_read import Recorded, read_demonstrations
from rlgauge.kinds.train.experts.expert import Expert, find_expert, shipped
from rlgauge.kinds.train.original.task import LIBRARIES, SCRIPTS, SETTINGS, UNSHOWN
from rlgauge.kinds.train.reading import UNITS
from rlgauge.kinds.train.totals import Length
from rlgauge.kinds.train.workload import at_least, checked_seeds

PROTOCOL = 1
"""Version of how the library's scripts are run and judged; raised when the same case would come out differently."""
_NUM_TESTS = 50
_NUM_SHOWN, _NUM_TESTED = "demonstrations.n_expert_demos", "policy_evaluation.n_episodes_eval"
_OURS = {"environment.gym_id": "--env", "seed": "--seeds", "demonstrations.path": "--demonstrations"}
"""Settings of the library that are said by an option."""


class OriginalWorkload:
    """An algorithm, as the scripts of a library train it in an environment of its own.

    It is bc, dagger, gail or airl, or preference_comparisons, to which nothing is shown: its script makes up the
    comparisons by the environment's own reward.

    Its configuration is the library's own: that of a name (`config_name`, such as bc_seals_ant; `tuned` for that of
    each environment), with `overrides` by the library's dotted paths. What it learns from, and the expert that DAgger
    asks, are those of our own algorithms, see `AlgorithmWorkload`; so are the test episodes. `num_tests` is for its own
    tests, too, which draw their actions.
    """

    name = "train"
    units: Mapping[str, str] = {**UNITS, "drawn_return": "reward"}
    process: Literal["shared", "fresh"] = "shared"
    hang_seconds: float | None = None

    def __init__(
        self,
        algo: str | None = None,
        *,
        library: str = LIBRARIES[0],
        config_name: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        env: str | Sequence[str] | None = None,
        seeds: int | Sequence[int] = 42,
        expert: str | None = None,
        demonstrations: str | None = None,
        algorithm: str | None = None,
        num_tests: int | None = None,
        time_limit: float | None = None,
    ) -> None:
        """Raises UserError for what can't be trained."""
        if library not in LIBRARIES:
            raise unknown("library", library, LIBRARIES)
        self.library = library
        self.algo, self.home = _algorithm(algo, config_name), _home(config_name)
        self.config_name = config_name
        self.overrides = _checked(overrides or {}, self.algo)
        self.envs = _envs(env, self.home)
        self.seeds = checked_seeds(seeds)
        if self.is_unshown and (expert is not None or demonstrations is not None):
            given = "--expert (expert)" if expert is not None else "--demonstrations (demonstrations)"
            raise UserError(f"Nothing is shown to {self.algo}: leave out {given}.")
        self.expert = expert
        self.demonstrations = demonstrations
        self.algorithm = algorithm or self.algo
        self.num_tests = _NUM_TESTS if num_tests is None else at_least(0, "num_tests", num_tests)
        self.time_limit = time_limit
        self._names = {one: self._name_of(one) for one in self.envs}
        self._given = {
            "algo": self.algo,
            "library": library,
            "config_name": config_name,
            "overrides": dict(self.overrides),
            "env": self.envs,
            "seeds": self.seeds,
            "expert": expert,
            "demonstrations": demonstrations,
            "algorithm": self.algorithm,
            "num_tests": self.num_tests,
            "time_limit": time_limit,
        }

    def describe(self) -> Description:
        """How a worker makes it again."""
        return Description(
            "rlgauge.kinds.train.original.workload:OriginalWorkload",
            describe_arguments(type(self).__name__, self._given),
        )

    def cases(self) -> Iterable[Case]:
        """All seeds in the first environment, then in the next."""
        for env in self.envs:
            for seed in self.seeds:
                yield self.case(env, seed)

    def case(self, env: str, seed: int) -> Case:
        """One training."""
        algorithm = {
            "name": self.algorithm,
            "train": self.algo,
            "library": requirements_of(self.library),
            "updates": self.updates(env),
            **self._learned_from(env),
        }
        labels = {
            "algorithm": self.algorithm,
            "task": env,
            "train_seed": str(seed),
            "settings": fingerprint([PROTOCOL, algorithm, self.num_tests]),
            "library": self.library,
            **({} if self._names[env] is None else {"config_name": str(self._names[env])}),
            **({} if env == self.home or self.home is None else {"config_env": self.home}),
        }
        params = {"protocol": PROTOCOL, "algorithm": algorithm, "environment": {"gym_id": env}, "tests": self.num_tests}
        return Case(workload=self.name, name=f"{self.algorithm}-{env}-s{seed}", params=params, seed=seed, labels=labels)

    def num_wanted(self, case: Case) -> int | None:
        """One finished run is enough."""
        del case
        return None

    def prepare(self, listen: Listen) -> None:
        """Build the library's environment where it isn't yet; `listen` is told how it goes. Raises UserError."""
        environment(self.library, listen=listen)

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """What measures: each training is a process of the library's own."""
        from rlgauge.kinds.train.original.measuring import measure

        yield functools.partial(measure, self, environment(self.library))

    @property
    def length(self) -> Length | None:
        """For how long it trains: nobody counts while the library's scripts run."""
        return None

    def updates(self, env: str) -> list[str]:
        """The configuration in an environment, in the words that Sacred is given."""
        name = self._names[env]
        settings = {_NUM_TESTED: max(1, self.num_tests), **_in_one_order(self.overrides)}
        return [*([] if name is None else [name]), *(f"{path}={value!r}" for path, value in settings.items())]

    @property
    def is_unshown(self) -> bool:
        """Whether it learns without demonstrations and an expert."""
        return self.algo in UNSHOWN

    def reference_of(self, env: str) -> Expert | None:
        """Whose return is the 1 of normalised scores; None where nobody's is known. Raises UserError."""
        if self.is_unshown:
            return find_expert(env) if env in shipped() else None
        return self.expert_of(env)

    def expert_of(self, env: str) -> Expert | None:
        """Who shows what is to be done in an environment; None where nobody does. Raises UserError."""
        if self.is_unshown:
            return None
        if self.expert is not None or env in shipped():
            return find_expert(self.expert or env)
        if self.demonstrations is None or self.algo == "dagger":
            raise UserError(
                f"No expert of {env} is shipped: name one with --expert (expert). "
                f"Shipped are those of {', '.join(shipped())}."
            )
        return None

    def shown(self, env: str) -> Recorded | None:
        """The data set that was given, or what the expert shows; None where nothing is shown. Raises UserError."""
        if self.is_unshown:
            return None
        wanted, expert = self.overrides.get(_NUM_SHOWN), self.expert_of(env)
        if expert is None or self.demonstrations is not None:
            return read_demonstrations(str(self.demonstrations), make(env), num_episodes=wanted)
        return shown_by(expert, env, num_episodes=wanted or NUM_DEMONSTRATIONS)

    def _learned_from(self, env: str) -> dict[str, Any]:
        """It by its content: a data set that was changed is another."""
        expert = self.expert_of(env)
        found = {} if expert is None else {"expert": expert.commit or expert.digest()}
        return found if self.demonstrations is None else {**found, "demonstrations": _digest(self.demonstrations, env)}

    def _name_of(self, env: str) -> str | None:
        """The name of the configuration in an environment. Raises UserError."""
        if self.config_name != TUNED:
            return self.config_name
        found = name_for(self.algo, env)
        if found is None:
            raise UserError(f"{self.algo} was not tuned for {env}: name another's configuration with --config-name.")
        return found


def _algorithm(algo: str | None, config_name: str | None) -> str:
    """The algorithm that is meant. Raises UserError."""
    named = None if config_name in {None, TUNED} else tuned(str(config_name)).algorithm
    if algo is not None and named is not None and algo != named:
        raise UserError(f"The configuration {config_name!r} is one of {named}, not of {algo}.")
    found = algo or named
    if found is None:
        raise UserError(f"Say which algorithm: --algo (algo) {', '.join(SCRIPTS)}, or --config-name (config_name).")
    if found not in SCRIPTS:
        raise unknown("algorithm", found, SCRIPTS)
    return found


def _home(config_name: str | None) -> str | None:
    """The environment that a configuration was tuned for."""
    return None if config_name in {None, TUNED} else tuned(str(config_name)).env_id


def _envs(env: str | Sequence[str] | None, home: str | None) -> list[str]:
    envs = [env] if isinstance(env, str) else list(dict.fromkeys(env or ()))
    if not envs and home is not None:
        envs = [home]
    if not envs:
        raise UserError("Say where it is to be trained: --env (env), such as seals/CartPole-v0.")
    return envs


def _checked(overrides: Mapping[str, Any], algo: str) -> dict[str, Any]:
    """The overrides. Raises UserError for one that an option says, and for one that the script is known not to have."""
    known = SETTINGS.get(algo)
    for path in overrides:
        if path in _OURS:
            raise UserError(f"{path} is said by {_OURS[path]}, and not set.")
        if known is not None and path.partition(".")[0] not in known:
            raise unknown(f"setting of {algo}", path.partition(".")[0], known)
    return dict(overrides)


def _in_one_order(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """By their names, so that the same settings are the same case; as given where one is a part of another."""
    is_nested = any(path.startswith(f"{whole}.") for path in overrides for whole in overrides)
    return dict(overrides if is_nested else sorted(overrides.items()))


@functools.cache
def _digest(source: str, env: str) -> str:
    return read_demonstrations(source, make(env)).record.digest
