"""Admits jobs to the queue and executes their orders: first due jobs, then jobs that stay, then jobs that move."""

from __future__ import annotations

from math import ceil

import numpy as np

from wattward.envs.kernels.codes import WAIT
from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import EPS, LEAVING, MOVABLE, STAYING, Places, Row, Rows
from wattward.envs.model.types import IN_TRANSIT, RUNNING, WAITING, Floats, Ints

SHORT = 24  # up to this many jobs are sorted by insertion


@inlined
def admit(e: Row, classes: Rows, q: Rows, table: Rows, n_jobs: int) -> None:
    """Adds the jobs that arrive at the coming step to the queue, each behind all with the same or an earlier deadline.

    Both the queue and the arrivals are sorted, so they are merged in one pass from the back.
    """
    first = e.next_job
    last = first
    while last < n_jobs and table[last].arrival_step <= e.step:
        last += 1
    arrival, old = last - 1, e.n_active - 1
    place = old + last - first
    while arrival >= first:
        if old >= 0 and q[old].deadline_step > table[arrival].deadline_step:
            q[place] = q[old]
            old -= 1
        else:
            _enter(q[place], table[arrival], classes[table[arrival].job_class])
            arrival -= 1
        place -= 1
    e.n_active += last - first
    e.next_job = last


@inlined
def _enter(job: Row, new: Row, job_class: Row) -> None:
    job.number, job.arrival_step, job.deadline_step = new.number, new.arrival_step, new.deadline_step
    job.ready_step, job.region, job.job_class = -1, new.origin, new.job_class
    job.status, job.paused = WAITING, False
    job.malleable, job.preemptible = job_class.malleable, job_class.preemptible
    job.gpus, job.data_gb, job.estimate_gpu_h = new.gpus, new.data_gb, new.estimate_gpu_h
    job.left_gpu_h, job.expected_gpu_h, job.alloc_gpus = new.work_gpu_h, new.estimate_gpu_h, 0.0
    job.left_h = new.estimate_gpu_h / new.gpus
    job.order, job.limit_gpus, job.rank = WAIT, np.inf, 0.0


@inlined
def fits(job: Row, room: float, rigid_room: float) -> float:
    """GPUs that a job takes: up to its limit if malleable, else all or none.

    `rigid_room` is a further limit for rigid jobs that cannot be preempted.
    """
    if room <= EPS:
        return 0.0
    if job.malleable:
        return min(job.gpus, room)
    allowed = room if job.preemptible else min(room, rigid_room)
    return job.gpus if job.gpus <= allowed + EPS else 0.0


@inlined
def run_due(e: Row, regs: Rows, f: Rows, q: Rows, due: Places) -> None:
    """Runs due jobs where they are.

    A job is due if, by its owner's estimate, it would miss its deadline by waiting one more step.
    """
    for i in range(e.n_due):
        job = q[due[i]]
        reg = regs[job.region]
        taken = fits(job, reg.free_gpus, np.inf)
        job.taken_gpus = taken
        reg.free_gpus -= taken
        f[job.region].due_gpus += taken
        if not job.preemptible:
            reg.rigid_gpus += taken


@inlined
def carry_out(e: Row, p: Row, sites: Rows, regs: Rows, f: Rows, q: Rows, picks: Places) -> None:
    """Executes the orders of all movable jobs: first of those that stay, then of those that move.

    Where more GPUs are asked for than are free, jobs are served by their rank, else by their slack, least first.
    """
    n_staying, n_leaving = _sort_out(e, regs, q, picks)
    if _is_contested(regs):
        if not e.ranked:
            _rank_by_slack(e, p, q, picks[STAYING], n_staying)
            _rank_by_slack(e, p, q, picks[LEAVING], n_leaving)
        _sort_by_rank(q, picks[STAYING], n_staying)
        _sort_by_rank(q, picks[LEAVING], n_leaving)
    for i in range(n_staying):
        job = q[picks[STAYING, i]]
        take(sites[job.region], regs[job.region], job)
    for i in range(n_leaving):
        leave(e, p, sites, regs, f, q[picks[LEAVING, i]])


@inlined
def _sort_out(e: Row, regs: Rows, q: Rows, picks: Places) -> tuple[int, int]:
    """Notes which jobs stay and which move, and how many GPUs are asked for in each region; returns their numbers."""
    for r in range(regs.size):
        regs[r].asked_gpus = 0.0
    n_staying, n_leaving = 0, 0
    for i in range(e.n_movable):
        job = q[picks[MOVABLE, i]]
        if job.order == WAIT or job.taken_gpus > 0.0:
            continue
        r = job.order - 1
        regs[r].asked_gpus += _wanted(job)
        if r == job.region:
            picks[STAYING, n_staying] = picks[MOVABLE, i]
            n_staying += 1
        else:
            picks[LEAVING, n_leaving] = picks[MOVABLE, i]
            n_leaving += 1
    return n_staying, n_leaving


@inlined
def _wanted(job: Row) -> float:
    return min(job.gpus, job.limit_gpus) if job.malleable else job.gpus


