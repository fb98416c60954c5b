"""Turns orders for jobs into one mode for each region, by votes.

A published rule decides for one job: *now or later*, and *here or elsewhere*. With modes a region decides once for its
whole queue. So the jobs vote:

- Voters: all jobs present for which modes matter. Running jobs that cannot be preempted and work in transit do not
  vote.
- Weight: remaining work by the owner's estimate [GPU-h].
- A region PULLs if jobs of another region vote to run in it. Otherwise it RUNs if at least half of the weight votes to
  run in it now, or if these jobs would fill at least half of its free GPUs. Otherwise it HOLDs if most of the weight
  votes to run elsewhere, because only waiting work can move. Otherwise it SOAKs, because surplus is the cheapest and
  cleanest power.
- A destination gets only as many votes as it has room for, so that no job waits for room that does not exist.
- Capacity: published rules assume a cloud that always has room. With a limited fleet, deadlines are missed if all jobs
  wait for the same hour (measured). So a region RUNs regardless of votes when its queue as a whole must run now to meet
  its deadlines (`pressing`).
- End: unfinished work at the end of the episode is charged at the highest price. So the end is a deadline for all jobs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.present_jobs import free_gpu_h, hours_to_end, movable, per_region
from wattward.envs.decisions.action import Mode
from wattward.envs.model.types import Ints
from wattward.envs.policy.orders import STAY
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

Votes = NDArray[np.bool_]

FILL = 0.7
"""Share of free GPU-hours that a queue can fill in practice: rigid jobs leave gaps and estimates err."""


def by_votes(outlook: Outlook, run_in: Ints) -> Modes:
    """The modes of the regions, shape (R,), by the orders of jobs (A,): a region to run in, or `STAY`."""
    region = outlook.jobs.region
    comes = movable(outlook) & (run_in != STAY) & (run_in != region)
    comes &= _has_room(outlook, run_in, comes)
    modes = np.full(outlook.n_regions, Mode.SOAK, np.int64)
    modes[majority(outlook, comes)] = Mode.HOLD
    stays = movable(outlook) & (run_in != STAY) & ~comes
    modes[majority(outlook, stays) | _fills_half(outlook, stays)] = Mode.RUN
    modes[run_in[comes]] = Mode.PULL
    return finish(outlook, modes)


def _fills_half(outlook: Outlook, votes: Votes) -> Votes:
    """Whether jobs with a vote would fill at least half of a region's free GPUs, shape (R,)."""
    wanted = per_region(outlook, np.where(votes, outlook.jobs.gpus, 0.0))
    free = outlook.gpus_in_order - outlook.interactive_forecast_gpus[0] - outlook.locked_gpus
    return (wanted > 0) & (wanted >= 0.5 * free)


def _has_room(outlook: Outlook, run_in: Ints, comes: Votes) -> Votes:
    """Whether a job that would come finds GPUs that no job holds, after the jobs before it, shape (A,)."""
    jobs = outlook.jobs
    held = per_region(outlook, jobs.held_gpus)
    room = np.maximum(0.0, outlook.gpus_in_order - outlook.interactive_forecast_gpus[0] - held)
    there = comes[:, None] & (run_in[:, None] == np.arange(outlook.n_regions))
    so_far = np.cumsum(np.where(there, jobs.gpus[:, None], 0.0), axis=0)
    fits: Votes = (there & (so_far <= room)).any(axis=1)
    return fits


def majority(outlook: Outlook, votes: Votes) -> Votes:
    """Whether at least half of the voters' estimated work agrees, shape (R,); False in regions without voters.

    Args:
        outlook: The present step.
        votes: Shape (A,); values of jobs that do not vote are ignored.
    """
    jobs, may_vote = outlook.jobs, movable(outlook)
    for_gpu_h = per_region(outlook, np.where(may_vote & votes, jobs.expected_gpu_h, 0.0))
    all_gpu_h = per_region(outlook, np.where(may_vote, jobs.expected_gpu_h, 0.0))
    return (for_gpu_h > 0) & (for_gpu_h >= 0.5 * all_gpu_h)


def pressing(outlook: Outlook) -> Votes:
    """Whether a region's queue as a whole must run now to finish in time, shape (R,).

    This is so if the work due by some deadline exceeds `FILL` of the GPU-hours that are forecast to be free until then,
    or if most of the work belongs to jobs that cannot wait another step before the end of the episode.
    """
    jobs, end_h = outlook.jobs, hours_to_end(outlook)
    run_h = jobs.expected_gpu_h / jobs.gpus
    left_h = np.minimum(np.maximum(jobs.hours_to_deadline, run_h), end_h)
    demand = np.where(movable(outlook), np.minimum(jobs.expected_gpu_h, jobs.gpus * left_h), 0.0)
    order = np.argsort(left_h, kind="stable")
    here = jobs.region[order, None] == np.arange(outlook.n_regions)
    due_by = np.cumsum(np.where(here, demand[order, None], 0.0), axis=0)
    too_much = here & (due_by > FILL * free_gpu_h(outlook, left_h[order]))
    due: Votes = np.any(too_much, axis=0) | majority(outlook, run_h > end_h - outlook.step_h)
    return due


def finish(outlook: Outlook, modes: Modes) -> Modes:
    """Replaces HOLD and SOAK by RUN in regions whose queue is pressing."""
    waits = (modes == Mode.HOLD) | (modes == Mode.SOAK)
    return np.where(waits & pressing(outlook), np.int64(Mode.RUN), modes)
