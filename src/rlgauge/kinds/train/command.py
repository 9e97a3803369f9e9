"""Templates of commands: `python x.py --env {env} --seed {seed}`, for any language and launcher."""

from __future__ import annotations

import shlex
import string
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlgauge.core import provenance
from rlgauge.core.errors import UserError, unknown
from rlgauge.kinds.train.words import INTERPRETERS, found_in

FIELDS = ("env", "seed")
"""What stands in braces."""
_MOST_BYTES = 2**20
_LOOKED_AT = 1024


class Template:
    """A command with `{env}` and `{seed}` in it; no shell reads it."""

    def __init__(self, text: str, *, args: Sequence[str] = (), folder: Path | None = None) -> None:
        """Words as a shell would part them, then `args`; `files`, which lie in `folder`, get their whole paths.

        So do those in a text that a shell is to read, as in `bash -c TEXT`, where it is sure which words name files.

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
        found = found_in(words, folder or Path.cwd())
        self.modules = [module for one in found for module in one.modules]
        self.files = [path for one in found for path in one.files if _is_source(path)]
        self._words = [one.word for one in found]
        self._script = next((one.script for one in found if one.script is not None), None)
        self._args = list(args)

    @property
    def name(self) -> str:
        """That of the first file in it, else of what a shell's text runs, else of the first word but interpreters."""
        if self.files or self._script is not None:
            return (self.files[0] if self.files else Path(str(self._script))).stem
        own = [word for word in self._words if not word.startswith("-") and Path(word).name not in INTERPRETERS]
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
