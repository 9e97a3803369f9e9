from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from rlgauge.kinds.train.journal import Journal, read_scalars
from rlgauge.kinds.train.script import logging_hooks


@pytest.fixture
def logged(tmp_path):
    """A function that gives what was logged so far: values and step."""
    logging_hooks.install(Journal(tmp_path))
    return lambda: [(one.values, one.step) for one in read_scalars(tmp_path)]


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A function that writes modules, by name and text, which are forgotten when the test is over."""
    root = tmp_path / "packages"
    monkeypatch.syspath_prepend(root)
    written = set()

    def write(modules):
        for name, text in modules.items():
            path = root.joinpath(*name.split("."))
            is_package = any(other.startswith(f"{name}.") for other in modules)
            path = path / "__init__.py" if is_package else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            written.add(name.partition(".")[0])
        for name in [name for name in sys.modules if name.partition(".")[0] in written]:
            monkeypatch.delitem(sys.modules, name)
        # Hooks wait for a module's first import, which another test may have seen.
        monkeypatch.setattr(logging_hooks, "_has_hooks", False)
        logging_hooks.install(logging_hooks.loggers.current.journal)

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in written]:
        del sys.modules[name]


def test_what_tensorboards_writer_of_torch_is_given_is_recorded(logged, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch import tensor
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tmp_path / "events")
    writer.add_scalar("charts/loss", 0.5, 3)
    writer.add_scalar(tag="charts/loss", scalar_value=tensor(0.25), global_step=np.int64(4))
    writer.add_scalar("charts/episodic_return", np.array([21.0]), 5)
    writer.add_scalar("plain", 1)
    writer.add_scalars("both", {"actor": 1.0, "critic": 2.0}, 6)
    with pytest.raises(TypeError, match="scalar_value"):
        writer.add_scalar("broken")
    writer.close()
    assert logged() == [
        ({"charts/loss": 0.5}, 3),
        ({"charts/loss": 0.25}, 4),
        ({"charts/episodic_return": 21.0}, 5),
        ({"plain": 1.0}, None),
        ({"both/actor": 1.0, "both/critic": 2.0}, 6),
    ]
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [one.value for one in events.Scalars("charts/loss")] == [0.5, 0.25]


def test_what_is_logged_into_several_folders_under_one_tag_is_told_apart(logged, tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "train") as train, SummaryWriter(tmp_path / "eval") as evaluation:
        for step in range(2):
            train.add_scalar("charts/episodic_return", 1.0 + step, step)
            evaluation.add_scalar("charts/episodic_return", 10.0 + step, step)
        evaluation.add_scalar("eval/length", 9, 1)
        train.add_scalars("losses", {"actor": 1.0}, 2)
        evaluation.add_scalars("losses", {"actor": 2.0}, 2)
    assert logged() == [
        ({"charts/episodic_return": 1.0}, 0),
        ({"eval/charts/episodic_return": 10.0}, 0),
        ({"charts/episodic_return": 2.0}, 1),
        ({"eval/charts/episodic_return": 11.0}, 1),
        ({"eval/length": 9.0}, 1),
        ({"losses/actor": 1.0}, 2),
        ({"eval/losses/actor": 2.0}, 2),
    ]
    assert logging_hooks.loggers.num_returns() == 2


def test_what_is_no_scalar_of_a_writer_is_passed_over(logged, tmp_path):
    from torch import ones
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "events") as writer:
        writer.add_histogram("weights", ones(10), 1)
        writer.add_text("note", "text", 1)
        writer.add_image("picture", np.zeros((3, 2, 2)), 1)
        writer.add_scalar("loss", ones(1, requires_grad=True)[0], 2.9)
        writer.add_scalar("loss", float("nan"), global_step=np.int64(3))
        writer.add_scalar("loss", np.float16(0.5), 4, 1234.5)
        writer.add_scalar("flag", True, 5)
    assert logged() == [({"loss": 1.0}, 2), ({"loss": None}, 3), ({"loss": 0.5}, 4), ({"flag": 1.0}, 5)]


def test_once_stopped_loggers_do_their_own_work_alone(logged, tmp_path):
    from stable_baselines3.common.logger import configure

    logger = configure(str(tmp_path / "sb3"), ["csv"])
    logging_hooks.stop()
    logger.record("loss", 1.0)
    logger.dump(1)
    logger.close()
    assert logged() == []
    assert "1.0" in (tmp_path / "sb3" / "progress.csv").read_text()


def test_a_logger_of_stable_baselines_that_is_disabled_is_not_recorded_again_and_again(logged):
    from stable_baselines3.common.logger import DISABLED, Logger

    logger = Logger(None, [])
    logger.set_level(DISABLED)
    logger.record("loss", 1.0)
    logger.dump(1)
    logger.dump(2)
    assert logged() == []


def test_what_the_logger_of_stable_baselines_dumps_is_recorded_once(logged, tmp_path):
    from stable_baselines3.common.logger import configure

    logger = configure(str(tmp_path / "sb3"), ["csv", "tensorboard"])
    logger.record("rollout/ep_rew_mean", np.float64(20.5))
    logger.record_mean("train/loss", 1.0)
    logger.record_mean("train/loss", 2.0)
    logger.record("note", "text")
    logger.dump(step=2048)
    logger.dump(step=4096)
    logger.close()
    assert logged() == [({"rollout/ep_rew_mean": 20.5, "train/loss": 1.5}, 2048)]
    assert "20.5" in (tmp_path / "sb3" / "progress.csv").read_text()


def test_what_the_writer_of_tensorboardx_is_given_is_recorded(logged, packages):
    packages(
        {
            "tensorboardX": "from tensorboardX.writer import SummaryWriter",
            "tensorboardX.writer": """
                class SummaryWriter:
                    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, display_name=""):
                        self.last = scalar_value

                    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
                        for tag, value in tag_scalar_dict.items():
                            self.add_scalar(f"{main_tag}/{tag}", value, global_step)
            """,
        }
    )
    from tensorboardX import SummaryWriter

    writer = SummaryWriter()
    writer.add_scalar("loss", 0.5, 1, display_name="Loss")
    writer.add_scalars("losses", {"a": 1, "b": 2}, 2)
    assert writer.last == 2
    assert logged() == [({"loss": 0.5}, 1), ({"losses/a": 1.0, "losses/b": 2.0}, 2)]


WANDB = {
    "wandb": """
        from wandb.sdk.wandb_run import Run
        log = None

        def init(mode="offline"):
            global log
            run = Run()
            if mode == "disabled":
                run.log = lambda data, *_, **__: run.rows.append(data)
            log = run.log
            return run
    """,
    "wandb.sdk": "",
    "wandb.sdk.wandb_run": """
        class Run:
            def __init__(self):
                self.rows = []

            @property
            def step(self):
                raise RuntimeError("another process would be asked")

            def log(self, data, step=None, commit=None):
                self.rows.append(data)
    """,
}


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_what_wandb_is_given_is_recorded_even_where_it_is_disabled(logged, packages, mode):
    packages(WANDB)
    import wandb

    run = wandb.init(mode=mode)
    wandb.log({"loss": 0.5, "nested": {"reward": 1}, "picture": object()})
    run.log({"loss": 0.25}, step=7)
    wandb.log(data={"loss": np.float32(2.0)})
    wandb.log({"loss": 4.0}, commit=False)
    wandb.log({"speed": 5.0})
    run.log({"speed": 6.0}, commit=True)
    assert logged() == [
        ({"loss": 0.5, "nested/reward": 1.0}, 0),
        ({"loss": 0.25}, 7),
        ({"loss": 2.0}, 7),
        ({"loss": 4.0}, 8),
        ({"speed": 5.0}, 8),
        ({"speed": 6.0}, 9),
    ]
    assert len(run.rows) == 6


REAL = """
    import json, sys
    from pathlib import Path
    from rlgauge.kinds.train.journal import Journal
    from rlgauge.kinds.train.script import logging_hooks

    logging_hooks.install(Journal(Path(sys.argv[1])))
    import wandb

    asked = []
    with wandb.init(mode="offline", dir=sys.argv[1], project="steps") as run:
        for index, named in enumerate(json.loads(sys.argv[2])):
            asked.append(named.get("step", run.step))
            run.log({"number": index, "nested": {"a": {"b": True}}, "text": "x"}, **named)
    Path(sys.argv[1], "asked.json").write_text(json.dumps(asked))
