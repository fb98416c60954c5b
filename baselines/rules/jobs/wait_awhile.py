"""Work runs in the cheapest forecast steps before its deadline."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.plans import (
    JobSteps,
    Plan,
    PlanOnce,
    cheapest_steps,
    from_start,
    job_steps,
    window_totals,
)
from wattward.baselines.rules.prices import Signal, marginal_rate
from wattward.envs.model.types import Ints
from wattward.envs.policy.outlook import Outlook


class WaitAwhile(PlanOnce):
    """A job that needs k steps runs in the k cheapest steps before its deadline, planned once at its arrival.

    Source: Wiesner, Behnke, Scheinert, Gontarska and Thamsen, "Let's Wait Awhile: How Temporal Workload Shifting Can
    Reduce Carbon Emissions in the Cloud", Middleware 2021. The interrupting strategy takes the k steps with the lowest
    forecast. The non-interrupting strategy takes the window of k steps with the lowest mean.
    Transfer: jobs that cannot be preempted follow the non-interrupting strategy in any case. k is the owner's estimate.
    The source uses carbon intensity. Here the signal is the marginal cost of power or, with signal "carbon", its
    carbon.
    """

    def __init__(self, *, interrupts: bool = True, signal: Signal = "cost") -> None:
        self._interrupts, self._signal = interrupts, signal
        variant = "" if interrupts else "-uninterrupted"
        self.name = f"WaitAwhile{variant}" + ("" if signal == "cost" else f"-{signal}")

    def plan(self, outlook: Outlook, new: Ints) -> Plan:
        """The cheapest steps of jobs that may be interrupted, the cheapest window of others."""
        jobs, every = outlook.jobs, job_steps(outlook)
        steps = JobSteps(every.needed[new], every.left[new])
        rate = marginal_rate(outlook, self._signal).T[jobs.region[new]]
        start = np.argmin(window_totals(rate, steps.needed, steps.latest_start), axis=1)
        runs = from_start(start, outlook.n_leads)
        if self._interrupts:
            runs = np.where(jobs.preemptible[new, None], cheapest_steps(rate, steps), runs)
        return Plan(jobs.region[new], runs)
