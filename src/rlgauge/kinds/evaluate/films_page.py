"""The page of what was filmed: one HTML file beside the films, which needs nothing but them.

All that comes from names and errors is escaped, and the page's own policy lets nothing run but its own script.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from rlgauge.kinds.evaluate.films_told import ORDER, Filmed, FilmedTask, Films

GENERATOR = '<meta name="generator" content="RLGauge films">'
"""By which a page is known as one of these."""

_IN_ORDER = (
    "What went wrong comes first, then it goes by number. A picture is the last frame of an episode; choose it to play "
    "the film."
)
_MARKS = {"success": "✓", "failure": "✗", "error": "!", "timeout": "…", "unmeasured": "?"}
_MANY = {
    "success": "successes",
    "failure": "failures",
    "error": "errors",
    "timeout": "timeouts",
    "unmeasured": "unmeasured",
}
_FEW_PIXELS = 128
"""Pictures narrower than this are enlarged pixel by pixel."""


def page(films: Films, folder: Path) -> str:
    """The page as HTML; sizes of pictures are read in the folder."""
    style, script = _beside("css"), _beside("js")
    tasks = _by_task(films.tasks)
    sections = "".join(_section(number, task, folder) for number, task in enumerate(tasks))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">
{GENERATOR}
<link rel="icon" href="data:,">
<title>What was filmed</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>What was filmed</h1>
<p>{_said(films)}</p>
{_contents(tasks)}
</header>
{_filters(tasks)}
<main>
{sections}</main>
<script>{script}</script>
</body>
</html>
"""


def _by_task(tasks: Sequence[FilmedTask]) -> list[FilmedTask]:
    """All policies of a task together, both in the order in which they were given."""
    places = {task_id: place for place, task_id in enumerate(dict.fromkeys(task.task_id for task in tasks))}
    return sorted(tasks, key=lambda task: places[task.task_id])


