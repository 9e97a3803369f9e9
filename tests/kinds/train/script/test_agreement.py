from __future__ import annotations

import runpy
import textwrap

import pytest

import rlgauge
from rlgauge.kinds.train.journal import Journal
from rlgauge.kinds.train.script import agreement, counting, loggers
from rlgauge.kinds.train.spec import Spec

# As scripts were written for a Gymnasium whose vectors reset within the step that ends an episode.
TRAP = """
    import gymnasium as gym
    import rlgauge

    def make_env():
        def thunk():
            return gym.wrappers.RecordEpisodeStatistics(gym.make("CartPole-v1"))
        return thunk

    envs = gym.vector.SyncVectorEnv([make_env() for _ in range(2)], autoreset_mode={mode!r})
    envs.action_space.seed(3)
    obs, _ = envs.reset(seed=3)
    for global_step in range(400):
        obs, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
        if "final_info" in infos:
            returns = infos["final_info"]["episode"]["r"][infos["final_info"]["_episode"]]
            for value in returns:
                rlgauge.log({{"charts/episodic_return": value}}, step=global_step)
    rlgauge.log({{"losses/value_loss": 0.5}}, step=global_step)
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs a script's text as a run does, and gives the warnings."""

    def run_text(text):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(text))
        journal = Journal(tmp_path)
        counting.install(journal, Spec(script=str(path), env=None, seed=1, args=[], folder=str(tmp_path)))
        loggers.open_log(journal)
        runpy.run_path(str(path))
        counting.stop()
        return counting.warnings()

    yield run_text
    counting.stop()


def test_a_script_that_waits_in_vain_for_infos_of_an_older_gymnasium_is_caught(run):
    [warning] = run(TRAP.format(mode="NextStep"))
    num = counting.num_episodes()
    assert num > 20
    assert warning.startswith(
        f"The script logged 0 of the {num} episodes that ended: 'charts/episodic_return' was never written. "
        "It waits for infos['final_info'], which Gymnasium 1 gives only with autoreset_mode=SAME_STEP"
    )


def test_a_script_that_logs_its_episodes_is_not_warned_of(run):
    assert run(TRAP.format(mode="SameStep")) == []
    assert loggers.num_returns() == counting.num_episodes() > 20


def test_a_script_that_means_to_log_no_returns_is_not_warned_of(run):
    text = TRAP.format(mode="NextStep").replace("charts/episodic_return", "charts/speed").replace("returns", "values")
    assert run(text) == []


def test_few_episodes_may_end_before_a_script_logs(monkeypatch, tmp_path):
    loggers.open_log(Journal(tmp_path))
    path = tmp_path / "script.py"
    path.write_text('wandb.log({"episode_return": 1})')
    assert agreement.warnings(str(path), 4) == []
    [warning] = agreement.warnings(str(path), 5)
    assert warning == (
        "The script logged 0 of the 5 episodes that ended: 'episode_return' was never written. "
        "The returns counted here come from the environments, and are complete."
    )
    rlgauge.log({"eval/episode_return": 1.0})
    assert agreement.warnings(str(path), 5) == [warning]
    rlgauge.log({"episode_return": 1.0})
    assert agreement.warnings(str(path), 5) == []


PRINTS = """
    import gymnasium as gym

    envs = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync", wrappers=[
        gym.wrappers.RecordEpisodeStatistics
    ])
    envs.action_space.seed(3)
    envs.reset(seed=3)
    for global_step in range(200):
        _, _, _, _, infos = envs.step(envs.action_space.sample())
        for info in {asks}:
            if info and "episode" in info:
                print(f"{{global_step}}: return {{info['episode']['r']}}")
"""


@pytest.mark.parametrize(
    "asks",
    [
        "infos.get('final_info', [])",
        "(infos['final_info'] if 'final_info' in infos else [])",
        "(infos['final_info'] if 'final_info' in infos.keys() else [])",
    ],
)
def test_one_that_prints_or_writes_what_never_comes_is_caught_whatever_it_logs_with(run, asks):
    [warning] = run(PRINTS.format(asks=asks))
    num = counting.num_episodes()
    assert num > 10
    assert warning.startswith(
        f"{num} episodes ended, and the script saw none where it looks for them. It waits for infos['final_info'], "
        "which Gymnasium 1 gives only with autoreset_mode=SAME_STEP: it was written for an older Gymnasium"
    )


@pytest.mark.parametrize(
    "asks",
    [
        "(infos['final_info'] if 'final_info' in infos else [infos] if 'episode' in infos else [])",
        "infos.get('final_info', [{'episode': infos['episode']}] if '_episode' in infos else [])",
        "infos.get('final_info', {'final_info': []}['final_info'])",
        "[]",
    ],
)
def test_one_that_looks_elsewhere_too_or_gives_itself_what_it_waits_for_is_not_warned_of(run, asks):
    assert run(PRINTS.format(asks=asks)) == []


@pytest.mark.parametrize(
    "line", ["import gym", "from gym.vector import make", "import mani_skill.envs", "mode = AutoresetMode.SAME_STEP"]
)
def test_vectors_that_may_give_final_info_still_are_not_waited_for_in_vain(line):
    text = textwrap.dedent(PRINTS.format(asks="infos.get('final_info', [])"))
    assert agreement.waits_in_vain([text])
    assert not agreement.waits_in_vain([text, line])
    assert not agreement.waits_in_vain([text, "infos['final_info'] = []"])
    assert not agreement.waits_in_vain([text, "def broken("])
    assert not agreement.waits_in_vain([text.replace("make_vec", "make_several")])


def test_one_that_logs_returns_otherwise_does_not_wait_in_vain(run):
    text = PRINTS.format(asks="infos.get('final_info', [])")
    assert run(text + "    import rlgauge\n    rlgauge.log({'episode' + '_return': 9.0})\n") == []


def test_what_a_script_of_several_files_means_to_log_is_found_in_its_neighbours(run, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = textwrap.dedent(TRAP.format(mode="NextStep"))
    (tmp_path / "neighbour_of_script.py").write_text(text)
    [warning] = run("import neighbour_of_script")
    assert "'charts/episodic_return' was never written" in warning


def test_a_script_that_cannot_be_read_means_nothing(tmp_path):
    loggers.open_log(Journal(tmp_path))
    assert agreement.warnings("no.such.module:main", 9) == []
    assert agreement.warnings(str(tmp_path / "gone.py"), 9) == []


def test_this_package_is_no_module_of_the_script_wherever_it_lies(run, monkeypatch, tmp_path):
    below = tmp_path / "checkout" / "rlgauge" / "agreement.py"
    below.parent.mkdir(parents=True)
    below.write_text("logger.record('returned', infos['final_info'])\n")
    monkeypatch.setattr(agreement, "__file__", str(below))
    assert (
        run(TRAP.format(mode="NextStep").replace("charts/episodic_return", "charts/x").replace("final_info", "y")) == []
    )
