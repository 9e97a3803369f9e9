"""The kinds of policies that a URI can name, and the options that each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Option(NamedTuple):
    """What may follow the `?`: its value where it isn't given, the values as a pattern and in words.

    `is_content` is false of one that changes how a policy is asked, and not what it answers.
    """

    default: str
    values: str
    text: str
    is_content: bool = True


class Scheme(NamedTuple):
    """What is before the colon.

    `form` shows what follows it, `kind` says what that is. `library` is the module that reads it, with what pip
    installs it by.
    """

    kind: Literal["nothing", "code", "path", "checkpoint", "repository", "address"]
    form: str = ""
    options: tuple[str, ...] = ()
    library: tuple[str, str] | None = None


_SECONDS = r"\d+(\.\d+)?"

OPTIONS: Mapping[str, Option] = {
    "deterministic": Option("true", "true|false", "true or false"),
    "device": Option("cpu", r"cpu|mps|cuda(:\d+)?", "cpu, cuda, cuda:N or mps"),
    "normalize": Option("none", ".+", "a file of VecNormalize.save, or none"),
    "horizon": Option("none", r"none|[1-9]\d*", "how many actions of a chunk are executed, or none"),
    "mapping": Option("none", ".+", "a YAML file, or none"),
    "timeout": Option("60", _SECONDS, "seconds", is_content=False),
    "patience": Option("60", _SECONDS, "seconds", is_content=False),
    "remembers": Option("auto", "auto|true|false", "auto, true or false", is_content=False),
    "protocol": Option("openpi", "openpi|vla-eval", "openpi or vla-eval", is_content=False),
}
FILES = ("normalize", "mapping")
"""Options whose values name files, which are known by their content."""
_EVERYWHERE = ("horizon", "mapping")
_REMOTE = ("timeout", "patience", "remembers", "protocol", *_EVERYWHERE)

SCHEMES: Mapping[str, Scheme] = {
    "random": Scheme("nothing"),
    "zero": Scheme("nothing"),
    "py": Scheme("code", "MODULE:NAME", _EVERYWHERE),
    "sb3": Scheme(
        "path", "FILE", ("deterministic", "device", "normalize", "mapping"), ("stable_baselines3", "'rlgauge[sb3]'")
    ),
    "torchscript": Scheme("path", "FILE", ("device", *_EVERYWHERE), ("torch", "'rlgauge[torch]'")),
    "export": Scheme("path", "FILE", _EVERYWHERE, ("torch", "'rlgauge[torch]'")),
    "onnx": Scheme("path", "FILE", _EVERYWHERE, ("onnxruntime", "'rlgauge[onnx]'")),
    "lightning": Scheme("checkpoint", "CLASS@FILE", ("device", *_EVERYWHERE)),
    "lerobot": Scheme("path", "FOLDER", ("device", *_EVERYWHERE), ("lerobot", "lerobot")),
    "hf": Scheme("repository", "ORGANISATION/NAME@REVISION", ("deterministic", "device", "normalize", *_EVERYWHERE)),
    "ws": Scheme("address", "//HOST:PORT", _REMOTE, ("websockets", "'rlgauge[remote]'")),
    "wss": Scheme("address", "//HOST:PORT", _REMOTE, ("websockets", "'rlgauge[remote]'")),
}
"""Each scheme by its name."""

SUFFIXES: Mapping[str, str] = {
    ".onnx": "onnx",
    ".zip": "sb3",
    ".pt": "torchscript",
    ".pt2": "export",
    ".pth": "torchscript",
    ".ts": "torchscript",
}
"""How the files end that a scheme reads."""
