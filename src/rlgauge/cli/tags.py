"""`--tag`, `--batch-size` and `--scaling-only` of `rlgauge compare`: what they choose, and what they exclude."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rlgauge.cli.options import as_list
from rlgauge.cli.units import count_text, parse_count
from rlgauge.compare.measurements import is_of_memory, joined, library_of, measurements, of_size, with_tag
from rlgauge.core.errors import UserError
from rlgauge.core.reading import Reading

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from rlgauge.compare.measurements import Measurement

FOLDER = "out/throughput"
"""Where `rlgauge throughput` keeps what it measures."""
TOLERANCE, CONFIDENCE = "2%", 0.95
"""How a comparison is judged where nobody says how."""
_OF_TWO_SIDES = ("metric", "score", "normalise", "references", "strict", "allow", "allow_missing")
_SEVERAL = 2


def add_tag_options(parser: ArgumentParser) -> None:
    """Add what chooses among measurements of throughput."""
    group = parser.add_argument_group("Which measurements of throughput")
    group.add_argument(
        "--tag",
        type=list[str] | str,
        default=[],
        metavar="TEXT",
        help="given twice: the candidate's, then the baseline's, in one folder; of every point the newest",
    )
    group.add_argument(
        "--batch-size", "--num-envs", type=str | None, metavar="N", help="only so many environments; also --num-envs"
    )
    group.add_argument(
        "--scaling-only", action="store_true", help="show how the newest measurement (of the tags, if any) scales"
    )


def fill_folder(options: Namespace) -> None:
    """Take the folder of `rlgauge throughput` where none is named. Raises UserError where it is not there."""
    if options.candidate is not None:
        return
    if not Path(FOLDER).is_dir():
        raise UserError(
            f"Name what to compare: a candidate and a baseline. There is no '{FOLDER}' either, where `rlgauge "
            "throughput` keeps its measurements unless told otherwise."
        )
    options.candidate = FOLDER


def check_tags(options: Namespace) -> None:
    """Raise UserError where tags contradict what else was asked."""
    tags = as_list(options.tag)
    if tags and options.baseline is not None:
        raise UserError(
            f"--tag chooses among the measurements of one folder, and two were named, {options.candidate} and "
            f"{options.baseline}: name one that holds both measurements, or compare the two without --tag."
        )
    if len(tags) > _SEVERAL:
        raise UserError(
            f"--tag names the candidate, then the baseline: two of them, not {len(tags)} ({', '.join(tags)})."
        )
    if len(tags) == _SEVERAL and tags[0] == tags[1]:
        raise UserError(f"--tag {tags[0]} was given twice: candidate and baseline would be the same measurement.")
    if options.scaling_only:
        _check_scaling(options)


def _check_scaling(options: Namespace) -> None:
    names = ("baseline", "algo", "baseline_algo", "batch_size")
    excluded = [name for name in names if options[name] is not None] + asked_of_two_sides(options)
    if excluded:
        title = "a second folder" if excluded[0] == "baseline" else f"--{excluded[0].replace('_', '-')}"
        raise UserError(f"--scaling-only shows one measurement with all its numbers of environments: omit {title}.")


def asked_of_two_sides(options: Namespace) -> list[str]:
    """The options given that mean nothing without a candidate and a baseline."""
    asked = [name for name in _OF_TWO_SIDES if options[name]]
    asked += ["tolerance"] if options.tolerance != TOLERANCE else []
    return [*asked, "confidence"] if options.confidence != CONFIDENCE else asked


def is_of_one_side(options: Namespace) -> bool:
    """Whether one folder was named and nothing that makes two sides of it, or that judges them; see `history`."""
    named = [name for name in ("baseline", "algo", "baseline_algo") if options[name] is not None]
    return not (named or as_list(options.tag) or set(asked_of_two_sides(options)) - {"allow"})


def batch_size(options: Namespace) -> int | None:
    """The number of environments that was asked for. Raises UserError."""
    return None if options.batch_size is None else parse_count(options.batch_size)


def tagged(readings: Sequence[Reading], options: Namespace, position: int, told: list[str]) -> list[Reading]:
    """The runs of a side, 0 of the candidate or -1 of the baseline: with its tag, of every point the newest.

    They are those of `--batch-size`, where that was given, and none of `--memory` or `--find-max`; `told` gets what
    there is to say. Raises UserError.
    """
    source = options.candidate if position == 0 or options.baseline is None else options.baseline
    tag = as_list(options.tag)[position] if as_list(options.tag) else None
    check_speed(readings, source, tag)
    kept = [reading for reading in readings if not is_of_memory(reading)]
    if any(is_of_memory(reading) for reading in readings if tag in {None, reading.labels.get("tag")}):
        told.append("Runs of --memory or --find-max were left out: they say nothing of speed.")
    if tag is not None:
        measurement = chosen(readings, source, tag, told)
        kept = [msgspec.structs.replace(reading, algorithm=library_of(reading)) for reading in measurement.readings]
    number = batch_size(options)
    return kept if number is None else of_size(kept, number)


def chosen(readings: Sequence[Reading], source: str, tag: str | None, told: list[str]) -> Measurement:
    """The newest measurement; with a tag all that have it, of every point the newest, as one.

    `told` gets a sentence where points were measured again. Raises UserError where there is none.
    """
    check_speed(readings, source, tag)
    found = measurements(readings)
    if not found:
        raise no_measurement(source)
    if tag is None:
        return found[-1]
    whole = joined(with_tag(found, tag))
    if again := whole.num_repeated:
        points = f"{again} of {count_text(len(whole.spots), 'point')} of {tag}"
        told.append(f"{points} {'was' if again == 1 else 'were'} measured again: the newest counts.")
    return whole


def newest(readings: Sequence[Reading], options: Namespace, told: list[str]) -> Measurement:
    """The newest measurement of the folder, or of the tags where some were named, as `chosen` has it."""
    asked: list[str | None] = [*as_list(options.tag)] or [None]
    sentences: list[list[str]] = [[] for _ in asked]
    found = [chosen(readings, options.candidate, tag, own) for tag, own in zip(asked, sentences, strict=True)]
    place = max(range(len(found)), key=lambda number: (str(found[number].time or ""), found[number].stamp))
    told.extend(sentences[place])
    return found[place]


def check_speed(readings: Sequence[Reading], source: str, tag: str | None = None) -> None:
    """Raise UserError where all runs there are (with the tag) were measured for the memory that they take."""
    own = [reading for reading in readings if tag is None or reading.labels.get("tag") == tag]
    if own and all(map(is_of_memory, own)):
        which, option = ("", "") if tag is None else (f" with the tag {tag!r}", f" --tag {shlex.quote(tag)}")
        raise UserError(
            f"{source} holds only runs of --memory or --find-max{which}, which say nothing of speed: `rlgauge "
            f"throughput{option} --out {shlex.quote(source)}` measures it."
        )


def unlisted(readings: Sequence[Reading], found: Sequence[Measurement]) -> Iterator[str]:
    """Sentences where some runs belong to no measurement."""
    num_of_memory = sum(map(is_of_memory, readings))
    number = len(readings) - num_of_memory - sum(len(measurement.readings) for measurement in found)
    if num_of_memory:
        yield f"{count_text(num_of_memory, 'run')} of --memory or --find-max not listed: they say nothing of speed."
    if number:
        yield f"{count_text(number, 'other run')} not listed: of no number of environments, or without time and tag."


def no_measurement(source: str) -> UserError:
    """The error for a folder without one."""
    return UserError(f"{source} holds no measurement of throughput: `rlgauge throughput --out {source}` makes one.")


def offered(readings: Sequence[Reading]) -> str:
    """`, or two of its tags with --tag (phase1, phase2)`; empty where there are no two."""
    names = list(dict.fromkeys(one.tag for one in measurements(readings) if one.tag))
    return f", or two of its tags with --tag ({', '.join(names)})" if len(names) >= _SEVERAL else ""


def lacks_baseline(readings: Sequence[Reading], options: Namespace) -> UserError:
    """The error for one tag, where another must be the baseline."""
    (tag,) = as_list(options.tag)
    others = sorted({one.tag for one in measurements(readings) if one.tag and one.tag != tag})
    have = f"the others are {', '.join(others)}" if others else f"{options.candidate} has no other"
    return UserError(
        f"--tag {tag} is the candidate: name the baseline with a second --tag ({have}), or an algorithm of the same "
        "measurement with --baseline-algo. --scaling-only shows it alone."
    )
