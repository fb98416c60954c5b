"""The jobs in the bound: groups of fluid work, with curves of the work that can be and should be done by each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.types import Exogenous, Floats, Ints, Params


class Jobs(NamedTuple):
    """The jobs of an episode that arrive before it ends."""

    arrival: Ints  # (J,) step
    deadline: Ints  # (J,) step
    origin: Ints  # (J,) region
    work_gpu_h: Floats  # (J,) true work
    fastest_gpu_h: Floats  # (J,) most work that it can do in a step
    data_gb: Floats  # (J,)


class Groups(NamedTuple):
    """Work by group (K) and block of steps (M). The jobs of a group have the same origin and similar slack."""

    origin: Ints  # (K,)
    group_of_job: Ints  # (J,)
    work_gpu_h: Floats  # (K,)
    can_gpu_h: Floats  # (K, M) most that can be done by the end of the block
    due_gpu_h: Floats  # (2, K, M) late if undone when the block ends: [0] charged in all steps but one, [1] in one step
    due_at_end_gpu_h: Floats  # (K,) charged as late at the end if not done by the end of the episode
    in_time_gpu_h: Floats  # (K, M) most work in the block by jobs that are not late when it begins


def read_jobs(params: Params, world: Exogenous) -> Jobs:
    """The jobs with work that arrive before the episode ends."""
    used = np.flatnonzero(
        (np.arange(world.job_class.shape[1]) < world.n_jobs[0])
        & (world.job_arrival_step[0] < params.n_steps[0])
        & (world.job_work_gpu_h[0] > 0)
    )
    return Jobs(
        arrival=np.maximum(0, world.job_arrival_step[0, used]),
        deadline=world.job_deadline_step[0, used],
        origin=world.job_origin[0, used],
        work_gpu_h=world.job_work_gpu_h[0, used],
        fastest_gpu_h=world.job_gpus[0, used] * params.step_h[0],
        data_gb=world.job_data_gb[0, used],
    )


def group_jobs(jobs: Jobs, block_ends: Ints, buckets: int, single_up_to: int) -> Groups:
    """Groups jobs by origin and by quantiles of slack.

    Args:
        jobs: the jobs of the episode.
        block_ends: last step of each block, shape (M,).
        buckets: number of slack buckets for each origin. Each has about the same share of the origin's work.
        single_up_to: if there are at most this many jobs, each job is a group of its own.
    """
    group = np.arange(jobs.arrival.size) if jobs.arrival.size <= single_up_to else _by_slack(jobs, buckets)
    n_groups = int(group.max()) + 1 if group.size else 0
    origin = np.zeros(n_groups, dtype=np.int64)
    origin[group] = jobs.origin
    curves = np.zeros((4, n_groups, block_ends.size))
    for k in range(n_groups):
        curves[:, k] = _curves(jobs, np.flatnonzero(group == k), block_ends)
    at_end = np.where(jobs.deadline <= block_ends[-1] + 1, jobs.work_gpu_h, 0.0)
    return Groups(
        origin=origin,
        group_of_job=group,
        work_gpu_h=_sum(group, jobs.work_gpu_h, n_groups),
        can_gpu_h=curves[0],
        in_time_gpu_h=curves[1],
        due_gpu_h=curves[2:],
        due_at_end_gpu_h=_sum(group, at_end, n_groups),
    )


def _by_slack(jobs: Jobs, buckets: int) -> Ints:
    """Group number of each job by (origin, slack bucket), shape (J,), numbered without gaps."""
    slack = jobs.deadline - jobs.arrival
    bucket = np.zeros(slack.size, dtype=np.int64)
    for origin in np.unique(jobs.origin):
        mine = np.flatnonzero(jobs.origin == origin)
        by_slack = mine[np.argsort(slack[mine], kind="stable")]
        work = jobs.work_gpu_h[by_slack]
        bucket[by_slack] = np.floor(buckets * (np.cumsum(work) - work) / work.sum()).astype(np.int64)
    return np.unique(jobs.origin * buckets + bucket, return_inverse=True)[1].astype(np.int64)


def _curves(jobs: Jobs, mine: Ints, block_ends: Ints) -> Floats:
    """`can`, `in_time` and the two rows of `due` of the jobs `mine`, shape (4, M)."""
    last = block_ends[None, :]
    first = last - block_ends[0]
    arrival, deadline = jobs.arrival[mine, None], jobs.deadline[mine, None]
    work, fastest = jobs.work_gpu_h[mine, None], jobs.fastest_gpu_h[mine, None]
    can = np.clip(fastest * (last - arrival + 1), 0.0, work)
    within = np.clip(fastest * (last - np.maximum(arrival, first) + 1), 0.0, work)
    in_time = np.where(deadline >= first, within, 0.0)
    due_at_first, due_at_last = np.where(deadline <= first, work, 0.0), np.where(deadline <= last, work, 0.0)
    curves: Floats = np.stack([curve.sum(axis=0) for curve in (can, in_time, due_at_first, due_at_last)])
    return curves


def _sum(group: Ints, amount: Floats, n_groups: int) -> Floats:
    return np.bincount(group, weights=amount, minlength=n_groups).astype(np.float64)


def may_restart(params: Params) -> NDArray[np.bool_]:
    """Classes whose restarts add work, shape (C,)."""
    return ~params.class_malleable[0] & params.class_preemptible[0] & (params.class_restart_h[0] > 0)
