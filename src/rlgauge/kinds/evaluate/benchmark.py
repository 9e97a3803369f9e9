"""A benchmark: the environments and the rules by which policies are evaluated in them."""

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from rlgauge.core.errors import UserError, unknown
from rlgauge.core.workload import Description, class_path, describe_arguments, import_object
from rlgauge.envs import on_device
from rlgauge.envs.on_device import named
from rlgauge.kinds.evaluate.gyms import Gym, Gyms, Task, unique

if TYPE_CHECKING:
    import gymnasium

    from rlgauge.episodes.rollout import Played
    from rlgauge.kinds.evaluate.results import BenchmarkResults
    from rlgauge.kinds.evaluate.stopping import Stopping

_SETTINGS = ("num_episodes", "max_steps", "seed", "video_dir", "record_mode", "video_grids", "success_when")
_ELSEWHERE = ("gyms", "reset_seconds", "num_starts", "_arguments")
"""Fields that cases tell otherwise, or that define nothing."""


class _Remembering:
    """Keeps the arguments that an object was made with, by which another process makes the same again.

    A class of its own: readers of signatures then see the constructor of the benchmark, not this one.
    """

    _arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401  # whatever a subclass takes
        """The object, not yet initialised."""
        made = super().__new__(cls)
        made._arguments = _bind(cls, args, kwargs)
        return made


