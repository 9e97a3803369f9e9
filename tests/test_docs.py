"""What README and docs say is so: their blocks run, their links lead somewhere, their lists are complete.

A block's info string says what is done with it:

- `python` is run; with `title="FILE"`, as any language, it is written to FILE instead;
- `console` holds commands after `$ `; those of `rlgauge` are run, and end with 2 where `rlgauge: ` begins an answer;
- `text` after `python`, and what follows a command, must be what is printed; `...` stands for anything;
- `sh` is not run, and holds only commands of `NOT_RUN`.

The blocks of a page run in its order, in one process and one folder, on the lines that they have in the page.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlgauge.kinds.evaluate.aggregate import Aggregate
from rlgauge.kinds.evaluate.results import EpisodeResult, TaskResult

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = (
    *(
        "benchmark",
        "preflight",
        "train",
        "runs list",
        "runs show",
        "runs watch",
        "runs merge",
        "import",
        "export",
        "summary",
        "report",
        "view",
        "compare",
        "power",
    ),
    *("throughput", "throughput ab", "throughput demo", "plot", "serve-policy", "doctor", "quickstart"),
    *("suite list", "suite show", "suite run", "suite commands", "tune", "expert list", "expert show", "expert train"),
)

NOT_RUN = (
    "make quickstart",  # a minute, and .venv is made
    "make test",
    "python -m venv",
    ". .venv/bin/activate",
    "python -m pip install",
    "rlgauge serve-policy",  # until it is ended
    "rlgauge view",  # as the last one
    "rlgauge quickstart",  # half a minute of films
    "rlgauge expert train",  # minutes
    "rlgauge suite run imitation-learning",  # minutes
    "rlgauge suite run imitation-original",  # as the next ones
    "rlgauge suite commands imitation",  # as the next one
    "rlgauge suite run mujoco",  # hours, on a cluster
    "rlgauge tune imitation",  # as the next one
    "rlgauge train --algo bc",  # an environment of its own is built
    "rlgauge compare out/ours out/original",
    "rlgauge summary out/ours out/original",
    "python scripts/",
    "python benchmarks/",
)
"""What a reader is told to type and these tests do not: it installs, or takes long. Other tests run it."""

_MARK = "\x1e"
_TOOLS = f"""
import subprocess, sys

def mark(line):
    print("{_MARK}%d" % line, flush=True)

def shell(code, *command):
    argv = command[1:] if command[0] == "python" else ("-m", *command)
    ended = subprocess.run([sys.executable, *argv], capture_output=True, text=True)
    print(ended.stdout, end="" if code == 0 else ended.stderr, flush=True)
    if ended.returncode != code:
        sys.exit("%s: exit code %d, not %d: %s" % (command, ended.returncode, code, ended.stderr))
"""


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language and title, the number of its opening line (from 1), its lines."""

    language: str
    title: str | None
    line: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)


def blocks(page: str) -> list[Block]:
    found = []
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        language, _, rest = match[1].partition(" ")
        title = re.fullmatch(r'title="([\w./]+)"', rest)
        assert bool(title) == bool(rest), f"{match[1]!r} is no info string"
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(language, title[1] if title else None, line, match[2].splitlines()))
    return found


def commands(block: Block) -> Iterator[tuple[int, str, str]]:
    """Every command of a console block: its line, itself, the answer that is shown."""
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
        if part:
            command, _, answer = part.replace("\\\n", "").partition("\n")
            line = block.line + 1 + block.text[: block.text.index(part)].count("\n")
            yield line, command.removeprefix("$ "), answer


def script(page: str) -> tuple[str, dict[int, str]]:
    """A program of the page's blocks, each on its lines, and what must be printed after the mark of a line."""
    lines = [""] * (page.count("\n") + 2)
    expected: dict[int, str] = {}
    before: Block | None = None
    for block in blocks(page):
        start = block.line - 1
        lines[start] = f"mark({block.line})"
        if block.title is not None:
            lines[start] = f"open({block.title!r}, 'w').write({block.text!r})"
        elif block.language == "python":
            lines[start + 1 : start + 1 + len(block.lines)] = block.lines
        elif block.language == "console":
            for line, command, answer in commands(block):
                assert command.startswith(("rlgauge ", "python ")), f"{command!r} is not run: make it an sh block"
                said = re.search(r"# exits with (\d)$", command)
                code = int(said[1]) if said else 2 if answer.startswith("rlgauge: ") else 0
                lines[line - 1] = f"mark({line}); shell({code}, *{shlex.split(command, comments=True)})"
                if answer:
                    expected[line] = answer
        elif block.language == "text" and before is not None and before.language == "python":
            expected[before.line] = block.text
        before = block
    lines[0] = f"from page_tools import mark, shell; {lines[0]}"
    return "\n".join(lines) + "\n", expected


