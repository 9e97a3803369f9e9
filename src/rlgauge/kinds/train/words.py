"""The words of a command: which of them name files, of a text that a shell reads, too."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

INTERPRETERS = frozenset(
    {"python", "python3", "bash", "sh", "dash", "zsh", "uv", "julia", "Rscript", "node", "mpirun", "torchrun"}
)
_SHELLS = frozenset({"bash", "sh", "dash", "zsh"})
_PART = re.compile(r"""(?P<word>(?:[^\s;&|()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)|(?P<mark>[;&|()<>\n]+)|\s""")
"""A word of a shell's text, or what parts commands and leads into files."""
_UNSURE = re.compile(r"[$`{}*?\[\]~\\#!]")
"""In a word that has one of these, a shell may read something else."""
_SETTING = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_WRITING = re.compile(r">[&|]?\s*\Z")
_MOVING = frozenset({"cd", "pushd", "popd"})


class Found(NamedTuple):
    """A word with the whole paths of the files that it names, these files, and modules that Python is to run by -m.

    `script` is what the first interpreter in a shell's text is to run, as it stands there.
    """

    word: str
    files: list[Path]
    modules: list[str]
    script: str | None = None


def found_in(words: Sequence[str], folder: Path) -> list[Found]:
    """What is found in each word of a command, whose files lie in `folder`."""
    place, text = script_place(words), _text_place(words)
    found: list[Found] = []
    for at, word in enumerate(words):
        if at == text:
            found.append(_in_text(word, folder))
            continue
        path = _file(word, folder, is_script=at in (0, place))
        is_module = at > 0 and words[at - 1] == "-m" and "{" not in word
        found.append(Found(word if path is None else str(path), [path] if path else [], [word] if is_module else []))
    return found


def script_place(words: Sequence[str]) -> int:
    """Where the word is that an interpreter runs; that of the program itself where it is none."""
    if Path(words[0]).name not in INTERPRETERS:
        return 0
    return next((place for place, word in enumerate(words) if place and not word.startswith("-")), 0)


def _text_place(words: Sequence[str]) -> int | None:
    """Where the text is that a shell reads, as in `bash -c TEXT`."""
    start = next((place for place, word in enumerate(words) if Path(word).name in _SHELLS), len(words))
    is_value = False
    for place in range(start + 1, len(words) - 1):
        word = words[place]
        if is_value:
            is_value = False
        elif not re.fullmatch(r"[-+]{1,2}\w+", word):
            return None
        elif word[0] == "-" and word[1] != "-" and "c" in word:
            return place + 1
        else:
            is_value = word.endswith(("o", "O"))  # as in `-o pipefail`
    return None


def _in_text(text: str, folder: Path) -> Found:
    """What is found in a shell's text, as far as it is sure which file a word is; elsewhere the text is as it was."""
    commands = _commands(text)
    firsts = [_plain(command[0].group()) for command in commands]
    script = next((word for command in commands if (word := _script(command)) is not None), None)
    if any(first in _MOVING for first in firsts) or "<<" in text:
        return Found(text, [], [], script)
    made, end = "", 0
    files: list[Path] = []
    modules: list[str] = []
    for command in commands:
        words = [_plain(one.group()) or "" for one in command]
        place = script_place(words)
        modules += [after for before, after in itertools.pairwise(words) if before == "-m" and after]
        for at, (part, word) in enumerate(zip(command, words, strict=True)):
            is_script = "/" in word if at == 0 else at == place
            path = _file(word, folder, is_script=is_script) if word and (at or is_script) else None
            if path is not None and not _UNSURE.search(str(path)) and not _WRITING.search(text, 0, part.start()):
                made += text[end : part.start()] + shlex.quote(str(path))
                end = part.end()
                files.append(path)
    return Found(made + text[end:], files, modules, script)


def _commands(text: str) -> list[list[re.Match[str]]]:
    """The words of each command of a shell's text, without variables that are set before it."""
    commands: list[list[re.Match[str]]] = [[]]
    for part in _PART.finditer(text):
        mark = part.group("mark") or ("\n" if part.group() == "\n" else "")
        if mark.strip("<>"):
            commands.append([])
        elif part.group("word") and (commands[-1] or not _SETTING.fullmatch(part.group())):
            commands[-1].append(part)
    return [command for command in commands if command]


def _script(command: Sequence[re.Match[str]]) -> str | None:
    """The file that an interpreter is to run in a command."""
    words = [one.group() for one in command]
    place = script_place(words)
    return _plain(words[place]) if place and words[place - 1] not in {"-m", "-c"} else None


def _plain(word: str) -> str | None:
    """A word of a shell's text without its quotes; None where the shell may read something else."""
    if _UNSURE.search(word):
        return None
    try:
        return "".join(shlex.split(word))
    except ValueError:  # a quote that nothing closes
        return None


def _file(word: str, folder: Path, *, is_script: bool) -> Path | None:
    """The file that a word names, since the command runs in another folder; None where it names none.

    A word such as `train` may be a value that a file happens to be called: it names one where a script stands only.
    """
    path = folder / word
    is_path = is_script or "/" in word or bool(path.suffix)
    try:
        return path.absolute() if is_path and "{" not in word and path.is_file() else None
    except OSError:  # longer than any name
        return None
