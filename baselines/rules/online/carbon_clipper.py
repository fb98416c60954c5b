"""Jobs follow advice from forecasts as far as a worst case allows, in time and place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.rules.memory import ByJob
from wattward.baselines.rules.online.bounds import bounds, falling_root
from wattward.baselines.rules.plans import (
    JobSteps,
    Plan,
    Plans,
    cannot_wait,
    cheapest_steps,
    job_steps,
    sets_off,
    window_totals,
)
from wattward.baselines.rules.prices import marginal_rate, move_cost, transit_steps
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

EPSILON = 2.0
"""How much more than the advice a schedule may cost, as a share."""
NEVER = 1e9
"""A price that no region has."""
MOST_SPREAD = 0.9
"""Most that the longest move and two switches may cost, as a share of the spread of prices."""


class _Job(NamedTuple):
    """What is remembered of each job, each of shape (J,). Costs are per GPU-hour of the whole job."""

    highest: Floats  # U
    lowest: Floats  # L
    switch: Floats  # tau
    ratio: Floats  # eta, the ratio of the threshold
    diameter: Floats  # D, cost of the longest move
    work_gpu_h: Floats  # the estimate at arrival
    robust_done: Floats  # rho, share that the robust decision would have done, too
    done: Floats  # share done by the last step
    cost: Floats  # cost so far
    advice_done: Floats
    advice_cost: Floats
    rate: Floats  # price paid in the last step
    place: Floats  # region in the last step


class CarbonClipper(JobRule):
    """A job waits or runs in a region by a threshold, among the options that stay close to the cost of its advice.

    Source: Lechowicz, Christianson, Sun, Bashir, Hajiesmaili, Wierman and Shenoy, "CarbonClipper: Optimal Algorithms
    for Carbon-Aware Spatiotemporal Workload Management", 2024 (arXiv 2408.07831). Advice is the cheapest schedule by
    the forecast. In each step the algorithm minimises price + movement less the integral of a threshold psi that falls
    with the work done. It considers only options with which the cost so far, completed at the price L and by a return
    to the advice, at price U where it is behind it, stays below 1 + epsilon times that of the advice.
    Transfer: the options are to wait, or to run in one of the regions on all GPUs; the source divides a job between
    regions. Advice is the cheapest region and steps before the deadline by the marginal cost of power, the move and the
    owner's estimate: any steps for malleable jobs, one window for rigid jobs. Bounds L and U are those of the forecasts
    of all regions at arrival. A job that cannot be preempted counts as one step.
    """

    name = "CarbonClipper"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Forgets the jobs of the last episode."""
        self._advice, self._jobs = Plans(outlook.n_leads), ByJob(np.nan, (len(_Job._fields),))

    def act(self, outlook: Outlook) -> Orders:
        """Chooses an option for each job."""
        jobs, number, rate = outlook.jobs, outlook.jobs.number, marginal_rate(outlook)
        transit, new = transit_steps(outlook), np.flatnonzero(self._advice.is_missing(number))
        if new.size:
            self._advice.add(number[new], outlook.step, advice(outlook, new, rate, transit))
            self._jobs[number[new]] = np.column_stack(_at_arrival(outlook, new, self._advice.place(number[new])))
        place, job = self._advice.place(number), _Job._make(self._jobs[number].T)
        advised = np.where(self._advice.runs_at(number, outlook.step), 1 + place, 0)
        options = _options(outlook, job, rate[0], place)
        job = _proceeded(outlook, job, options, advised)
        chosen, robust = choose(job, options, advised)
        chosen = np.where(cannot_wait(outlook), 1 + jobs.region, chosen)
        at = np.arange(number.size)
        runs_in = np.where(chosen > 0, chosen, 1 + jobs.region)
        both = np.minimum(options.share[at, robust], options.share[at, chosen])
        job = job._replace(robust_done=np.minimum(1.0, job.robust_done + both), rate=options.rate[at, runs_in])
        self._jobs[number] = np.column_stack(job)
        leaves = (chosen == 0) & sets_off(self._advice, outlook, transit)
        return Orders(np.where(leaves, place, np.where(chosen > 0, chosen - 1, STAY)), run_due=True)


class Options(NamedTuple):
    """The options of each job: to wait, then to run in each of the regions; each of shape (A, 1 + R).

    Costs are per GPU-hour of the whole job.
    """

    share: Floats  # of the job that is done in the step
    rate: Floats  # price
    move: Floats  # cost of moving and of switching from the state of the last step
    back: Floats  # most that the way from the option to the place of the advice costs


def advice(outlook: Outlook, new: Ints, rate: Floats, transit: Ints) -> Plan:
    """The cheapest region and steps before the deadline by the forecast, for the jobs at the rows `new` (J,).

    Args:
        outlook: The present step.
        new: Rows of `outlook.jobs`.
        rate: Cost of a GPU-hour by lead, shape (L, R).
        transit: Steps that a move takes, shape (A, R).
    """
    jobs, steps, move = outlook.jobs, job_steps(outlook), move_cost(outlook)[new]
    own = JobSteps(steps.needed[new], steps.left[new])
    best = Plan(jobs.region[new], np.zeros((new.size, outlook.n_leads), np.bool_))
    least = np.full(new.size, np.inf)
    for region in range(outlook.n_regions):
        is_there = np.arange(outlook.n_leads) >= transit[new, region][:, None]
        there = np.where(is_there, rate[:, region], NEVER)
        start = np.argmin(window_totals(there, own.needed, own.latest_start), axis=1)
        window = (np.arange(outlook.n_leads) - start[:, None]) // own.needed[:, None] == 0
        runs = np.where(jobs.malleable[new, None], cheapest_steps(there, own), window)
        cost = (there * runs).sum(axis=1) * jobs.gpus[new] * outlook.step_h + move[:, region]
        better = cost < least - 1e-9
        least = np.where(better, cost, least)
        best = Plan(np.where(better, region, best.place), np.where(better[:, None], runs, best.runs))
    return best


