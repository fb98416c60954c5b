"""Jobs pause and resume by two thresholds that fall as the job proceeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.rules.memory import ByJob
from wattward.baselines.rules.online.bounds import Bounds, bounds, falling_root
from wattward.baselines.rules.plans import cannot_wait, job_steps
from wattward.baselines.rules.prices import marginal_rate
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook


class _Known(NamedTuple):
    """What is fixed at a job's arrival, each of shape (J,)."""

    highest: Floats
    lowest: Floats
    switch: Floats
    steps: Floats  # k, the number of steps that the job needs
    ratio: Floats  # alpha, the competitive ratio


class PauseResume(JobRule):
    """A job that pauses resumes at prices up to a threshold; a job that runs goes on up to a higher one.

    Source: Lechowicz, Christianson, Zuo, Bashir, Hajiesmaili, Wierman and Shenoy, "The Online Pause and Resume Problem:
    Optimal Algorithms and An Application to Carbon-Aware Load Shifting", 2023 (arXiv 2303.17551): DTPR-min. It needs no
    forecast but the bounds L and U of the price, and the number of steps k. The thresholds l_i and u_i = l_i + 2 beta
    for the i-th step fall as the job proceeds; the last steps before the deadline run at any price.
    Transfer: k is the owner's estimate. L and U are those of the forecast of grid power at the job's arrival. The price
    is the marginal cost of power. A job that cannot be preempted counts as one step: it starts at a price of at most
    sqrt(L U) and goes on.
    """

    name = "PauseResume"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the jobs of the last episode."""
        self._known = ByJob(np.nan, (len(_Known._fields),))

    def act(self, outlook: Outlook) -> Orders:
        """Runs jobs whose price is at most their threshold, and jobs without time to wait."""
        jobs, steps = outlook.jobs, job_steps(outlook)
        one_unit = ~jobs.preemptible
        new = np.flatnonzero(np.isnan(self._known[jobs.number][:, 0]))
        if new.size:
            at_arrival = bounds(outlook, new)
            units = np.where(one_unit[new], 1, steps.needed[new]).astype(np.float64)
            at_arrival = at_arrival._replace(switch=np.where(one_unit[new], 0.0, at_arrival.switch))
            known = _Known(*at_arrival, units, competitive_ratio(at_arrival, units))
            self._known[jobs.number[new]] = np.column_stack(known)
        known = _Known._make(self._known[jobs.number].T)
        done = np.clip(known.steps - np.where(one_unit, 1, steps.needed), 0.0, known.steps - 1.0)
        limit = resume_below(known, done) + np.where(jobs.running, 2.0 * known.switch, 0.0)
        price = marginal_rate(outlook)[0, jobs.region]
        runs = (price <= limit + 1e-9) | cannot_wait(outlook)
        return Orders(np.where(runs, jobs.region, STAY), run_due=True)


def competitive_ratio(at: Bounds, units: Floats) -> Floats:
    """The ratio alpha of jobs of k = `units` (J,) steps, shape (J,)."""
    spread = at.highest - at.lowest - 2.0 * at.switch

    def excess(ratio: Floats) -> Floats:
        fall = at.highest * (1.0 - 1.0 / ratio) - 2.0 * at.switch * (1.0 - 1.0 / units + 1.0 / (units * ratio))
        return spread - fall * (1.0 + 1.0 / (units * ratio)) ** units

    return falling_root(excess, np.ones_like(units), at.highest / at.lowest)


def resume_below(known: _Known, done: Floats) -> Floats:
    """The price l_i at which jobs resume that have done i - 1 = `done` steps, shape (J,)."""
    high, switch, units, ratio = known.highest, known.switch, known.steps, known.ratio
    growth = (1.0 + 1.0 / (units * ratio)) ** done
    go_on: Floats = high - high * (1.0 - 1.0 / ratio) * growth
    go_on += 2.0 * switch * (1.0 / (units * ratio) - 1.0 / units + 1.0) * growth
    return go_on - 2.0 * switch
