"""Where a policy comes from: a URI such as `onnx:FILE`, of one of the schemes in `schemes.py`."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec

from rlgauge.core import hub
from rlgauge.core.errors import UserError, unknown
from rlgauge.episodes.policies import code
from rlgauge.episodes.policies.schemes import FILES, OPTIONS, SCHEMES, SUFFIXES

_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f]|[\x80-\xff][\x01-\x7f])", re.DOTALL)
"""How a tensor of an ONNX file says which other file holds it: an entry's key, the tag and the length of its value."""
_FORMS = {
    "code": re.compile(".+"),
    "path": re.compile(".+"),
    "checkpoint": re.compile("[^@]+@.+"),
    "repository": re.compile(".+/.+"),
    "address": re.compile("//.+"),
}
"""What may follow the colon, by the kind of the scheme."""
_CLASS_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*([.:][^\W\d]\w*)(\.[^\W\d]\w*)*")


class PolicySource(msgspec.Struct, frozen=True):
    """A policy that can be described in words, and so be opened again in another process."""

    uri: str
    ckpt_path: str | None = None

    @property
    def scheme(self) -> str:
        """One of SCHEMES."""
        return self.uri.partition("?")[0].partition(":")[0]

    @property
    def target(self) -> str:
        """What follows the scheme: a path, MODULE:NAME, or nothing."""
        return self.uri.partition("?")[0].partition(":")[2]

    @property
    def options(self) -> dict[str, str]:
        """What follows the `?`."""
        return dict(parse_qsl(self.uri.partition("?")[2], keep_blank_values=True))

    def option(self, name: str) -> str:
        """The option's value, or its default."""
        return self.options.get(name, OPTIONS[name].default)

    @property
    def checkpoint(self) -> tuple[str, Path]:
        """Of `CLASS@FILE`, the class and the file; a file is nowhere where there is no `@`."""
        class_path, _, file = self.target.partition("@")
        return class_path, Path(file)

    @property
    def normalizer(self) -> Path | None:
        """The file with the statistics by which observations are normalised."""
        return self.file("normalize")

    @property
    def horizon(self) -> int | None:
        """How many actions of a chunk are executed before the policy is asked again; None where none is given."""
        named = self.option("horizon")
        return None if named == "none" else int(named)

    @property
    def is_adapted(self) -> bool:
        """Whether something stands between the environment and the policy: a mapping, or the execution of chunks."""
        return self.horizon is not None or self.file("mapping") is not None

    def file(self, option: str) -> Path | None:
        """The file that the option names."""
        named = self.option(option)
        return None if named == "none" else Path(named)

    def digest(self) -> str:
        """32 hexadecimal digits of the content: the same file under another name is the same policy.

        For `py:` it is the name, the module's own source file and the checkpoint; modules that it imports are not seen.
        Raises UserError for what is not there.
        """
        content = hashlib.blake2b(digest_size=16)
        for part in self._parts():
            content.update(len(part).to_bytes(8, "big"))
            content.update(part)
        return content.hexdigest()

    def _parts(self) -> Iterator[bytes]:
        yield self.scheme.encode()
        for name, value in sorted(self.options.items()):
            file = self.file(name) if name in FILES else None
            if file is not None:
                yield name.encode()
                yield from _file_parts(file)
            elif OPTIONS[name].is_content and value != OPTIONS[name].default:
                yield f"{name}={value}".encode()
        yield from self._target_parts()
        if self.ckpt_path is not None:
            yield from _file_parts(Path(self.ckpt_path))

    def _target_parts(self) -> Iterator[bytes]:
        match SCHEMES[self.scheme].kind:
            case "code":
                yield from _code_parts(self.target)
            case "path":
                yield from _file_parts(Path(self.target))
            case "checkpoint":
                class_path, file = self.checkpoint
                yield from _code_parts(class_path)
                yield from _file_parts(file)
            case "repository":
                from rlgauge.episodes.policies.hub import fetch_policy

                found = fetch_policy(self)
                yield found.repository.encode()
                yield found.commit.encode()
            case "address":
                from rlgauge.episodes.policies.websocket import identity

                yield identity(self.uri).encode()


def parse_source(uri: str, ckpt_path: str | None = None) -> PolicySource:
    """The source that a person wrote; a class path needs no `py:`. Raises UserError."""
    head, mark, query = uri.partition("?")
    scheme, colon, _ = head.partition(":")
    if scheme not in SCHEMES:
        return parse_source(_class_path(head) + mark + query, ckpt_path)
    source = PolicySource(uri, ckpt_path)
    _check_options(source)
    _check_target(source, has_colon=bool(colon))
    if ckpt_path is not None:
        if SCHEMES[scheme].kind != "code":
            raise UserError(f"A checkpoint path goes with a class path, not with {uri!r}.")
        _check_exists(Path(ckpt_path), "the checkpoint path")
    return source


