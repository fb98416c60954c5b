"""Each job books the cheapest free GPU-hours before its deadline, in any region."""

from __future__ import annotations

import numpy as np

from wattward.baselines.present_jobs import movable, settled
from wattward.baselines.rules.plans import Flags, JobSteps, Plan, Plans, job_steps, sets_off
from wattward.baselines.rules.prices import marginal_rate, move_cost, transit_steps
from wattward.baselines.rules.rule import JobRule
from wattward.envs.kernels.compiling import entry
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
    for job in range(gpus.size):
        best, best_region, best_steps = np.inf, -1, np.zeros(0, np.int64)
        for region in range(room.shape[1]):
            fits = room[: left[job], region] >= gpus[job]
            fits[: transit[job, region]] = False
            rate = np.where(fits, cost_per_gpu[: left[job], region], np.inf)
            if goes_on[job]:
                continue
            steps = _cheapest(rate, needed[job], any_steps[job])
            cost = rate[steps].sum() * gpus[job] + move_cost[job, region] if steps.size else np.inf
            if cost < best - TIE_COST:
                best, best_region, best_steps = cost, region, steps
        if best_region < 0:
            best_region, best_steps = place[job], np.arange(min(needed[job], room.shape[0]))
        place[job] = best_region
        for step in best_steps:
            runs[job, step] = True
            room[step, best_region] -= gpus[job]


@entry
def _cheapest(rate: Floats, steps: int, any_steps: bool) -> Ints:
    """Steps to book at `rate` (L,), which is inf where there is no room; empty if the room does not suffice."""
    if steps > rate.size:
        return np.zeros(0, np.int64)
    if any_steps:
        picked = np.argsort(rate, kind="mergesort")[:steps].astype(np.int64)
    else:
        start, least = 0, np.inf
        for first in range(rate.size - steps + 1):
            total = rate[first : first + steps].sum()
            if total < least - TIE_COST:
                start, least = first, total
        picked = start + np.arange(steps)
    return picked if np.isfinite(rate[picked]).all() else np.zeros(0, np.int64)