def check_page(page: str, folder: Path) -> None:
    program, expected = script(page)
    (folder / "page.py").write_text(program)
    (folder / "page_tools.py").write_text(_TOOLS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RLGAUGE_CACHE": str(folder / "cache")}
    argv = [sys.executable, "page.py"]
    ended = subprocess.run(argv, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    printed = {}
    for part in ended.stdout.split(_MARK)[1:]:
        line, _, text = part.partition("\n")
        printed[int(line)] = text
    for line, text in expected.items():
        told = f"after line {line} the page shows\n{text}\nand what was printed is\n{printed[line]}"
        assert agrees(text, printed[line]), told


def agrees(shown: str, printed: str) -> bool:
    """Whether the text was printed, `...` standing for anything, any white space for any other."""
    rest = " ".join(printed.split())
    first, *others = (" ".join(part.split()) for part in shown.split("..."))
    if not others:
        return rest == first
    if not rest.startswith(first) or not rest.endswith(others[-1]):
        return False
    rest = rest.removeprefix(first).removesuffix(others[-1])
    for part in others[:-1]:
        _, found, rest = rest.partition(part) if part else ("", "...", rest)
        if not found:
            return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_runs_and_prints_what_the_page_shows(page, tmp_path):
    check_page(page.read_text(), tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        "```python\nassert False\n```\n",
        "```python\nprint(1)\n```\n```text\n2\n```\n",
        "```console\n$ rlgauge benchmark --policy random\n```\n",
        "```console\n$ rlgauge --version\nrlgauge 99...\n```\n",
        "```console\n$ rlgauge --version\nrlgauge: wrong usage\n```\n",
        "```console\n$ ls\n```\n",
    ],
)
def test_a_page_that_says_what_is_not_so_fails(page, tmp_path):
    with pytest.raises(AssertionError):
        check_page(page, tmp_path)


def test_a_page_that_says_what_is_so_passes(tmp_path):
    page = '```python title="one.py"\nONE = 1\n```\n```python\nimport one\nprint(one.ONE, "and more")\n```\n'
    check_page(page + "```text\n1 ...\n```\n```console\n$ rlgauge \\\n  --version\nrlgauge ...\n```\n", tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_of_the_known_kinds_and_only_listed_commands_are_not_run(page):
    for block in blocks(page.read_text()):
        assert block.language in {"python", "console", "sh", "text", "json", "yaml", ""}, f"line {block.line}"
        if block.language == "sh":
            unknown = [line for line in block.lines if line and not line.startswith(NOT_RUN)]
            assert not unknown, f"line {block.line}: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files_and_headings_that_exist(page):
    for text, target in re.findall(r"\[([^]]*)\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = target.partition("#")
        if path.startswith("http"):
            continue
        linked = page.parent / path if path else page
        assert linked.exists(), f"[{text}]({target})"
        assert not heading or heading in headings(linked.read_text()), f"[{text}]({target})"


def headings(page: str) -> set[str]:
    """The headings as GitHub names them in links."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a  b\n", "a b", True),
        ("a ... c", "a b c", True),
        ("a ... c", "a b c d", False),
        ("a ... c ...", "a b c d", True),
        ("... b ... a ...", "a b c", False),
        ("a", "a b", False),
    ],
)
def test_three_dots_stand_for_anything(shown, printed, expected):
    assert agrees(shown, printed) is expected


def test_the_readme_links_every_page():
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}


@functools.cache
def told_by(*command: str) -> str:
    argv = [sys.executable, "-m", "rlgauge", *command, "--help"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def options_of(command: str) -> set[str]:
    """The options in the left column of the command's help."""
    return set(re.findall(r"^  (?:-\w(?: \w+)?, )?(--[\w.-]+)", told_by(*command.split()), re.MULTILINE))


@pytest.mark.xdist_group("help")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_the_command_line_names_every_option_and_no_other(command):
    page = (ROOT / "docs" / "cli.md").read_text()
    section = re.search(rf"^## rlgauge {command}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    named = set(re.findall(r"^\| `(?:-\w(?: \w+)?, )?(--[\w.-]+)", section[1], re.MULTILINE))
    assert named - {"--benchmark.NAME"} == options_of(command)


def test_the_page_of_the_command_line_has_a_section_for_every_command():
    told = re.findall(r"^  ([\w-]+)  ", told_by(), re.MULTILINE)
    assert {command.split()[0] for command in COMMANDS} == set(told)


@pytest.mark.xdist_group("help")
def test_every_option_that_a_page_names_exists():
    known = {"--help", "--version", *(option for command in COMMANDS for option in options_of(command))}
    spelled = {option.replace("-", "_") for option in known}
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`(python|ray) .*?`", "", prose)  # another program's options
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", prose))
        assert not [option for option in named if option.replace("-", "_") not in spelled], page.name


@pytest.mark.parametrize("kind", [TaskResult, EpisodeResult, Aggregate])
def test_every_field_of_the_results_is_explained(kind):
    page = (ROOT / "docs" / "evaluate.md").read_text()
    explained = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", page, re.MULTILINE))))
    assert not set(kind.__struct_fields__) - explained
