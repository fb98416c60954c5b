"""Assigns GPUs to the jobs in the queue: first to due jobs, then to a region's own jobs, then to jobs of others."""

from __future__ import annotations

from math import ceil

import numpy as np

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import EPS, LOOKAHEAD, MOVABLE, RIGID_JOBS, Places, Row, Rows
from wattward.envs.model.types import IN_TRANSIT, RUNNING, WAITING, Ints

SHORT = 12  # up to this many regions are sorted by insertion


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


@inlined
def _fits(job: Row, room: float, rigid_room: float) -> float:
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
        taken = _fits(job, reg.free_gpus, np.inf)
        job.taken_gpus = taken
        reg.free_gpus -= taken
        f[job.region].due_gpus += taken
        if not job.preemptible:
            reg.rigid_gpus += taken


@inlined
def offer_own(e: Row, sites: Rows, regs: Rows, q: Rows, picks: Places) -> None:
    """Offers GPUs to each region's own queue, first to running rigid jobs, so that only due work displaces them."""
    open_regions = 0
    for r in range(regs.size):
        regs[r].own_gpus = regs[r].own_share * regs[r].cap_gpus
        open_regions += 1 if regs[r].own_gpus > EPS else 0
    open_regions = _offer_own(sites, regs, q, picks[RIGID_JOBS], e.n_rigid, open_regions)
    # a rigid job that found no room is tried again here and fails again, because room only shrinks
    _offer_own(sites, regs, q, picks[MOVABLE], e.n_movable, open_regions)


@inlined
def _offer_own(sites: Rows, regs: Rows, q: Rows, picks: Places, count: int, open_regions: int) -> int:
    """Makes one pass, which ends when no region has GPUs left to offer. Returns how many regions still have some."""
    for i in range(count):
        if open_regions == 0:
            break
        job = q[picks[i]]
        reg = regs[job.region]
        if reg.own_gpus <= EPS or job.taken_gpus > 0.0:
            continue
        taken = _fits(job, reg.own_gpus, sites[job.region].rigid_limit_gpus - reg.rigid_gpus)
        job.taken_gpus = taken
        reg.own_gpus -= taken
        reg.cap_gpus -= taken
        if not job.preemptible:
            reg.rigid_gpus += taken
        if reg.own_gpus <= EPS:
            open_regions -= 1
    return open_regions


@inlined
def _pullers(regs: Rows, now: Rows, order: Ints) -> int:
    """Sorts the regions that may pull by their cost of power, then by number. Returns how many there are.

    The cost of power is price x PUE; it is 0 in a region that offers surplus only.
    """
    count = 0
    for r in range(regs.size):
        reg = regs[r]
        reg.cap_gpus *= reg.others_share
        if reg.cap_gpus <= EPS:
            continue
        reg.own_gpus = 0.0 if reg.surplus_only else now[r].price_per_kwh * now[r].pue
        place = count
        while count < SHORT and place > 0 and regs[order[place - 1]].own_gpus > reg.own_gpus:
            order[place] = order[place - 1]
            place -= 1
        order[place] = r
        count += 1
    if count > SHORT:
        costs = np.empty(count)
        for i in range(count):
            costs[i] = regs[order[i]].own_gpus
        order[:count] = order[:count][np.argsort(costs, kind="mergesort")]
    return count


@inlined
def offer_others(
    e: Row, p: Row, sites: Rows, regs: Rows, f: Rows, q: Rows, now: Rows, order: Ints, movable: Places
) -> None:
    """Offers the GPUs that are still free to work that waits in other regions."""
    count, first = _pullers(regs, now, order), 0
    for place in range(e.n_movable):
        while first < count and regs[order[first]].cap_gpus <= EPS:
            first += 1
        if first == count:
            return
        job = q[movable[place]]
        if job.taken_gpus > 0.0:
            continue
        for i in range(first, min(first + LOOKAHEAD, count)):
            r = order[i]
            reg, source = regs[r], job.region
            if source == r:
                continue
            taken = _fits(job, reg.cap_gpus, sites[r].rigid_limit_gpus - reg.rigid_gpus)
            if taken <= 0.0 or regs[source].wan_out_gb >= regs[source].link_gb:
                continue
            if reg.wan_in_gb >= reg.link_gb:
                continue
            _move(e, p, sites, regs, f, job, r, taken)
            reg.cap_gpus -= taken
            if not job.preemptible:
                reg.rigid_gpus += taken
            break


@inlined
def _move(e: Row, p: Row, sites: Rows, regs: Rows, f: Rows, job: Row, r: int, taken: float) -> None:
    """Sends a job to region `r`; it runs there at once if its data arrive within this step."""
    source, left, data_gb = job.region, job.left_gpu_h, job.data_gb
    regs[source].wan_out_gb += data_gb
    regs[r].wan_in_gb += data_gb
    flow, site = f[source], sites[source]
    flow.moved_gb += data_gb
    flow.moved_out_gpu_h += left
    flow.wan_kw += data_gb * site.wan_kwh_per_gb / p.step_h
    flow.wan_cost += data_gb * site.wan_cost_per_gb
    if job.status == RUNNING and not job.malleable:
        job.paused = True
    job.region = r
    steps = max(regs[source].wan_out_gb / regs[source].link_gb, regs[r].wan_in_gb / regs[r].link_gb)
    if steps <= 1.0 + EPS:
        f[r].moved_in_gpu_h += left
        job.taken_gpus = taken
    else:
        job.status = IN_TRANSIT
        job.ready_step = e.step + ceil(steps - EPS)
