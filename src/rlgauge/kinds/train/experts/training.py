"""Training an expert with PPO or SAC of Stable-Baselines3; the best that was seen on the way is kept."""

from __future__ import annotations

import hashlib
import importlib.util
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.envs.gymnasium import make
from rlgauge.episodes.policies.sb3 import load_normalizer, load_policy
from rlgauge.episodes.policy import open_policy, parse_source, wrap_policy
from rlgauge.kinds.train.experts.onnx_file import as_onnx
from rlgauge.kinds.train.experts.playing import WIDTH, Label, labelling, play
from rlgauge.kinds.train.experts.record import MODEL, POLICY, RECORD, STATISTICS, Agreement, Record, versions
from rlgauge.kinds.train.experts.settings import Algorithm, Settings

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

_NUM_LOOKS = 40
"""How often a training is evaluated on its way, at most."""
_FEWEST_BETWEEN = 500
"""Steps from one evaluation to the next."""
_CHOOSING, _JUDGING = range(4_000_000, 4_000_008), range(2_000_000, 2_000_050)
"""Seeds of the episodes by which the best is chosen, and of others that say how good it is."""
_NUM_COMPARED = 4
_TOLERANCE = 1e-3
"""By which an action may differ between a network in torch and in onnxruntime."""


class Look(NamedTuple):
    """What an evaluation on the way came to; `best` is the highest mean so far, this one among them."""

    num_steps: int
    of_steps: int
    mean: float
    best: float


class Trained(NamedTuple):
    """The expert's record, and what ended its training early; None where it came to its end."""

    record: Record
    ended_by: KeyboardInterrupt | None


