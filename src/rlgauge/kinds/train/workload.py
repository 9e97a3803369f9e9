"""The workload: a training script, over environments and seeds."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rlgauge.core import provenance
from rlgauge.core.case import Case, fingerprint
from rlgauge.core.errors import UserError
from rlgauge.core.workload import Description, Measure
from rlgauge.kinds.train.command import Template
from rlgauge.kinds.train.reading import UNITS
from rlgauge.kinds.train.source import Source, find_source, source_of, with_settings
from rlgauge.kinds.train.spec import Spec
from rlgauge.kinds.train.totals import Length, length_of

PROTOCOL = 2
"""Version of how scripts are seeded, counted and tested; raised when the same case would come out differently."""
OWN_ENV = "its-own"
"""What stands for the environment in the name of a case whose script chooses it itself."""
COMMON = frozenset({"main", "train", "run", "__main__"})
"""What so many scripts are called that their folder tells more."""
_LARGEST_SEED = 2**32 - 1
"""What PYTHONHASHSEED and NumPy accept."""
_ROUNDS = 200_000
_HIDDEN_BYTES = 6


class ScriptWorkload:
    """A training script, or a command, in each of some environments with each of some seeds.

    `script` is a path, or `package.module:function`; in a `command` {env} and {seed} are replaced. Without `env` the
    script chooses. `args` are the script's own. Of `env_flag` and `seed_flag` None is a guess from the script, and an
    empty text none. `algorithm` is what statistics call it, by default the script's name. After `time_limit` seconds a
    run is ended. How many threads its process may use is said by OMP_NUM_THREADS and its like; 1 where none is set.
    """

    name = "train"
    units: Mapping[str, str] = UNITS
    process: Literal["shared", "fresh"] = "fresh"
    hang_seconds: float | None = None

    def __init__(
        self,
        script: str | Path | None = None,
        *,
        env: str | Sequence[str] | None = None,
        seeds: int | Sequence[int] = 42,
        args: Sequence[str] = (),
        command: str | None = None,
        algorithm: str | None = None,
        env_flag: str | None = None,
        seed_flag: str | None = None,
        num_tests: int = 25,
        num_videos: int = 5,
        keep_rewards: bool = False,
        time_limit: float | None = None,
    ) -> None:
        """Raises UserError for what can't be run."""
        self.args = [str(one) for one in args]
        self.source, self.template = _what(script, command, self.args)
        self.envs = _envs(env)
        self.seeds = checked_seeds(seeds)
        self.env_flag, self.seed_flag = _flag(env_flag), _flag(seed_flag)
        self.num_tests = at_least(0, "num_tests", num_tests)
        self.num_videos = at_least(0, "num_videos", num_videos)
        self.keep_rewards = keep_rewards
        if time_limit is not None and not time_limit > 0:
            raise UserError(f"time_limit={time_limit}: it must be more than 0.")
        self.time_limit = time_limit
        self.algorithm = algorithm or self._own_name
        self._digest = "" if self.source is None else self.source.digest()

    def describe(self) -> Description:
        """How a worker makes it again."""
        return Description(
            "rlgauge.kinds.train.workload:ScriptWorkload",
            {
                "script": None if self.template is not None or self.source is None else self.source.target,
                "env": [env for env in self.envs if env is not None] or None,
                "seeds": self.seeds,
                "args": self.args,
                "command": None if self.template is None else self.template.whole,
                "algorithm": self.algorithm,
                "env_flag": self.env_flag,
                "seed_flag": self.seed_flag,
                "num_tests": self.num_tests,
                "num_videos": self.num_videos,
                "keep_rewards": self.keep_rewards,
                "time_limit": self.time_limit,
            },
        )

    def cases(self) -> Iterable[Case]:
        """All seeds in the first environment, then in the next."""
        for env in self.envs:
            for seed in self.seeds:
                yield self.case(env, seed)

    def case(self, env: str | None, seed: int) -> Case:
        """One training."""
        algorithm = self._identity
        params = {
            "protocol": PROTOCOL,
            "algorithm": algorithm,
            "environment": None if env is None else {"gym_id": env},
            "tests": self.num_tests,
        }
        labels = {
            "algorithm": self.algorithm,
            "task": env or f"{self.algorithm}'s own",  # scripts that choose differently share no task
            "train_seed": str(seed),
            "settings": fingerprint([PROTOCOL, algorithm, self.num_tests]),
            "script": self._digest,
            **({"args": shlex.join(provenance.masked(self.args))} if self.args else {}),
        }
        name = f"{self.algorithm}-{env or OWN_ENV}-s{seed}"
        return Case(workload=self.name, name=name, params=params, seed=seed, labels=labels)

    def num_wanted(self, case: Case) -> int | None:
        """One finished run is enough: how many episodes can be tested is known at its end."""
        del case
        return None

    def spec(self, case: Case, folder: Path) -> Spec:
        """What the script's process is told of one training, whose artifacts go to a folder."""
        return Spec(
            script=self.target,
            env=env_of(case),
            seed=case.seed,
            args=self.args,
            folder=str(folder),
            env_flag=self.env_flag,
            seed_flag=self.seed_flag,
            num_test_episodes=self.num_tests,
            num_videos=self.num_videos,
            keep_rewards=self.keep_rewards,
            limit_seconds=self.time_limit,
        )

    @property
    def target(self) -> str:
        """The script's path, `package.module:function`, or the command as it was given, with secrets masked."""
        if self.template is not None:
            return self.template.shown
        return "" if self.source is None else self.source.target

    @property
    def length(self) -> Length | None:
        """How long it trains, as its arguments say, or its source; None where neither does."""
        script = None if self.source is None else Path(next(iter(self.source.files.values())))
        return length_of([*self.args, *([] if self.template is None else self.template.words)], script)

    def check(self, case: Case) -> None:
        """Raise UserError where the script is not what it was when the command was given."""
        if case.labels["script"] != self._digest:
            raise UserError(f"'{self.target}' has changed since the command was given; give it again.")

    def check_copy(self, folder: Path) -> None:
        """Raise UserError where what was copied into a folder is not what it was when the command was given."""
        if self.source is not None and self.source.digest_of_copy(folder) != self._digest:
            raise UserError(f"'{self.target}' has changed since the command was given; give it again.")

    @contextlib.contextmanager
    def session(self) -> Iterator[Measure]:
        """What measures; nothing is shared by cases."""
        from rlgauge.kinds.train.supervise import measure

        yield functools.partial(measure, self)

    @property
    def _identity(self) -> dict[str, Any]:
        """What trains, apart from where and with which seed: other files, arguments or flags are another algorithm.

        It is kept, and sent to trackers: secrets are masked, and stand as a hash that is slow to guess from.
        """
        args = provenance.masked(self.args)
        found: dict[str, Any] = {"name": self.algorithm, "script": self._digest, "args": args}
        if self.template is not None:
            found["command"] = self.template.shown
        if self.hides_secrets or (self.template is not None and self.template.shown != self.template.text):
            found["hidden"] = _hidden(shlex.join([*self.args, "" if self.template is None else self.template.text]))
        flags = {"env_flag": self.env_flag, "seed_flag": self.seed_flag}
        return {**found, **{name: flag for name, flag in flags.items() if flag is not None}}

    @property
    def hides_secrets(self) -> bool:
        """Whether some of the script's own arguments are masked wherever they are kept."""
        return provenance.masked(self.args) != self.args

    @property
    def _own_name(self) -> str:
        if self.template is not None:
            name = self.template.name
        else:
            name = "script" if self.source is None else self.source.name
        if self.source is None or name not in COMMON:
            return name
        folder = Path(next(iter(self.source.files.values()))).parent.name
        if not folder:
            return name
        return folder if name == "__main__" else f"{folder}.{name}"


