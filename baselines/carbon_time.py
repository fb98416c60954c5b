"""Work starts where most is saved for the time that it takes."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.slots import Signal, signal, slots, window_totals
from wattward.baselines.votes import Votes, by_time
from wattward.envs.action import Mode
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes
from wattward.envs.types import Floats


class CarbonTime(Rule):
    """A job starts at the step s that maximises (c(0) - c(s)) / (s + length), c(s) being its cost if it starts at s.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Carbon-Time, carbon saved per completion time.
    Transfer: as `LowestWindow`: c is the marginal cost of power, or with signal "carbon" its carbon.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = "CarbonTime" if signal == "cost" else f"CarbonTime-{signal}"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work starts or runs now, else SOAK."""
        now = outlook.jobs.running | nothing_gained_by_waiting(outlook, signal(outlook, self.signal))
        return by_time(outlook, now, otherwise=Mode.SOAK)


def nothing_gained_by_waiting(outlook: Outlook, rate: Floats) -> Votes:
    """Jobs whose best saving per completion time under `rate` (L, R) is that of starting now, shape (A,)."""
    totals = window_totals(outlook, rate)
    completion = np.arange(rate.shape[0])[None, :] + slots(outlook).needed[:, None]
    now: Votes = np.argmax((totals[:, :1] - totals) / completion, axis=1) == 0
    return now
