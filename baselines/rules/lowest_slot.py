"""Work starts in the step whose forecast is lowest."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.planned_start import PlannedStart, Signal, slots
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook


class LowestSlot(PlannedStart):
    """A job starts at the cheapest single step at which it can still start in time, planned once, at arrival.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Slot, which knows nothing of a job's length and looks at the slot alone.
    Transfer: the deadline less the owner's estimate bounds waiting. Signals as in `LowestWindow`.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("LowestSlot", signal)

    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The lowest step of those from which a job is done in time, shape (A,). Ties go to the earlier."""
        need, left = slots(outlook)
        start = np.arange(rate.shape[0])[None, :]
        may_start = (start + need[:, None] <= left[:, None]) | (start == 0)
        leads: Ints = np.argmin(np.where(may_start, rate.T[outlook.jobs.region], np.inf), axis=1)
        return leads
