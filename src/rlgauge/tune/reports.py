"""What is kept of a study beside it: both phases as JSON and CSV, importance as JSON, the winner as a suite."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors, read_if_there, write_atomic
from rlgauge.stats.summary import Summary
from rlgauge.tune import winner
from rlgauge.tune.phase2 import Final
from rlgauge.tune.question import STUDIES, Question
from rlgauge.tune.report_importance import METHOD, REFITS, Importance, importances, why_not
from rlgauge.tune.report_phases import phases
from rlgauge.tune.trial import Trial

SEARCH, SEARCH_TABLE, FINAL, FINAL_TABLE = "phase1.json", "phase1.csv", "phase2.json", "phase2.csv"
IMPORTANCE, BEST = "importance.json", "best.yaml"
"""The files in the folder of the study."""
_Kind = TypeVar("_Kind")


class Mattered(msgspec.Struct, frozen=True, kw_only=True):
    """How much each setting matters, the most important first; where there are none, `why_not` is the reason."""

    method: str = METHOD
    refits: int = REFITS
    settings: list[Importance]
    why_not: str | None = None


class _Search(msgspec.Struct, frozen=True):
    trials: list[Trial]


def search_data(trials: Sequence[Trial], importance: Mapping[str, float]) -> dict[str, Any]:
    """Phase 1 as plain data."""
    return {"trials": msgspec.to_builtins(list(trials), str_keys=True), "importance": dict(importance)}


def final_data(final: Final) -> dict[str, Any]:
    """Phase 2 as plain data."""
    data: dict[str, Any] = msgspec.to_builtins(final, str_keys=True)
    for one, judged in zip(data["configurations"], final.configurations, strict=True):
        one["name"] = judged.name
    return data


def table_of(trials: Sequence[Trial]) -> tuple[list[str], list[list[Any]]]:
    """A column for every setting, a row for every trial; None is what there is not."""
    names = list(dict.fromkeys(name for one in trials for name in one.values))
    seeds = sorted({seed for one in trials for seed in one.returns})
    header = ["trial", "state", "objective", *(f"return, seed {seed}" for seed in seeds), *names, "reason"]
    rows = [
        [
            one.number,
            str(one.state),
            one.objective,
            *(one.returns.get(seed) for seed in seeds),
            *(_plain(one.values.get(name)) for name in names),
            one.reason,
        ]
        for one in trials
    ]
    return header, rows


def final_table_of(final: Final, trials: Sequence[Trial]) -> tuple[list[str], list[list[Any]]]:
    """A row for every configuration, with what it came to in both phases; None is what there is not."""
    names = list(dict.fromkeys(name for one in final.configurations for name in one.values))
    ends = [f"{what}{end}" for what in ("phase 1", "phase 2", "gain") for end in ("", " low", " high")]
    header = ["configuration", *ends, "phase 1 seeds", "phase 2 seeds", "phase 2 missing", "deviation", *names]
    rows = [
        [
            judged.name,
            *(_ends(one.searched) + _ends(one.judged) + _ends(judged.gain)),
            judged.num_searched,
            len(judged.returns),
            len(judged.problems),
            judged.deviation,
            *(_plain(judged.values.get(name)) for name in names),
        ]
        for one, judged in zip(phases(final, trials), final.configurations, strict=True)
    ]
    return header, rows


def read_search(out: Path) -> list[Trial] | None:
    """The trials that were written; None where there are none. Raises UserError."""
    found = _read(out / STUDIES / SEARCH, _Search)
    return None if found is None else found.trials


def read_final(out: Path) -> Final | None:
    """Phase 2; None where it has not been. Raises UserError."""
    return _read(out / STUDIES / FINAL, Final)


def read_importance(out: Path) -> Mattered | None:
    """How much each setting matters, as it was written at the end of a study; None before. Raises UserError."""
    return _read(out / STUDIES / IMPORTANCE, Mattered)


def write_search(trials: Sequence[Trial], importance: Mapping[str, float], out: Path) -> None:
    """Write phase 1 as JSON and CSV. Raises StoreError."""
    folder = _folder(out)
    _write_json(folder / SEARCH, search_data(trials, importance))
    _write_table(folder / SEARCH_TABLE, *table_of(trials))


def write_final(question: Question, final: Final, out: Path) -> Path | None:
    """The winner's file, after phase 2 and the importance of settings are written, too; None where nobody won.

    Raises UserError for a winner that no suite can say.
    """
    folder = _folder(out)
    trials = read_search(out) or []
    _write_json(folder / FINAL, final_data(final))
    _write_table(folder / FINAL_TABLE, *final_table_of(final, trials))
    space = question.axes
    told = Mattered(settings=importances(trials, space), why_not=why_not(trials, space))
    _write_json(folder / IMPORTANCE, msgspec.to_builtins(told))
    won = final.won
    path = folder / BEST
    if won is None or won.mean is None:
        path.unlink(missing_ok=True)  # that of an earlier winner
        return None
    asked = len(final.seeds)
    count = str(asked) if won.is_complete else f"only {len(won.returns)} of {asked}"
    about = (
        f"{final.algorithm} in {final.environment or 'its own environment'} as tuned ({won.name}): "
        f"return {won.mean.point:.6g} over {count} fresh seed{'' if asked == 1 else 's'}."
    )
    winner.write(question.base, won.values, final.seeds, path, told=about)
    return path


def _folder(out: Path) -> Path:
    folder = out / STUDIES
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(data, indent=2, allow_nan=False).encode() + b"\n")


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_atomic(path, text.getvalue().encode())


def _read(path: Path, kind: type[_Kind]) -> _Kind | None:
    """The file's content; None where there is no file. Raises UserError."""
    content = read_if_there(path)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): `rlgauge tune`, given again, writes it anew.") from error


def _ends(one: Summary | None) -> list[float | None]:
    return [None, None, None] if one is None else [one.point, one.low, one.high]


def _plain(value: Any) -> Any:  # noqa: ANN401  # a value of a configuration
    return json.dumps(value) if isinstance(value, (list, Mapping)) else value
