"""Callbacks that run during training: TensorBoard, checkpoints, validation and a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from wattward.envs.policy.episode import play_batch

LOGGED_KPIS = (
    "total_cost",
    "energy_cost",
    "demand_cost",
    "late_cost",
    "terminal_cost",
    "green_share",
    "in_band",
    "utilisation",
    "late_gpu_h",
    "dropped_gpu_h",
    "moved_gb",
    "carbon_kg",
)
"""Entries of `info["kpis"]` that TensorBoard shows as `episode/NAME`, in addition to `episode/saving`."""
REDRAWN_EVERY_S = 0.1
"""Shortest time between two redraws of the terminal [s]."""


class EpisodeKpis(BaseCallback):
    """Writes the mean KPIs of finished episodes to TensorBoard."""

    def _on_step(self) -> bool:
        for env in np.flatnonzero(self.locals["dones"]):
            info = self.locals["infos"][env]
            values = {name: info["kpis"][name] for name in LOGGED_KPIS}
            if "saving" in info:
                values["saving"] = info["saving"]
            for name, value in values.items():
                self.logger.record_mean(f"episode/{name}", value)
        return True


class Every(BaseCallback):
    """Calls `action` each time training has passed a multiple of `interval` steps.

    The call happens at the start of a rollout, when the weights are not being updated.
    """

    def __init__(self, interval: int, action: Callable[[], None]) -> None:
        super().__init__()
        self._interval, self._action = interval, action

    def _on_training_start(self) -> None:
        self._next = self._multiple_after(self.num_timesteps)

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next:
            self._action()
            self._next = self._multiple_after(self.num_timesteps)

    def _on_step(self) -> bool:
        return True

    def _multiple_after(self, steps: int) -> int:
        return (steps // self._interval + 1) * self._interval


class ProgressBar(BaseCallback):
    """Shows steps done, remaining time and the last validation in the terminal."""

    def __init__(self, console: Console, total_steps: int, note: Callable[[], str]) -> None:
        super().__init__()
        self._next_s = 0.0
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
        self._progress = Progress(*columns, console=console)
        self._total_steps, self._note = total_steps, note

    def _on_training_start(self) -> None:
        self._task: TaskID = self._progress.add_task("", total=self._total_steps, completed=self.num_timesteps, note="")
        self._progress.start()

    def _on_step(self) -> bool:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + REDRAWN_EVERY_S
            self._show()
        return True

    def _on_training_end(self) -> None:
        self._show()

    def _show(self) -> None:
        self._progress.update(self._task, completed=min(self.num_timesteps, self._total_steps), note=self._note())

    def stop(self) -> None:
        """Restores the terminal, also when training ended with an error."""
        self._progress.stop()


def greedy(model: BaseAlgorithm) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Returns a function that gives a model's greedy actions, for one episode.

    The function passes the state of a recurrent model from one step to the next.
    """
    state: tuple[NDArray[Any], ...] | None = None

    def act(observations: NDArray[np.float32]) -> NDArray[Any]:
        nonlocal state
        if state is None:
            actions, state = model.predict(observations, deterministic=True)
        else:
            actions, state = model.predict(observations, state, deterministic=True)
        return np.asarray(actions)

    return act


class Validation:
    """Measures on fixed validation episodes how much a policy saves compared with running all work on arrival."""

    def __init__(
        self,
        make_env: Callable[[], VecEnv],
        always_run: NDArray[np.int64] | int,
        make_reference: Callable[[], VecEnv] | None = None,
    ) -> None:
        """Plays the episodes once with all work run on arrival.

        Args:
            make_env: Makes the environments of the policy.
            always_run: The action that runs all work on arrival.
            make_reference: Makes environments of the same episodes that take this action, if others do.
        """
        self._make_env = make_env
        self._on_arrival_cost = self._total_cost(
            lambda observations: np.array([always_run] * len(observations)), make_reference or make_env
        )

    def saving(self, model: BaseAlgorithm) -> float:
        """Returns the share of the run-on-arrival cost that the model's greedy actions save; higher is better."""
        total_cost = self._total_cost(greedy(model), self._make_env)
        return float(1.0 - total_cost.sum() / self._on_arrival_cost.sum())

    @staticmethod
    def _total_cost(
        act: Callable[[NDArray[np.float32]], NDArray[Any]], make_env: Callable[[], VecEnv]
    ) -> NDArray[np.float64]:
        return np.array([kpis["total_cost"] for kpis in play_batch(act, make_env())])
