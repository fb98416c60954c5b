"""Work starts where the forecast is lowest over its whole length."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.planned_start import PlannedStart, Signal, window_totals
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook


class LowestWindow(PlannedStart):
    """A job starts where the window of its length has the lowest mean before its deadline.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Window, planned at arrival. It limits waiting to a fixed time for each queue and takes the mean
    length of the queue.
    Transfer: the deadline limits waiting, and the owner's estimate is the length. The signal is the marginal cost of
    power or, with signal "carbon", its carbon. Jobs vote on time (see `voting`).
    """

    def __init__(self, signal: Signal = "cost") -> None:
        super().__init__("LowestWindow", signal)

    def best_lead(self, outlook: Outlook, rate: Floats) -> Ints:
        """The start of the lowest window, shape (A,)."""
        return lowest_window(outlook, rate)


def lowest_window(outlook: Outlook, rate: Floats) -> Ints:
    """The lead at which each job's cheapest window by `rate` (L, R) starts, shape (A,). Ties go to the earlier lead."""
    leads: Ints = np.argmin(window_totals(outlook, rate), axis=1)
    return leads
