"""Templates of commands: `python x.py --env {env} --seed {seed}`, for any language and launcher."""

from __future__ import annotations

import itertools
import shlex
import string
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlgauge.core import provenance
from rlgauge.core.errors import UserError, unknown

FIELDS = ("env", "seed")
"""What stands in braces."""
_INTERPRETERS = {"python", "python3", "bash", "sh", "uv", "julia", "Rscript", "node", "mpirun", "torchrun"}
_MOST_BYTES = 2**20
_LOOKED_AT = 1024


class Template:
    """A command with `{env}` and `{seed}` in it; no shell reads it."""

    def __init__(self, text: str, *, args: Sequence[str] = (), folder: Path | None = None) -> None:
        """Words as a shell would part them, then `args`; `files`, which lie in `folder`, get their whole paths.

        `modules` are those that Python is to run by -m. Raises UserError.
        """
        self.text = text
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UserError(f"--command {text!r} can't be parted into words: {str(error).lower()}.") from error
        if not words:
            raise UserError("--command is empty: write one such as 'python x.py --env {env} --seed {seed}'.")
        self.fields = frozenset(field for word in words for field in _fields(word, text))
        place = _script_place(words)
        found = [_file(word, folder or Path.cwd(), is_script=at in (0, place)) for at, word in enumerate(words)]
        self.modules = [name for before, name in itertools.pairwise(words) if before == "-m" and "{" not in name]
        self.files = [path for path in found if path is not None and _is_source(path)]
        self._words = [word if path is None else str(path) for word, path in zip(words, found, strict=True)]
        self._args = list(args)

    @property
    def name(self) -> str:
        """That of the first file in it, else of the first word that is no interpreter."""
        if self.files:
            return self.files[0].stem
        own = [word for word in self._words if not word.startswith("-") and Path(word).name not in _INTERPRETERS]
        return Path((own or self._words)[0]).stem

    @property
    def words(self) -> list[str]:
        """The words of the template, with the whole paths of its files."""
        return list(self._words)

    @property
    def shown(self) -> str:
        """The template as it was given, with the values of secrets masked."""
        words = shlex.split(self.text)
        masked = provenance.masked(words)
        return self.text if masked == words else shlex.join(masked)

    @property
    def whole(self) -> str:
        """The template with the whole paths of its files, the same wherever it is read."""
        return shlex.join(self._words)

    def argv(self, *, env: str | None, seed: int) -> list[str]:
        """The command for one run."""
        filled = [word.format(env="" if env is None else env, seed=seed) for word in self._words]
        return [*filled, *self._args]


def _is_source(path: Path) -> bool:
    """Whether it is a text of reasonable size, and no program."""
    with path.open("rb") as file:
        return path.stat().st_size <= _MOST_BYTES and b"\0" not in file.read(_LOOKED_AT)


def _fields(word: str, text: str) -> Iterator[str]:
    try:
        parts = list(string.Formatter().parse(word))
    except ValueError as error:
        raise UserError(
            f"--command {text!r}: {error}. A brace that is meant as one is written twice: {{{{ and }}}}."
        ) from error
    for _, field, *_ in parts:
        if field is None:
            continue
        if field not in FIELDS:
            raise unknown("field of --command", f"{{{field}}}", [f"{{{name}}}" for name in FIELDS])
        yield field


def _script_place(words: Sequence[str]) -> int:
    """Where the word is that an interpreter runs; that of the program itself where it is none."""
    if Path(words[0]).name not in _INTERPRETERS:
        return 0
    return next((place for place, word in enumerate(words) if place and not word.startswith("-")), 0)


def _file(word: str, folder: Path, *, is_script: bool) -> Path | None:
    """The file that a word names, since the command runs in another folder; None where it names none.

    A word such as `train` may be a value that a file happens to be called: it names one where a script stands only.
    """
    path = folder / word
    is_path = is_script or "/" in word or bool(path.suffix)
    return path.absolute() if is_path and "{" not in word and path.is_file() else None
