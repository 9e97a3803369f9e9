"""The command that asks for a report, as it is typed, and what it asks of scores where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rlgauge.cli import sources, summary
from rlgauge.cli.options import make_parser
from rlgauge.compare.phrases import some
from rlgauge.core.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import Namespace

_OF_SCORES = ("score", "by", "normalise", "references", "failed", "metrics", "method", "confidence", "resample_tasks")
_OF_ALL = ("no_scan", "columns", "rename", "algo", "task")


def command(options: Namespace) -> list[str]:
    """The words of the command, without where its answer goes: that changes nothing of it."""
    given = _given(options, (*_OF_ALL, *_OF_SCORES))
    return [
        "rlgauge",
        "report",
        *options.source,
        *(word for name, value in given.items() for word in _words(name, value)),
    ]


def check_no_scores(options: Namespace) -> None:
    """Raise UserError where something is asked of scores: there are none."""
    given = [_option(name) for name in _given(options, (*_OF_SCORES, "algo", "task"))]
    if given:
        is_one = len(given) == 1
        raise UserError(
            f"{some(given)} {'asks' if is_one else 'ask'} for scores of runs, and {', '.join(options.source)} holds "
            f"measurements of speed or studies alone, which have none: leave {'it' if is_one else 'them'} out."
        )


def _given(options: Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """The options that are not what they are by themselves."""
    parser = make_parser("report", "")
    sources.add_source_options(parser)
    summary.add_question_options(parser)
    usual = parser.get_defaults()
    return {name: options[name] for name in names if options[name] != usual[name]}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _words(name: str, value: Any) -> list[str]:  # noqa: ANN401  # what an option can be
    if value is True:
        return [_option(name)]
    values = value if isinstance(value, list) else [value]
    return [f"{_option(name)}={one}" for one in values]
