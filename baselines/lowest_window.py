"""Work starts where the forecast is lowest over its whole length."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.slots import Signal, signal, window_totals
from wattward.baselines.votes import Votes, by_time
from wattward.envs.action import Mode
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes
from wattward.envs.types import Floats


class LowestWindow(Rule):
    """A job starts at the step whose following window, as long as the job, is the lowest before its deadline.

    Source: Hanafy et al., "Going Green for Less Green: Optimizing the Cost of Reducing Cloud Carbon Emissions" (GAIA),
    ASPLOS 2024: Lowest-Window. It bounds waiting by a time per queue and takes lengths from the queue's mean.
    Transfer: the deadline bounds waiting and the owner's estimate is the length. The signal is the marginal cost of
    power, or with signal "carbon" its carbon. Jobs that run go on; others decide anew each step and vote on time
    (`votes`); while they wait they soak.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = "LowestWindow" if signal == "cost" else f"LowestWindow-{signal}"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work starts or runs now, else SOAK."""
        now = outlook.jobs.running | starts_lowest_window(outlook, signal(outlook, self.signal))
        return by_time(outlook, now, otherwise=Mode.SOAK)


def starts_lowest_window(outlook: Outlook, rate: Floats) -> Votes:
    """Jobs whose lowest window under `rate` (L, R) starts now, shape (A,). Ties go to the earlier start."""
    starts: Votes = np.argmin(window_totals(outlook, rate), axis=1) == 0
    return starts
