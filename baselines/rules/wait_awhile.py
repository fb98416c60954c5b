"""Work runs in the cheapest forecast steps before its deadline."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.lowest_window import lowest_window
from wattward.baselines.rules.planned_start import Signal, job_steps, signal
from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import Votes, by_time
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

QUORUM = 0.2
"""Least share of the votes, chosen on training episodes. An interruptible job needs a majority at every step that it
chose. With a quorum of one half, jobs lose too many steps and work piles up until it is due."""


class WaitAwhile(Rule):
    """A job that needs k steps runs in the k cheapest steps before its deadline, with interruptions.

    Source: Wiesner, Behnke, Scheinert, Gontarska and Thamsen, "Let's Wait Awhile: How Temporal Workload Shifting Can
    Reduce Carbon Emissions in the Cloud", Middleware 2021: interrupting and non-interrupting strategies.
    Transfer: preemptible jobs follow the interrupting strategy, other jobs the non-interrupting one (the window with
    the lowest mean). The source uses carbon intensity. Here the signal is the marginal cost of power or, with signal
    "carbon", its carbon. Jobs decide again at each step and vote on time (see `voting`, with a lower quorum). Waiting
    jobs vote for SOAK, because surplus is cheapest.
    """

    def __init__(self, signal: Signal = "cost") -> None:
        self.signal: Signal = signal
        self.name = "WaitAwhile" if signal == "cost" else f"WaitAwhile-{signal}"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where this step is among the cheapest of enough work, else SOAK."""
        rate = signal(outlook, self.signal)
        interrupting = among_cheapest(outlook, rate)
        now = np.where(outlook.jobs.preemptible, interrupting, lowest_window(outlook, rate) == 0)
        return by_time(outlook, now, otherwise=Mode.SOAK, quorum=QUORUM)


def among_cheapest(outlook: Outlook, rate: Floats) -> Votes:
    """Whether this step is among the cheapest steps that a job needs before its deadline, shape (A,).

    Args:
        outlook: the present step.
        rate: cost of a GPU-hour by lead and region, shape (L, R). Ties go to the earlier step.
    """
    need, left = job_steps(outlook)
    cheaper_so_far = np.cumsum(rate < rate[0], axis=0)
    among: Votes = cheaper_so_far[left - 1, outlook.jobs.region] < need
    return among
