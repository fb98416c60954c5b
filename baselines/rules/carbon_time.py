"""Work starts at the time with the largest saving per completion time."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.planned_start import PlannedStart, Signal, job_steps, window_totals
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook


class CarbonTime(PlannedStart):
    """A job starts at the step s that maximises (c(0) - c(s)) / (s + length), where c(s) is its cost with start s.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Carbon-Time, carbon saved per completion time. It plans once, at arrival; planning again at each step
    would always wait for cheaper hours, as Lowest-Window does.
    Transfer: as `LowestWindow`. c is the marginal cost of power or, with signal "carbon", its carbon.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("CarbonTime", signal)

    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The start with the largest saving per completion time, shape (A,). Ties go to the earlier start."""
        totals = window_totals(outlook, rate)
        completion = np.arange(rate.shape[0])[None, :] + job_steps(outlook).needed[:, None]
        leads: Ints = np.argmax((totals[:, :1] - totals) / completion, axis=1)
        return leads
