"""Jobs of uncertain length scale with the price, by the owner's estimate and by the longest likely length."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.rules.memory import ByJob
from wattward.baselines.rules.online.bounds import Bounds, bounds, falling_root
from wattward.baselines.rules.plans import job_steps
from wattward.baselines.rules.prices import marginal_rate
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

TRUST = 0.5
"""Weight of the decision that trusts the estimate."""
LONGEST_SIGMA = 2.0
"""The longest likely length is the estimate times the owner's error at this many standard deviations."""


class _Known(NamedTuple):
    """What is fixed at a job's arrival, each of shape (J,)."""

    highest: Floats
    lowest: Floats
    switch: Floats
    expected_gpu_h: Floats
    ratio: Floats  # alpha, the competitive ratio


class LACS(JobRule):
    """A job runs on a share of its GPUs, the mean of two decisions: one trusts its estimate, one does not.

    Source: Bostandoost, Lechowicz, Hanafy, Bashir, Shenoy and Hajiesmaili, "LACS: Learning-Augmented Algorithms for
    Carbon-Aware Resource Scaling with Uncertain Demand", 2024 (arXiv 2404.15211). Both decisions are those of "ramp-on,
    ramp-off" (RORO; Lechowicz et al., "Online Conversion with Switching Costs", SIGMETRICS 2024), which minimises, in
    each step, price + switching less the integral of a threshold that falls with the work done. One assumes the
    predicted length, the other a length that is robust against underestimates; LACS combines them linearly.
    Transfer: the prediction is the owner's estimate, and the robust length is the estimate plus two standard deviations
    of the class's errors. Bounds L and U are those of the forecast of grid power at arrival; the price is the marginal
    cost of power. Both decisions proceed from the work that was done. A malleable job runs on the share of its GPUs. A
    rigid job runs if the share is at least one half.
    """

    name = "LACS"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the jobs of the last episode."""
        self._known = ByJob(np.nan, (len(_Known._fields),))

    def act(self, outlook: Outlook) -> Orders:
        """Runs jobs on the combined share of their GPUs."""
        jobs = outlook.jobs
        new = np.flatnonzero(np.isnan(self._known[jobs.number][:, 0]))
        if new.size:
            at_arrival = bounds(outlook, new)
            known = _Known(*at_arrival, jobs.expected_gpu_h[new], competitive_ratio(at_arrival))
            self._known[jobs.number[new]] = np.column_stack(known)
        known = _Known._make(self._known[jobs.number].T)
        sigma = np.array([law.estimate_sigma for law in outlook.scenario.job_classes])[jobs.job_class]
        longest_gpu_h = known.expected_gpu_h * np.exp(LONGEST_SIGMA * sigma)
        trusting, robust = (self._share(outlook, known, gpu_h) for gpu_h in (known.expected_gpu_h, longest_gpu_h))
        share = TRUST * trusting + (1.0 - TRUST) * robust
        gpus = np.where(jobs.malleable, share * jobs.gpus, np.where(share >= 0.5, jobs.gpus, 0.0))
        runs = gpus >= np.minimum(1.0, jobs.gpus)
        return Orders(np.where(runs, jobs.region, STAY), limit_gpus=gpus, run_due=True)

    def _share(self, outlook: Outlook, known: _Known, length_gpu_h: Floats) -> Floats:
        """Share of its GPUs on which each job runs if it has this length, shape (A,)."""
        jobs, price = outlook.jobs, marginal_rate(outlook)[0, outlook.jobs.region]
        done_gpu_h = np.maximum(0.0, known.expected_gpu_h - jobs.expected_gpu_h)
        per_step = outlook.step_h * jobs.gpus / length_gpu_h
        before = jobs.held_gpus / jobs.gpus * per_step
        share = ramp(known, price, done_gpu_h / length_gpu_h, before, per_step) / per_step
        steps_left = job_steps(outlook).left
        must_run = (length_gpu_h - done_gpu_h) / (jobs.gpus * outlook.step_h) > steps_left - 1.0
        return np.where(must_run, 1.0, share)


def competitive_ratio(at: Bounds) -> Floats:
    """The ratio alpha of RORO, shape (J,): with it, the threshold falls to L + beta when the job is done."""
    spread = at.highest - at.lowest - 2.0 * at.switch

    def excess(ratio: Floats) -> Floats:
        return spread - (at.highest - at.highest / ratio - 2.0 * at.switch) * np.exp(1.0 / ratio)

    return falling_root(excess, np.ones_like(spread), at.highest / at.lowest)


def ramp(known: _Known, price: Floats, done: Floats, before: Floats, most: Floats) -> Floats:
    """The share of a job that RORO does in this step, shape (J,).

    It minimises price x share + beta |share - before| less the integral of the threshold
    phi(w) = U - beta + (U / alpha - U + 2 beta) exp(w / alpha) over the share.

    Args:
        known: Bounds and ratios of the jobs.
        price: Price now, shape (J,).
        done: Share of the job that is done, shape (J,).
        before: Share done in the step before, shape (J,).
        most: The largest share that a step can do, shape (J,).
    """
    fall = known.highest - known.highest / known.ratio - 2.0 * known.switch

    def until(paid: Floats) -> Floats:
        """The share that may be done before the threshold falls below a price."""
        left = np.maximum(known.highest - known.switch - paid, 1e-12) / np.maximum(fall, 1e-12)
        return np.clip(known.ratio * np.log(left) - done, 0.0, most)

    return np.clip(before, until(price + known.switch), until(price - known.switch))
