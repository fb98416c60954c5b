"""Policies that know the future. They are diagnostics to set beside the bound, not methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattward.baselines.bound.bound import Bound
from wattward.baselines.optimisers.planner import Planner
from wattward.baselines.optimisers.rollouts import true_world
from wattward.envs.model.types import Exogenous, Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Sight

ROUNDS = 8


class HindsightPlanner(Planner):
    """The planner with perfect knowledge of arrivals, work, sun, wind and demand a day ahead."""

    sees: Sight = "everything"

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - those of Planner
        """Makes a planner for perfect outlooks; `options` are those of `Planner`."""
        super().__init__("HindsightPlanner", **({"samples": 1, "rounds": ROUNDS} | options))

    def _worlds(self, outlook: Outlook, n_steps: int) -> list[Exogenous]:
        return [true_world(outlook, n_steps)]


class PlanReplay:
    """Follows the plan of a bound as far as the dispatcher can, with shares for own and others' work in each step.

    The GPUs that the plan uses in a region are first offered to the work that waits there. GPUs that this work cannot
    use are offered to work of other regions.
    """

    name = "PlanReplay"

    def __init__(self, plan: Bound) -> None:
        """Follows `plan` in the episode that it was made for."""
        self._work_gpu_h = plan.work_gpu_h

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Does nothing, because the policy has no memory."""

    def act(self, outlook: Outlook) -> Floats:
        """Shares of this step, shape (R, 2)."""
        jobs, free = outlook.jobs, np.maximum(outlook.free_gpus, 1e-9)
        planned = np.maximum(0.0, self._work_gpu_h[outlook.step] / outlook.step_h - outlook.locked_gpus)
        waits = ~(jobs.locked | jobs.in_transit)
        wanted = np.bincount(jobs.region, weights=np.where(waits, jobs.gpus, 0.0), minlength=outlook.n_regions)
        own = np.minimum(np.minimum(planned, wanted), free)
        others = np.clip((planned - own) / np.maximum(free - own, 1e-9), 0.0, 1.0)
        return np.clip(np.stack([own / free, others], axis=1), 0.0, 1.0)
