"""The scan of the queue between two steps, and the part of an observation that describes the present."""

from __future__ import annotations

from math import log1p

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.codes import WAIT
from wattward.envs.kernels.compiling import inlined
from wattward.envs.model import site_model
from wattward.envs.model.layout import DUE, EPS, MOVABLE, RIGID_JOBS, Places, Row, Rows
from wattward.envs.model.observation import (
    AT,
    LEAST,
    LOGGED,
    MOST,
    N_CLOCK,
    N_NOW,
    N_WORLD,
    SLACK_EDGES_H,
)
from wattward.envs.model.types import COOLING, IN_TRANSIT, POWER, RUNNING, WAITING

Observation = NDArray[np.float32]


@inlined
def scan_queue(e: Row, p: Row, regs: Rows, q: Rows, picks: Places, now: Rows, out: Observation) -> None:
    """Scans the queue before a step: which jobs joined, are locked or are due, and what is observed of them.

    `out` receives sums in GPUs and GPU-h; `observe` scales them.
    """
    width = (out.size - N_CLOCK) // regs.size
    _clear(regs, out, width)
    t, step_h, n_due, n_rigid, n_movable = e.step, p.step_h, 0, 0, 0
    for k in range(e.n_active):
        job = q[k]
        reg, base, expected = regs[job.region], N_CLOCK + job.region * width, job.expected_gpu_h
        to_deadline_h = (job.deadline_step - t) * step_h
        _begin_step(e, job, reg)
        if to_deadline_h <= 0.0:
            out[base + AT.late] += expected
        if job.status == IN_TRANSIT:
            out[base + AT.transit] += expected
            continue
        if job.status == RUNNING:
            if job.preemptible:
                picks[RIGID_JOBS, n_rigid] = k
                n_rigid += 0 if job.malleable else 1
            elif _keeps_gpus(job, reg, now[job.region]):
                out[base + AT.locked] += job.alloc_gpus
                out[base + AT.locked_work] += expected
                continue
            out[base + AT.running] += job.alloc_gpus
        slack_h = to_deadline_h - job.left_h
        if not job.malleable:
            out[base + AT.rigid_work] += expected
        out[base + AT.queue + _bucket(slack_h)] += expected
        picks[MOVABLE, n_movable] = k
        n_movable += 1
        if slack_h < step_h - EPS:
            picks[DUE, n_due] = k
            n_due += 1
    e.n_due, e.n_rigid, e.n_movable = n_due, n_rigid, n_movable


@inlined
def _clear(regs: Rows, out: Observation, width: int) -> None:
    """Sets everything that the scan sums up to zero."""
    for r in range(regs.size):
        regs[r].locked_gpus, regs[r].arrived_gpu_h, regs[r].moved_in_gpu_h = 0.0, 0.0, 0.0
        for i in range(N_WORLD, N_NOW):
            out[N_CLOCK + r * width + i] = 0.0


@inlined
def _begin_step(e: Row, job: Row, reg: Row) -> None:
    """Takes away a job's GPUs and the dispatcher's order, and counts its work if it joins the region's queue now."""
    job.taken_gpus = 0.0
    job.order = job.order if e.ordered else WAIT
    if job.arrival_step == e.step:
        reg.arrived_gpu_h += job.left_gpu_h
    if job.ready_step == e.step:
        reg.moved_in_gpu_h += job.left_gpu_h


@inlined
def _keeps_gpus(job: Row, reg: Row, hour: Row) -> bool:
    """Whether a running job that cannot be preempted keeps its GPUs.

    It is paused if it no longer fits on the GPUs in order.
    """
    if reg.locked_gpus + job.alloc_gpus > hour.fleet_gpus + EPS:
        job.status, job.alloc_gpus, job.paused = WAITING, 0.0, True
        return False
    job.taken_gpus = job.alloc_gpus
    reg.locked_gpus += job.alloc_gpus
    return True


@inlined
def _bucket(slack_h: float) -> int:
    """The index of the range of slack in which `slack_h` lies, see `SLACK_EDGES_H`."""
    bucket = 0
    for edge in SLACK_EDGES_H:
        bucket += 1 if slack_h >= edge else 0
    return bucket


