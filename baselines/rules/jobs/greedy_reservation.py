"""Each job books the cheapest free GPU-hours before its deadline, in any region."""

from __future__ import annotations

import numpy as np

from wattward.baselines.present_jobs import movable, settled
from wattward.baselines.rules.plans import Flags, JobSteps, Plan, Plans, job_steps, sets_off
from wattward.baselines.rules.prices import marginal_rate, move_cost, transit_steps
from wattward.baselines.rules.rule import JobRule
from wattward.envs.kernels.compiling import entry, inlined
from wattward.envs.kernels.jobs import sort_by_key
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

TIE_COST = 1e-9
"""Costs that differ by less are equal; the first is taken."""


class GreedyReservation(JobRule):
    """Each job books the cheapest region and steps with enough room when it arrives, and keeps its bookings.

    Source: the greedy of price-aware schedulers with advance reservation, such as Le et al., "Reducing Electricity Cost
    Through Virtual Machine Placement in High Performance Computing Clouds", SC 2011: each job in turn takes the
    cheapest feasible place and time, given earlier bookings.
    Transfer: malleable jobs book any steps, rigid jobs one window, because pauses cost restarts. The price of a booking
    is the marginal cost of power and of moving the job's data. A job whose data take long sets off early. A job that
    loses steps or exceeds its estimate books again. A job that finds no room runs at once where it is.
    """

    name = "GreedyReservation"

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:  # noqa: ARG002 - nothing here is random
        """Deletes the bookings of the last episode."""
        self._plans = Plans(outlook.n_leads)

    def act(self, outlook: Outlook) -> Orders:
        """Books for jobs that lack steps, and runs jobs as they have booked."""
        jobs, steps, transit = outlook.jobs, job_steps(outlook), transit_steps(outlook)
        booked = self._plans.ahead(jobs.number, outlook.step)
        booked[jobs.locked] = np.arange(outlook.n_leads) < steps.needed[jobs.locked, None]
        asking = np.flatnonzero(movable(outlook) & (booked.sum(axis=1) < steps.needed))
        if asking.size:
            booked[asking] = False
            place = np.where(jobs.locked, jobs.region, self._plans.place(jobs.number))
            self._plans.add(jobs.number[asking], outlook.step, book(outlook, asking, steps, transit, booked, place))
        place = np.where(movable(outlook), self._plans.place(jobs.number), jobs.region)
        runs = self._plans.runs_at(jobs.number, outlook.step) | sets_off(self._plans, outlook, transit)
        return Orders(np.where(runs, place, STAY), run_due=True)


def book(outlook: Outlook, asking: Ints, steps: JobSteps, transit: Ints, booked: Flags, place: Ints) -> Plan:
    """Bookings of the jobs at the rows `asking` (J,), one after the other.

    Args:
        outlook: The present step.
        asking: Rows of `outlook.jobs`; earlier deadlines come first.
        steps: Steps that the jobs present need and have.
        transit: Steps that a move takes, shape (A, R).
        booked: Steps that jobs have booked, shape (A, L).
        place: Where they have booked them, shape (A,).
    """
    jobs, n_leads = outlook.jobs, outlook.n_leads
    here = (place[:, None] == np.arange(outlook.n_regions)) * jobs.gpus[:, None]
    free = np.maximum(0.0, outlook.gpus_in_order - outlook.interactive_forecast_gpus)
    room = free - booked.T.astype(np.float64) @ here
    cost_per_gpu = marginal_rate(outlook) * outlook.step_h
    plan = Plan(jobs.region[asking], np.zeros((asking.size, n_leads), np.bool_))
    _book_in_turn(
        jobs.gpus[asking],
        jobs.malleable[asking],
        settled(outlook)[asking],
        steps.needed[asking],
        steps.left[asking],
        transit[asking],
        move_cost(outlook)[asking],
        cost_per_gpu,
        room,
        *plan,
    )
    return plan


@entry
def _book_in_turn(
    gpus: Floats,
    any_steps: Flags,
    goes_on: Flags,
    needed: Ints,
    left: Ints,
    transit: Ints,
    move_cost: Floats,
    cost_per_gpu: Floats,
    room: Floats,
    place: Ints,
    runs: Flags,
) -> None:
    """Books `room` (L, R) for J jobs in order, and writes `place` (J,) and `runs` (J, L)."""
    n_leads = room.shape[0]
    rate, keys, order = np.empty(n_leads), np.empty((2, n_leads)), np.empty((2, n_leads), np.int64)
    steps, best_steps = np.empty(n_leads, np.int64), np.empty(n_leads, np.int64)
    for job in range(gpus.size):
        count, n_steps = min(needed[job], n_leads), min(left[job], n_leads)
        best, best_region = np.inf, -1
        for region in range(room.shape[1]):
            if goes_on[job] or needed[job] > n_steps:
                continue
            _fill_rate(cost_per_gpu[:, region], room[:, region], gpus[job], transit[job, region], rate[:n_steps])
            if any_steps[job]:
                _pick_steps(rate[:n_steps], keys[:, :n_steps], order[:, :n_steps], steps[:count])
            else:
                _pick_window(rate[:n_steps], steps[:count])
            cost = _total(rate, steps[:count]) * gpus[job] + move_cost[job, region]
            if cost < best - TIE_COST:
                best, best_region = cost, region
                for i in range(count):
                    best_steps[i] = steps[i]
        if best_region < 0:
            best_region = place[job]
            for i in range(count):
                best_steps[i] = i
        place[job] = best_region
        for i in range(count):
            runs[job, best_steps[i]] = True
            room[best_steps[i], best_region] -= gpus[job]


@inlined
def _fill_rate(cost: Floats, room: Floats, gpus: float, first: int, rate: Floats) -> None:
    """Fills the cost of a GPU in each step; it is infinite before the first step and where there is no room."""
    for step in range(rate.size):
        rate[step] = cost[step] if step >= first and room[step] >= gpus else np.inf


@inlined
def _total(rate: Floats, steps: Ints) -> float:
    total = 0.0
    for i in range(steps.size):
        total += rate[steps[i]]
    return total


@inlined
def _pick_steps(rate: Floats, keys: Floats, order: Ints, picked: Ints) -> None:
    """Picks the steps of the lowest rates, which are infinite where there is no room."""
    for step in range(rate.size):
        keys[0, step], order[0, step] = rate[step], step
    row = sort_by_key(keys, order)
    for i in range(picked.size):
        picked[i] = order[row, i]


@inlined
def _pick_window(rate: Floats, picked: Ints) -> None:
    """Picks the steps of the window with the lowest sum of rates, which are infinite where there is no room."""
    start, least = 0, np.inf
    for first in range(rate.size - picked.size + 1):
        total = 0.0
        for step in range(first, first + picked.size):
            total += rate[step]
        if total < least - TIE_COST:
            start, least = first, total
    for i in range(picked.size):
        picked[i] = start + i
