"""The compiled encoder behind `observation`: fills rows of float32 in the order of its field table.

Self-contained, so that Numba's cache of it depends on this file alone.
"""

from __future__ import annotations

from math import cos, log1p, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.compiling import compiled
from wattward.envs.types import (
    IN_TRANSIT,
    INTERACTIVE,
    RUNNING,
    SUN,
    WIND,
    Exogenous,
    Floats,
    Ints,
    Params,
    State,
)

N_CLOCK = 7
N_SLACK = 6
"""Queue buckets; their upper edges in hours of slack are SLACK_EDGES_H, the last one open."""
SLACK_EDGES_H = (0.25, 1.0, 4.0, 12.0, 24.0)
N_PRESENT = 15
"""Region fields that are single numbers."""
Row = NDArray[np.float32]


class Encoding(NamedTuple):
    """Scales and forecast weights, fixed per environment."""

    price_scale: Floats  # (B,) [yuan/kWh]
    carbon_scale: Floats  # (B,) [kg/kWh]
    block_of_lead: Ints  # (L,) block of each lead; -1 for lead 0
    n_blocks: Ints  # (1,)
    lead_weight: Floats  # (L,) 1 / leads in its block
    truth_weight: Floats  # (B, 4, L) rho^2
    noise_weight: Floats  # (B, 4, L) rho sqrt(1 - rho^2)


@compiled
def encode_batch(p: Params, s: State, x: Exogenous, e: Encoding, out: NDArray[np.float32]) -> None:
    """Writes the observation of every environment, shape (B, N_CLOCK + R * width)."""
    n_regions = p.fleet_gpus.shape[1]
    width = N_PRESENT + N_SLACK + 3 * e.n_blocks[0]
    for b in range(out.shape[0]):
        _clock(p, s, x, b, out[b])
        out[b, N_CLOCK:] = 0.0
        for r in range(n_regions):
            row = out[b, N_CLOCK + r * width : N_CLOCK + (r + 1) * width]
            _ahead(p, s, x, e, b, r, row)
        _jobs(p, s, x, b, width, out[b, N_CLOCK:])
        for r in range(n_regions):
            row = out[b, N_CLOCK + r * width : N_CLOCK + (r + 1) * width]
            _present(p, s, x, e, b, r, row)


@compiled
def _clock(p: Params, s: State, x: Exogenous, b: int, row: Row) -> None:
    minute = x.start_minute[b] + s.step[b] * p.step_h[b] * 60.0
    day = minute / 1440.0
    hour_angle, year_angle = 2.0 * pi * (day % 1.0), 2.0 * pi * ((day % 365.25) / 365.25)
    left = p.n_steps[b] - s.step[b]
    row[0], row[1] = sin(hour_angle), cos(hour_angle)
    row[2], row[3] = sin(year_angle), cos(year_angle)
    row[4] = 1.0 if (int(day) + 3) % 7 >= 5 else 0.0
    row[5] = left / p.n_steps[b]
    row[6] = min(1.0, left * p.step_h[b] / 24.0)


@compiled
def _pue(p: Params, x: Exogenous, b: int, t: int, r: int) -> float:
    return p.pue_base[b, r] + p.pue_slope_per_c[b, r] * max(0.0, x.air_c[b, t, r] - p.pue_free_c[b, r])


@compiled
def _expected(x: Exogenous, e: Encoding, truth: Floats, b: int, q: int, t: int, lead: int, r: int) -> float:
    usual = x.usual[b, q, t + lead, r]
    anomaly = e.truth_weight[b, q, lead] * (truth[b, t + lead, r] - usual)
    return max(0.0, usual + anomaly + e.noise_weight[b, q, lead] * x.noise[b, q, t + lead, r])


