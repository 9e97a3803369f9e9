"""The workload: an algorithm that learns from demonstrations, over environments and seeds."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError, unknown
from rlgauge.core.workload import Description, Measure, describe_arguments, import_object
from rlgauge.kinds.train.algorithms.interface import ALGORITHMS
from rlgauge.kinds.train.algorithms.reading import as_data, overridden, read
from rlgauge.kinds.train.algorithms.tuned import name_for, tuned
from rlgauge.kinds.train.original.task import SCRIPTS
from rlgauge.kinds.train.reading import UNITS
from rlgauge.kinds.train.totals import Length
from rlgauge.kinds.train.workload import at_least, checked_seeds

PROTOCOL = 1
"""Version of how algorithms learn and are judged; raised when the same case would come out differently."""
TUNED = "tuned"
"""The name that stands for the tuned configuration of each environment."""
_NUM_TESTS = 50
_ENVIRONMENT = "environment.gym_id"
NUM_DEMONSTRATIONS = 20
"""Episodes that the expert shows, where a configuration asks for no number and no data set is given."""


class AlgorithmWorkload:
    """An algorithm (bc, dagger, gail, airl, or another's as package.module:function) with a configuration.

    The configuration is that of a name (`config_name`, such as bc_seals_ant; `tuned` for that of each environment) or
    `config`, with `overrides` by dotted paths; what it leaves out is as by default. Without `env` it is trained where
    the configuration says. `expert` is one that `rlgauge expert` knows, by default the shipped one of the environment;
    `demonstrations` a data set that is read instead of asking the expert; of both `hf:@REVISION` is the environment's
    usual repository of the hub. `trust` allows an expert's file to run code. `algorithm` is what statistics call it.
    Of `num_tests` None is what the configuration says.
    """

    name = "train"
    units: Mapping[str, str] = UNITS
    process: Literal["shared", "fresh"] = "shared"
    hang_seconds: float | None = None

    def __init__(  # noqa: PLR0913  # each is one thing that a user says
        self,
        algo: str | None = None,
        *,
        config_name: str | None = None,
        config: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        env: str | Sequence[str] | None = None,
        seeds: int | Sequence[int] = 42,
        expert: str | None = None,
        demonstrations: str | None = None,
        trust: bool = False,
        algorithm: str | None = None,
        num_tests: int | None = None,
        num_videos: int = 0,
        time_limit: float | None = None,
    ) -> None:
        """Raises UserError for what can't be trained."""
        texts = {"algo": algo, "config_name": config_name, "expert": expert, "demonstrations": demonstrations}
        _check_types(texts, env=env, overrides=overrides)
        self.algo = _algorithm(algo, config_name)
        self.is_ours = self.algo in ALGORITHMS
        self.config_name = config_name
        chosen = None if config_name == TUNED else _chosen(config_name, config)
        self.home = None if chosen is None else _home(chosen)
        self.envs = _envs(env, self.home)
        if _ENVIRONMENT in (overrides or {}):
            raise UserError(f"Where it is trained is said by --env (env), not by the setting {_ENVIRONMENT}.")
        self.seeds = checked_seeds(seeds)
        self.demonstrations = demonstrations
        self._configs = {
            one: self._read(_tuned(self.algo, one) if chosen is None else chosen, overrides or {}) for one in self.envs
        }
        self.expert = expert
        self.trust = trust
        self.algorithm = algorithm or self.algo.rpartition(":")[2]
        self.num_tests = at_least(0, "num_tests", _num_tests(self._configs) if num_tests is None else num_tests)
        self.num_videos = at_least(0, "num_videos", num_videos)
        self.time_limit = time_limit
        self._seen: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._given = {
            "algo": self.algo,
            "config_name": config_name,
            "config": None if config is None else dict(config),
            "overrides": dict(overrides or {}),
            "env": self.envs,
            "seeds": self.seeds,
            "expert": expert,
            "demonstrations": demonstrations,
            "trust": trust,
            "algorithm": self.algorithm,
            "num_tests": self.num_tests,
            "num_videos": num_videos,
            "time_limit": time_limit,
        }

    def describe(self) -> Description:
        """How a worker makes it again."""
        return Description(
            "rlgauge.kinds.train.algorithm_workload:AlgorithmWorkload",
            describe_arguments(type(self).__name__, self._given),
        )

    def cases(self) -> Iterable[Case]:
        """All seeds in the first environment, then in the next."""
        for env in self.envs:
            for seed in self.seeds:
                yield self.case(env, seed)

    def case(self, env: str, seed: int) -> Case:
        """One training."""
        environment, shown = self._seen_in(env)
        algorithm = {"name": self.algorithm, "train": self.algo, "config": self._configs[env], **shown}
        labels = {
            "algorithm": self.algorithm,
            "task": env,
            "train_seed": str(seed),
            "settings": fingerprint([PROTOCOL, algorithm, environment, self.num_tests]),
            **self._named(env),
            **({} if env == self.home or self.home is None else {"config_env": self.home}),
        }
        params = {"protocol": PROTOCOL, "algorithm": algorithm, "environment": environment, "tests": self.num_tests}
        return Case(workload=self.name, name=f"{self.algorithm}-{env}-s{seed}", params=params, seed=seed, labels=labels)

    def num_wanted(self, case: Case) -> int | None:
        """One finished run is enough."""
        del case
        return None

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """What measures, one training after the other in this process: what they import is imported once."""
        from rlgauge.kinds.train.learning import measure

        yield functools.partial(measure, self)

    @property
    def length(self) -> Length | None:
        """For how many steps of the environment it trains; None where no configuration says, or they differ."""
        told = {_num_steps(config) for config in self._configs.values()}
        number = told.pop() if len(told) == 1 else None
        return None if number is None else Length(number, "steps")

    def config_of(self, env: str) -> dict[str, Any]:
        """The whole configuration in an environment, as plain data."""
        return self._configs[env]

    def expert_of(self, env: str) -> str | None:
        """The name of the expert that shows what is to be done in an environment.

        None where there is none, as of an environment of one's own with demonstrations of one's own. Raises UserError
        where there are none either.
        """
        from rlgauge.envs.gymnasium import find_spec
        from rlgauge.kinds.train.experts.expert import shipped
        from rlgauge.kinds.train.experts.hub import whole_name

        if self.expert is not None or env in shipped():
            return whole_name(self.expert or env, env)
        find_spec(env)
        if self.demonstrations is None:
            raise UserError(
                f"No expert of {env} is shipped: name one with --expert (expert), or give --demonstrations "
                f"(demonstrations). Shipped are those of {', '.join(shipped())}."
            )
        return None

    def is_shown(self, env: str) -> bool:
        """Whether demonstrations are learned from: DAgger does so only where it is told to begin with them."""
        dagger = self._configs[env].get("dagger") if self.algo == "dagger" else None
        return dagger is None or bool(dagger["use_offline_rollouts"])

    def demonstrations_of(self, env: str) -> str | None:
        """The data set that is read in an environment; None where the expert is asked."""
        from rlgauge.kinds.train.experts.hub import whole_name

        return None if self.demonstrations is None else whole_name(self.demonstrations, env)

    def _read(self, data: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
        changed = overridden(data, overrides)
        if not self.is_ours:
            return changed
        try:
            config = as_data(read(self.algo, changed))
        except UserError as error:  # a setting of a part that is otherwise as by default
            try:
                config = as_data(read(self.algo, overridden(as_data(read(self.algo, data)), overrides)))
            except UserError:
                raise error from None
        if self.demonstrations is None and config["demonstrations"]["n_expert_demos"] is None:
            config["demonstrations"]["n_expert_demos"] = NUM_DEMONSTRATIONS
        return config

    def _named(self, env: str) -> dict[str, str]:
        name = name_for(self.algo, env) if self.config_name == TUNED else self.config_name
        return {} if name is None else {"config_name": name}

    def _seen_in(self, env: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What defines an environment, and what is learned there by which code, looked at once.

        All of it by its content: what was changed is another.
        """
        if env not in self._seen:
            self._seen[env] = _environment(env), {**self._shown(env), **({} if self.is_ours else _source(self.algo))}
        return self._seen[env]

    def _shown(self, env: str) -> dict[str, Any]:
        from rlgauge.kinds.train.experts.expert import find_expert

        name = self.expert_of(env)
        expert = None if name is None else find_expert(name, trust=self.trust)
        if expert is not None:
            expert.check_trusted()
        shown = {} if expert is None else {"expert": expert.commit or expert.digest()}
        read = self.demonstrations_of(env)
        return shown if read is None else {**shown, "demonstrations": _digest(read, env)}


def _check_types(texts: Mapping[str, object], *, env: object, overrides: object) -> None:
    """Raise UserError for arguments of other types than these."""
    if callable(texts["algo"]):
        raise UserError("An algorithm of your own is named by its path, so that workers find it: 'module:function'.")
    for name, value in texts.items():
        if not isinstance(value, str | None):
            raise UserError(f"{name}={value!r}: it must be a text.")
    if not isinstance(env, str | None) and not (isinstance(env, Sequence) and all(isinstance(one, str) for one in env)):
        raise UserError(f"env={env!r}: it must be the id of an environment, or a list of them.")
    if not isinstance(overrides, Mapping | None):
        raise UserError(f"overrides={overrides!r}: it must be a mapping, such as {{'bc.n_batches': 300}}.")
    for path, value in (overrides or {}).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"The setting {path} can't be {value}: numbers must be finite.")


def _algorithm(algo: str | None, config_name: str | None) -> str:
    """The algorithm that is meant. Raises UserError."""
    named = None if config_name in {None, TUNED} else tuned(str(config_name)).algorithm
    if algo is not None and named is not None and algo != named:
        raise UserError(f"The configuration {config_name!r} is one of {named}, not of {algo}.")
    found = algo or named
    if found is None:
        raise UserError(f"Say which algorithm: --algo (algo) {', '.join(ALGORITHMS)}, or --config-name (config_name).")
    if found in SCRIPTS and found not in ALGORITHMS:
        raise UserError(f"{found} is trained by the original library alone: add --library imitation (library).")
    if found not in ALGORITHMS and ":" not in found:
        raise unknown("algorithm", found, ALGORITHMS)
    return found


def _chosen(config_name: str | None, config: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configuration as it was chosen. Raises UserError."""
    if config_name is None:
        return dict(config or {})
    if config is not None:
        raise UserError("A configuration has a name (config_name) or is given whole (config), not both.")
    return tuned(config_name).data


def _tuned(algo: str, env: str) -> dict[str, Any]:
    """The configuration that was tuned for an environment. Raises UserError."""
    name = name_for(algo, env)
    if name is None:
        raise UserError(f"No configuration of {algo} was tuned for {env}: name another one's with --config-name.")
    return tuned(name).data


def _num_tests(configs: Mapping[str, Mapping[str, Any]]) -> int:
    told = {config.get("evaluation", {}).get("n_episodes", _NUM_TESTS) for config in configs.values()}
    if len(told) > 1:
        raise UserError("The configurations ask for different numbers of test episodes: say how many with --tests.")
    return int(told.pop())


def _num_steps(config: Mapping[str, Any]) -> int | None:
    told = config.get("total_timesteps") or config.get("dagger", {}).get("total_timesteps")
    return told if isinstance(told, int) else None


def _home(config: Mapping[str, Any]) -> str | None:
    """The environment that a configuration is for."""
    environment = config.get("environment")
    found = environment.get("gym_id") if isinstance(environment, Mapping) else None
    return None if found is None else str(found)


def _envs(env: str | Sequence[str] | None, home: str | None) -> list[str]:
    envs = [env] if isinstance(env, str) else list(dict.fromkeys(env or ()))
    if not envs and home is not None:
        envs = [home]
    if not envs:
        raise UserError("Say where it is to be trained: --env (env), such as seals/CartPole-v0.")
    return envs


def _source(algo: str) -> dict[str, Any]:
    """What says which code an algorithm of one's own is. Raises UserError."""
    from rlgauge.envs.describe import describe_source

    import_object(algo)
    return describe_source(algo)


def _environment(env: str) -> dict[str, Any]:
    """What defines an environment. Raises UserError."""
    from rlgauge.envs.describe import describe_spec
    from rlgauge.envs.gymnasium import find_spec

    return {**describe_spec(find_spec(env)), "gym_id": env}


@functools.cache
def _digest(source: str, env: str) -> str:
    """Of all that a data set shows. Raises UserError where it can't be read, or is of another environment."""
    from rlgauge.envs.gymnasium import make
    from rlgauge.kinds.train.demonstrations_read import read_demonstrations

    return read_demonstrations(source, make(env)).record.digest
