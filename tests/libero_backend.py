"""What has LIBERO's interface: three tasks whose simulator behaves as LIBERO's does where that matters."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import numpy as np

from rlgauge.core.errors import UserError
from rlgauge.envs.libero import LiberoTask

NUM_STATES = 5
SIZE = (12, 16)
LANGUAGES = ("pick up the bowl", "open the drawer", "turn on the stove")


def initial_states(task):
    """Five states of time, a place and a speed; each task has others."""
    rng = np.random.default_rng(task.index)
    return rng.uniform(-1, 1, (NUM_STATES, 7))


class FakeSimulator:
    """Opens with a place of its own, which a reset brings back, whatever was set; closes on the gripper's third +1."""

    opened: ClassVar[list[FakeSimulator]] = []

    def __init__(self, height, width, *, lacks=None):
        self.size = height, width
        self.lacks = lacks
        self.is_closed = False
        self.told = []
        self.robots = [SimpleNamespace(controller=SimpleNamespace(use_delta=True))]
        self.rng = np.random.default_rng()
        self.opened.append(self)

    def seed(self, seed):
        self.told.append(("seed", seed))
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.told.append(("reset",))
        self.robots = [SimpleNamespace(controller=SimpleNamespace(use_delta=True))]
        self.furniture = self.rng.random()
        self.state = np.zeros(7)
        self.closings = 0
        return self.observed()

    def set_init_state(self, init_state):
        self.told.append(("state", tuple(init_state)))
        self.state = np.array(init_state)
        return self.observed()

    def step(self, action):
        assert len(action) == 7
        self.told.append(("step", tuple(action), self.robots[0].controller.use_delta))
        self.state[1:4] += 0.01 * np.asarray(action[:3])
        self.closings += action[-1] > 0.5
        return self.observed(), float(self.check_success()), self.check_success(), {}

    def check_success(self):
        return bool(self.closings >= 3)

    def close(self):
        self.is_closed = True

    def observed(self):
        height, width = self.size
        front, hand = np.zeros((2, height, width, 3), np.uint8)
        front[0, 0] = 200  # OpenGL's first row: down to the left
        hand[-1, -1] = 100  # up to the right
        observed = {
            "agentview_image": front,
            "robot0_eye_in_hand_image": hand,
            "robot0_eef_pos": self.state[1:4],
            "robot0_eef_quat": np.array([0.0, 0.0, np.sin(0.25), np.cos(0.25)]),
            "robot0_gripper_qpos": np.array([0.04 + self.furniture, -0.04]),
            "object-state": np.zeros(3),
        }
        return {name: part for name, part in observed.items() if name != self.lacks}


class Fake:
    """The backend."""

    is_bottom_up = True
    lacks: str | None = None

    def __init__(self):
        self.versions = {"fake": "1"}

    def tasks(self, suite):
        return [
            LiberoTask(
                suite=suite,
                index=index,
                name=language.replace(" ", "_"),
                language=language,
                definition=f"{index}",
                num_initial_states=NUM_STATES,
            )
            for index, language in enumerate(LANGUAGES)
        ]

    def initial_states(self, task):
        return initial_states(task)

    def open(self, task, *, height, width):
        return FakeSimulator(height, width, lacks=self.lacks)


class WithoutHand(Fake):
    """Its simulator has no camera at the hand."""

    lacks = "robot0_eye_in_hand_image"


class WithoutMeshes(Fake):
    """It can't open a simulator."""

    def open(self, task, *, height, width):
        raise UserError("LIBERO's meshes are not there.")


def closes(observation):
    """A policy that closes the gripper, which is what these tasks want."""
    return np.array([0, 0, 0, 0, 0, 0, 1], np.float32)
