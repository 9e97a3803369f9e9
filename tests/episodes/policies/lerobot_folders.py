"""Folders of lerobot with untrained policies, made by lerobot itself, and what its own code does with them.

Run by a Python that has lerobot: `PYTHON lerobot_folders.py make FOLDER`, or `PYTHON lerobot_folders.py check FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch

from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import lerobot_folder
from rlgauge.episodes.policy import open_policy, parse_source
from rlgauge.episodes.spec_check import row_dependence

SMALL = {"dim_model": 16, "n_heads": 2, "dim_feedforward": 16, "n_encoder_layers": 1, "n_vae_encoder_layers": 1}
ACT = {**SMALL, "latent_dim": 4, "chunk_size": 10, "n_action_steps": 5}
DIFFUSION = {
    "n_obs_steps": 2,
    "horizon": 8,
    "n_action_steps": 4,
    "drop_n_last_frames": 3,
    "down_dims": (16, 32),
    "n_groups": 4,
    "diffusion_step_embed_dim": 8,
    "num_inference_steps": 3,
    "noise_scheduler_type": "DDIM",
}
STATES = {"observation.state": (3,), "observation.environment_state": (3,)}
CAMERA = {"observation.images.top": (3, 32, 48), "observation.state": (3,)}
KINDS = {
    "act": ("act", ACT, STATES),
    "ensemble": ("act", {**ACT, "n_action_steps": 1, "temporal_ensemble_coeff": 0.01}, STATES),
    "diffusion": ("diffusion", DIFFUSION, STATES),
    "camera": ("act", ACT, CAMERA),
}
ACTED = gym.spaces.Box(-2.0, 2.0, (2,), np.float32)
STATE_SPACE = gym.spaces.Box(-np.inf, np.inf, (3,), np.float64)
SPACES = {
    "states": gym.spaces.Dict({"agent_pos": STATE_SPACE, "environment_state": STATE_SPACE}),
    "camera": gym.spaces.Dict(
        {
            "agent_pos": STATE_SPACE,
            "pixels": gym.spaces.Dict({"top": gym.spaces.Box(0, 255, (32, 48, 3), np.uint8)}),
        }
    ),
}
NUM_STEPS = 13


def make(kind, folder):
    """A folder with random weights, and statistics that change numbers."""
    factory, _ = lerobot_folder._lerobot()
    from lerobot.configs.types import FeatureType, PolicyFeature

    def feature(name, shape):
        images, inner = name.startswith("observation.image"), name == "observation.environment_state"
        return PolicyFeature(FeatureType.VISUAL if images else FeatureType.ENV if inner else FeatureType.STATE, shape)

    name, settings, inputs = KINDS[kind]
    torch.manual_seed(0)
    config = factory.make_policy_config(
        name,
        input_features={key: feature(key, shape) for key, shape in inputs.items()},
        output_features={"action": PolicyFeature(FeatureType.ACTION, (2,))},
        device="cpu",
        push_to_hub=False,
        pretrained_backbone_weights=None,
        **settings,
    )
    policy = factory.get_policy_class(name)(config)
    policy.save_pretrained(folder)
    shapes = {key: shape if len(shape) == 1 else (shape[0], 1, 1) for key, shape in {**inputs, "action": (2,)}.items()}
    numbers = {"mean": 0.25, "std": 2.0, "min": -1.5, "max": 2.0}
    stats = {key: {what: torch.full(shape, value) for what, value in numbers.items()} for key, shape in shapes.items()}
    for processor in factory.make_pre_post_processors(config, dataset_stats=stats):
        processor.save_pretrained(folder)


def seen(kind, seed):
    """Observations of an episode, as lerobot's environments give them."""
    rng = np.random.default_rng(seed)
    for _ in range(NUM_STEPS):
        observation = {"agent_pos": rng.standard_normal(3)}
        if kind == "camera":
            yield {**observation, "pixels": {"top": rng.integers(0, 256, (32, 48, 3), np.uint8)}}
        else:
            yield {**observation, "environment_state": rng.standard_normal(3)}


def by_lerobot(folder, kind, seed):
    """The actions of an episode, asked for as lerobot's own evaluation does."""
    factory, configs = lerobot_folder._lerobot()
    from lerobot.envs.utils import preprocess_observation

    config = configs.PreTrainedConfig.from_pretrained(folder)
    policy = factory.get_policy_class(config.type).from_pretrained(folder, config=config)
    before, after = factory.make_pre_post_processors(config, pretrained_path=str(folder))
    policy.reset()
    torch.manual_seed(seed)
    actions = []
    for observation in seen(kind, seed):
        batched = {key: _batch_of_one(value) for key, value in observation.items()}
        batch = {**preprocess_observation(batched), "task": [""]}
        with torch.inference_mode():
            actions.append(after(policy.select_action(before(batch))).numpy()[0].clip(-2.0, 2.0))
    return np.stack(actions)


