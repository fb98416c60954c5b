"""Turns the offers of regions into orders for jobs: first for a region's own jobs, then for jobs of others.

An offer says which GPUs a region gives to its own queue and to waiting work of other regions. The dispatcher gives jobs
an order and a limit of GPUs, one after the other. Each order is executed at once, by the same functions that execute
the orders of a policy.
"""

from __future__ import annotations

import numpy as np

from wattward.envs.kernels.codes import WAIT
from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.jobs import fits, leave, sort_by_key, take
from wattward.envs.model.layout import EPS, LOOKAHEAD, MOVABLE, RIGID_JOBS, Places, Row, Rows
from wattward.envs.model.types import Ints

SHORT = 12  # up to this many regions are sorted by insertion


@inlined
def dispatch(e: Row, p: Row, sites: Rows, regs: Rows, f: Rows, q: Rows, now: Rows, order: Ints, picks: Places) -> None:
    """Gives an order to every movable job; jobs that are due and already have GPUs keep them."""
    if e.ordered:
        for i in range(e.n_movable):
            q[picks[MOVABLE, i]].order = WAIT
        e.ordered = 0
    _offer_own(e, sites, regs, q, picks)
    _offer_others(e, p, sites, regs, f, q, now, order, picks[MOVABLE])


@inlined
def _offer_own(e: Row, sites: Rows, regs: Rows, q: Rows, picks: Places) -> None:
    """Offers GPUs to each region's own queue, first to running rigid jobs, so that only due work displaces them."""
    open_regions = 0
    for r in range(regs.size):
        regs[r].own_gpus = regs[r].own_share * regs[r].cap_gpus
        open_regions += 1 if regs[r].own_gpus > EPS else 0
    open_regions = _offer_to(sites, regs, q, picks[RIGID_JOBS], e.n_rigid, open_regions)
    # a rigid job that found no room is tried again here and fails again, because room only shrinks
    _offer_to(sites, regs, q, picks[MOVABLE], e.n_movable, open_regions)


@inlined
def _offer_to(sites: Rows, regs: Rows, q: Rows, picks: Places, count: int, open_regions: int) -> int:
    """Makes one pass, which ends when no region has GPUs left to offer. Returns how many regions still have some."""
    for i in range(count):
        if open_regions == 0:
            break
        job = q[picks[i]]
        reg = regs[job.region]
        if reg.own_gpus <= EPS or job.taken_gpus > 0.0:
            continue
        given = fits(job, reg.own_gpus, sites[job.region].rigid_limit_gpus - reg.rigid_gpus)
        if given <= 0.0:
            continue
        job.order, job.limit_gpus = job.region + 1, given
        take(sites[job.region], reg, job)
        reg.own_gpus -= given
        reg.cap_gpus -= given
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
        costs, places = np.empty((2, count)), np.empty((2, count), np.int64)
        for i in range(count):
            costs[0, i], places[0, i] = regs[order[i]].own_gpus, order[i]
        row = sort_by_key(costs, places)
        for i in range(count):
            order[i] = places[row, i]
    return count


@inlined
def _offer_others(
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
            reg = regs[r]
            if job.region == r:
                continue
            given = fits(job, reg.cap_gpus, sites[r].rigid_limit_gpus - reg.rigid_gpus)
            if given <= 0.0:
                continue
            job.order, job.limit_gpus = r + 1, given
            if leave(e, p, sites, regs, f, job):
                reg.cap_gpus -= given
                break
