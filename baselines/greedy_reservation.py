"""Work books the cheapest free GPU-hours before its deadline, here or elsewhere, first come first served."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.rule import Rule
from wattward.baselines.slots import signal, slots
from wattward.baselines.votes import FILL, finish, majority, voters
from wattward.envs.action import Mode
from wattward.envs.outlook import Outlook
from wattward.envs.policy import Modes
from wattward.envs.types import Floats


class Booked(NamedTuple):
    """What each job has booked."""

    now: Floats  # (A,) whether it runs in this step: 0 or 1
    place: Floats  # (A,) region


class GreedyReservation(Rule):
    """Each job, earliest deadline first, books the cheapest region and steps that still have room for it.

    Source: the greedy of price-aware schedulers with advance reservation, such as Le et al., "Reducing Electricity Cost
    Through Virtual Machine Placement in High Performance Computing Clouds", SC 2011: each job in turn takes the
    cheapest feasible place and time given what is booked before it.
    Transfer: bookings are made anew each step from the owners' estimates and the forecasts; gangs that cannot be
    stopped book one window, others any steps. Rooms are 70 % of the GPUs forecast to be free (`votes.FILL`). A move
    pays for its data. The regions then take the mode that the booked work votes for: here and now RUN, elsewhere and
    now PULL there, later SOAK.
    """

    name = "GreedyReservation"

    def act(self, outlook: Outlook) -> Modes:
        """RUN where most work has booked this step here, PULL where others' work has, else SOAK."""
        booked = book(outlook)
        here = booked.place == outlook.jobs.region
        now = booked.now > 0
        modes = np.where(majority(outlook, now & here), np.int64(Mode.RUN), np.int64(Mode.SOAK))
        coming = np.unique(booked.place[now & ~here & voters(outlook)]).astype(np.int64)
        modes[coming] = Mode.PULL
        return finish(outlook, modes)


def book(outlook: Outlook) -> Booked:
    """Bookings of the jobs present; who finds no room runs now, where it is."""
    jobs, step_h = outlook.jobs, outlook.step_h
    rate = signal(outlook, "cost")
    room = FILL * np.maximum(0.0, outlook.fleet_gpus - outlook.locked_gpus - outlook.interactive_forecast_gpus)
    need, left = slots(outlook)
    now, place = np.ones(jobs.number.size), jobs.region.astype(np.float64)
    move = outlook.params.wan_yuan_per_gb[0]
    for job in np.flatnonzero(voters(outlook)).tolist():
        steps, last, gpus = int(need[job]), int(left[job]), float(jobs.gpus[job])
        best, choice = np.inf, None
        for region in range(outlook.n_regions):
            fits = room[:last, region] >= gpus
            picked = _cheapest(np.where(fits, rate[:last, region], np.inf), steps, bool(jobs.preemptible[job]))
            moved = 0.0 if region == jobs.region[job] else float(move[jobs.region[job]] * jobs.data_gb[job])
            yuan = float(rate[picked, region].sum() * gpus * step_h) + moved if picked.size else np.inf
            if yuan < best - 1e-9:
                best, choice = yuan, (region, picked)
        if choice is not None:
            place[job], now[job] = choice[0], float(choice[1].min() == 0)
            room[choice[1], choice[0]] -= gpus
    return Booked(now, place)


def _cheapest(rate: Floats, steps: int, preemptible: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Steps to book, of `rate` (L,) with inf where there is no room; none where they do not suffice."""
    if steps > rate.size:
        return np.zeros(0, dtype=np.int64)
    if preemptible:
        picked = np.argsort(rate, kind="stable")[:steps].astype(np.int64)
    else:
        blocked = np.isinf(rate)
        sums = np.concatenate([[0.0], np.cumsum(np.where(blocked, 0.0, rate))])
        full = np.concatenate([[0], np.cumsum(blocked)])
        totals = np.where(full[steps:] == full[:-steps], sums[steps:] - sums[:-steps], np.inf)
        picked = int(np.argmin(totals)) + np.arange(steps, dtype=np.int64)
    return picked if np.isfinite(rate[picked]).all() else np.zeros(0, dtype=np.int64)