@inlined
def observe(sites: Rows, stores: Rows, regs: Rows, held: Rows, now: Rows, ahead: Observation, out: Observation) -> None:
    """Completes an observation from the sums of the scan.

    The observation has the shape (N_CLOCK + R * region_width(blocks, extended),).
    """
    n_regions = regs.size
    width = (out.size - N_CLOCK) // n_regions
    n_ahead = (ahead.size - N_CLOCK) // n_regions - N_WORLD
    for i in range(N_CLOCK):
        out[i] = ahead[i]
    for r in range(n_regions):
        at, of = N_CLOCK + r * width, N_CLOCK + r * (N_WORLD + n_ahead)
        for i in range(N_WORLD):
            out[at + i] = ahead[of + i]
        for i in range(n_ahead):
            out[at + N_NOW + i] = ahead[of + N_WORLD + i]
        _present(sites[r], regs[r], now[r], out[at : at + N_NOW])
        if width > N_NOW + n_ahead:
            extras = out[at + N_NOW + n_ahead : at + width]
            extras[AT.stored_power] = _filled(stores[r], held[r], POWER)
            extras[AT.stored_cold] = _filled(stores[r], held[r], COOLING)
            _extras(sites[r], regs[r], now[r], extras)


@inlined
def _present(site: Row, reg: Row, hour: Row, row: Observation) -> None:
    locked, fleet = reg.locked_gpus, site.fleet_gpus
    interactive, awake = min(hour.interactive_gpus, fleet), min(reg.awake_gpus, hour.fleet_gpus)
    at_work = site_model.served_gpus(interactive, awake, locked)
    if site.serving_exponent != 1.0:
        at_work = site_model.serving_gpus(site, at_work)
    green_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw
    it_kw = site_model.it_kw(site, hour.fleet_gpus, hour.fleet_gpus - awake, at_work + locked)
    load_kw = site_model.facility_kw(it_kw, hour.pue, hour.fixed_kw)
    base_kw = load_kw - site_model.recovered_kw(site, it_kw) - green_kw
    full_kw = max(hour.pue * site.gpu_busy_kw * fleet, 1e-6)
    more_kw = max(site_model.kw_per_awake_gpu(site, hour.pue), 1e-6)
    row[AT.surplus] = min(MOST.surplus, site_model.surplus_kw(green_kw, load_kw) / more_kw / fleet)
    row[AT.interactive] = interactive / fleet
    row[AT.locked] = row[AT.locked] / fleet
    row[AT.running] = row[AT.running] / fleet
    row[AT.base_load] = max(LEAST.base_load, base_kw / full_kw)
    row[AT.peak] = min(MOST.peak, reg.peak_kw / full_kw)
    row[AT.wan_backlog] = min(MOST.wan_backlog, max(reg.wan_out_gb, reg.wan_in_gb) / site.wan_gb_per_step)
    for i in LOGGED:
        if row[i] != 0.0:
            row[i] = log1p(row[i] / fleet)


@inlined
def _filled(stores: Rows, held: Rows, coupling: int) -> float:
    """The energy in all stores of one coupling at a site, as a share of their capacity; 0 if there are none."""
    stored_kwh, capacity_kwh = 0.0, 0.0
    for s in range(stores.size):
        if stores[s].coupling == coupling:
            stored_kwh += held[s].stored_kwh
            capacity_kwh += stores[s].capacity_kwh
    return stored_kwh / max(capacity_kwh, 1e-6)


@inlined
def _extras(site: Row, reg: Row, hour: Row, row: Observation) -> None:
    full_kw = max(hour.pue * site.gpu_busy_kw * site.fleet_gpus, 1e-6)
    row[AT.store_rule] = hour.store_order
    row[AT.awake] = min(reg.awake_gpus, hour.fleet_gpus) / site.fleet_gpus
    row[AT.in_order] = hour.fleet_gpus / site.fleet_gpus
    row[AT.link] = hour.wan_share
    row[AT.direct] = min(MOST.direct, hour.direct_kw / full_kw)
    row[AT.contract] = min(MOST.contract, hour.contract_kw / full_kw)
    row[AT.cut] = min(MOST.cut, hour.cut_kw / full_kw)
    row[AT.announced_cut] = min(MOST.announced_cut, hour.announced_cut_kw / full_kw)
    row[AT.announced_in] = min(MOST.announced_in, hour.announced_in_h / 24.0)
    row[AT.green_lead] = reg.green_kwh / reg.load_kwh - site.green_share_min if reg.load_kwh > 0.0 else 0.0
