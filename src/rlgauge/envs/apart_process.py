"""The process in which an environment of another Python is played: it answers requests, one at a time, until the end.

Started as `python -m rlgauge.envs.apart_process` by `rlgauge.envs.apart`. What libraries print goes to its errors.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import IO, Any

import gymnasium

from rlgauge.core.errors import UserError
from rlgauge.envs.apart_wire import ClosedError, pack_space, receive, send


def main() -> None:
    """Answer until there is nobody who asks."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    serve(sys.stdin.buffer, answers)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each request; the environment is closed at the end."""
    served = _Served()
    try:
        while True:
            send(answers, _answer(served, receive(requests)))
    except (ClosedError, BrokenPipeError):
        served.close()


def _answer(served: _Served, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"value": served.asked[request["do"]](**request["with"])}
    except UserError as error:
        return {"sentence": str(error)}
    except Exception as error:  # noqa: BLE001  # a simulator may raise anything; it is told to who asked
        return {"raised": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}


class _Served:
    """One environment, once it is made."""

    def __init__(self) -> None:
        self._env: gymnasium.Env[Any, Any] | None = None
        self.asked: dict[str, Callable[..., Any]] = {
            "call": _call,
            "make": self.make,
            "reset": lambda seed, options: self.env.reset(seed=seed, options=options),
            "step": self._step,
            "render": self._render,
            "close": self.close,
        }

    @property
    def env(self) -> gymnasium.Env[Any, Any]:
        """The environment that was made."""
        if self._env is None:
            raise UserError("No environment was made in this process, or it is closed.")
        return self._env

    def make(self, maker: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What can be known of the environment before it is reset."""
        self._env = env = _call(maker, arguments)
        return {
            "observation_space": pack_space(env.observation_space),
            "action_space": pack_space(env.action_space),
            "metadata": dict(env.metadata),
            "render_mode": env.render_mode,
        }

    def _step(self, action: object) -> tuple[Any, ...]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, float(reward), bool(terminated), bool(truncated), info

    def _render(self) -> Any:  # noqa: ANN401  # a frame, as the environment gives it
        return self.env.render()

    def close(self) -> None:
        """Close the environment, if there is one."""
        if self._env is not None:
            env, self._env = self._env, None
            env.close()


def _call(path: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401  # whatever it gives
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)(**arguments)


if __name__ == "__main__":
    main()
