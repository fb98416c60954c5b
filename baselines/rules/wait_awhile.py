"""Work runs in the cheapest forecast steps before its deadline."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.lowest_window import lowest_window
from wattward.baselines.rules.planned_start import Signal, signal, slots
from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import Votes, by_time
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

QUORUM = 0.2
"""Chosen on training episodes. A job that is interrupted must win as many votes as it needs steps, and one that loses
its step finds the others taken; with half the weight, work piles up until it is due."""


class WaitAwhile(Rule):
    """A job that needs k steps runs in the k cheapest steps before its deadline, interrupted if need be.

    Source: Wiesner, Behnke, Scheinert, Gontarska and Thamsen, "Let's Wait Awhile: How Temporal Workload Shifting Can
    Reduce Carbon Emissions in the Cloud", Middleware 2021: interrupting and non-interrupting strategies.
    Transfer: preemptible jobs follow the interrupting strategy, others the non-interrupting one (the window of lowest
    mean). Its signal is carbon intensity; here the marginal cost of power, or with signal "carbon" the carbon of it.
    Each step the jobs decide anew and vote on time (`votes`, with a lower quorum); those that wait soak up surplus,
    the cheapest slot.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = "WaitAwhile" if signal == "cost" else f"WaitAwhile-{signal}"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where enough work finds this step among its cheapest, else SOAK."""
        rate = signal(outlook, self.signal)
        interrupting = among_cheapest(outlook, rate)
        now = np.where(outlook.jobs.preemptible, interrupting, lowest_window(outlook, rate) == 0)
        return by_time(outlook, now, otherwise=Mode.SOAK, quorum=QUORUM)


def among_cheapest(outlook: Outlook, rate: Floats) -> Votes:
    """Jobs for which this step is one of the cheapest that they need before the deadline, shape (A,).

    Args:
        outlook: the present step.
        rate: what a GPU-hour costs by lead and region, shape (L, R). Ties go to the earlier step.
    """
    need, left = slots(outlook)
    cheaper_so_far = np.cumsum(rate < rate[0], axis=0)
    among: Votes = cheaper_so_far[left - 1, outlook.jobs.region] < need
    return among
