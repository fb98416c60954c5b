"""Jobs as the bound sees them: groups of fluid work with curves of what can be, and should be, done by each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.types import Exogenous, Floats, Ints, Params


class Jobs(NamedTuple):
    """The jobs of an episode that arrive before it ends."""

    arrival: Ints  # (J,) step
    deadline: Ints  # (J,) step
    origin: Ints  # (J,) region
    job_class: Ints  # (J,)
    work_gpu_h: Floats  # (J,) true work
    fastest_gpu_h: Floats  # (J,) most it can do in a step
    data_gb: Floats  # (J,)


class Groups(NamedTuple):
    """Work by group (K) and step (T). A group shares origin, class and, nearly, the time from arrival to deadline."""

    origin: Ints  # (K,)
    group_of_job: Ints  # (J,)
    work_gpu_h: Floats  # (K,)
    can_gpu_h: Floats  # (K, T) most that can be done by the end of the step
    due_gpu_h: Floats  # (K, T) that is charged as late if not done by the end of the step
    due_at_end_gpu_h: Floats  # (K,) that is settled as late if not done by the end of the episode
    in_time_gpu_h: Floats  # (K, T) most that jobs not yet late can do in the step


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
        job_class=world.job_class[0, used],
        work_gpu_h=world.job_work_gpu_h[0, used],
        fastest_gpu_h=world.job_gpus[0, used] * params.step_h[0],
        data_gb=world.job_data_gb[0, used],
    )


def group_jobs(jobs: Jobs, n_steps: int, buckets: int, single_up_to: int) -> Groups:
    """Groups jobs by origin, class and `buckets` quantiles of slack; up to `single_up_to` jobs are a group each."""
    group = np.arange(jobs.arrival.size) if jobs.arrival.size <= single_up_to else _by_slack(jobs, buckets)
    n_groups = int(group.max()) + 1 if group.size else 0
    origin = np.zeros(n_groups, dtype=np.int64)
    origin[group] = jobs.origin
    curves = np.zeros((3, n_groups, n_steps))
    for k in range(n_groups):
        curves[:, k] = _curves(jobs, np.flatnonzero(group == k), n_steps)
    at_end = np.where(jobs.deadline <= n_steps, jobs.work_gpu_h, 0.0)
    return Groups(
        origin=origin,
        group_of_job=group,
        work_gpu_h=_sum(group, jobs.work_gpu_h, n_groups),
        can_gpu_h=curves[0],
        due_gpu_h=curves[1],
        due_at_end_gpu_h=_sum(group, at_end, n_groups),
        in_time_gpu_h=curves[2],
    )


def _by_slack(jobs: Jobs, buckets: int) -> Ints:
    """Numbers without gaps of (origin, class, slack bucket); a bucket holds a like share of the class's work."""
    slack = jobs.deadline - jobs.arrival
    bucket = np.zeros(slack.size, dtype=np.int64)
    kind = jobs.origin * (int(jobs.job_class.max()) + 1) + jobs.job_class
    for one in np.unique(kind):
        mine = np.flatnonzero(kind == one)
        by_slack = mine[np.argsort(slack[mine], kind="stable")]
        before = np.cumsum(jobs.work_gpu_h[by_slack]) - jobs.work_gpu_h[by_slack]
        bucket[by_slack] = np.floor(buckets * before / jobs.work_gpu_h[by_slack].sum()).astype(np.int64)
    return np.unique(kind * buckets + bucket, return_inverse=True)[1].astype(np.int64)


def _curves(jobs: Jobs, mine: Ints, n_steps: int) -> Floats:
    """`can`, `due` and `in_time` of the jobs `mine`, shape (3, T)."""
    step = np.arange(n_steps)[None, :]
    arrival, deadline = jobs.arrival[mine, None], jobs.deadline[mine, None]
    work, fastest = jobs.work_gpu_h[mine, None], jobs.fastest_gpu_h[mine, None]
    can = np.clip(fastest * (step - arrival + 1), 0.0, work)
    due = np.where(deadline <= step, work, 0.0)
    in_time = np.where((arrival <= step) & (step <= deadline), np.minimum(fastest, work), 0.0)
    curves: Floats = np.stack([can.sum(axis=0), due.sum(axis=0), in_time.sum(axis=0)])
    return curves


def _sum(group: Ints, amount: Floats, n_groups: int) -> Floats:
    return np.bincount(group, weights=amount, minlength=n_groups).astype(np.float64)


def may_restart(params: Params) -> NDArray[np.bool_]:
    """Classes whose restarts add work, shape (C,)."""
    return ~params.class_divisible[0] & params.class_preemptible[0] & (params.class_restart_h[0] > 0)
