"""Turns rules that decide for each job into one mode for each region, by votes.

A published rule decides for one job: *now or later*, or *here or elsewhere*. Here a region takes one of four modes for
its whole queue. So the jobs vote:

- Voters: all jobs present for which modes matter. Running jobs that cannot be preempted and work in transit do not
  vote.
- Weight: remaining work by the owner's estimate [GPU-h].
- Time: a region RUNs if at least half of the weight votes for now. Otherwise it HOLDs, or SOAKs if the rule prefers
  green power, because surplus is the cheapest and cleanest power.
- Place: a region PULLs if jobs of another region vote for it. It HOLDs if most of its weight votes for other regions,
  because only waiting work can move. Otherwise it RUNs. A destination gets only as many votes as it has GPUs, so that
  no job waits for room that does not exist.
- Capacity: published rules assume a cloud that always has room. With a limited fleet, deadlines are missed if all jobs
  wait for the same hour (measured). So a region RUNs regardless of votes when its queue as a whole must run now to meet
  its deadlines (`pressing`).
- End: unfinished work at the end of the episode is charged at the highest price. So the end is a deadline for all jobs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

Votes = NDArray[np.bool_]

FILL = 0.7
"""Share of free GPU-hours that a queue can fill in practice: rigid jobs leave gaps and estimates err."""


def voters(outlook: Outlook) -> Votes:
    """Whether a mode matters for a job, shape (A,): it is neither locked nor in transit."""
    jobs = outlook.jobs
    return ~(jobs.locked | jobs.in_transit)


def majority(outlook: Outlook, votes: Votes, quorum: float = 0.5) -> Votes:
    """Whether enough of the voters' estimated work agrees, shape (R,); False in regions without voters.

    Args:
        outlook: the present step.
        votes: shape (A,); values of jobs that do not vote are ignored.
        quorum: least share of the work.
    """
    jobs, may_vote = outlook.jobs, voters(outlook)
    for_gpu_h = per_region(outlook, np.where(may_vote & votes, jobs.expected_gpu_h, 0.0))
    all_gpu_h = per_region(outlook, np.where(may_vote, jobs.expected_gpu_h, 0.0))
    return (for_gpu_h > 0) & (for_gpu_h >= quorum * all_gpu_h)


def hours_to_end(outlook: Outlook) -> float:
    """Time to the end of the episode [h]."""
    return (outlook.n_steps - outlook.step) * outlook.step_h


def pressing(outlook: Outlook) -> Votes:
    """Whether a region's queue as a whole must run now to finish in time, shape (R,).

    This is so if the work due by some deadline exceeds `FILL` of the GPU-hours that are forecast to be free until then,
    or if most of the work belongs to jobs that cannot wait another step before the end of the episode.
    """
    jobs, end_h = outlook.jobs, hours_to_end(outlook)
    run_h = jobs.expected_gpu_h / jobs.gpus
    left_h = np.minimum(np.maximum(jobs.hours_to_deadline, run_h), end_h)
    demand = np.where(voters(outlook), np.minimum(jobs.expected_gpu_h, jobs.gpus * left_h), 0.0)
    order = np.argsort(left_h, kind="stable")
    here = jobs.region[order, None] == np.arange(outlook.n_regions)
    due_by = np.cumsum(np.where(here, demand[order, None], 0.0), axis=0)
    too_much = here & (due_by > FILL * free_gpu_h(outlook, left_h[order]))
    due: Votes = np.any(too_much, axis=0) | majority(outlook, run_h > end_h - outlook.step_h)
    return due


def free_gpu_h(outlook: Outlook, within_h: Floats) -> Floats:
    """Forecast GPU-hours that requests and locked rigid jobs leave free within given times, shape (A, R).

    Args:
        outlook: the present step.
        within_h: hours from now, shape (A,). Beyond the forecast horizon, the mean of the forecast is used.
    """
    free = np.maximum(0.0, outlook.fleet_gpus - outlook.locked_gpus - outlook.interactive_forecast_gpus)
    until = np.concatenate([np.zeros((1, outlook.n_regions)), np.cumsum(free * outlook.step_h, axis=0)])
    steps = np.minimum(np.round(within_h / outlook.step_h).astype(np.int64), outlook.n_leads)
    beyond_h = np.maximum(0.0, within_h - outlook.n_leads * outlook.step_h)
    total: Floats = until[steps] + beyond_h[:, None] * free.mean(axis=0)
    return total


def finish(outlook: Outlook, modes: Modes) -> Modes:
    """Replaces HOLD and SOAK by RUN in regions whose queue is pressing."""
    waits = (modes == Mode.HOLD) | (modes == Mode.SOAK)
    return np.where(waits & pressing(outlook), np.int64(Mode.RUN), modes)


def by_time(outlook: Outlook, now: Votes, otherwise: Mode, quorum: float = 0.5) -> Modes:
    """Modes from votes on time: job `a` votes for now if `now[a]`. Regions that wait take the mode `otherwise`."""
    return finish(outlook, np.where(majority(outlook, now, quorum), np.int64(Mode.RUN), np.int64(otherwise)))


def by_place(outlook: Outlook, place: Ints) -> Modes:
    """Modes from votes on place: job `a` votes for region `place[a]`; no job votes to wait."""
    away = voters(outlook) & (place != outlook.jobs.region)
    modes = np.where(majority(outlook, away), np.int64(Mode.HOLD), np.int64(Mode.RUN))
    modes[np.unique(place[away])] = Mode.PULL
    return modes


def settled(outlook: Outlook) -> Votes:
    """Whether a job runs and stays in its region, shape (A,). Malleable jobs do not: they are placed again."""
    jobs = outlook.jobs
    return jobs.running & ~jobs.malleable


def fill(outlook: Outlook, score: Floats, room_gpus: Floats, stay: Votes) -> Ints:
    """Assigns each job, earliest deadline first, to the best region with room, else to its own; shape (A,).

    Args:
        outlook: the present step.
        score: shape (R,), lowest is best.
        room_gpus: free GPUs of each region, shape (R,).
        stay: whether a job keeps its region and needs no room, shape (A,).
    """
    jobs = outlook.jobs
    place = jobs.region.copy()
    best_first, room, gpus = np.argsort(score, kind="stable").tolist(), room_gpus.tolist(), jobs.gpus.tolist()
    for job in np.flatnonzero(voters(outlook) & ~stay).tolist():
        for region in best_first:
            if gpus[job] <= room[region]:
                place[job] = region
                room[region] -= gpus[job]
                break
    return place


def idle_gpus(outlook: Outlook) -> Floats:
    """GPUs that neither requests nor jobs held in the last step, shape (R,)."""
    idle: Floats = np.maximum(0.0, outlook.fleet_gpus * (1.0 - outlook.utilisation))
    return idle


def per_region(outlook: Outlook, amount: Floats) -> Floats:
    """Sum over the jobs of each region, from shape (A,) to (R,)."""
    return np.bincount(outlook.jobs.region, weights=amount, minlength=outlook.n_regions).astype(np.float64)
