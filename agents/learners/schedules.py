"""Schedules of numbers that change during a run and never go beyond their final value.

The last rollout may pass `total_steps`. Stable-Baselines3 then reports a negative remaining share.
"""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm


def linear(start: float, end: float) -> Callable[[float], float]:
    """Returns a linear schedule: `start` when the remaining share of a run is 1, `end` when it is 0 or negative."""
    return lambda remaining: end + (start - end) * min(1.0, max(0.0, remaining))


class MovingLambda(BaseCallback):
    """Moves the lambda of generalised advantage estimation linearly from `start` to `end` over `total_steps`."""

    def __init__(self, start: float, end: float, total_steps: int) -> None:
        super().__init__()
        self._lambda_after, self._total_steps = linear(end, start), total_steps

    def _on_rollout_start(self) -> None:
        done = self.num_timesteps / self._total_steps
        assert isinstance(self.model, OnPolicyAlgorithm)
        self.model.rollout_buffer.gae_lambda = self._lambda_after(done)

    def _on_step(self) -> bool:
        return True
