"""Scripts of many shapes, each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from rlgauge.kinds.train.journal import read_scalars
from rlgauge.kinds.train.spec import OUTCOME, Outcome, Spec

SCRIPTS = Path(__file__).parents[1] / "scripts"
ENV = "Pendulum-v1"


class Ran(NamedTuple):
    """What came of a script: how it ended, what it told, what it printed, and the process's exit code."""

    outcome: Outcome
    told: dict[str, Any]
    printed: str
    code: int


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def run(script: str | Path, *, env: str | None = ENV, **given: Any) -> Ran:
        work = tmp_path / "artifacts" / "work"
        work.mkdir(parents=True, exist_ok=True)
        path = str(SCRIPTS / script) if str(script).endswith(".py") else str(script)
        spec = Spec(
            script=path, env=env, folder=str(work.parent), **{"seed": 42, "args": [], "num_test_episodes": 0, **given}
        )
        (tmp_path / "spec.json").write_bytes(msgspec.json.encode(spec))
        told = work / "told.json"
        told.unlink(missing_ok=True)
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "rlgauge.kinds.train.script", str(tmp_path / "spec.json")],
            cwd=work,
            env={**os.environ, "PYTHONPATH": str(SCRIPTS), "BENCH_ENV": str(env), "BENCH_SEED": str(spec.seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert (work.parent / OUTCOME).exists(), f"ended with {ended.returncode}\n{ended.stdout}"
        outcome = msgspec.json.decode((work.parent / OUTCOME).read_bytes(), type=Outcome)
        return Ran(outcome, json.loads(told.read_text()) if told.exists() else {}, ended.stdout, ended.returncode)

    return run


SHAPES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("plain_main.py", {"env": ENV, "seed": 42, "helper": 42, "name": "__main__"}, []),
    ("decorated_main.py", {"env": ENV, "steps": 10, "name": "1", "doc": "A docstring that stays one."}, []),
    ("closure_main.py", {"env": ENV, "seed": 42, "values": [1, 1, 2, 2, 3], "best": 3, "action": 0}, []),
    ("async_main.py", {"env": ENV}, []),
    ("argparse_block.py", {"env": ENV, "seed": 42, "num_envs": 4, "name": "argparse_block"}, ["--env-id", "--seed"]),
    ("argparse_main.py", {"env": ENV, "seed": 42, "lr": 0.1}, ["--environment", "--seed"]),
    ("click_command.py", {"env": ENV, "seed": 42, "steps": 10}, ["--env", "--seed"]),
    ("absl_app.py", {"env": ENV, "seed": 42, "rest": []}, ["--env_name", "--seed"]),
    ("spinning.py", {"env": ENV, "lr": 0.01, "size": 32}, ["--env"]),
    ("other_name.py", {"env": ENV, "seed": 42, "model": [2]}, []),
    ("sibling_import.py", {"env": ENV, "seed": 42, "own": 42, "helper": 42}, ["--env", "--seed"]),
    ("variables.py", {"env": ENV, "seed": 42}, []),
    ("notebook.py", {"model": [1.0, 2.0], "name": "__main__"}, []),
    ("made_main.py", {"env": ENV, "seed": 42, "policy": ["made"]}, []),
    ("pack.training:train", {"env": ENV, "seed": 42, "own": 42, "size": 7, "name": "pack.training"}, []),
    ("spawns.py", {"env": ENV, "printed": 42, "squares": [4, 9]}, []),
]


@pytest.mark.parametrize(("script", "told", "options"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_scripts_of_every_shape_get_the_environment_and_the_seed(
    run: Any, script: str, told: dict[str, Any], options: list[str]
) -> None:
    ran = run(script)
    assert ran.outcome.error is None, ran.printed
    assert ran.told.items() >= told.items()
    assert [word for word in ran.told["argv"] if word.startswith("-")] == options
    assert (ran.told["folder"], ran.code, ran.outcome.exit_code) == ("work", 0, 0)
    assert ran.outcome.train_seconds is not None


def test_a_class_that_trains_gets_its_environment_as_an_option(run: Any) -> None:
    assert run("trainer_class.py").told["argv"] == ["--env", ENV]


def test_arguments_of_the_script_reach_it(run: Any) -> None:
    assert run("argparse_block.py", args=["--num-envs", "2"]).told["num_envs"] == 2
    assert run("decorated_main.py", args=["--steps=20", "--name=7"]).told.items() >= {"steps": 20, "name": "7"}.items()


LEFTOVER = """import argparse
import json
from pathlib import Path
def main(env="CartPole-v1", seed=0, gain=-1.0, bias=0.5):
    Path("told.json").write_text(json.dumps({"gain": gain, "bias": bias}))
"""


def test_arguments_reach_main_though_the_script_imports_a_parser_that_it_does_not_use(run: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(LEFTOVER)
    ran = run(tmp_path / "script.py", args=["--gain", "0.8384", "--bias", "0.0"])
    assert (ran.outcome.error, ran.told) == (None, {"gain": 0.8384, "bias": 0.0})


UNREAD = {
    "a parser that nothing calls": (
        f"{LEFTOVER}def parse():\n    p = argparse.ArgumentParser()\n    p.add_argument('--gain')\n"
        "    return p.parse_args()\n"
    ),
    "a flat file": "x = 1\n",
    "a main that its block does not call": (
        "def main(env, gain=1, api_key=''):\n    pass\nif __name__ == '__main__':\n    print(1)\n"
    ),
    "a recorder of command lines": (
        "import argparse, sys, types\nparser = argparse.ArgumentParser()\nwandb = types.ModuleType('wandb')\n"
        "exec('import sys; noted = list(vars(sys)[\"argv\"][1:])', vars(wandb))\n"
    ),
}


@pytest.mark.parametrize("source", UNREAD.values(), ids=UNREAD)
def test_a_run_whose_arguments_nothing_has_read_fails(run: Any, tmp_path: Path, source: str) -> None:
    (tmp_path / "script.py").write_text(source)
    ran = run(tmp_path / "script.py", args=["--gain", "0.5", "--api-key=hush"])
    assert ran.code == 1
    assert ran.outcome.error.startswith("The arguments --gain 0.5")
    assert "went nowhere: " in ran.outcome.error
    assert "hush" not in ran.outcome.error
    assert run(tmp_path / "script.py").outcome.error is None


READ = {
    "a parser": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--gain')\np.parse_args()\n",
    "a library": "exec('import sys; words = sys.argv[1:]')\n",
    "a process that it forks": "import os\npid = os.fork()\nif not pid:\n    exec('import sys; list(sys.argv)')\n"
    "    os._exit(0)\nos.waitpid(pid, 0)\n",
    "another list in its place": "exec('import sys; sys.argv = [1, 2]')\n",
}


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_a_run_does_not_fail_where_the_arguments_are_read_by(run: Any, tmp_path: Path, source: str) -> None:
    (tmp_path / "script.py").write_text(source)
    ran = run(tmp_path / "script.py", args=["--gain", "0.5"], env=None)
    assert ran.outcome.error is None, ran.printed
    assert "nowhere" not in " ".join(ran.outcome.warnings)


def test_arguments_that_only_other_processes_were_given_are_warned_of(run: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import pickle\nexec('import sys; a = pickle.dumps(sys.argv)')\n")
    ran = run(tmp_path / "script.py", args=["--gain", "0.5"], env=None)
    assert ran.outcome.error is None
    assert any("--gain 0.5 may have gone nowhere" in text for text in ran.outcome.warnings)


PARSED = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--gain", type=float)
parser.add_argument("--api-key", type=int)
parser.parse_args()
"""


def test_what_a_parser_refuses_is_told_without_secrets(run: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(PARSED)
    ran = run(tmp_path / "tiny.py", args=["--gian", "0.1"], env=None)
    said = "error: unrecognized arguments: --gian 0.1"
    assert (ran.code, ran.outcome.exit_code) == (2, 2)
    assert ran.outcome.error.endswith(f"in line 5 of tiny.py, saying: {said}")
    assert ran.outcome.trace.splitlines()[-1] == f"SystemExit: 2 (tiny.py: {said})"
    ran = run(tmp_path / "tiny.py", args=["--api-key", "hush"], env=None)
    assert "saying: error: argument --api-key: invalid int value: '***'" in ran.outcome.error
    assert "hush" not in ran.outcome.error + ran.outcome.trace.splitlines()[-1]


def test_of_a_long_line_on_standard_error_the_beginning_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(
        "import sys\nprint('no ' * 500, file=sys.stderr)\nprint('---', file=sys.stderr)\nsys.exit(3)\n"
    )
    error = run(tmp_path / "tiny.py", env=None).outcome.error
    assert "no no no" in error
    assert len(error) < 600


BLOCK = """from told import tell
SKILL = 0
def main(env="CartPole-v1", episodes=10, seed=0):
    tell(env=env, episodes=episodes, skill=SKILL, seed=seed)
    return 7
if __name__ == "__main__":
    import sys
    SKILL = 3
    sys.exit(main("Acrobot-v1", episodes=30))
"""


@pytest.mark.parametrize("env", [ENV, None])
def test_what_a_script_says_in_its_block_holds(run: Any, tmp_path: Path, env: str | None) -> None:
    (tmp_path / "script.py").write_text(BLOCK)
    ran = run(tmp_path / "script.py", env=env)
    assert ran.told.items() >= {"env": env or "Acrobot-v1", "episodes": 30, "skill": 3, "seed": 42}.items()
    assert (ran.code, ran.outcome.exit_code) == (7, 7)
    assert "ended itself with exit code 7" in ran.outcome.error


def test_arguments_come_before_what_the_block_passes(run: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(BLOCK)
    assert run(tmp_path / "script.py", args=["--episodes=5"]).told["episodes"] == 5


def test_a_main_that_is_called_again_and_again_is_warned_of(run: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("def main(env):\n    pass\nif __name__ == '__main__':\n    main(1); main(2)\n")
    warnings = run(tmp_path / "script.py").outcome.warnings
    assert any("called main 2 times, each time with env='Pendulum-v1'" in text for text in warnings)


def test_a_flat_file_is_seeded_counted_and_labelled(run: Any) -> None:
    first, again, other = run("flat.py", env="CartPole-v1"), run("flat.py", env=None), run("flat.py", env=None, seed=43)
    assert first.outcome.error is None
    assert first.outcome.environments == ["CartPole-v1"]
    assert first.outcome.facts["num_episodes"] == 1
    assert first.outcome.facts["num_steps"] == first.told["total"]
    assert first.told["seed"] == 42
    assert first.told["observation"] == again.told["observation"] != other.told["observation"]


def test_environments_that_we_register_are_known_to_a_script_that_imports_nothing_of_ours(
    run: Any, tmp_path: Path
) -> None:
    (tmp_path / "plain.py").write_text(
        "import sys\nimport gymnasium\nbefore = set(sys.modules)\n"
        "def main(env):\n    print('imported', 'rlgauge.envs.seals' in before)\n    env = gymnasium.make(env)\n"
        "    env.reset()\n    for _ in range(200):\n        env.step(0)\n"
    )
    ran = run(tmp_path / "plain.py", env="seals/MountainCar-v0")
    assert (ran.outcome.error, ran.outcome.environments) == (None, ["seals/MountainCar-v0"]), ran.printed
    assert "imported False" in ran.printed


def test_a_run_of_another_environment_than_asked_for_fails(run: Any) -> None:
    early, late = run("flat.py"), run("indirect.py")
    for ran in (early, late):
        assert "makes CartPole-v1, not Pendulum-v1" in ran.outcome.error
        assert ran.code != 0
    assert early.outcome.is_usage
    assert not early.told
    assert late.outcome.environments == ["CartPole-v1"]


ELSEWHERE = """import gymnasium
def main(env):
    gymnasium.make(env).reset()
    other = gymnasium.make("MountainCar-v0")
    other.reset()
    for _ in range(5):
        other.step(0)
main('x')
"""


def test_a_run_that_trains_elsewhere_fails_though_it_makes_what_was_asked_for(run: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(ELSEWHERE)
    ran = run(tmp_path / "script.py")
    assert ran.code != 0
    assert "trains in another environment: 5 steps in MountainCar-v0" in ran.outcome.error


THREAD = """import gymnasium, threading, time
from concurrent.futures import ThreadPoolExecutor
def train(env, num=40):
    made = gymnasium.make(env, max_episode_steps=5)
    for _ in range(num):
        made.reset()
        for _ in range(5):
            made.step(made.action_space.sample())
        time.sleep(0.005)
def fail(env):
    raise ValueError(env)
def main(env):
"""


@pytest.mark.parametrize(
    "body",
    [
        "threading.Thread(target=train, args=(env,)).start()",
        "global POOL; POOL = ThreadPoolExecutor(1); POOL.submit(train, env)",
    ],
)
def test_threads_that_go_on_are_waited_for(run: Any, tmp_path: Path, body: str) -> None:
    (tmp_path / "script.py").write_text(f"{THREAD}    {body}\nif __name__ == '__main__':\n    main('x')\n")
    ran = run(tmp_path / "script.py")
    assert ran.outcome.facts["num_episodes"] == 40, ran.printed
    assert ran.code == 0
    assert not any("thread" in text for text in ran.outcome.warnings)


def test_threads_that_nobody_waits_for_and_that_fail_are_told_of(run: Any, tmp_path: Path) -> None:
    body = "threading.Thread(target=train, args=(env, 10**6), daemon=True).start(); time.sleep(0.3)\n"
    failing = "    threading.Thread(target=fail, args=(env,)).start()\n"
    (tmp_path / "script.py").write_text(f"{THREAD}    {body}{failing}main('x')\n")
    ran = run(tmp_path / "script.py")
    assert any("still stepped an environment when the script was done" in text for text in ran.outcome.warnings)
    assert "A thread of the script's ended by ValueError, and the script went on without it." in ran.outcome.warnings


def test_whatever_draws_is_seeded(run: Any) -> None:
    drawn = [run("draws.py", env=None, seed=seed).told for seed in (1, 1, 2)]
    names = ("python", "numpy", "generator", "space")
    assert [drawn[0][name] == drawn[1][name] for name in names] == [True] * 4
    assert [drawn[0][name] == drawn[2][name] for name in names] == [False] * 4


def test_a_script_that_ends_itself_leaves_its_code_and_its_trace(run: Any) -> None:
    ran = run("exits.py")
    assert (ran.code, ran.outcome.exit_code) == (3, 3)
    assert ran.outcome.error == "The script ended itself with exit code 3 in line 9 of exits.py."
    assert 'exits.py", line 14, in main' in ran.outcome.trace
    assert "rlgauge/kinds" not in ran.outcome.trace
    assert run("exits.py", args=["--code=0"]).outcome.error is None


def test_a_script_that_raises_leaves_its_own_lines_and_prints_all(run: Any) -> None:
    ran = run("raises.py")
    assert ran.code == 1
    assert ran.outcome.error == "The script raised RuntimeError in line 10 of raises.py: the weights are damaged"
    assert "json/decoder.py" not in ran.outcome.trace
    assert "JSONDecodeError" in ran.outcome.trace
    assert "json/decoder.py" in ran.printed
    assert "rlgauge/kinds" not in ran.printed + ran.outcome.trace


def test_bytes_that_are_no_utf8_are_told_as_what_they_are(run: Any, tmp_path: Path) -> None:
    source = "import rlgauge\nrlgauge.log({'odd \\udcfe': 1.0, 'even': 2.0})\nraise ValueError('odd \\udcff')\n"
    (tmp_path / "odd.py").write_text(source)
    ran = run(tmp_path / "odd.py", env=None)
    assert (ran.outcome.error, ran.code) == (r"The script raised ValueError in line 3 of odd.py: odd \udcff", 1)
    assert [one.values for one in read_scalars(tmp_path / "artifacts")] == [{r"odd \udcfe": 1.0, "even": 2.0}]


@pytest.mark.parametrize("code", [0, 5])
def test_a_fork_that_comes_to_the_scripts_end_ends_there(run: Any, code: int) -> None:
    ran = run("forks.py", args=[f"--code={code}"])
    assert ran.outcome.error is None
    assert ran.told["child"] == code
    assert not ran.printed


def test_a_script_that_does_not_parse_is_a_mistake_that_names_its_line(run: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import os\nx = = 1\n")
    ran = run(tmp_path / "broken.py")
    assert (ran.code, ran.outcome.is_usage) == (2, True)
    assert ran.outcome.error == "broken.py does not parse: invalid syntax in line 2."
    assert "x = = 1" in ran.outcome.trace
    assert "x = = 1" in ran.printed


def test_a_script_that_is_not_there_is_a_mistake(run: Any, tmp_path: Path) -> None:
    ran = run(tmp_path / "none.py")
    assert (ran.code, ran.outcome.is_usage) == (2, True)
    assert ran.outcome.error == f"Can't read {tmp_path}/none.py: No such file or directory."


ODD = {
    "it closes what it prints to": "import os, sys\nos.close(1)\nos.close(2)\nsys.stdout = sys.stderr = None\n",
    "its folder is gone": "import os, tempfile\nd = tempfile.mkdtemp()\nos.chdir(d)\nos.rmdir(d)\n",
    "it leaves an alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n",
    "it is a deep sum": f"x = {'+'.join(['1'] * 1500)}\n",
    "it has a byte order mark": "\ufeffx = 1\n",
}


@pytest.mark.parametrize("source", ODD.values(), ids=ODD)
def test_an_odd_script_comes_to_its_end_if(run: Any, tmp_path: Path, source: str) -> None:
    (tmp_path / "odd one.py").write_text(source, encoding="utf-8")
    ran = run(tmp_path / "odd one.py", env=None)
    assert (ran.code, ran.outcome.error) == (0, None)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("nowhere.training:train", "There is no module 'nowhere' (of 'nowhere.training:train')"),
        ("pack.nothing:train", "There is no module 'pack.nothing' with a source"),
    ],
)
def test_a_module_that_is_not_there_is_a_mistake(run: Any, script: str, error: str) -> None:
    ran = run(script)
    assert ran.outcome.is_usage
    assert ran.outcome.error.startswith(error)


def test_a_function_that_a_module_only_imports_is_called_by_its_signature(run: Any, tmp_path: Path) -> None:
    assert run("pack:train").told.items() >= {"env": ENV, "seed": 42}.items()


MADE = "import functools\nfrom told import tell\n"
TRAIN = "def train(env, n=1, seed=0, **more):\n    tell(env=env, n=n, seed=seed, more=more)\n    return n\n"


@pytest.mark.parametrize(
    "binding",
    [
        "def make():\n    def made(env, seed=0):\n        return train(env, 5, seed)\n    return made\nmain = make()",
        "main = functools.partial(train, n=5)",
        "main: object = functools.partial(train, n=5)",
        "main = lambda env, seed=1: train(env, n=5, seed=seed)",
        "class Trainer:\n    def __call__(self, env='A', seed=0):\n        train(env, 5, seed)\nmain = Trainer()",
        "from beside import main",
        "STARRED from beside import *",
        "def main(env, n, seed):\n    train(env, n, seed)\nmain = functools.partial(main, n=5)",
        "def timed(call):\n    return lambda **given: call(n=5, seed=SEED, **given)\nSEED = 3\nmain = timed(train)",
        "async def wait(env, seed):\n    train(env, 5, seed)\nother, main = None, wait",
    ],
)
def test_a_main_that_is_bound_and_that_nothing_calls_is_called(run: Any, tmp_path: Path, binding: str) -> None:
    (tmp_path / "beside.py").write_text(
        "from told import tell\nSEED = 3\ndef main(env='A'):\n    tell(env=env, n=5, seed=SEED)\n"
    )
    starred = binding.removeprefix("STARRED ")
    (tmp_path / "bound.py").write_text(f"{MADE}{TRAIN}{binding}\n" if starred == binding else f"{starred}\n")
    ran = run(tmp_path / "bound.py")
    assert (ran.outcome.error, ran.code) == (None, 0), ran.printed
    assert ran.told.items() >= {"env": ENV, "n": 5, "seed": 42}.items()


@pytest.mark.parametrize(
    ("own", "beside"),
    [("tell(env='own', n=1, seed=0)\n", ""), ("", "__all__ = ['tell']\ntell(env='own', n=1, seed=0)\n")],
)
def test_a_main_that_is_among_all_that_a_file_takes_of_another_is_left_where_it_may_not_be_meant(
    run: Any, tmp_path: Path, own: str, beside: str
) -> None:
    (tmp_path / "beside.py").write_text(
        f"from told import tell\n{beside}def main(env):\n    tell(env=env, n=5, seed=1)\n"
    )
    (tmp_path / "bound.py").write_text(f"from told import tell\nfrom beside import *\n{own}")
    ran = run(tmp_path / "bound.py")
    assert (ran.told["env"], ran.told["n"]) == ("own", 1), ran.printed


@pytest.mark.parametrize(
    "body",
    [
        "main = functools.partial(train, n=5)\nmain('A', seed=3)\n",
        "main = print if train else None\ndef use():\n    main('x')\n    train('A', 5)\nuse()\n",
        "main = [train]\ntrain(n=5, env='A')\n",
    ],
)
def test_a_bound_main_that_the_file_calls_or_that_is_no_function_is_not_called_again(
    run: Any, tmp_path: Path, body: str
) -> None:
    train = TRAIN.replace("    tell", "    print('trained')\n    tell")
    (tmp_path / "bound.py").write_text(f"{MADE}{train}{body}")
    ran = run(tmp_path / "bound.py")
    assert (ran.outcome.error, ran.printed.count("trained"), ran.told["n"]) == (None, 1, 5), ran.printed


@pytest.mark.parametrize("binding", ["main = lambda env: train(env, 5)", "main = functools.partial(train, 'A')"])
def test_a_bound_main_that_seeds_itself_is_warned_of_where_it_takes_no_seed(
    run: Any, tmp_path: Path, binding: str
) -> None:
    train = TRAIN.replace("    tell", "    import random; random.seed(3)\n    tell")
    (tmp_path / "bound.py").write_text(f"{MADE}{train}{binding}\n")
    ran = run(tmp_path / "bound.py")
    assert ran.outcome.error is None, ran.printed
    warned = [text for text in ran.outcome.warnings if "(3 in line 4" in text]
    assert len(warned) == ("lambda" in binding)


@pytest.mark.parametrize(
    ("body", "seed"),
    [
        ("def main(**kwargs):\n    tell(**{'seed': None, 'env': kwargs['env']})\n", None),
        ("def main(**kwargs):\n    tell(env=kwargs.get('env_id'), seed=kwargs.pop('seed', 0))\n", 42),
        ("def main(seed=0, **kwargs):\n    tell(seed=seed, **kwargs)\n", 42),
        ("def main(n=2, **kwargs):\n    train(n=n, **kwargs)\n", 42),
        ("def main(**kwargs):\n    tell(env=kwargs['env'], seed=kwargs['seed'])\nmain(env='A', seed=1)\n", 42),
        ("def wrapped(**kwargs):\n    tell(seed=None, **kwargs)\nmain = wrapped\n", None),
    ],
)
def test_what_takes_any_name_gets_the_environment_and_the_seed_that_it_asks_for(
    run: Any, tmp_path: Path, body: str, seed: int | None
) -> None:
    (tmp_path / "any.py").write_text(f"{MADE}{TRAIN}{body}")
    ran = run(tmp_path / "any.py")
    assert ran.outcome.error is None, ran.printed
    assert ran.told.items() >= {"env": ENV, "seed": seed}.items()


def test_a_seed_that_comes_with_everything_from_beside_is_overwritten(run: Any, tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("SEED = 1\nRATE = 2\ndef seed():\n    return SEED\n")
    (tmp_path / "all.py").write_text("from told import tell\nfrom config import *\ntell(own=SEED, theirs=seed())\n")
    assert run(tmp_path / "all.py", env=None).told.items() >= {"own": 42, "theirs": 42}.items()


def test_a_script_sees_itself_as_the_main_module(run: Any, tmp_path: Path) -> None:
    (tmp_path / "self.py").write_text(
        "import __main__, pickle, sys\nfrom told import tell\nclass Thing:\n    pass\n"
        "def main(env='A'):\n    copy = pickle.loads(pickle.dumps(Thing()))\n"
        "    tell(same=type(copy) is Thing, file=__file__ == __main__.__file__ == sys.argv[0], path=sys.path[0])\n"
    )
    ran = run(tmp_path / "self.py")
    assert ran.told.items() >= {"same": True, "file": True, "path": str(tmp_path)}.items()


def test_settings_beside_a_script_are_there_where_it_runs_and_other_files_are_told_of(run: Any, tmp_path: Path) -> None:
    source = "import json, pathlib, sys\nprint(json.load(open('settings.json')))\nopen(sys.argv[-1].strip('-'))\n"
    (tmp_path / "reads.py").write_text(source)
    (tmp_path / "settings.json").write_text('{"steps": 10}')
    (tmp_path / "expert.npz").write_bytes(b"demonstrations")
    ran = run(str(tmp_path / "reads.py"), env=None, args=["--expert.npz"])
    assert "{'steps': 10}" in ran.printed
    assert ran.outcome.facts["brought"] == ["settings.json"]
    assert ran.outcome.error.startswith("The script raised FileNotFoundError in line 3 of reads.py")
    assert "'expert.npz'. It ran in a folder of its own, and expert.npz lies beside it" in ran.outcome.error
    assert run(str(tmp_path / "reads.py"), env=None, args=["expert.npz"]).outcome.error is None