@compiled
def _ahead(p: Params, s: State, x: Exogenous, e: Encoding, b: int, r: int, row: Row) -> None:
    """Price, surplus and interactive load by block of leads, and the rank of the present price."""
    t, blocks, fleet = s.step[b], e.n_blocks[0], p.fleet_gpus[b, r]
    at = N_PRESENT + N_SLACK
    pue = _pue(p, x, b, t, r)
    more_kw = max(pue * (p.gpu_busy_kw[b, r] - p.gpu_idle_kw[b, r]), 1e-6)
    idle_kw = pue * p.gpu_idle_kw[b, r] * fleet
    price_now = x.price_yuan_per_kwh[b, t, r]
    lowest, rank = price_now, 0.0
    for lead in range(1, e.block_of_lead.size):
        block, weight = e.block_of_lead[lead], e.lead_weight[lead]
        price = x.price_yuan_per_kwh[b, t + lead, r]
        busy = _expected(x, e, x.interactive_gpus, b, INTERACTIVE, t, lead, r)
        sun_kw = _expected(x, e, x.sun_kw, b, SUN, t, lead, r)
        green_kw = sun_kw + _expected(x, e, x.wind_kw, b, WIND, t, lead, r) + x.hydro_kw[b, t, r]
        surplus = max(0.0, green_kw - idle_kw - more_kw * busy) / more_kw
        row[at + block] += weight * (price / e.price_scale[b] - 1.0)
        row[at + blocks + block] += weight * min(2.0, surplus / fleet)
        row[at + 2 * blocks + block] += weight * busy / fleet
        lowest = min(lowest, price)
        rank += 1.0 if price < price_now else (0.5 if price == price_now else 0.0)
    row[0] = price_now / e.price_scale[b] - 1.0
    row[1] = rank / max(1, e.block_of_lead.size - 1)
    row[2] = (price_now - lowest) / e.price_scale[b]


@compiled
def _jobs(p: Params, s: State, x: Exogenous, b: int, width: int, rows: Row) -> None:
    """Sums over the jobs present, in GPUs and GPU-h; `_present` scales them."""
    t, step_h = s.step[b], p.step_h[b]
    for k in range(s.n_active[b]):
        j = s.active[b, k]
        base = s.job_region[b, j] * width
        gpus, expected, c = x.job_gpus[b, j], s.job_expected_gpu_h[b, j], x.job_class[b, j]
        to_deadline_h = (x.job_deadline_step[b, j] - t) * step_h
        if to_deadline_h <= 0.0:
            rows[base + 11] += expected
        if s.job_status[b, j] == IN_TRANSIT:
            rows[base + 10] += expected
            continue
        running = s.job_status[b, j] == RUNNING
        if running and not p.class_preemptible[b, c]:
            rows[base + 6] += s.job_alloc_gpus[b, j]
            rows[base + 8] += expected
            continue
        if running:
            rows[base + 7] += s.job_alloc_gpus[b, j]
        if not p.class_divisible[b, c]:
            rows[base + 9] += expected
        slack_h, bucket = to_deadline_h - expected / gpus, 0
        for edge in SLACK_EDGES_H:
            bucket += 1 if slack_h >= edge else 0
        rows[base + N_PRESENT + bucket] += expected


@compiled
def _present(p: Params, s: State, x: Exogenous, e: Encoding, b: int, r: int, row: Row) -> None:
    t, fleet = s.step[b], p.fleet_gpus[b, r]
    pue, locked = _pue(p, x, b, t, r), row[6]
    more_kw = max(pue * (p.gpu_busy_kw[b, r] - p.gpu_idle_kw[b, r]), 1e-6)
    interactive = min(x.interactive_gpus[b, t, r], fleet)
    green_kw = x.sun_kw[b, t, r] + x.wind_kw[b, t, r] + x.hydro_kw[b, t, r]
    base_kw = pue * p.gpu_idle_kw[b, r] * fleet + more_kw * (interactive + locked) - green_kw
    full_kw = max(pue * p.gpu_busy_kw[b, r] * fleet, 1e-6)
    row[3] = x.carbon_kg_per_kwh[b, t, r] / e.carbon_scale[b] - 1.0
    row[4] = min(2.0, max(0.0, -base_kw) / more_kw / fleet)
    row[5] = interactive / fleet
    row[6] = locked / fleet
    row[7] = row[7] / fleet
    for i in range(8, 12):
        row[i] = log1p(row[i] / fleet)
    row[12] = max(-2.0, base_kw / full_kw)
    row[13] = s.peak_kw[b, r] / full_kw
    row[14] = max(s.wan_out_gb[b, r], s.wan_in_gb[b, r]) / p.wan_gb_per_step[b, r]
    for i in range(N_PRESENT, N_PRESENT + N_SLACK):
        row[i] = log1p(row[i] / fleet)