class Benchmark(_Remembering):
    """Evaluates policies over a list of environments, `num_episodes` in each.

    Give `gyms` (environments, or functions without arguments that make one), or subclass, set your fields, call
    `super().__init__(...)` and return the environments from `create_gyms()`. `max_steps` cuts episodes beside the
    environments' own limits. Videos go to `video_dir`; `record_mode` is one of all, successes, failures, none, first:k.
    """

    success_when: Literal["end", "ever"] = "end"
    """Whether an episode is a success by what `info` says in its last step, or in any step."""

    video_grids: bool = True
    """Whether the films of a policy in a task are drawn side by side, too, when an evaluation ends."""

    reset_seconds: float | None = None
    """After how long a reset that stands still is given up while the environments are described; None for never."""

    defined_by_task: ClassVar[tuple[str, ...]] = ("gyms",)
    """Arguments and fields that a task's environment says already: a case need not name them again."""

    num_starts: int | None = None
    """In how many ways an episode of a task can begin, of which later ones begin as earlier ones did; None for any."""

    usual_lanes: ClassVar[int | None] = None
    """How many environments step side by side where nobody says it; None for what is usual."""

    def __init__(
        self,
        gyms: Sequence[Gym] | None = None,
        *,
        num_episodes: int = 20,
        max_steps: int | None = None,
        seed: int = 42,
        video_dir: str | Path | None = None,
        record_mode: str = "failures",
    ) -> None:
        """Keep the settings; no environment is made before it is used."""
        self.gyms = gyms
        self.num_episodes = _at_least(1, num_episodes, "num_episodes")
        if self.num_episodes > _MOST_EPISODES:
            raise UserError(f"num_episodes={num_episodes}: at most {_MOST_EPISODES:,} can be handled.")
        self.max_steps = None if max_steps is None else _at_least(1, max_steps, "max_steps")
        self.seed = _at_least(0, seed, "seed")
        self.video_dir = None if video_dir is None else Path(video_dir)
        self.record_mode = record_mode
        _check_record_mode(record_mode)

    def create_gyms(self) -> Sequence[Gym]:
        """The environments, one a task. Called again for every further lane that steps beside the first."""
        raise UserError(
            f"{type(self).__name__} has no environments: give gyms=[...], or override create_gyms() in a subclass."
        )

    def prepare(self, listen: Callable[[str], None]) -> None:
        """Bring what environments need and what takes long; `listen` is told how it goes. Raises UserError."""

    def can_be_filmed(self) -> bool:
        """Whether all environments give frames; those of a class that was not asked to film may not.

        Makes an environment a task; override where that is slow.
        """
        with contextlib.closing(self.open_gyms()) as gyms:
            if any(gyms.device(position) is not None for position in range(len(gyms))):
                return False
            modes = {gyms.env(position, 0).render_mode for position in range(len(gyms))}
        return modes == {"rgb_array"}

    def is_success(self, played: Played) -> bool | None:
        """Whether an episode is a success; None where that can't be told. Override for a rule of your own."""
        match self.success_when:
            case "end":
                return played.success_at_end
            case "ever":
                return played.success_ever
        raise unknown("success_when", self.success_when, ("end", "ever"))

    def tasks(self) -> list[Task]:
        """What the environments are called and what defines them, in the order of `create_gyms()`.

        Makes up to two environments a task, resets them and closes them again; override where that is slow.
        """
        described: list[Task] = []
        with contextlib.closing(self.open_gyms()) as gyms:
            for position in range(len(gyms)):
                device = gyms.device(position)
                if device is not None:
                    described.append(Task(device.id, on_device.describe(device), device))
                    continue
                alike = gyms.lanes(position, 2)
                described.append(Task(_task_name(alike[0]), self._described(alike)))
                gyms.close_task(position)
        names = unique([task.id for task in described])
        return [task._replace(id=name) for name, task in zip(names, described, strict=True)]

    def _described(self, alike: Sequence[gymnasium.Env[Any, Any]]) -> dict[str, Any]:
        """What defines the environment, and what it holds: it may have been altered since it was made.

        A given one that can't be told from others is like no other, and never resumed.
        """
        from rlgauge.envs.describe import describe, hash_contents
        from rlgauge.episodes.alarm import EpisodeTimeoutError

        environment = describe(alike[0])
        try:
            told = hash_contents(alike, self._reset)
        except EpisodeTimeoutError:
            told = None
        if told is not None:
            return {**environment, "contents": told}
        return environment if self.gyms is None else {**environment, "instance": uuid.uuid4().hex}

    def _reset(self, env: gymnasium.Env[Any, Any]) -> None:
        from rlgauge.episodes.alarm import StepAlarm

        with StepAlarm(self.reset_seconds) as alarm:
            alarm.step_start = perf_counter()
            env.reset(seed=self.seed)

    def check(self) -> None:
        """Raise UserError where what the constructor sets is not there, or was changed to what can't be."""
        lacking = [name for name in ("gyms", *_SETTINGS) if not hasattr(self, name)]
        if lacking:
            raise UserError(
                f"{type(self).__name__} lacks {', '.join(lacking)}: its __init__() does not call super().__init__(), "
                "which sets them."
            )
        _check_record_mode(self.record_mode)

    def open_gyms(self) -> Gyms:
        """The environments, to be closed by the caller."""
        self.check()
        return Gyms(self.gyms, self.create_gyms)

    def evaluate(
        self,
        policy: object,
        *,
        out: str | Path | None = None,
        workers: int | None = None,
        lanes: int | None = None,
        resume: bool = True,
        rerun_failed: bool = False,
        trust: bool = False,
        episode_seconds: float | None = None,
        train_seeds: Sequence[int] | None = None,
        stop: Stopping | None = None,
    ) -> BenchmarkResults:
        """The results of one policy, or of several: a URI, an object that acts, a list or a mapping of names to these.

        Without `out`, everything happens in this process and nothing is stored. With `out`, runs are kept in that
        folder, `workers` processes share them (None: this process), and what is there already is not measured again
        (`resume=False` refuses such a folder; `rerun_failed` measures again what failed). `lanes` environments step
        side by side (None: 8, and 256 of those in JAX). `trust` allows files that hold code. `episode_seconds` limits
        what an environment may take for an episode. `train_seeds` replace `{seed}` in a policy's URI: one checkpoint a
        training seed. With `stop`, episodes are played until its rule says that it is decided, whatever `num_episodes`
        is. Raises UserError.
        """
        from rlgauge.kinds.evaluate.run import evaluate, make_workload
        from rlgauge.kinds.evaluate.stopping import checked

        for name, value in (("resume", resume), ("rerun_failed", rerun_failed), ("trust", trust)):
            _check_switch(value, name)
        self.check()
        self._check_films()
        if episode_seconds is not None and not episode_seconds > 0:
            raise UserError(f"episode_seconds={episode_seconds!r}: more than 0 is needed, or None for no limit.")
        workload = make_workload(
            self,
            policy,
            lanes=None if lanes is None else _at_least(1, lanes, "lanes"),
            trust=trust,
            episode_seconds=episode_seconds,
            train_seeds=train_seeds,
        )
        folder = None if out is None else Path(out)
        number = None if workers is None else _at_least(1, workers, "workers")
        if stop is not None:
            workload = workload.part(0, checked(stop).max_episodes)
        return evaluate(workload, folder, workers=number, resume=resume, rerun_failed=rerun_failed, stop=stop)

    def _check_films(self) -> None:
        """Raise UserError where films were asked for, but no folder for them."""
        parameter = inspect.signature(type(self)).parameters.get("record_mode")
        default = "failures" if parameter is None else parameter.default
        if self.video_dir is None and self.record_mode not in {"none", default}:
            raise UserError(
                f"record_mode={self.record_mode!r} films nothing without a folder: give video_dir, or 'none'."
            )

    def describe(self) -> Description:
        """How another process makes the same benchmark. Raises UserError where it holds live objects."""
        name = type(self).__name__
        arguments = {key: str(value) if isinstance(value, Path) else value for key, value in self._arguments.items()}
        return Description(class_path(type(self)), describe_arguments(name, arguments))

    def settings(self) -> dict[str, Any]:
        """The settings as they are now, which may differ from the arguments."""
        values = {name: getattr(self, name) for name in _SETTINGS}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}

    def identity(self) -> dict[str, Any]:
        """What of the benchmark defines a measurement: not how many episodes, nor what is filmed."""
        from rlgauge.envs.describe import describe_arguments, describe_class

        elsewhere = {*_SETTINGS, *_ELSEWHERE, *self.defined_by_task}
        arguments = {name: value for name, value in self._arguments.items() if name not in elsewhere}
        fields = {name: value for name, value in vars(self).items() if name not in elsewhere}
        return {
            **describe_class(type(self)),
            "arguments": describe_arguments(arguments),
            "fields": describe_arguments(fields),
            "success_when": self.success_when,
        }


