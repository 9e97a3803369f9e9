"""Whether a script logged the episodes that its environments saw."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

from rlgauge.kinds.train.script import logged, loggers

_LITERAL = re.compile(r"""(["'])([\w./ -]{1,60}?)\1""")
_LOGS = re.compile(r"add_scalar|wandb\.log|rlgauge\.log|logger\.record|\.log\(")
_FINAL_INFO = re.compile(r"""["']final_info["']""")
_OURS = __name__.partition(".")[0]
"""This package may lie below the script's folder, and is none of the script's."""
_FEW = 5
"""Fewer episodes than these may end before a script logs for the first time."""
_MAKES_VECTORS = re.compile(r"\b(?:Sync|Async)VectorEnv\b|\bmake_vec\b|\bvector\.make\b")
_GIVES_FINAL_INFO = re.compile(
    r"autoreset|same_?step|^\s*(?:import|from)\s+gym(?!nasium)\b|mani_?skill|isaac|envpool|brax|playground|pufferlib",
    re.IGNORECASE | re.MULTILINE,
)
"""What may give `final_info` still: another mode, the library before Gymnasium, and vectors of others."""
_OLD = (
    "infos['final_info'], which Gymnasium 1 gives only with autoreset_mode=SAME_STEP: it was"
    " written for an older Gymnasium, and may misunderstand the ends of episodes in its training, too."
)
_COMPLETE = "The returns counted here come from the environments, and are complete."


class Intent(NamedTuple):
    """What a script's text says: the first name under which it would log returns, and whether it asks `final_info`."""

    name: str
    asks_final_info: bool


def warnings(script: str, num_episodes: int) -> list[str]:
    """Sentences on what the script logged that can't be, and one if it logged no returns and meant to."""
    if not num_episodes:
        return []
    folder = loggers.folder()
    found = [] if folder is None else logged.disagreements(folder)
    texts = texts_of(script)
    if loggers.num_returns():
        few = None if found or folder is None else logged.only_few(folder, texts)
        return [f"{text} {_COMPLETE}" for text in [*found, *([few] if few else [])]]
    missing = _missing(texts, num_episodes)
    return [f"{text} {_COMPLETE}" for text in [*found, *([missing] if missing else [])]]


def _missing(texts: list[str], num_episodes: int) -> str | None:
    """A sentence on episodes that a script means to log, or waits for in vain, and never logged."""
    intent = read_intent(texts)
    if intent is None or (num_episodes < _FEW and not intent.asks_final_info):
        if not _gymnasium_is_new() or not waits_in_vain(texts):
            return None
        ended = "An episode ended" if num_episodes == 1 else f"{num_episodes} episodes ended"
        return f"{ended}, and the script saw none where it looks for them. It waits for {_OLD}"
    episodes = "the one episode" if num_episodes == 1 else f"the {num_episodes} episodes"
    text = f"The script logged 0 of {episodes} that ended: {intent.name!r} was never written."
    return f"{text} It waits for {_OLD}" if intent.asks_final_info and _gymnasium_is_new() else text


def waits_in_vain(texts: list[str]) -> bool:
    """Whether sources ask for `final_info` of vectors of Gymnasium 1 that don't give it, and look nowhere else."""
    whole = "\n".join(texts)
    if not _FINAL_INFO.search(whole) or not _MAKES_VECTORS.search(whole) or _GIVES_FINAL_INFO.search(whole):
        return False
    try:
        asked = [one for text in texts for node in ast.walk(ast.parse(text)) for one in _asked(node)]
    except (SyntaxError, ValueError):
        return False
    waiting = {owner for owner, key in asked if key == "final_info"}
    others = {owner for owner, key in asked if key in ("episode", "_episode")}
    return bool(waiting) and "" not in waiting and not waiting & others


def _asked(node: ast.AST) -> list[tuple[str, str]]:
    """What is asked for a key by its name, and that key: `x["key"]`, `"key" in x`, `x.get("key")`.

    What is given the key, by whatever name, is called "".
    """
    pairs: list[tuple[str, ast.expr | None]] = []
    if isinstance(node, ast.Subscript):
        pairs = [(ast.unparse(node.value) if isinstance(node.ctx, ast.Load) else "", node.slice)]
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
        pairs = [(ast.unparse(node.comparators[0]).removesuffix(".keys()"), node.left)]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
        pairs = [(ast.unparse(node.func.value), one) for one in node.args[:1]]
    elif isinstance(node, ast.Dict):
        pairs = [("", one) for one in node.keys]
    return [(owner, key.value) for owner, key in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)]


def read_intent(texts: list[str]) -> Intent | None:
    """What these sources mean to log; None where they log nothing that is a return by its name."""
    if not any(_LOGS.search(text) for text in texts):
        return None
    names = (match[2] for text in texts for match in _LITERAL.finditer(text))
    name = next((one for one in names if " " not in one and loggers.is_return(one)), None)
    return None if name is None else Intent(name, any(_FINAL_INFO.search(text) for text in texts))


def texts_of(script: str) -> list[str]:
    """The sources of a script, and of what it imported from its own folder."""
    path = Path(script)
    if not path.is_file():
        module = sys.modules.get(script.partition(":")[0])
        path = Path(getattr(module, "__file__", None) or script)
    if not path.is_file():
        return []
    files = {path.resolve()}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == _OURS:
            continue
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py") and "site-packages" not in file and Path(file).is_relative_to(path.parent):
            files.add(Path(file).resolve())
    return [file.read_text(errors="replace") for file in sorted(files, key=lambda one: one != path.resolve())]


def _gymnasium_is_new() -> bool:
    version = str(getattr(sys.modules.get("gymnasium"), "__version__", "0"))
    return not version.startswith("0.")