def threshold_ratio(high: Floats, low: Floats, switch: Floats, diameter: Floats, epsilon: float) -> Floats:
    """The ratio eta of the threshold psi with which the algorithm keeps 1 + epsilon times the advice's cost, (J,)."""

    def until_end(ratio: Floats) -> Floats:
        left = np.maximum(high - high / ratio - diameter, 1e-12)
        grown = ratio * np.log((high - low - diameter - 2.0 * switch) / left)
        return (high - low) / low * grown + ratio + 1.0 - (high - 2.0 * switch * ratio) / low

    def without_advice(ratio: Floats) -> Floats:
        return high - low - diameter - 2.0 * switch - (high - high / ratio - diameter) * np.exp(1.0 / ratio)

    most = high / (low + 2.0 * switch)
    least = falling_root(without_advice, np.ones_like(high), most)
    return falling_root(lambda ratio: until_end(ratio) - (1.0 + epsilon), least, most)


def choose(job: _Job, options: Options, advised: Ints) -> tuple[Ints, Ints]:
    """The option chosen, and the robust one that would be chosen without advice, each of shape (A,)."""
    high, low, switch, ratio, diameter, _, rho, done, cost, advice_done, advice_cost, *_ = (x[:, None] for x in job)
    fall = high / ratio - high + diameter + switch
    gain = (high - switch) * options.share
    gain += ratio * fall * (np.exp((rho + options.share) / ratio) - np.exp(rho / ratio))
    spent = options.share * options.rate + options.move
    pseudo_cost = spent - gain
    left, behind = 1.0 - done - options.share, advice_done - done - options.share
    worst = cost + spent + options.back + switch * options.share
    worst += np.maximum(0.0, left) * low + np.maximum(0.0, behind) * (high - low)
    is_safe = worst <= (1.0 + EPSILON) * (advice_cost + (1.0 - advice_done) * low) + 1e-9
    chosen = np.argmin(np.where(is_safe, pseudo_cost, np.inf), axis=1)
    return np.where(is_safe.any(axis=1), chosen, advised), np.argmin(pseudo_cost, axis=1)


def _at_arrival(outlook: Outlook, new: Ints, place: Ints) -> _Job:
    """What is known of new jobs, whose advice is to run at `place` (J,)."""
    jobs, at, move = outlook.jobs, bounds(outlook, new, everywhere=True), move_cost(outlook)[new]
    work = jobs.expected_gpu_h[new]
    switch = np.where(jobs.preemptible[new], at.switch, 0.0)
    diameter = np.minimum(move.max(axis=1) / work, MOST_SPREAD * (at.highest - at.lowest) - 2.0 * switch)
    diameter = np.maximum(0.0, diameter)
    ratio = threshold_ratio(at.highest, at.lowest, switch, diameter, EPSILON)
    none = np.zeros(new.size)
    to_place = move[np.arange(new.size), place] / work
    region = jobs.region[new].astype(np.float64)
    return _Job(at.highest, at.lowest, switch, ratio, diameter, work, none, none, none, none, to_place, none, region)


def _options(outlook: Outlook, job: _Job, rate_now: Floats, place: Ints) -> Options:
    jobs, n_jobs, here = outlook.jobs, outlook.jobs.number.size, outlook.jobs.region[:, None]
    per_step = np.where(jobs.preemptible, outlook.step_h * jobs.gpus / job.work_gpu_h, 1.0)
    run = np.broadcast_to(np.minimum(per_step, np.maximum(0.0, 1.0 - job.done))[:, None], (n_jobs, outlook.n_regions))
    rate = np.broadcast_to(rate_now, run.shape)
    changes = (np.arange(1 + outlook.n_regions) == 0) == jobs.running[:, None]
    move = np.hstack([np.zeros((n_jobs, 1)), move_cost(outlook) / job.work_gpu_h[:, None]])
    where = np.hstack([here, np.broadcast_to(np.arange(outlook.n_regions), run.shape)])
    return Options(
        share=np.hstack([np.zeros((n_jobs, 1)), run]),
        rate=np.hstack([np.zeros((n_jobs, 1)), rate]),
        move=move + changes * (job.switch * per_step)[:, None],
        back=np.where(where != place[:, None], job.diameter[:, None], 0.0),
    )


def _proceeded(outlook: Outlook, job: _Job, options: Options, advised: Ints) -> _Job:
    """Counts what was done and paid since the last step, and what the advice does in this one."""
    jobs, at = outlook.jobs, np.arange(advised.size)
    done = np.clip(1.0 - jobs.expected_gpu_h / job.work_gpu_h, 0.0, 1.0)
    moved = np.where(jobs.region != job.place, job.diameter, 0.0)
    share = np.minimum(options.share.max(axis=1), 1.0 - job.advice_done) * (advised > 0)
    return job._replace(
        done=done,
        cost=job.cost + job.rate * np.maximum(0.0, done - job.done) + moved,
        advice_done=job.advice_done + share,
        advice_cost=job.advice_cost + share * options.rate[at, advised],
        place=jobs.region.astype(np.float64),
    )
