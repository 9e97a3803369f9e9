"""What is kept of a study beside it: trials as JSON and CSV, phase 2 as JSON, the winner as a suite."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlgauge.core.files import plain_errors, write_atomic
from rlgauge.tune import winner
from rlgauge.tune.phase2 import Final
from rlgauge.tune.question import STUDIES, Question
from rlgauge.tune.trial import Trial

SEARCH, SEARCH_TABLE, FINAL, BEST = "phase1.json", "phase1.csv", "phase2.json", "best.yaml"
"""The files in the folder of the study."""


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


def write_search(trials: Sequence[Trial], importance: Mapping[str, float], out: Path) -> None:
    """Write phase 1 as JSON and CSV. Raises StoreError."""
    folder = _folder(out)
    _write_json(folder / SEARCH, search_data(trials, importance))
    text = io.StringIO(newline="")
    header, rows = table_of(trials)
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_atomic(folder / SEARCH_TABLE, text.getvalue().encode())


def write_final(question: Question, final: Final, out: Path) -> Path | None:
    """The winner's file, after phase 2 is written as JSON, too; None where nobody won.

    Raises UserError for a winner that no suite can say.
    """
    folder = _folder(out)
    _write_json(folder / FINAL, final_data(final))
    won = final.won
    if won is None or won.mean is None:
        return None
    path = folder / BEST
    told = (
        f"{final.algorithm} in {final.environment or 'its own environment'} as tuned ({won.name}): "
        f"return {won.mean.point:.6g} over {len(won.returns)} fresh seed{'' if len(won.returns) == 1 else 's'}."
    )
    winner.write(question.base, won.values, final.seeds, path, told=told)
    return path


def _folder(out: Path) -> Path:
    folder = out / STUDIES
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(data, indent=2, allow_nan=False).encode() + b"\n")


def _plain(value: Any) -> Any:  # noqa: ANN401  # a value of a configuration
    return json.dumps(value) if isinstance(value, (list, Mapping)) else value
