"""Gymnasium's spaces as JSON, for serving a policy where its environment can't be made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    import gymnasium


class Spaces(NamedTuple):
    """What an environment observes and takes."""

    observation: gymnasium.Space[Any]
    action: gymnasium.Space[Any]


def write_spaces(env: gymnasium.Env[Any, Any], path: Path | str) -> None:
    """Write the environment's two spaces into a file, for `rlgauge serve-policy --spaces`. Raises UserError."""
    spaces = {"observation": to_json(env.observation_space), "action": to_json(env.action_space)}
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(spaces)))


def read_spaces(path: Path | str) -> Spaces:
    """The two spaces in a file that `write_spaces` or a person wrote. Raises UserError."""
    try:
        told = msgspec.json.decode(Path(path).read_bytes())
        return Spaces(from_json(told["observation"]), from_json(told["action"]))
    except OSError as error:
        raise UserError(f"Could not read '{path}': {error.strerror}.") from error
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"'{path}' holds no spaces ({type(error).__name__}: {error}); "
            "rlgauge.serving.space_files.write_spaces(env, path) writes them."
        ) from error


def to_json(space: gymnasium.Space[Any]) -> dict[str, Any]:  # noqa: PLR0911  # one for each kind of space
    """The space in words. Raises UserError for a kind that has none."""
    from gymnasium import spaces

    kind = type(space).__name__
    match space:
        case spaces.Box():
            low, high = _bound(space.low), _bound(space.high)
            return {"space": kind, "low": low, "high": high, "shape": space.shape, "dtype": str(space.dtype)}
        case spaces.Discrete():
            return {"space": kind, "n": int(space.n), "start": int(space.start)}
        case spaces.MultiDiscrete():
            return {
                "space": kind,
                "nvec": space.nvec.tolist(),
                "start": space.start.tolist(),
                "dtype": str(space.dtype),
            }
        case spaces.MultiBinary():
            return {"space": kind, "n": list(space.shape)}
        case spaces.Text():
            return {"space": kind, "min_length": space.min_length, "max_length": space.max_length}
        case spaces.Dict():
            return {"space": kind, "spaces": {key: to_json(part) for key, part in space.spaces.items()}}
        case spaces.Tuple():
            return {"space": kind, "spaces": [to_json(part) for part in space.spaces]}
        case _:
            raise UserError(f"The space {space} can't be written as JSON: serve with --env ID.")


def from_json(told: Mapping[str, Any]) -> gymnasium.Space[Any]:  # noqa: PLR0911  # one for each kind of space
    """The space. Raises ValueError, KeyError or TypeError where it is none."""
    from gymnasium import spaces

    own = {name: value for name, value in told.items() if name != "space"}
    match told["space"]:
        case "Box":
            dtype, shape = np.dtype(own["dtype"]), tuple(own["shape"])
            low, high = (_bounds_of(own[name], shape, dtype) for name in ("low", "high"))
            return spaces.Box(low, high, shape, dtype.type)
        case "Discrete":
            return spaces.Discrete(own["n"], start=own.get("start", 0))
        case "MultiDiscrete":
            return spaces.MultiDiscrete(own["nvec"], np.dtype(own.get("dtype", "int64")).type, start=own.get("start"))
        case "MultiBinary":
            return spaces.MultiBinary(own["n"])
        case "Text":
            return spaces.Text(**own)
        case "Dict":
            return spaces.Dict({key: from_json(part) for key, part in own["spaces"].items()})
        case "Tuple":
            return spaces.Tuple([from_json(part) for part in own["spaces"]])
        case kind:
            raise ValueError(f"{kind!r} is no kind of space")


def _bound(values: NDArray[Any]) -> Any:  # noqa: ANN401  # a number, or lists of them
    """One number where all are the same; infinity, for which JSON has no number, as text."""
    flat = np.unique(values)
    return _plain((flat[0] if len(flat) == 1 else values).tolist())


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _bounds_of(told: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:  # noqa: ANN401
    values = np.asarray(told, np.float64 if dtype.kind == "f" else dtype)
    return np.broadcast_to(values, shape).astype(dtype)
