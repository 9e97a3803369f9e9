"""Policies of lerobot, in the environment that has it: made by lerobot, and compared with its own evaluation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from rlgauge import isolation
from rlgauge.core.errors import UserError
from rlgauge.episodes.policies import lerobot_folder
from rlgauge.episodes.policies.source import parse_source

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("lerobot_folders.py")
KINDS = ["act", "ensemble", "diffusion", "camera"]
MAPPING = """
observation:
  observation.state: {do: [{dtype: float32}]}
  observation.environment_state: {do: [{dtype: float32}]}
action:
  size: 2
  do: [{slice: [0, 1]}]
"""


@pytest.fixture(scope="module")
def python():
    """A command of the Python that has lerobot, which takes minutes and 1.7 GB to build: only where it is there."""
    found = isolation.installed("lerobot")
    if found is None:
        pytest.skip("The environment lerobot is not built: rlgauge.isolation.environment('lerobot') does that.")
    variables = {**found.variables(), "PYTHONPATH": str(ROOT)}

    def run(*arguments, cwd=ROOT, code=0):
        command = [str(found.python), "-P", "-W", "ignore", *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables, cwd=cwd, timeout=280)
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def folder(python, tmp_path_factory):
    """Untrained policies, by kind."""
    made = tmp_path_factory.mktemp("lerobot")
    python(SCRIPT, "make", made)
    return made


@pytest.fixture(scope="module")
def told(python, folder):
    """What the comparisons with lerobot's own code came to."""
    return json.loads(python(SCRIPT, "check", folder).stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.assets
def test_each_action_is_that_of_lerobots_own_evaluation_to_the_bit(told, kind):
    assert told[kind]["same"] == [True, True]
    assert told[kind]["differ"] > 0.01


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.assets
def test_an_episode_depends_neither_on_its_row_nor_on_the_one_beside_it(told, kind):
    assert told[kind]["other row"] is True
    assert told[kind]["depends on row"] is False


@pytest.mark.assets
def test_only_steps_at_which_a_network_ran_are_calls(told):
    """Thirteen steps of two rows, the second three steps behind."""
    assert [told[kind]["calls"] for kind in KINDS] == [6, 16, 8, 6]
    assert told["horizons"] == {"1": 16, "10": 4}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("shape", "takes 'observation.state' of shape (3,), but the environment gives (2,). A mapping"),
        ("key", "observes 'observation.state', which the environment does not give. Did you mean 'agent_posn'?"),
        ("image", "of shape (3, 32, 48), but the environment gives (9, 9, 3). A mapping (?mapping=FILE) can resize"),
        ("one array", "observes observation.environment_state, observation.state, but the environment gives one"),
        ("action", "gives 2 numbers, but the environment takes Box(-1.0, 1.0, (3,), float32). A mapping"),
        ("horizon", "can't execute horizon=11 actions: The chunk size is the upper bound"),
        ("without_weights", "has no weights: its folder lacks model.safetensors"),
        ("with_other_weights", "RuntimeError: Error(s) in loading state_dict for ACTPolicy: Missing key(s)"),
        ("with_a_class", "policy_preprocessor.json' runs code stored in the file; pass --trust"),
        ("of_no_kind", "Couldn't find a choice class for 'acted'"),
    ],
)
@pytest.mark.assets
def test_what_does_not_fit_is_a_sentence(told, what, message):
    assert message in told["refused"][what]


@pytest.mark.assets
def test_what_fits_is_opened(told):
    assert told["refused"]["fits"] is None


@pytest.mark.assets
def test_a_folder_is_evaluated_through_a_mapping(python, folder, tmp_path):
    (tmp_path / "map.yaml").write_text(MAPPING)
    uri = f"lerobot:{folder / 'diffusion'}?horizon=2&mapping=map.yaml"
    benchmark = ("-m", "rlgauge", "benchmark", "--env", "Pendulum-v1", "--num-episodes", 3, "--max-steps", 20)
    python(*benchmark, "--policy", uri, "--lanes", 3, "--out", "out", cwd=tmp_path)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["metadata"]["timing"]["latency_seconds"]["policy"]["n"] == 20 / 2


@pytest.mark.assets
def test_a_repository_of_the_hub_may_hold_one(python, folder, tmp_path):
    import shutil

    from tests.kinds.train.experts.hubs import COMMIT, as_downloaded, make_repository

    snapshot = make_repository(tmp_path / "hub", "me/act", branch=None)
    shutil.copytree(folder / "act", snapshot, dirs_exist_ok=True)
    as_downloaded(snapshot)
    (tmp_path / "map.yaml").write_text(MAPPING)
    code = f"""
import os
os.environ["HF_HUB_CACHE"] = {str(tmp_path / "hub")!r}
from rlgauge.cli.main import main
main(["benchmark", "--env", "Pendulum-v1", "--num-episodes", "1", "--max-steps", "5", "--out", "out", "--policy",
      "hf:me/act@{COMMIT}?mapping=map.yaml"])
"""
    python("-c", code, cwd=tmp_path)
    assert json.loads((tmp_path / "out" / "results.json").read_text())["results"]


@pytest.mark.parametrize("content", ["", "{}", '{"steps": 3}'])
def test_processors_that_list_no_steps_are_told(tmp_path, content):
    for name in ("config.json", "model.safetensors", "policy_postprocessor.json", "policy_preprocessor.json"):
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match="does not list the steps of a processor"):
        lerobot_folder.load(tmp_path, device="cpu", horizon=None, trust=False, name="p")


def test_a_folder_without_a_policy_is_told_where_one_is(tmp_path):
    (tmp_path / "pretrained_model").mkdir()
    (tmp_path / "pretrained_model" / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"holds no config\.json\. Did you mean 'lerobot:.*pretrained_model'\?"):
        lerobot_folder.load(tmp_path, device="cpu", horizon=None, trust=False, name="p")
    with pytest.raises(UserError, match="has no weights"):
        lerobot_folder.load(tmp_path / "pretrained_model", device="cpu", horizon=None, trust=False, name="p")
    (tmp_path / "pretrained_model" / "model.safetensors").write_text("")
    with pytest.raises(UserError, match=r"lacks policy_preprocessor\.json and policy_postprocessor\.json, without"):
        lerobot_folder.load(tmp_path / "pretrained_model", device="cpu", horizon=None, trust=False, name="p")


def test_the_digest_is_of_all_files_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: True)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    first, second = (parse_source(f"lerobot:{tmp_path / name}").digest() for name in ("a", "b"))
    assert first == second
    (tmp_path / "b" / "policy_preprocessor.json").write_text("{}")
    assert parse_source(f"lerobot:{tmp_path / 'b'}").digest() != first