def train(
    env_id: str,
    algorithm: Algorithm,
    *,
    settings: Settings,
    seed: int,
    folder: Path,
    command: str,
    tell: Callable[[Look], None],
) -> Trained:
    """The record of the expert that now lies in the folder.

    A KeyboardInterrupt ends the training early: the best so far becomes the expert; it is raised again where nothing
    was evaluated before. Raises UserError.
    """
    _check_installed()
    import torch

    torch.set_num_threads(1)
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in (MODEL, STATISTICS, POLICY, RECORD):  # of an expert before this one
            (folder / name).unlink(missing_ok=True)
    start = time.perf_counter()
    model = _model(env_id, algorithm, settings, seed)
    watch = _Watch(env_id, model, settings.num_steps, folder, tell)
    ended_by = None
    try:
        model.learn(settings.num_steps, callback=watch.callback)
        watch.look()
    except KeyboardInterrupt as error:
        if watch.best is None:
            raise
        ended_by = error
    num_seconds = time.perf_counter() - start
    content = _written(folder)
    judged = play(lambda: make(env_id), _onnx_label(env_id, folder), seeds=_JUDGING)
    record = Record(
        environment=env_id,
        algorithm=algorithm,
        command=command,
        seed=seed,
        num_steps=settings.num_steps,
        num_steps_trained=model.num_timesteps,
        num_steps_of_best=watch.num_steps_of_best,
        num_seconds=round(num_seconds, 1),
        settings=settings,
        versions=versions(),
        return_mean=float(judged.returns.mean()),
        return_deviation=float(judged.returns.std(ddof=1)),
        num_episodes=len(judged.returns),
        first_episode_seed=_JUDGING[0],
        agreement=_agreement(env_id, folder, _JUDGING[:_NUM_COMPARED]),
        num_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_atomic(folder / RECORD, record.as_json())
    return Trained(record, ended_by)


def _check_installed() -> None:
    """Raise UserError before the training where what is needed behind it is not there."""
    missing = [name for name in ("stable_baselines3", "onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"Training an expert needs {', '.join(missing)}, which is not installed: "
            "pip install 'rlgauge[sb3,mujoco,onnx]' onnx."
        )


def _model(env_id: str, algorithm: Algorithm, settings: Settings, seed: int) -> BaseAlgorithm:
    from stable_baselines3 import PPO, SAC
    from torch import nn

    policy: dict[str, Any] = {
        "net_arch": list(settings.hidden),
        "activation_fn": {"tanh": nn.Tanh, "relu": nn.ReLU}[settings.activation],
    }
    if settings.log_std_init is not None:
        policy["log_std_init"] = settings.log_std_init
    if algorithm == "ppo" and settings.activation == "relu":
        policy["ortho_init"] = False  # its gains are meant for tanh
    options = dict(settings.options)
    if settings.is_decaying:
        rate = float(options["learning_rate"])
        options["learning_rate"] = lambda remaining: rate * remaining
    kind: Any = {"ppo": PPO, "sac": SAC}[algorithm]
    envs = _envs(env_id, settings)
    model: BaseAlgorithm = kind("MlpPolicy", envs, policy_kwargs=policy, seed=seed, device="cpu", **options)
    return model


def _envs(env_id: str, settings: Settings) -> VecEnv:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    made = DummyVecEnv([lambda: Monitor(make(env_id, **settings.env_options))] * settings.num_envs)
    if not settings.is_normalised:
        return made
    return VecNormalize(made, gamma=settings.options.get("gamma", 0.99))


class _Watch:
    """Evaluates a model now and then, and saves it where it is better than before."""

    def __init__(
        self, env_id: str, model: BaseAlgorithm, of_steps: int, folder: Path, tell: Callable[[Look], None]
    ) -> None:
        from stable_baselines3.common.callbacks import BaseCallback, EveryNTimesteps

        watch = self

        class _Evaluate(BaseCallback):
            def _on_step(self) -> bool:
                watch.look()
                return True

        self.callback = EveryNTimesteps(max(of_steps // _NUM_LOOKS, _FEWEST_BETWEEN), _Evaluate())
        self.best: float | None = None
        self.num_steps_of_best = 0
        self._env_id, self._model, self._of_steps, self._folder, self._tell = env_id, model, of_steps, folder, tell

    def look(self) -> None:
        env = make(self._env_id)
        policy = wrap_policy(
            self._model, observation_space=env.observation_space, action_space=env.action_space, width=WIDTH
        )
        label = labelling(policy, env.action_space)
        mean = float(play(lambda: make(self._env_id), label, seeds=_CHOOSING).returns.mean())
        if self.best is None or mean >= self.best:  # of equals the one that was trained for longer
            self._keep()
            self.best, self.num_steps_of_best = mean, self._model.num_timesteps
        self._tell(Look(self._model.num_timesteps, self._of_steps, mean, self.best))

    def _keep(self) -> None:
        """Save it beside the one that was best, then put it in its place: a training may be ended at any time."""
        normalize = self._model.get_vec_normalize_env()
        with plain_errors(self._folder):
            part = self._folder / f".{MODEL}"
            self._model.save(part, exclude=["replay_buffer"])
            if normalize is not None:
                normalize.save(str(self._folder / f".{STATISTICS}"))
                (self._folder / f".{STATISTICS}").replace(self._folder / STATISTICS)
            part.replace(self._folder / MODEL)


def _written(folder: Path) -> bytes:
    """The content of the ONNX file, made of what was saved."""
    policy = load_policy(folder / MODEL, device="cpu", trust=True, name=MODEL)
    statistics = folder / STATISTICS
    normalize = load_normalizer(statistics, trust=True, name=MODEL) if statistics.exists() else None
    content = as_onnx(policy, normalize)
    write_atomic(folder / POLICY, content)
    return content


def _agreement(env_id: str, folder: Path, seeds: Sequence[int]) -> Agreement:
    """Raises UserError where they differ by more than rounding does."""
    of_file, of_model = _onnx_label(env_id, folder), _model_label(env_id, folder)
    played, again = (play(lambda: make(env_id), label, seeds=seeds) for label in (of_file, of_model))
    difference = np.abs(np.asarray(of_model(played.observations) - played.actions, np.float64)).max()
    if difference > _TOLERANCE:
        raise UserError(f"'{folder / POLICY}' does not act as '{folder / MODEL}': actions differ by {difference:.3g}.")
    return Agreement(
        num_steps=len(played.actions),
        largest_difference=float(difference),
        largest_return_difference=float(np.abs(played.returns - again.returns).max()),
    )


def _onnx_label(env_id: str, folder: Path) -> Label:
    return _label(env_id, f"onnx:{folder / POLICY}")


def _model_label(env_id: str, folder: Path) -> Label:
    statistics = folder / STATISTICS
    return _label(env_id, f"sb3:{folder / MODEL}?normalize={statistics if statistics.exists() else 'none'}")


def _label(env_id: str, uri: str) -> Label:
    env = make(env_id)
    policy = open_policy(
        parse_source(uri),
        observation_space=env.observation_space,
        action_space=env.action_space,
        width=WIDTH,
        trust=True,
    )
    return labelling(policy, env.action_space)