class GymnasiumBenchmark(Benchmark):
    """Registered Gymnasium environments by id, or environments in JAX by `LIBRARY:NAME`, such as gymnax:CartPole-v1.

    Films nothing unless asked, since rendering costs more than the evaluation. An episode is a success where the
    environment says so, or, with `success_return`, where its return reaches that.
    """

    defined_by_task = ("env", "env_ids", "env_kwargs")

    def __init__(
        self,
        env: Sequence[str],
        *,
        num_episodes: int = 20,
        max_steps: int | None = None,
        seed: int = 42,
        video_dir: str | Path | None = None,
        record_mode: str = "none",
        success_return: float | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the ids; `env_kwargs` go to every environment."""
        super().__init__(
            num_episodes=num_episodes, max_steps=max_steps, seed=seed, video_dir=video_dir, record_mode=record_mode
        )
        self.env_ids = [env] if isinstance(env, str) else list(env)
        self.env_kwargs = dict(env_kwargs or {})
        self.success_return = success_return

    def create_gyms(self) -> list[Gym]:
        """One factory an id; a name in JAX stays one."""
        from functools import partial

        from rlgauge.envs.gymnasium import make

        films = self.video_dir is not None and self.record_mode != "none"
        return [
            partial(make, env_id, render=films, **self.env_kwargs) if named(env_id) is None else env_id
            for env_id in self.env_ids
        ]

    def is_success(self, played: Played) -> bool | None:
        """By the return where a threshold was given, else by what the environment says."""
        if self.success_return is None:
            return super().is_success(played)
        return played.total_return is not None and played.total_return >= self.success_return

    def tasks(self) -> list[Task]:
        """The registered specs; no environment is made."""
        from rlgauge.envs.describe import describe_arguments, describe_spec
        from rlgauge.envs.gymnasium import find_spec

        given = describe_arguments(self.env_kwargs)
        devices = [named(env_id) for env_id in self.env_ids]
        if self.env_kwargs and any(devices):
            raise UserError("An environment in JAX is made by its name alone: it takes no env_kwargs.")
        names = unique(
            [env_id if device is None else device.id for env_id, device in zip(self.env_ids, devices, strict=True)]
        )
        return [
            Task(name, {**describe_spec(find_spec(env_id)), "made_with": given})
            if device is None
            else Task(name, on_device.describe(device), device)
            for name, env_id, device in zip(names, self.env_ids, devices, strict=True)
        ]


def build_benchmark(description: Description, settings: Mapping[str, Any]) -> Benchmark:
    """The benchmark that was described, with the settings as they were. Raises UserError."""
    made = import_object(description.class_path)(**description.init_args)
    for name, value in settings.items():
        setattr(made, name, Path(value) if name == "video_dir" and value is not None else value)
    return made  # type: ignore[no-any-return]  # the class path was made from a Benchmark


def _bind(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments by name. A call that does not fit raises TypeError in the constructor itself."""
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)  # type: ignore[misc]
    except TypeError:
        return {}
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is not inspect.Parameter.VAR_POSITIONAL or value:
            named[name] = value
    return named


def _task_name(env: gymnasium.Env[Any, Any]) -> str:
    if env.spec is not None:
        return env.spec.id
    return type(env.unwrapped).__name__


def _check_record_mode(mode: object) -> None:
    from rlgauge.episodes.video import VideoRecorder

    if not isinstance(mode, str):
        raise UserError(f"record_mode={mode!r}: it is a text, such as 'failures'.")
    VideoRecorder(".", record_mode=mode)


def _at_least(least: int, value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise UserError(f"{name}={value!r}: a whole number is needed.")
    number = int(value)
    if number < least:
        raise UserError(f"{name}={number}: at least {least} is needed.")
    if number > _MOST:
        raise UserError(f"{name}={number}: at most {_MOST:,} can be handled.")
    return number


def _check_switch(value: object, name: str) -> None:
    if not isinstance(value, bool):
        raise UserError(f"{name}={value!r}: it is True or False.")


_MOST, _MOST_EPISODES = 2**31 - 1, 1_000_000