@inlined
def _is_contested(regs: Rows) -> bool:
    contested = False
    for r in range(regs.size):
        contested = contested or regs[r].asked_gpus > regs[r].free_gpus + EPS
    return contested


@inlined
def _rank_by_slack(e: Row, p: Row, q: Rows, picks: Places, count: int) -> None:
    """Sets the rank of each job to its slack [h]; running rigid jobs go first, because a pause costs them a restart."""
    for i in range(count):
        job = q[picks[i]]
        goes_on = job.status == RUNNING and not job.malleable and job.order == job.region + 1
        job.rank = -np.inf if goes_on else (job.deadline_step - e.step) * p.step_h - job.left_h


@inlined
def _sort_by_rank(q: Rows, picks: Places, count: int) -> None:
    """Sorts places by the rank of their jobs; equal ranks keep the order of the queue."""
    if count > SHORT:
        ranks, places = np.empty((2, count)), np.empty((2, count), np.int64)
        for i in range(count):
            ranks[0, i], places[0, i] = q[picks[i]].rank, picks[i]
        row = sort_by_key(ranks, places)
        for i in range(count):
            picks[i] = places[row, i]
        return
    for i in range(1, count):
        k, place = picks[i], i
        rank = q[k].rank
        while place > 0 and q[picks[place - 1]].rank > rank:
            picks[place] = picks[place - 1]
            place -= 1
        picks[place] = k


@inlined
def sort_by_key(keys: Floats, places: Ints) -> int:
    """Sorts places by their keys; equal keys keep their order. Runs are merged, which double in length each time.

    NumPy's sorting and its assignment of slices take longer to compile than the rest of a step's part.

    Args:
        keys: keys in row 0, shape (2, N); row 1 is scratch.
        places: places in row 0, shape (2, N); row 1 is scratch.

    Returns:
        The row that holds the result.
    """
    count, here, length = keys.shape[1], 0, 1
    while length < count:
        there = 1 - here
        for first in range(0, count, 2 * length):
            middle, last = min(first + length, count), min(first + 2 * length, count)
            left, right = first, middle
            for i in range(first, last):
                if left < middle and (right == last or keys[here, left] <= keys[here, right]):
                    keys[there, i], places[there, i] = keys[here, left], places[here, left]
                    left += 1
                else:
                    keys[there, i], places[there, i] = keys[here, right], places[here, right]
                    right += 1
        here, length = there, 2 * length
    return here


@inlined
def _room_for(site: Row, reg: Row, job: Row) -> float:
    """GPUs that a job gets of those still free: what it wants or, if it is malleable, what is there."""
    wanted, room = _wanted(job), reg.free_gpus
    if wanted <= EPS or room <= EPS:
        return 0.0
    if job.malleable:
        return wanted if wanted <= room + EPS else room
    allowed = room if job.preemptible else min(room, site.rigid_limit_gpus - reg.rigid_gpus)
    return wanted if wanted <= allowed + EPS else 0.0


@inlined
def take(site: Row, reg: Row, job: Row) -> None:
    """Gives a job GPUs in its region, as many as its order asks for and there are."""
    taken = _room_for(site, reg, job)
    job.taken_gpus = taken
    reg.free_gpus -= taken
    if not job.preemptible:
        reg.rigid_gpus += taken


@inlined
def leave(e: Row, p: Row, sites: Rows, regs: Rows, f: Rows, job: Row) -> bool:
    """Sends a job to the region of its order, if both links take data in this step. Returns whether it left.

    If its data arrive within the step, the job needs GPUs there and runs at once. Else it sets off without GPUs.
    """
    r, source = job.order - 1, regs[job.region]
    reg, data_gb = regs[r], job.data_gb
    if source.wan_out_gb >= source.link_gb or reg.wan_in_gb >= reg.link_gb:
        return False
    steps = max((source.wan_out_gb + data_gb) / source.link_gb, (reg.wan_in_gb + data_gb) / reg.link_gb)
    if steps > 1.0 + EPS:
        _move(p, sites, regs, f, job, r)
        job.status = IN_TRANSIT
        job.ready_step = e.step + ceil(steps - EPS)
        return True
    if _room_for(sites[r], reg, job) <= 0.0:
        return False
    f[r].moved_in_gpu_h += job.left_gpu_h
    _move(p, sites, regs, f, job, r)
    take(sites[r], reg, job)
    return True


@inlined
def _move(p: Row, sites: Rows, regs: Rows, f: Rows, job: Row, r: int) -> None:
    """Puts a job into region `r`, and counts and charges its move."""
    source, data_gb = job.region, job.data_gb
    regs[source].wan_out_gb += data_gb
    regs[r].wan_in_gb += data_gb
    flow, site = f[source], sites[source]
    flow.moved_gb += data_gb
    flow.moved_out_gpu_h += job.left_gpu_h
    flow.wan_kw += data_gb * site.wan_kwh_per_gb / p.step_h
    flow.wan_cost += data_gb * site.wan_cost_per_gb
    if job.status == RUNNING and not job.malleable:
        job.paused = True
    job.region = r