def _check_target(source: PolicySource, *, has_colon: bool) -> None:
    """Raise UserError unless what follows the scheme has its form, and the files are there."""
    uri, scheme = source.uri, SCHEMES[source.scheme]
    if scheme.kind == "nothing":
        if has_colon:
            raise UserError(f"The policy {uri!r} takes nothing after its name: write {source.scheme!r}.")
        return
    if not _FORMS[scheme.kind].fullmatch(source.target):
        raise UserError(f"The policy {uri!r} does not say which one: write {source.scheme}:{scheme.form}.")
    if scheme.kind == "path":
        _check_exists(Path(source.target), uri)
    elif scheme.kind == "checkpoint":
        _check_exists(source.checkpoint[1], uri)
    elif scheme.kind == "repository":
        hub.pinned(f"{hub.PREFIX}{source.target}")
    _check_installed(source)
    _check_normalizer(source)
    mapping = source.file("mapping")
    if mapping is not None:
        _check_exists(mapping, f"mapping in {uri!r}")


def _class_path(head: str) -> str:
    """The URI of a class path without its scheme. Raises UserError for anything else."""
    scheme, colon, _ = head.partition(":")
    suffix = Path(head).suffix.lower()
    if suffix in SUFFIXES and not colon:
        raise UserError(
            f"The policy {head!r} is a path without a scheme. Did you mean {SUFFIXES[suffix] + ':' + head!r}?"
        )
    if scheme.endswith(".py"):
        if not colon:
            raise UserError(f"The policy {head!r} does not say which one: write '{head}:NAME'.")
        return f"py:{head}"
    if _CLASS_PATH.fullmatch(head) and ("." in scheme or code.module_exists(scheme)):
        return f"py:{head}"
    raise unknown("policy scheme" if colon else "policy", scheme, SCHEMES)


def _check_options(source: PolicySource) -> None:
    known = SCHEMES[source.scheme].options
    for name, value in source.options.items():
        if name not in known:
            if not known:
                raise UserError(f"The policy {source.uri!r} has the option {name!r}, but {source.scheme!r} takes none.")
            raise unknown(f"option of {source.scheme!r}", name, known)
        if not re.fullmatch(OPTIONS[name].values, value):
            raise UserError(f"The option {name!r} of {source.uri!r} is {value!r}; it takes {OPTIONS[name].text}.")


def _check_normalizer(source: PolicySource) -> None:
    """Raise UserError where statistics that are named don't exist, or some lie beside a model and none are named."""
    if source.normalizer is not None:
        _check_exists(source.normalizer, f"normalize in {source.uri!r}")
    elif source.scheme == "sb3" and "normalize" not in source.options:
        beside = _statistics_of(Path(source.target))
        if beside is not None:
            mark = "&" if source.options else "?"
            raise UserError(
                f"Beside '{source.target}' lies '{beside}': was it trained on normalised observations? Write "
                f"'{source.uri}{mark}normalize={beside}', or normalize=none for a model that takes them as they are."
            )


def _statistics_of(model: Path) -> Path | None:
    """Where a model's statistics of observations lie, as Stable-Baselines3, its callbacks and its Zoo leave them."""
    folder = model.parent
    own = sorted(folder.glob("*vecnormalize*.pkl"))
    zoo = [folder / model.stem / "vecnormalize.pkl"]
    if model.stem == "best_model":  # rl-zoo keeps it beside a folder named after the environment
        zoo += sorted(folder.glob("*-v*/vecnormalize.pkl"))
    return next((path for path in (*own, *zoo) if path.is_file()), None)


def _check_installed(source: PolicySource) -> None:
    library = SCHEMES[source.scheme].library
    if library is not None and importlib.util.find_spec(library[0]) is None:
        module, requirement = library
        raise UserError(
            f"The policy {source.uri!r} needs {module!r}, which is not installed: pip install {requirement}."
        )


def _check_exists(path: Path, what: str) -> None:
    if path.exists():
        return
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1, cutoff=0.5)
    hint = f" Did you mean '{path.parent / near[0]}'?" if near else ""
    raise UserError(f"There is no file '{path}' (from {what}).{hint}")


def _code_parts(target: str) -> Iterator[bytes]:
    """The name and the module's own source file."""
    yield code.qualified_name(target).encode()
    yield code.source_bytes(target)


def _file_parts(path: Path) -> Iterator[bytes]:
    """The bytes of a file (with the weights that an ONNX file may keep beside it), or of all files of a folder."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix().encode()
                yield from _file_parts(file)
        return
    try:
        content = path.read_bytes()
        yield content
        if path.suffix == ".onnx":
            for name in _files_beside(content):
                if (path.parent / name).is_file():
                    yield name.encode()
                    yield (path.parent / name).read_bytes()
    except OSError as error:
        raise UserError(f"Could not read '{path}': {error.strerror}.") from error


def _files_beside(content: bytes) -> list[str]:
    """The names that an ONNX file gives of others which hold its weights, without anything that is no text."""
    found = []
    for match in _LOCATION.finditer(content):
        size, start = match[1][0], match.end()
        if len(match[1]) > 1:  # the lower seven bits come first
            size += 128 * (match[1][1] - 1)
        found.append(content[start : start + size].decode(errors="replace").replace("\0", ""))
    return sorted(set(found) - {""})
