"""What happens beside the learning: TensorBoard, checkpoints, validation and a progress bar."""

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
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

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
"""Of `info["kpis"]`, as `episode/NAME` in TensorBoard, beside `episode/saving`."""
REDRAWN_EVERY_S = 0.1
"""The terminal is not redrawn more often."""


class EpisodeKpis(BaseCallback):
    """Means of finished episodes' KPIs in TensorBoard."""

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
    """Calls `action` when a multiple of `interval` steps has been passed: between updates, with weights at rest."""

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


class MovingLambda(BaseCallback):
    """Moves the lambda of generalised advantages linearly from `start` to `end` over `total_steps`."""

    def __init__(self, start: float, end: float, total_steps: int) -> None:
        super().__init__()
        self._start, self._end, self._total_steps = start, end, total_steps

    def _on_rollout_start(self) -> None:
        done = min(1.0, self.num_timesteps / self._total_steps)
        assert isinstance(self.model, OnPolicyAlgorithm)
        self.model.rollout_buffer.gae_lambda = self._start + (self._end - self._start) * done

    def _on_step(self) -> bool:
        return True


class ProgressBar(BaseCallback):
    """Steps done, time left and the last validation in the terminal."""

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
        """Leaves the terminal as it was, however training ended."""
        self._progress.stop()


def greedy(model: BaseAlgorithm) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Greedy actions of a model through one episode; the state of one that remembers is carried along."""
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
    """The same validation episodes every time: how much a policy saves on them against running all work on arrival."""

    def __init__(self, make_env: Callable[[], VecEnv], always_run: NDArray[np.int64] | int) -> None:
        self._make_env = make_env
        self._on_arrival_cost = self._total_cost(lambda observations: np.array([always_run] * len(observations)))

    def saving(self, model: BaseAlgorithm) -> float:
        """Share of the run-on-arrival cost that the model's greedy actions save; positive is better."""
        total_cost = self._total_cost(greedy(model))
        return float(1.0 - total_cost.sum() / self._on_arrival_cost.sum())

    def _total_cost(self, act: Callable[[NDArray[np.float32]], NDArray[Any]]) -> NDArray[np.float64]:
        env = self._make_env()
        observations: Any = env.reset()
        dones, infos = np.zeros(env.num_envs, dtype=bool), list[dict[str, Any]]()
        while not dones.all():
            observations, _, dones, infos = env.step(act(observations))
        env.close()
        return np.array([info["kpis"]["total_cost"] for info in infos])
