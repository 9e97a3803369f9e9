"""Whether a script logged the episodes that its environments saw."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from rlgauge.kinds.train.script import loggers

_LITERAL = re.compile(r"""(["'])([\w./ -]{1,60}?)\1""")
_LOGS = re.compile(r"add_scalar|wandb\.log|rlgauge\.log|logger\.record|\.log\(")
_FINAL_INFO = re.compile(r"""["']final_info["']""")
_OURS = __name__.partition(".")[0]
"""This package may lie below the script's folder, and is none of the script's."""
_FEW = 5
"""Fewer episodes than these may end before a script logs for the first time."""


class Intent(NamedTuple):
    """What a script's text says: the first name under which it would log returns, and whether it asks `final_info`."""

    name: str
    asks_final_info: bool


def warnings(script: str, num_episodes: int) -> list[str]:
    """A sentence if the script means to log returns, and logged none although episodes ended."""
    if not num_episodes or loggers.num_returns():
        return []
    intent = read_intent(texts_of(script))
    if intent is None or (num_episodes < _FEW and not intent.asks_final_info):
        return []
    episodes = "the one episode" if num_episodes == 1 else f"the {num_episodes} episodes"
    text = f"The script logged 0 of {episodes} that ended: {intent.name!r} was never written."
    if intent.asks_final_info and _gymnasium_is_new():
        text += (
            " It waits for infos['final_info'], which Gymnasium 1 gives only with autoreset_mode=SAME_STEP: it was"
            " written for an older Gymnasium, and may misunderstand the ends of episodes in its training, too."
        )
    return [f"{text} The returns counted here come from the environments, and are complete."]


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
