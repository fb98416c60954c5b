"""Work starts in the step with the lowest forecast."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.planned_start import PlannedStart, Signal, job_steps
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook


class LowestSlot(PlannedStart):
    """A job starts at the cheapest step from which it can still finish in time. It plans once, at arrival.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Slot, which ignores the length of jobs and looks only at the first step.
    Transfer: waiting is limited to the deadline less the owner's estimate. Signals are those of `LowestWindow`.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("LowestSlot", signal)

    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The cheapest step from which the job finishes in time, shape (A,). Ties go to the earlier step."""
        need, left = job_steps(outlook)
        start = np.arange(rate.shape[0])[None, :]
        may_start = (start + need[:, None] <= left[:, None]) | (start == 0)
        leads: Ints = np.argmin(np.where(may_start, rate.T[outlook.jobs.region], np.inf), axis=1)
        return leads
