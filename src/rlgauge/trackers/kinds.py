"""The trackers by name, what each needs, and how it is opened."""

from __future__ import annotations

import importlib.util

from rlgauge.core.errors import UserError, unknown
from rlgauge.trackers.tracker import About, Tell, Tracker

TITLES = {"wandb": "W&B", "mlflow": "MLflow", "tensorboard": "TensorBoard"}
"""What people call the trackers, by the names under which they are asked for."""
_NEEDS = {"wandb": ("wandb",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}


def check(kind: str) -> None:
    """Raise UserError for a tracker that is not known, or whose library is not installed; nothing is imported."""
    if kind not in TITLES:
        raise unknown("tracker", kind, TITLES)
    missing = [name for name in _NEEDS.get(kind, ()) if not _is_installed(name)]
    if missing:
        raise UserError(
            f"Tracking with {TITLES[kind]} needs {' and '.join(missing)}, not installed here: "
            f"python -m pip install 'rlgauge[{kind}]'."
        )


def open_run(kind: str, about: About, *, tell: Tell) -> Tracker:
    """The tracker's view of a run, ready to be told. Raises whatever its library does."""
    if kind == "wandb":
        from rlgauge.trackers import wandb

        return wandb.open_run(about, tell=tell)
    if kind == "mlflow":
        from rlgauge.trackers import mlflow

        return mlflow.open_run(about)
    from rlgauge.trackers import tensorboard

    return tensorboard.open_run(about)


def _is_installed(name: str) -> bool:
    """Whether there is a module; a folder of that name, such as those that W&B leaves about, is none."""
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None
