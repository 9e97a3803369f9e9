"""An environment in a process of its own, by a Python that may have other libraries than this one.

What can't be installed beside a policy's libraries is played there; actions and observations go through a pipe. The
process ends with the environment, with who plays in it, and where a step is interrupted.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import gymnasium

from rlgauge.core.errors import UserError
from rlgauge.envs.apart_wire import ClosedError, receive, send, unpack_space

_CLOSE_SECONDS = 5.0
_NUM_TAIL = 12


class Interpreter(NamedTuple):
    """A Python that can import this package, and the environment variables to start it with."""

    path: Path
    variables: Mapping[str, str]


class ApartError(RuntimeError):
    """What the environment raised in its process, or how that ended."""


class Apart(gymnasium.Env[Any, Any]):
    """The environment that `maker`, such as "package.module:function", makes of these arguments in that Python."""

    def __init__(self, maker: str, arguments: Mapping[str, Any], *, python: Interpreter) -> None:
        """Start the process. Raises UserError for what the maker says can't be made."""
        self._process = Process(python)
        try:
            told = self._process.ask("make", maker=maker, arguments=dict(arguments))
        except BaseException:
            self._process.end()
            raise
        self.observation_space = unpack_space(told["observation_space"])
        self.action_space = unpack_space(told["action_space"])
        self.metadata = told["metadata"]
        self.render_mode = told["render_mode"]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """What the environment's own reset gives."""
        super().reset(seed=seed)
        observation, info = self._process.ask("reset", seed=seed, options=options)
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401  # of its action space
        """What the environment's own step gives."""
        observation, reward, terminated, truncated, info = self._process.ask("step", action=action)
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:  # noqa: ANN401  # a frame, as the environment gives it
        """What the environment's own render gives."""
        return self._process.ask("render")

    def close(self) -> None:
        """Close the environment and end its process."""
        self._process.close()


def call(function: str, arguments: Mapping[str, Any], *, python: Interpreter) -> Any:  # noqa: ANN401  # what it gives
    """What a function of that Python's modules gives for these arguments. Raises UserError, ApartError."""
    process = Process(python)
    try:
        return process.ask("call", path=function, arguments=dict(arguments))
    finally:
        process.end()


class Process:
    """The process of one environment, seen from who asks."""

    def __init__(self, python: Interpreter) -> None:
        """Start it."""
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in end()
        self._process = subprocess.Popen(
            [str(python.path), "-P", "-m", "rlgauge.envs.apart_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=dict(python.variables),
        )

    def ask(self, do: str, **arguments: object) -> Any:  # noqa: ANN401  # whatever the answer is
        """The answer to one request. Raises UserError as the environment does, ApartError for all else.

        Whatever interrupts the waiting ends the process: an answer that comes late is nobody's.
        """
        if self._process.stdin is None or self._process.stdout is None or self._printed.closed:
            raise ApartError("the process of this environment has ended: make another one")
        try:
            send(self._process.stdin, {"do": do, "with": arguments})
            answer = receive(self._process.stdout)
        except (ClosedError, BrokenPipeError):
            raise ApartError(self._ended()) from None
        except BaseException:
            self.end()
            raise
        if "sentence" in answer:
            raise UserError(answer["sentence"])
        if "raised" in answer:
            raise ApartError(f"{answer['raised']}\n{answer['trace']}".rstrip())
        return answer["value"]

    def close(self) -> None:
        """Let the environment be closed, and end the process; nothing where it has ended."""
        if not self._printed.closed:
            with contextlib.suppress(ApartError, UserError):
                self.ask("close")
            self.end()

    def end(self) -> None:
        """End it, at once where it does not end by itself."""
        if self._printed.closed:
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if sys.exc_info()[0] is not None:
            self._process.kill()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._printed.close()

    def _ended(self) -> str:
        code = self._process.wait()
        self._printed.seek(0)
        tail = "\n".join(self._printed.read().decode(errors="replace").strip().splitlines()[-_NUM_TAIL:])
        self.end()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the process of the environment {how}: {tail or 'it printed nothing'}"
