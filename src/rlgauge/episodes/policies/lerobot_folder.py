"""A folder that lerobot's `save_pretrained` wrote: a policy with the processors before and after it.

What it holds is read by lerobot itself, of version 0.4 or newer.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from rlgauge.core.errors import UserError
from rlgauge.core.files import plain_errors
from rlgauge.episodes.policies.torchscript import check_device, needs_trust

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_BEFORE, _AFTER = "policy_preprocessor.json", "policy_postprocessor.json"


class Pretrained(NamedTuple):
    """The policy, what is done with observations before and with actions after.

    `inputs` are the shapes of what it observes, images channels first, by the names that `before` takes; `num_actions`
    is the size of its action. `takes_text` is true of one that is told what to do.
    """

    policy: Any
    before: Any
    after: Any
    inputs: dict[str, tuple[int, ...]]
    num_actions: int
    takes_text: bool


def load(folder: Path, *, device: str, horizon: int | None, trust: bool, name: str) -> Pretrained:
    """What is in the folder, on the device, executing `horizon` actions at once where one is given. Raises UserError.

    Processors that name classes by their path could run anything: these need `trust`.
    """
    _check_files(folder, name)
    _check_steps(folder, trust=trust)
    check_device(device, name)
    factory, configs = _lerobot()
    import draccus.utils  # type: ignore[import-not-found, import-untyped, unused-ignore]
    import safetensors  # type: ignore[import-not-found, import-untyped, unused-ignore]

    faults: Any = (draccus.utils.DecodingError, draccus.utils.ParsingError, safetensors.SafetensorError)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it is doing
            config = configs.PreTrainedConfig.from_pretrained(folder)
            _set(config, device=device, horizon=horizon, name=name)
            policy = factory.get_policy_class(config.type).from_pretrained(folder, config=config, strict=True)
            before, after = factory.make_pre_post_processors(
                config, pretrained_path=str(folder), preprocessor_overrides={"device_processor": {"device": device}}
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, *faults) as error:
        told = " ".join(str(error).split())
        raise UserError(f"lerobot can't load the policy {name}: {type(error).__name__}: {told:.300}") from error
    return Pretrained(policy, before, after, _inputs(config, before), _num_actions(config, name), _takes_text(before))


def _check_files(folder: Path, name: str) -> None:
    """Raise UserError where the folder is no whole policy."""
    if not (folder / CONFIG).is_file():
        inner = folder / "pretrained_model"
        hint = f" Did you mean 'lerobot:{inner}'?" if (inner / CONFIG).is_file() else ""
        raise UserError(f"The policy {name} is no folder of lerobot: it holds no {CONFIG}.{hint}")
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"The policy {name} has no weights: its folder lacks {WEIGHTS}.")
    missing = [file for file in (_BEFORE, _AFTER) if not (folder / file).is_file()]
    if missing:
        raise UserError(
            f"The policy {name} lacks {' and '.join(missing)}, without which nothing is normalised. Folders of a "
            "lerobot before 0.4 are brought over by its script migrate_policy_normalization."
        )


def _check_steps(folder: Path, *, trust: bool) -> None:
    """Raise UserError where a processor names classes by their path and is not trusted."""
    for file in (_BEFORE, _AFTER):
        path = folder / file
        with plain_errors(path):
            text = path.read_text(encoding="utf-8")
        try:
            steps = json.loads(text)["steps"]
            is_known = all("registry_name" in step for step in steps)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"'{path}' does not list the steps of a processor.") from error
        if not (is_known or trust):
            raise needs_trust(path)


def _lerobot() -> tuple[Any, Any]:
    """The modules of lerobot that policies are loaded by. Raises UserError."""
    try:
        _torchvision()
        from lerobot.configs import policies  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from lerobot.policies import factory  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise UserError(f"Importing lerobot failed ({error}): is all installed that it needs?") from error
    return factory, policies


def _torchvision() -> None:
    """Import torchvision, which one made for CUDA refuses beside a torch for the CPU: its operators can't be loaded.

    The networks of lerobot use none of them, so that it is enough to say what the one is that it asks for by name.
    """
    import torch

    try:
        import torchvision  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise UserError(f"torchvision can't be imported: {error}.") from error
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _set(config: Any, *, device: str, horizon: int | None, name: str) -> None:  # noqa: ANN401  # lerobot has no types
    """Change what is asked for. Raises UserError for a horizon that the policy has not."""
    config.device = device
    if "pretrained_backbone_weights" in vars(config):
        config.pretrained_backbone_weights = None  # of another network: its own are in the folder
    if horizon is None:
        return
    if "n_action_steps" not in vars(config):
        raise UserError(f"The policy {name} ({config.type}) decides on one action at a time: horizon can't be chosen.")
    config.n_action_steps = horizon
    try:
        config.__post_init__()
    except ValueError as error:
        raise UserError(f"The policy {name} can't execute horizon={horizon} actions: {error}") from error


def _inputs(config: Any, before: Any) -> dict[str, tuple[int, ...]]:  # noqa: ANN401  # lerobot has no types
    from lerobot.processor.rename_processor import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        RenameObservationsProcessorStep,
    )

    renamed: dict[str, str] = {}
    for step in before.steps:
        if isinstance(step, RenameObservationsProcessorStep):
            renamed |= {new: old for old, new in step.rename_map.items()}
    return {renamed.get(name, name): tuple(feature.shape) for name, feature in (config.input_features or {}).items()}


def _num_actions(config: Any, name: str) -> int:  # noqa: ANN401  # lerobot has no types
    if config.action_feature is None:
        raise UserError(f"The policy {name} does not say what its action is: {CONFIG} lacks the feature 'action'.")
    return int(config.action_feature.shape[0])


def _takes_text(before: Any) -> bool:  # noqa: ANN401  # lerobot has no types
    from lerobot.processor.tokenizer_processor import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        TokenizerProcessorStep,
    )

    return any(isinstance(step, TokenizerProcessorStep) for step in before.steps)
