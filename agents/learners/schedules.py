"""Numbers that move in the course of a run, and never past their ends.

A last rollout may pass `total_steps`, where Stable-Baselines3 counts less than nothing as remaining.
"""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm


def linear(start: float, end: float) -> Callable[[float], float]:
    """A schedule from `start`, where all of a run remains (1), to `end`, where nothing does (0) or less."""
    return lambda remaining: end + (start - end) * min(1.0, max(0.0, remaining))


class MovingLambda(BaseCallback):
    """Moves the lambda of generalised advantages linearly from `start` to `end` over `total_steps`."""

    def __init__(self, start: float, end: float, total_steps: int) -> None:
        super().__init__()
        self._lambda_after, self._total_steps = linear(end, start), total_steps

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps / self._total_steps
        assert isinstance(self.model, OnPolicyAlgorithm)
        self.model.rollout_buffer.gae_lambda = self._lambda_after(done)

    def _on_step(self) -> bool:
        return True
