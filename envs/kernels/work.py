"""Advances work, ends jobs, charges lateness, and charges unfinished work at the end of an episode."""

from __future__ import annotations

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import EPS, Row, Rows
from wattward.envs.model.types import DONE, IN_TRANSIT, RUNNING, WAITING, Floats

LEAST_EXPECTED_SHARE = 0.05  # once the owner's estimate is used up, the work left is taken to be this share of it


@inlined
def progress(e: Row, p: Row, classes: Rows, f: Rows, class_gpu_h: Floats, q: Rows) -> None:
    """Advances every job by one step; finished jobs leave the queue."""
    t, n_active, first_done = e.step, e.n_active, e.n_active
    for k in range(n_active):
        job = q[k]
        if job.status != IN_TRANSIT:
            _advance(p, classes, f, class_gpu_h, job)
            if job.status == DONE:
                first_done = min(first_done, k)
                continue
        _accrue(p, f, job, t)
    kept = first_done
    # not in the loop above, because copying a row just written would stall
    for k in range(first_done + 1, n_active):
        if q[k].status != DONE:
            q[kept] = q[k]
            kept += 1
    e.n_active = kept


@inlined
def _advance(p: Row, classes: Rows, f: Rows, class_gpu_h: Floats, job: Row) -> None:
    alloc = job.taken_gpus
    job.alloc_gpus = alloc
    if alloc <= 0.0:
        if job.status == RUNNING and not job.malleable:
            job.paused = True
        job.status = WAITING
        return
    flow, left, expected = f[job.region], job.left_gpu_h, job.expected_gpu_h
    if job.paused:
        restart = classes[job.job_class].restart_h * job.gpus
        left += restart
        expected += restart
        flow.restart_gpu_h += restart
        job.paused = False
    done = left if left <= alloc * p.step_h + EPS else alloc * p.step_h
    job.left_gpu_h = left - done
    job.expected_gpu_h = max(LEAST_EXPECTED_SHARE * job.estimate_gpu_h, expected - done)
    job.left_h = job.expected_gpu_h / job.gpus
    job.status = DONE if done == left else RUNNING
    flow.held_gpus += alloc
    flow.busy_gpus += done / p.step_h
    flow.done_gpu_h += done
    class_gpu_h[job.region, job.job_class] += done


@inlined
def _accrue(p: Row, f: Rows, job: Row, t: int) -> None:
    """Counts the work left of a job as waiting or in transit, charges its lateness, and ends its transit when due."""
    flow, left = f[job.region], job.left_gpu_h
    if job.status == IN_TRANSIT:
        flow.transit_gpu_h += left
        if job.ready_step <= t + 1:
            job.status = WAITING
    else:
        flow.waiting_gpu_h += left
        fluid = job.malleable and job.expected_gpu_h < job.gpus * p.step_h
        flow.wanted_gpus += job.expected_gpu_h / p.step_h if fluid else job.gpus
    if t + 1 == job.deadline_step:
        flow.late_gpu_h += left
    elif t >= job.deadline_step:
        flow.late_cost += left * p.step_h * p.late_cost_per_gpu_h_per_h


@inlined
def charge_unfinished(e: Row, p: Row, sites: Rows, f: Rows, q: Rows) -> None:
    """Charges unfinished work at the end of the episode."""
    for k in range(e.n_active):
        job = q[k]
        price = sites[job.region].terminal_cost_per_gpu_h
        if job.deadline_step <= p.n_steps:
            price += p.late_cost_per_gpu_h_per_h * p.terminal_late_h
        f[job.region].terminal_cost += job.left_gpu_h * price