def _batch_of_one(value):
    return {key: part[None] for key, part in value.items()} if isinstance(value, dict) else value[None]


def by_rlgauge(folder, kind, seeds, option=""):
    """The actions of episodes in rows beside each other, the second a few steps behind the first, and the calls."""
    space = SPACES["camera" if kind == "camera" else "states"]
    source = parse_source(f"lerobot:{folder}{option}")
    policy = open_policy(source, observation_space=space, action_space=ACTED, width=2)
    episodes = [list(seen(kind, seed)) for seed in seeds]
    actions, late = ([], []), 3
    for step in range(NUM_STEPS + late):
        active = [row for row in range(2) if 0 <= step - late * row < NUM_STEPS]
        rows = [None, None]
        for row in active:
            rows[row] = episodes[row][step - late * row]
            if step == late * row:
                policy.begin(row, seeds[row])
        answered = policy.act(_batch(rows, kind), active)
        for row in active:
            actions[row].append(answered[row])
    return [np.stack(own) for own in actions], policy


def _batch(rows, kind):
    """As the rollout gives it: nested observations in a list, others in arrays."""
    if kind == "camera":
        return rows
    some = next(row for row in rows if row is not None)
    return {
        key: np.stack([np.zeros_like(value) if row is None else row[key] for row in rows])
        for key, value in some.items()
    }


def compared(folder, kind):
    """What both come to."""
    found, policy = by_rlgauge(folder, kind, [7, 8])
    expected = [by_lerobot(folder, kind, seed) for seed in (7, 8)]
    again, _ = by_rlgauge(folder, kind, [8, 7])
    space = SPACES["camera" if kind == "camera" else "states"]
    first = next(iter(seen(kind, 0)))
    return {
        "same": [bool(np.array_equal(a, b)) for a, b in zip(found, expected, strict=True)],
        "other row": bool(np.array_equal(found[0], again[1])),
        "differ": float(np.abs(np.diff(found[0], axis=0)).max()),
        "calls": policy.num_calls,
        "depends on row": row_dependence(policy, observation_space=space, observation=first, width=2),
    }


def refused(uri, space=SPACES["states"], acted=ACTED):
    """What is said of a policy that can't be opened; None where it can."""
    try:
        open_policy(parse_source(uri), observation_space=space, action_space=acted, width=1)
    except UserError as error:
        return str(error)
    return None


def damaged(folder, kind, change):
    """A copy of a folder in which something is changed."""
    import shutil

    other = folder.with_name(f"{folder.name}_{change.__name__}")
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(folder, other)
    change(other)
    return f"lerobot:{other}"


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def with_other_weights(folder):
    import safetensors.torch

    safetensors.torch.save_file({"none": torch.zeros(1)}, folder / "model.safetensors")


def with_a_class(folder):
    path = folder / "policy_preprocessor.json"
    told = json.loads(path.read_text())
    told["steps"].append({"class": "subprocess.Popen", "config": {"args": ["true"]}})
    path.write_text(json.dumps(told))


def of_no_kind(folder):
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"type": "act"', '"type": "acted"'))


def refusals(folder):
    """What is said of what does not fit, or is damaged."""
    act = folder / "act"
    two = gym.spaces.Dict({"agent_pos": gym.spaces.Box(-1, 1, (2,)), "environment_state": STATE_SPACE})
    other = gym.spaces.Dict({"agent_posn": STATE_SPACE, "environment_state": STATE_SPACE})
    small = gym.spaces.Dict(
        {**SPACES["camera"].spaces, "pixels": gym.spaces.Dict({"top": gym.spaces.Box(0, 1, (9, 9, 3))})}
    )
    changes = (without_weights, with_other_weights, with_a_class, of_no_kind)
    return {
        "shape": refused(f"lerobot:{act}", two),
        "key": refused(f"lerobot:{act}", other),
        "image": refused(f"lerobot:{folder / 'camera'}", small),
        "one array": refused(f"lerobot:{act}", STATE_SPACE),
        "action": refused(f"lerobot:{act}", acted=gym.spaces.Box(-1, 1, (3,))),
        "horizon": refused(f"lerobot:{act}?horizon=11"),
        "fits": refused(f"lerobot:{act}?horizon=10"),
        **{change.__name__: refused(damaged(act, "act", change)) for change in changes},
    }


def main(what, folder):
    if what == "make":
        for kind in KINDS:
            make(kind, folder / kind)
        return {kind: sorted(path.name for path in (folder / kind).iterdir()) for kind in KINDS}
    told = {kind: compared(folder / kind, kind) for kind in KINDS}
    horizons = {
        option: by_rlgauge(folder / "act", "act", [7, 7], f"?horizon={option}")[1].num_calls for option in (1, 10)
    }
    return {**told, "horizons": horizons, "refused": refusals(folder)}


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(main(sys.argv[1], Path(sys.argv[2])))}\n")
