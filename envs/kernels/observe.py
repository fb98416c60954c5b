"""The look through the queue between two steps, and what an observation holds of the present."""

from __future__ import annotations

from math import log1p

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import (
    DUE,
    EPS,
    HIGH,
    MOVABLE,
    N_CLOCK,
    N_PRESENT,
    N_SLACK,
    N_WORLD,
    RIGID_JOBS,
    SLACK_EDGES_H,
    Places,
    Row,
    Rows,
)
from wattward.envs.model.types import IN_TRANSIT, RUNNING, WAITING

Observation = NDArray[np.float32]


@inlined
def scan_queue(e: Row, p: Row, regs: Rows, q: Rows, picks: Places, now: Rows, out: Observation) -> None:
    """Looks through the queue before a step: what joined, what is locked and due, and what an observation says of it.

    Running rigid jobs that cannot be preempted keep their GPUs, but for those that fail. `out` gets sums in GPUs and
    GPU-h; `observe` scales them.
    """
    for r in range(regs.size):
        regs[r].locked_gpus, regs[r].arrived_gpu_h, regs[r].moved_in_gpu_h = 0.0, 0.0, 0.0
    width = (out.size - N_CLOCK) // regs.size
    for r in range(regs.size):
        for i in range(N_WORLD, N_PRESENT + N_SLACK):
            out[N_CLOCK + r * width + i] = 0.0
    t, step_h, n_due, n_rigid, n_movable = e.step, p.step_h, 0, 0, 0
    for k in range(e.n_active):
        job = q[k]
        reg, base, expected = regs[job.region], N_CLOCK + job.region * width, job.expected_gpu_h
        to_deadline_h = (job.deadline_step - t) * step_h
        job.taken_gpus = 0.0
        if job.arrival_step == t:
            reg.arrived_gpu_h += job.left_gpu_h
        if job.ready_step == t:
            reg.moved_in_gpu_h += job.left_gpu_h
        if to_deadline_h <= 0.0:
            out[base + 11] += expected
        if job.status == IN_TRANSIT:
            out[base + 10] += expected
            continue
        if job.status == RUNNING:
            if not job.preemptible and reg.locked_gpus + job.alloc_gpus > now[job.region].fleet_gpus + EPS:
                job.status, job.alloc_gpus, job.paused = WAITING, 0.0, True
            elif not job.preemptible:
                job.taken_gpus = job.alloc_gpus
                reg.locked_gpus += job.alloc_gpus
                out[base + 6] += job.alloc_gpus
                out[base + 8] += expected
                continue
            else:
                picks[RIGID_JOBS, n_rigid] = k
                n_rigid += 0 if job.malleable else 1
            out[base + 7] += job.alloc_gpus
        if not job.malleable:
            out[base + 9] += expected
        slack_h, bucket = to_deadline_h - job.left_h, 0
        for edge in SLACK_EDGES_H:
            bucket += 1 if slack_h >= edge else 0
        out[base + N_PRESENT + bucket] += expected
        picks[MOVABLE, n_movable] = k
        n_movable += 1
        if slack_h < step_h - EPS:
            picks[DUE, n_due] = k
            n_due += 1
    e.n_due, e.n_rigid, e.n_movable = n_due, n_rigid, n_movable


@inlined
def observe(sites: Rows, regs: Rows, now: Rows, ahead: Observation, out: Observation) -> None:
    """Makes an observation of what the scan summed.

    Its shape is (N_CLOCK + R * (N_PRESENT + N_SLACK + 3 * blocks + (0 or N_EXTRA)),).
    """
    n_regions, n_queue = regs.size, N_PRESENT + N_SLACK
    width = (out.size - N_CLOCK) // n_regions
    n_ahead = (ahead.size - N_CLOCK) // n_regions - N_WORLD
    for i in range(N_CLOCK):
        out[i] = ahead[i]
    for r in range(n_regions):
        at, of = N_CLOCK + r * width, N_CLOCK + r * (N_WORLD + n_ahead)
        for i in range(N_WORLD):
            out[at + i] = ahead[of + i]
        for i in range(n_ahead):
            out[at + n_queue + i] = ahead[of + N_WORLD + i]
        _present(sites[r], regs[r], now[r], out[at : at + n_queue])
        if width > n_queue + n_ahead:
            _extras(sites[r], regs[r], now[r], out[at + n_queue + n_ahead : at + width])


@inlined
def _present(site: Row, reg: Row, hour: Row, row: Observation) -> None:
    pue, locked, fleet = hour.pue, row[6], site.fleet_gpus
    more_kw = max(pue * (site.gpu_busy_kw - site.gpu_idle_kw), 1e-6)
    interactive = min(hour.interactive_gpus, fleet)
    green_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw
    base_kw = pue * site.gpu_idle_kw * fleet + more_kw * (interactive + locked) - green_kw + hour.fixed_kw
    full_kw = max(pue * site.gpu_busy_kw * fleet, 1e-6)
    row[4] = min(2.0, max(0.0, -base_kw) / more_kw / fleet)
    row[5] = interactive / fleet
    row[6] = locked / fleet
    row[7] = row[7] / fleet
    row[12] = max(-2.0, base_kw / full_kw)
    row[13] = min(HIGH, reg.peak_kw / full_kw)
    row[14] = min(HIGH, max(reg.wan_out_gb, reg.wan_in_gb) / site.wan_gb_per_step)
    for i in range(8, N_PRESENT + N_SLACK):
        if (i < 12 or i >= N_PRESENT) and row[i] != 0.0:
            row[i] = log1p(row[i] / fleet)


@inlined
def _extras(site: Row, reg: Row, hour: Row, row: Observation) -> None:
    full_kw = max(hour.pue * site.gpu_busy_kw * site.fleet_gpus, 1e-6)
    row[0] = reg.stored_kwh / max(site.battery_kwh, 1e-6)
    row[1] = reg.chilled_kwh / max(site.tank_kwh, 1e-6)
    row[2] = hour.store_order
    row[3] = min(reg.awake_gpus, hour.fleet_gpus) / site.fleet_gpus
    row[4] = hour.fleet_gpus / site.fleet_gpus
    row[5] = hour.wan_share
    row[6] = min(HIGH, hour.direct_kw / full_kw)
    row[7] = min(HIGH, hour.contract_kw / full_kw)
    row[8] = min(HIGH, hour.cut_kw / full_kw)
    row[9] = min(HIGH, hour.announced_cut_kw / full_kw)
    row[10] = min(1.0, hour.announced_in_h / 24.0)
    row[11] = reg.green_kwh / reg.load_kwh - site.green_share_min if reg.load_kwh > 0.0 else 0.0