@functools.cache
def _hidden(words: str) -> str:
    """12 hexadecimal digits that tell secrets apart."""
    return hashlib.pbkdf2_hmac("sha256", words.encode(), b"rlgauge", _ROUNDS, _HIDDEN_BYTES).hex()


def env_of(case: Case) -> str | None:
    """The environment of a training; None where the script chooses."""
    environment = case.params["environment"]
    return None if environment is None else str(environment["gym_id"])


def _what(script: str | Path | None, command: str | None, args: Sequence[str]) -> tuple[Source | None, Template | None]:
    """The script's files, and the command where one was given instead of a script. Raises UserError."""
    if (script is None) == (command is None):
        which = "not both" if script is not None else "such as train.py"
        raise UserError(f"Say what is to be run: a script or --command TEMPLATE (command), {which}.")
    if command is None:
        return with_settings(find_source(str(script)), args), None
    template = Template(command, args=args)
    source = source_of(*template.files, modules=template.modules)
    return (None if source is None else with_settings(source, args)), template


def _envs(env: str | Sequence[str] | None) -> list[str | None]:
    envs: list[str | None] = [env] if isinstance(env, str) else list(dict.fromkeys(env or ()))
    if any(not one or not one.strip() for one in envs if one is not None):
        raise UserError("An environment's id is empty: give one such as CartPole-v1.")
    return envs or [None]


def checked_seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds, each once. Raises UserError for one that can't be used, and for none."""
    found = [seeds] if isinstance(seeds, int) else list(dict.fromkeys(seeds))
    if not all(type(seed) is int for seed in found):  # a text is a sequence, too
        raise UserError(f"seeds={seeds!r}: seeds are whole numbers, one or a list of them.")
    if not found:
        raise UserError("There are no seeds: give some such as 0..4.")
    for seed in found:
        if not 0 <= seed <= _LARGEST_SEED:
            raise UserError(f"The seed {seed} can't be used: Python and NumPy take 0 to {_LARGEST_SEED}.")
    return found


def _flag(flag: str | None) -> str | None:
    """The flag as the script has it: `env-id` is --env-id, and `env_id=` stays what it is."""
    if not flag or flag.startswith("-") or flag.endswith("="):
        return flag
    return f"--{flag}"


def at_least(least: int, name: str, value: int) -> int:
    """The number. Raises UserError where it is less, or none."""
    if type(value) is not int:
        raise UserError(f"{name}={value!r}: it must be a whole number.")
    if value < least:
        raise UserError(f"{name}={value}: it must be {least} or more.")
    return value
