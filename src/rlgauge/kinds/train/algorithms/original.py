"""Configurations as the library `imitation` writes them, made into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlgauge.core.errors import UserError
from rlgauge.kinds.train.algorithms.config import Config
from rlgauge.kinds.train.algorithms.reading import as_data, read

_RUNNING_NORM = "imitation.util.networks.RunningNorm"
_EXTRACTOR = "imitation.policies.base.NormalizeFeaturesExtractor"
_POLICIES = {
    "imitation.policies.base.FeedForward32Policy": "FeedForward32Policy",
    "MlpPolicy": "MlpPolicy",
    "stable_baselines3.common.policies.ActorCriticPolicy": "MlpPolicy",
}
_SCHEDULES = {
    "imitation.algorithms.dagger.LinearBetaSchedule": "linear",
    "imitation.algorithms.dagger.ExponentialBetaSchedule": "exponential",
}
_BASIC, _SHAPED = (f"imitation.rewards.reward_nets.Basic{kind}RewardNet" for kind in ("", "Shaped"))
_NETS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "airl": {_SHAPED: {"is_shaped": True}, _BASIC: {"is_shaped": False, "hid_sizes": [32, 32]}},
    "gail": {_BASIC: {}},
}


def converted(algorithm: str, data: Mapping[str, Any]) -> Config:
    """Our configuration of the same meaning. Raises UserError for what has no counterpart here.

    Not taken over: where demonstrations and experts come from; that environments run in processes of their own; of BC
    the part on DAgger, which it does not read. GAIL's output normalisation is off, as the library makes that layer and
    then asks the network behind it. Heeded, though the library's scripts pass them over: the policy of BC and DAgger,
    and DAgger's least number of episodes.
    """
    ours: dict[str, Any] = {
        "environment": _environment(data.get("environment", {}), algorithm),
        "demonstrations": {"n_expert_demos": data.get("demonstrations", {}).get("n_expert_demos")},
        "policy": _policy(data.get("policy", {})),
    }
    if "policy_evaluation" in data:
        ours["evaluation"] = {"n_episodes": data["policy_evaluation"]["n_episodes_eval"]}
    if algorithm in {"bc", "dagger"}:
        ours["bc"] = _cloning(data.get("bc", {}))
    if algorithm == "dagger":
        ours["dagger"] = _rounds(data.get("dagger", {}))
    if algorithm in _NETS:
        ours |= _adversarial(data)
        ours["reward"] = _reward(data.get("reward", {}), algorithm)
    return read(algorithm, ours)


def as_ours(algorithm: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What `converted` makes of it, as plain data without what is as by default."""
    return _without(as_data(converted(algorithm, data)), as_data(read(algorithm, {})))


def _environment(data: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    left_away = {"parallel", "num_vec"} if algorithm == "bc" else {"parallel"}
    return {{"num_vec": "num_envs"}.get(name, name): value for name, value in data.items() if name not in left_away}


def _policy(data: Mapping[str, Any]) -> dict[str, Any]:
    kwargs = dict(data.get("policy_kwargs", {}))
    ours: dict[str, Any] = {}
    if "policy_cls" in data:
        ours["policy_cls"] = _known(data["policy_cls"], _POLICIES)
    if "features_extractor_class" in kwargs:
        settings = kwargs.pop("features_extractor_kwargs", {})
        _known(kwargs.pop("features_extractor_class"), {_EXTRACTOR: True})
        ours["normalize_features"] = _is_running_norm(settings.get("normalize_class", _RUNNING_NORM))
    if "activation_fn" in kwargs:
        ours["activation_fn"] = _path(kwargs.pop("activation_fn")).rpartition(".")[2].lower()
    if "net_arch" in kwargs:
        layers = kwargs.pop("net_arch")
        ours["net_arch"] = layers[0] if isinstance(layers, list) and isinstance(layers[0], Mapping) else layers
    return ours | kwargs


def _cloning(data: Mapping[str, Any]) -> dict[str, Any]:
    ours = dict(data)
    ours |= ours.pop("train_kwargs", {})
    if "optimizer_cls" in ours:
        ours["optimizer_cls"] = _optimizer(ours["optimizer_cls"])
    return ours


def _rounds(data: Mapping[str, Any]) -> dict[str, Any]:
    ours = {name: value for name, value in data.items() if value is not None}
    if (schedule := ours.get("beta_schedule")) is not None:
        settings = {name: value for name, value in schedule.items() if not name.startswith("py/")}
        ours["beta_schedule"] = {"kind": _known(schedule, _SCHEDULES), **settings}
    return ours


def _adversarial(data: Mapping[str, Any]) -> dict[str, Any]:
    ours = {name: data[name] for name in ("total_timesteps", "checkpoint_interval") if name in data}
    renamed = {"disc_opt_cls": "disc_optimizer_cls", "disc_opt_kwargs": "disc_optimizer_kwargs"}
    ours |= {renamed.get(name, name): value for name, value in data.get("algorithm_kwargs", {}).items()}
    if "disc_optimizer_cls" in ours:
        ours["disc_optimizer_cls"] = _optimizer(ours["disc_optimizer_cls"])
    generator = dict(data.get("rl", {}))
    if "rl_cls" in generator:
        _known(generator.pop("rl_cls"), {"stable_baselines3.ppo.ppo.PPO": True})
    if "rl_kwargs" in generator:
        generator["ppo"] = generator.pop("rl_kwargs")
    return ours | {"rl": generator}


def _reward(data: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    ours: dict[str, Any] = {}
    if "net_cls" in data:
        ours |= _known(data["net_cls"], _NETS[algorithm])
    for name, value in data.get("net_kwargs", {}).items():
        is_norm = name == "normalize_input_layer"
        renamed = {"normalize_input_layer": "normalize_input", "reward_hid_sizes": "hid_sizes"}
        ours[renamed.get(name, name)] = _is_running_norm(value) if is_norm else value
    if "normalize_output_layer" in data:
        ours["normalize_output"] = _is_running_norm(data["normalize_output_layer"]) and algorithm != "gail"
    for name in ("add_std_alpha", "ensemble_size"):
        if data.get(name) is not None:
            raise UserError(f"reward.{name} is {data[name]}: ensembles of reward networks are not offered here.")
    return ours


def _path(value: object) -> str:
    """The class path of what jsonpickle wrote."""
    if isinstance(value, Mapping):
        return str(value.get("py/type") or value.get("py/object"))
    return str(value)


def _known(value: object, counterparts: Mapping[str, Any]) -> Any:  # noqa: ANN401  # as they are
    path = _path(value)
    if path not in counterparts:
        raise UserError(f"{path} has no counterpart here: known are {', '.join(sorted(counterparts))}.")
    return counterparts[path]


def _optimizer(value: object) -> str:
    return f"torch.optim.{_path(value).rpartition('.')[2]}"


def _is_running_norm(value: object) -> bool:
    return value is not None and bool(_known(value, {_RUNNING_NORM: True}))


def _without(data: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Of nested data what differs from the defaults; a part of another kind whole."""
    left: dict[str, Any] = {}
    for name, value in data.items():
        default = defaults.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping) and value.get("kind") == default.get("kind"):
            if inner := _without(value, default):
                left[name] = {**({"kind": value["kind"]} if "kind" in value else {}), **inner}
        elif name not in defaults or value != default:
            left[name] = value
    return left