"""


def test_steps_are_counted_as_wandb_counts_them_itself(tmp_path):
    given = [{}, {"commit": False}, {}, {"step": 7}, {}, {"step": 9, "commit": True}, {"commit": False}]
    given += [{"step": 12}, {}]
    argv = [sys.executable, "-c", textwrap.dedent(REAL), str(tmp_path), json.dumps(given)]
    subprocess.run(argv, check=True, capture_output=True)
    asked = json.loads((tmp_path / "asked.json").read_text())
    found = [(one.values, one.step) for one in read_scalars(tmp_path)]
    assert found == [({"number": float(index), "nested/a/b": 1.0}, step) for index, step in enumerate(asked)]
    assert asked == [0, 1, 1, 7, 7, 9, 10, 12, 12]


@pytest.mark.parametrize("place", ["cherry.wrappers", "cherry.envs"])
def test_what_cherrys_logger_and_its_subclasses_log_is_recorded(logged, packages, place):
    packages(
        {
            "cherry": "",
            place: "",
            f"{place}.logger_wrapper": """
                class Logger:
                    def __init__(self):
                        self.num_steps = 0
                        self.values = {}

                    def log(self, key, value):
                        self.values.setdefault(key, []).append(value)
            """,
        }
    )
    module = __import__(f"{place}.logger_wrapper", fromlist=["Logger"])

    class Louder(module.Logger):
        def log(self, key, value):
            super().log(key, 2 * value)

    class Own(module.Logger):
        def log(self, key, value):
            self.values[key] = value

    for logger in (module.Logger(), Louder(), Own()):
        logger.num_steps += 5
        logger.log("policy loss", 0.5)
        assert logger.values
    assert logged() == 3 * [({"policy loss": 0.5}, 5)]