def _beside(suffix: str) -> str:
    return Path(__file__).with_suffix(f".{suffix}").read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the browser lets the page do: show files beside it, and run this very script."""
    own = "file: 'self'"
    return (
        f"default-src 'none'; img-src {own} data:; media-src {own}; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _said(films: Films) -> str:
    outcomes = Counter(one.outcome for task in films.tasks for one in task.episodes)
    counted = f": {_counted(outcomes)}" if outcomes else ""
    return f"{_count(films.num_films, 'episode')} filmed{counted}. {_IN_ORDER}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _contents(tasks: Sequence[FilmedTask]) -> str:
    """One row a policy and task."""
    rows = "".join(_row(number, task) for number, task in enumerate(tasks))
    head = "".join(f'<th scope="col">{name}</th>' for name in ("task", "policy", "filmed", "episodes", "outcomes"))
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>"
    return f'<div class="wide" role="region" aria-label="All tasks and policies" tabindex="0">{table}</div>'


def _row(number: int, task: FilmedTask) -> str:
    name = escape(f"{task.task_id}, {_policy_name(task)}")
    cells = (
        f'<th scope="row"><a href="#t{number}" aria-label="{name}">{_text(task.task_id)}</a></th>',
        f"<td>{_text(_policy_name(task))}</td>",
        f'<td class="n">{len(task.episodes)}</td>',
        f'<td class="n">{sum(task.outcomes.values()) or "-"}</td>',
        f"<td>{_counted(task.outcomes) or '-'}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _policy_name(task: FilmedTask) -> str:
    return task.policy if task.train_seed is None else f"{task.policy}, training seed {task.train_seed}"


def _counted(outcomes: Mapping[str, int]) -> str:
    """Such as `2 failures, 1 success`."""
    return ", ".join(
        f"{outcomes[name]} {name if outcomes[name] == 1 else _MANY[name]}" for name in ORDER if outcomes.get(name)
    )


def _filters(tasks: Sequence[FilmedTask]) -> str:
    """What the script shows: a box an outcome, and a choice of task and policy."""
    outcomes = Counter(one.outcome for task in tasks for one in task.episodes)
    boxes = "".join(
        f'<label><input type="checkbox" name="outcome" value="{name}" checked> {_mark(name)} {name} '
        f"({outcomes[name]})</label>"
        for name in ORDER
        if outcomes[name]
    )
    choices = _choice("task", dict.fromkeys(task.task_id for task in tasks))
    choices += _choice("policy", dict.fromkeys(_policy_name(task) for task in tasks))
    return (
        f'<form id="filters" hidden><fieldset><legend>Show</legend>{boxes}{choices}'
        '<output aria-live="polite"></output></fieldset></form>'
    )


def _choice(name: str, values: Iterable[str]) -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)
    return f'<label>{name} <select name="{name}"><option value="">all</option>{options}</select></label>'


def _section(number: int, task: FilmedTask, folder: Path) -> str:
    notes = "".join(f'<p class="note">{_text(note)}</p>\n' for note in _notes(task))
    cards = "".join(_card(one, task, folder) for one in task.episodes)
    return (
        f'<section id="t{number}" data-task="{escape(task.task_id)}" data-policy="{escape(_policy_name(task))}">\n'
        f"<h2>{_text(task.task_id)} <small>{_text(_policy_name(task))}</small></h2>\n"
        f"<p>{_filmed_of(task)}</p>\n{notes}{_grid(task, folder)}"
        + (f'<ul class="films">\n{cards}</ul>\n' if cards else "")
        + "</section>\n"
    )


def _filmed_of(task: FilmedTask) -> str:
    num_films = len(task.episodes)
    if not task.outcomes:
        return f"{_count(num_films, 'episode')} filmed. No results here tell of them."
    of = _count(sum(task.outcomes.values()), "episode")
    return f"{num_films or 'None'} of {of} filmed; {_counted(task.outcomes)} in all."


def _notes(task: FilmedTask) -> Iterator[str]:
    yield from task.notes
    if task.grid is not None:
        yield from task.grid.notes


def _grid(task: FilmedTask, folder: Path) -> str:
    grid = task.grid
    if grid is None:
        return ""
    num_films = len(task.episodes)
    of = "These films" if len(grid.cells) == num_films else f"{len(grid.cells)} of these {num_films} films"
    pace = f", every {_ordinal(grid.steps_per_frame)} step" if grid.steps_per_frame > 1 else ""
    name = f"{_count(len(grid.cells), 'episode')} of {task.task_id} side by side, {_policy_name(task)}"
    return (
        f'<figure class="grid">{_player(grid.film, grid.picture, name, folder)}'
        f"<figcaption>{of} side by side, in their order{pace}.{_picture(grid.picture, name)}</figcaption>"
        "</figure>\n"
    )


def _ordinal(number: int) -> str:
    teens = number % 100 // 10 == 1
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _card(one: Filmed, task: FilmedTask, folder: Path) -> str:
    name = f"Episode {one.index}, {one.outcome}: {task.task_id}, {_policy_name(task)}"
    told = [f"episode {one.index}"]
    if one.total_return is not None:
        told.append(f"return {one.total_return:.6g}")
    if one.length is not None:
        told.append(_count(one.length, "step"))
    why = f"<details><summary>why</summary><pre>{_text(one.error)}</pre></details>" if one.error else ""
    return (
        f'<li data-outcome="{escape(one.outcome)}"><figure>{_player(one.film, one.picture, name, folder)}'
        f"<figcaption>{_mark(one.outcome)} <b>{escape(one.outcome)}</b> · {' · '.join(told)}"
        f"{_picture(one.picture, name)}{why}</figcaption></figure></li>\n"
    )


def _player(film: str, picture: str | None, name: str, folder: Path) -> str:
    """A link to the film, which the script turns into one that plays in its place."""
    size = None if picture is None else _size(folder / picture)
    if picture is None or size is None:
        inside = '<span class="blank">no picture</span>'
    else:
        pixels = ' class="pixels"' if size[0] < _FEW_PIXELS else ""
        inside = f'<img{pixels} src="{_url(picture)}" width="{size[0]}" height="{size[1]}" loading="lazy" alt="">'
    return f'<a class="play" href="{_url(film)}" aria-label="{escape(f"Play: {name}")}">{inside}</a>'


def _picture(picture: str | None, name: str) -> str:
    """A link to the picture itself."""
    if picture is None:
        return ""
    label = escape(f"Last frame: {name}")
    return f' <a class="picture" href="{_url(picture)}" aria-label="{label}">last frame</a>'


def _size(picture: Path) -> tuple[int, int] | None:
    """Width and height of a PNG file; None of what is none."""
    try:
        with picture.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[12:16] != b"IHDR":  # noqa: PLR2004  # up to the sizes in its first block
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _mark(outcome: str) -> str:
    """A sign beside the word, in the outcome's colour."""
    return f'<span class="mark {escape(outcome)}" aria-hidden="true">{_MARKS[outcome]}</span>'


def _text(value: str) -> str:
    """A text from elsewhere, which keeps its direction of writing to itself."""
    return f"<bdi>{escape(value)}</bdi>"


def _url(path: str) -> str:
    return escape(quote(path))
