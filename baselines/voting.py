"""How rules that decide job by job become one mode a region.

A published rule says of one job *now or later*, or *here or there*. Here a region takes one of four modes for all of
its queue, so the rule is put to a vote:

- Who votes: every job present that a mode decides about. Rigid jobs that cannot be stopped and work in transit do not.
- Weight: the work left by the owner's estimate [GPU-h].
- Time: a region RUNs when at least half of the weight votes now; else it does what the rule's jobs do while they wait
  (HOLD, or SOAK where the rule prefers green power: surplus is the cheapest and cleanest hour that any can wait for).
- Place: a region that another region's jobs vote for PULLs; one most of whose weight votes for elsewhere HOLDs, since
  only waiting work can be taken; the others RUN. A destination gets no more votes than it has GPUs for: nothing waits
  in the wrong place for room that is not there.
- Capacity: the sources choose for one job in a cloud that always has room. A fleet has not: where all wait for one
  hour, deadlines are missed (measured). So what "due" means for a job holds for a queue as well: where the queue as a
  whole must run now to meet its deadlines, the region RUNs whatever the vote (`pressing`).
- The end: an episode is a finite schedule, and unfinished work is charged at the dearest price of all: the end is a
  deadline for the queue and for slot pickers, too.
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
"""Share of free GPU-hours that a queue can be counted on to fill: rigid jobs do not pack and estimates err."""


def voters(outlook: Outlook) -> Votes:
    """Jobs whose fate a mode decides, shape (A,): neither locked nor in transit."""
    jobs = outlook.jobs
    return ~(jobs.locked | jobs.in_transit)


def majority(outlook: Outlook, votes: Votes, quorum: float = 0.5) -> Votes:
    """Regions where a share of the voters' estimated work agrees, shape (R,); never where nobody votes.

    Args:
        outlook: the present step.
        votes: shape (A,); those of jobs without a vote are ignored.
        quorum: the least share that is enough.
    """
    jobs, may_vote = outlook.jobs, voters(outlook)
    for_gpu_h = per_region(outlook, np.where(may_vote & votes, jobs.expected_gpu_h, 0.0))
    all_gpu_h = per_region(outlook, np.where(may_vote, jobs.expected_gpu_h, 0.0))
    return (for_gpu_h > 0) & (for_gpu_h >= quorum * all_gpu_h)


def hours_to_end(outlook: Outlook) -> float:
    """Hours from now to the end of the episode."""
    return (outlook.n_steps - outlook.step) * outlook.step_h


def pressing(outlook: Outlook) -> Votes:
    """Regions whose queue as a whole is due, shape (R,): it must run now to be done in time.

    Earliest deadline first, the work due by some deadline exceeds `FILL` of the GPU-hours forecast to be free until
    then; or most of the work is in jobs that the end of the episode leaves no step to wait.
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
    """GPU-hours forecast to be free of requests and locked rigid jobs within some times, shape (A, R).

    Args:
        outlook: the present step.
        within_h: hours from now, shape (A,). Past the forecast horizon its mean goes on.
    """
    free = np.maximum(0.0, outlook.fleet_gpus - outlook.locked_gpus - outlook.interactive_forecast_gpus)
    until = np.concatenate([np.zeros((1, outlook.n_regions)), np.cumsum(free * outlook.step_h, axis=0)])
    steps = np.minimum(np.round(within_h / outlook.step_h).astype(np.int64), outlook.n_leads)
    beyond_h = np.maximum(0.0, within_h - outlook.n_leads * outlook.step_h)
    total: Floats = until[steps] + beyond_h[:, None] * free.mean(axis=0)
    return total


def finish(outlook: Outlook, modes: Modes) -> Modes:
    """`modes`, with RUN instead of HOLD or SOAK where a region's queue is pressing."""
    waits = (modes == Mode.HOLD) | (modes == Mode.SOAK)
    return np.where(waits & pressing(outlook), np.int64(Mode.RUN), modes)


def by_time(outlook: Outlook, now: Votes, otherwise: Mode, quorum: float = 0.5) -> Modes:
    """Modes where job `a` wants to run now if `now[a]`, and `otherwise` is what waiting means."""
    return finish(outlook, np.where(majority(outlook, now, quorum), np.int64(Mode.RUN), np.int64(otherwise)))


def by_place(outlook: Outlook, place: Ints) -> Modes:
    """Modes where job `a` wants to run in region `place[a]`; no job wants to wait."""
    away = voters(outlook) & (place != outlook.jobs.region)
    modes = np.where(majority(outlook, away), np.int64(Mode.HOLD), np.int64(Mode.RUN))
    modes[np.unique(place[away])] = Mode.PULL
    return modes


def settled(outlook: Outlook) -> Votes:
    """Jobs that run and stay where they do, shape (A,). A malleable batch is many requests: each is placed anew."""
    jobs = outlook.jobs
    return jobs.running & ~jobs.malleable


def fill(outlook: Outlook, score: Floats, room_gpus: Floats, stay: Votes) -> Ints:
    """A region for every job, shape (A,): earliest deadline first, to the best region with room; else its own.

    Args:
        outlook: the present step.
        score: shape (R,), lowest is best.
        room_gpus: GPUs each region takes, shape (R,).
        stay: jobs that keep their region and need no room, shape (A,).
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
    """GPUs that neither requests nor the jobs of the last step hold, shape (R,)."""
    idle: Floats = np.maximum(0.0, outlook.fleet_gpus * (1.0 - outlook.utilisation))
    return idle


def per_region(outlook: Outlook, amount: Floats) -> Floats:
    """Sum over the jobs of each region, from shape (A,) to (R,)."""
    return np.bincount(outlook.jobs.region, weights=amount, minlength=outlook.n_regions).astype(np.float64)
