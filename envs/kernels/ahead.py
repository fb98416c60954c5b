"""What observations say of the world, for all steps of an episode at once: clock, prices, carbon and forecasts.

None of it depends on what a policy does, so it is worked out when an episode is loaded and copied in every step.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import HIGH, LOW, N_CLOCK, N_WORLD
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Exogenous, Floats, Ints, Params


class Encoding(NamedTuple):
    """Scales and forecast weights of a scenario."""

    price_scale: float  # [yuan/kWh]
    carbon_scale: float  # [kg/kWh]
    block_of_lead: Ints  # (L,) block of each lead; -1 for lead 0
    n_blocks: int
    lead_weight: Floats  # (L,) 1 / leads in its block
    truth_weight: Floats  # (4, L) rho^2
    noise_weight: Floats  # (4, L) rho sqrt(1 - rho^2)


class Series(NamedTuple):
    """One region's world, step by step; shapes (N,) and (4, N)."""

    price: Floats
    carbon: Floats
    interactive: Floats
    sun_kw: Floats
    wind_kw: Floats
    hydro_kw: Floats
    pue: Floats
    fixed_kw: Floats
    climatology: Floats
    noise: Floats


@inlined
def _region_series(p: Params, x: Exogenous, r: int) -> Series:
    warmth_c = np.maximum(0.0, x.air_c[0, :, r] - p.pue_free_c[0, r])
    pue = p.pue_base[0, r] + p.pue_slope_per_c[0, r] * warmth_c
    fixed = p.cooling_fixed_share[0, r] * (pue - 1.0)
    return Series(
        x.price_per_kwh[0, :, r].copy(),
        x.carbon_kg_per_kwh[0, :, r].copy(),
        x.interactive_gpus[0, :, r].copy(),
        x.sun_kw[0, :, r].copy(),
        x.wind_kw[0, :, r].copy(),
        x.hydro_kw[0, :, r].copy(),
        pue - fixed,
        fixed * p.gpu_busy_kw[0, r] * p.fleet_gpus[0, r],
        x.climatology[0, :, :, r].copy(),
        x.noise[0, :, :, r].copy(),
    )


@inlined
def look_ahead(p: Params, x: Exogenous, e: Encoding, out: NDArray[np.float32]) -> None:
    """Fills rows of one episode, shape (T, N_CLOCK + R * (N_WORLD + 3 * blocks)); `p` and `x` have B = 1."""
    width = N_WORLD + 3 * e.n_blocks
    for t in range(out.shape[0]):
        _clock(p, x, t, out[t])
    for r in range(p.fleet_gpus.shape[1]):
        series = _region_series(p, x, r)
        columns = out[:, N_CLOCK + r * width : N_CLOCK + (r + 1) * width]
        _prices(series, e, columns)
        _blocks(p, series, e, r, columns)
    for t in range(out.shape[0]):
        for i in range(N_CLOCK, out.shape[1]):
            out[t, i] = min(np.float32(HIGH), max(np.float32(LOW), out[t, i]))


@inlined
def _clock(p: Params, x: Exogenous, t: int, row: NDArray[np.float32]) -> None:
    minute = x.start_minute[0] + t * p.step_h[0] * 60.0
    day = minute / 1440.0
    hour_angle, year_angle = 2.0 * pi * (day % 1.0), 2.0 * pi * ((day % 365.25) / 365.25)
    left = p.n_steps[0] - t
    row[0], row[1] = sin(hour_angle), cos(hour_angle)
    row[2], row[3] = sin(year_angle), cos(year_angle)
    row[4] = 1.0 if (int(day) + 3) % 7 >= 5 else 0.0
    row[5] = left / p.n_steps[0]
    row[6] = min(1.0, left * p.step_h[0] / 24.0)


@inlined
def _prices(s: Series, e: Encoding, columns: NDArray[np.float32]) -> None:
    """The price, its rank among those to come, how far above the lowest it is, and the grid's carbon."""
    n_rows, n_leads = columns.shape[0], e.block_of_lead.size
    lowest, rank = s.price[:n_rows].copy(), np.zeros(n_rows)
    for lead in range(1, n_leads):
        for t in range(n_rows):
            later = s.price[t + lead]
            lowest[t] = min(lowest[t], later)
            rank[t] += 1.0 if later < s.price[t] else (0.5 if later == s.price[t] else 0.0)
    for t in range(n_rows):
        columns[t, 0] = s.price[t] / e.price_scale - 1.0
        columns[t, 1] = rank[t] / max(1, n_leads - 1)
        columns[t, 2] = (s.price[t] - lowest[t]) / e.price_scale
        columns[t, 3] = s.carbon[t] / e.carbon_scale - 1.0


@inlined
def _expected(s: Series, e: Encoding, truth: Floats, quantity: int, t: int, lead: int) -> float:
    climatology = s.climatology[quantity, t + lead]
    anomaly = e.truth_weight[quantity, lead] * (truth[t + lead] - climatology)
    return max(0.0, climatology + anomaly + e.noise_weight[quantity, lead] * s.noise[quantity, t + lead])


@inlined
def _blocks(p: Params, s: Series, e: Encoding, r: int, columns: NDArray[np.float32]) -> None:
    """Price, surplus and interactive load, means by block of leads; leads outside, so that steps go side by side."""
    n_rows, n_blocks, fleet = columns.shape[0], e.n_blocks, p.fleet_gpus[0, r]
    sums = np.zeros((3 * n_blocks, n_rows), np.float32)
    more_kw, idle_kw, share_per_kw = np.empty(n_rows), np.empty(n_rows), np.empty(n_rows)
    for t in range(n_rows):
        more_kw[t] = max(s.pue[t] * (p.gpu_busy_kw[0, r] - p.gpu_idle_kw[0, r]), 1e-6)
        idle_kw[t] = s.pue[t] * p.gpu_idle_kw[0, r] * fleet + s.fixed_kw[t]
        share_per_kw[t] = 1.0 / more_kw[t] / fleet
    scaled = s.price / e.price_scale - 1.0
    for lead in range(1, e.block_of_lead.size):
        weight, block = e.lead_weight[lead], e.block_of_lead[lead]
        weight_by_fleet = weight / fleet
        price_sum, surplus_sum, busy_sum = sums[block], sums[n_blocks + block], sums[2 * n_blocks + block]
        for t in range(n_rows):
            busy = _expected(s, e, s.interactive, INTERACTIVE, t, lead)
            sun_kw = _expected(s, e, s.sun_kw, SUN, t, lead)
            green_kw = sun_kw + _expected(s, e, s.wind_kw, WIND, t, lead) + s.hydro_kw[t]
            surplus = max(0.0, green_kw - idle_kw[t] - more_kw[t] * busy) * share_per_kw[t]
            price_sum[t] += weight * scaled[t + lead]
            surplus_sum[t] += weight * min(2.0, surplus)
            busy_sum[t] += weight_by_fleet * busy
    for block in range(3 * n_blocks):
        for t in range(n_rows):
            columns[t, N_WORLD + block] = sums[block, t]
