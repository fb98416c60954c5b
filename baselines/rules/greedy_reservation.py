"""Each job books the cheapest free GPU-hours before its deadline, in any region."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.baselines.rules.planned_start import job_steps, signal
from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import FILL, finish, majority, voters
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

Flags = NDArray[np.bool_]
TIE_COST = 1e-9
"""Costs that differ by less are equal; the first is taken."""


class Booked(NamedTuple):
    """Bookings of jobs."""

    now: Floats  # (A,) 1 if the job runs in this step, else 0
    place: Ints  # (A,) region


class GreedyReservation(Rule):
    """Each job, earliest deadline first, books the cheapest region and steps with enough room.

    Source: the greedy of price-aware schedulers with advance reservation, such as Le et al., "Reducing Electricity Cost
    Through Virtual Machine Placement in High Performance Computing Clouds", SC 2011: each job in turn takes the
    cheapest feasible place and time, given earlier bookings. Transfer: all bookings are made again at each step from
    the owners' estimates and the forecasts. Rigid jobs that cannot be preempted book one window; other jobs book any
    steps. Room is 70 % of the GPUs that are forecast to be free (`voting.FILL`). A move includes the cost of its data.
    Booked work then votes for the modes of regions: work booked now in its own region votes for RUN, work booked now
    elsewhere for PULL there, later work for SOAK.
    """

    name = "GreedyReservation"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work has booked this step, PULL where work of other regions has, else SOAK."""
        booked = book(outlook)
        here = booked.place == outlook.jobs.region
        now = booked.now > 0
        modes = np.where(majority(outlook, now & here), np.int64(Mode.RUN), np.int64(Mode.SOAK))
        coming = np.unique(booked.place[now & ~here & voters(outlook)])
        modes[coming] = Mode.PULL
        return finish(outlook, modes)


def book(outlook: Outlook) -> Booked:
    """Bookings of all jobs present. A job without room runs now in its own region."""
    jobs = outlook.jobs
    rate = signal(outlook, "cost")
    room = FILL * np.maximum(0.0, outlook.fleet_gpus - outlook.locked_gpus - outlook.interactive_forecast_gpus)
    need, left = job_steps(outlook)
    now, place = np.ones(jobs.number.size), jobs.region.astype(np.int64)
    move_cost = outlook.params.wan_cost_per_gb[0, jobs.region] * jobs.data_gb
    asking = np.flatnonzero(voters(outlook))
    gpus, may_pause = jobs.gpus.astype(np.float64), jobs.preemptible.astype(np.bool_)
    _book_in_turn(asking, gpus, may_pause, need, left, move_cost, rate * outlook.step_h, room, now, place)
    return Booked(now, place)


@njit(cache=True)
def _book_in_turn(
    asking: Ints,
    gpus: Floats,
    may_pause: Flags,
    need: Ints,
    left: Ints,
    move_cost: Floats,
    cost_per_gpu: Floats,
    room: Floats,
    now: Floats,
    place: Ints,
) -> None:
    """Books `room` (L, R) for the jobs `asking`, in order, and writes `now` and `place`, shape (A,)."""
    for job in asking:
        best, best_region, best_steps = np.inf, -1, np.zeros(0, np.int64)
        for region in range(room.shape[1]):
            fits = room[: left[job], region] >= gpus[job]
            rate = np.where(fits, cost_per_gpu[: left[job], region], np.inf)
            steps = _cheapest(rate, need[job], may_pause[job])
            cost = np.inf
            if steps.size:
                cost = rate[steps].sum() * gpus[job] + (0.0 if region == place[job] else move_cost[job])
            if cost < best - TIE_COST:
                best, best_region, best_steps = cost, region, steps
        if best_region >= 0:
            place[job], now[job] = best_region, 1.0 if best_steps[0] == 0 else 0.0
            for step in best_steps:
                room[step, best_region] -= gpus[job]


@njit(cache=True)
def _cheapest(rate: Floats, steps: int, may_pause: bool) -> Ints:
    """Steps to book at `rate` (L,), which is inf where there is no room; empty if the room does not suffice."""
    if steps > rate.size:
        return np.zeros(0, np.int64)
    if may_pause:
        picked = np.sort(np.argsort(rate, kind="mergesort")[:steps].astype(np.int64))
    else:
        start, least = 0, np.inf
        for first in range(rate.size - steps + 1):
            total = rate[first : first + steps].sum()
            if total < least - TIE_COST:
                start, least = first, total
        picked = start + np.arange(steps)
    return picked if np.isfinite(rate[picked]).all() else np.zeros(0, np.int64)
