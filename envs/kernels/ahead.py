"""The part of observations that depends on the world alone: clock, prices, carbon and forecasts.

It does not depend on what a policy does. So it is computed for all steps when an episode is loaded, and copied into
the observation in every step.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model import site_model
from wattward.envs.model.observation import AT, HIGH, LOW, MOST, N_CLOCK, N_FORECASTS, N_WORLD
from wattward.envs.model.site_model import SitePower
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Exogenous, Floats, Ints, Params


class Encoding(NamedTuple):
    """Scales and forecast weights of a scenario."""

    price_scale: float  # [currency/kWh]
    carbon_scale: float  # [kg/kWh]
    block_of_lead: Ints  # (L,) block of each lead; -1 for lead 0
    n_blocks: int
    lead_weight: Floats  # (L,) 1 / leads in its block
    truth_weight: Floats  # (4, L) rho^2
    noise_weight: Floats  # (4, L) rho sqrt(1 - rho^2)


class Series(NamedTuple):
    """The world of one region by step; shapes (N,) and (4, N)."""

    price: Floats
    carbon: Floats
    interactive: Floats
    sun_kw: Floats
    wind_kw: Floats
    hydro_kw: Floats
    air_c: Floats
    in_order_gpus: Floats
    climatology: Floats
    noise: Floats


@inlined
def _region_series(x: Exogenous, r: int) -> Series:
    return Series(
        x.price_per_kwh[0, :, r].copy(),
        x.carbon_kg_per_kwh[0, :, r].copy(),
        x.interactive_gpus[0, :, r].copy(),
        x.sun_kw[0, :, r].copy(),
        x.wind_kw[0, :, r].copy(),
        x.hydro_kw[0, :, r].copy(),
        x.air_c[0, :, r].copy(),
        x.fleet_gpus[0, :, r].copy(),
        x.climatology[0, :, :, r].copy(),
        x.noise[0, :, :, r].copy(),
    )


@inlined
def _site(p: Params, r: int) -> SitePower:
    return SitePower(
        p.fleet_gpus[0, r],
        p.gpu_idle_kw[0, r],
        p.gpu_busy_kw[0, r],
        p.gpu_sleep_kw[0, r],
        p.wake_kwh[0, r],
        p.headroom_gpus[0, r],
        p.serving_exponent[0, r],
        p.serving_gpus[0, r],
        p.pue_base[0, r],
        p.pue_slope_per_c[0, r],
        p.pue_free_c[0, r],
        p.cooling_fixed_share[0, r],
        p.recovered_share[0, r],
    )


@inlined
def look_ahead(p: Params, x: Exogenous, e: Encoding, out: NDArray[np.float32]) -> None:
    """Fills rows of one episode, shape (T, N_CLOCK + R * (N_WORLD + N_FORECASTS * blocks)); `p` and `x` have B = 1."""
    width = N_WORLD + N_FORECASTS * e.n_blocks
    for t in range(out.shape[0]):
        _clock(p, x, t, out[t])
    for r in range(p.fleet_gpus.shape[1]):
        series = _region_series(x, r)
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
    row[AT.hour], row[AT.hour + 1] = sin(hour_angle), cos(hour_angle)
    row[AT.season], row[AT.season + 1] = sin(year_angle), cos(year_angle)
    row[AT.weekend] = 1.0 if (int(day) + 3) % 7 >= 5 else 0.0
    row[AT.time_left] = left / p.n_steps[0]
    row[AT.last_day] = min(MOST.last_day, left * p.step_h[0] / 24.0)


@inlined
def _prices(s: Series, e: Encoding, columns: NDArray[np.float32]) -> None:
    """Fills the price, its rank among the coming prices, its distance from the lowest, and the grid's carbon."""
    n_rows, n_leads = columns.shape[0], e.block_of_lead.size
    lowest, rank = s.price[:n_rows].copy(), np.zeros(n_rows)
    for lead in range(1, n_leads):
        for t in range(n_rows):
            later = s.price[t + lead]
            lowest[t] = min(lowest[t], later)
            rank[t] += 1.0 if later < s.price[t] else (0.5 if later == s.price[t] else 0.0)
    for t in range(n_rows):
        columns[t, AT.price] = s.price[t] / e.price_scale - 1.0
        columns[t, AT.price_rank] = rank[t] / max(1, n_leads - 1)
        columns[t, AT.price_above_lowest] = (s.price[t] - lowest[t]) / e.price_scale
        columns[t, AT.carbon] = s.carbon[t] / e.carbon_scale - 1.0


@inlined
def _expected(s: Series, e: Encoding, truth: Floats, quantity: int, t: int, lead: int) -> float:
    climatology = s.climatology[quantity, t + lead]
    anomaly = e.truth_weight[quantity, lead] * (truth[t + lead] - climatology)
    return max(0.0, climatology + anomaly + e.noise_weight[quantity, lead] * s.noise[quantity, t + lead])


@inlined
def _blocks(p: Params, s: Series, e: Encoding, r: int, columns: NDArray[np.float32]) -> None:
    """Fills the means of price, surplus and interactive load over each block of leads.

    The outer loop runs over leads, so that the inner loop over steps is vectorised. Surplus is the green power that
    remains after the load of requests, with unneeded GPUs asleep where GPUs can sleep. It assumes the present air
    temperature and the present number of GPUs in order.
    """
    n_rows, n_blocks, site = columns.shape[0], e.n_blocks, _site(p, r)
    fleet, in_order = site.fleet_gpus, s.in_order_gpus
    sums = np.zeros((N_FORECASTS * n_blocks, n_rows), np.float32)
    slope, fixed_kw, share_per_kw = np.empty(n_rows), np.empty(n_rows), np.empty(n_rows)
    busy, at_work = np.empty(n_rows), np.empty(n_rows)
    for t in range(n_rows):
        slope[t], fixed_kw[t] = site_model.cooling_line(site, s.air_c[t])
        share_per_kw[t] = 1.0 / max(site_model.kw_per_rested_gpu(site, slope[t]), 1e-6) / fleet
    scaled = s.price / e.price_scale - 1.0
    for lead in range(1, e.block_of_lead.size):
        weight, block = e.lead_weight[lead], e.block_of_lead[lead]
        weight_by_fleet = weight / fleet
        price_sum, surplus_sum = sums[AT.price_ahead * n_blocks + block], sums[AT.surplus_ahead * n_blocks + block]
        busy_sum = sums[AT.interactive_ahead * n_blocks + block]
        for t in range(n_rows):
            busy[t] = _expected(s, e, s.interactive, INTERACTIVE, t, lead)
            at_work[t] = min(busy[t], in_order[t])
        if site.serving_exponent != 1.0:  # a separate loop, as a loop with powers is not vectorised
            for t in range(n_rows):
                at_work[t] = site_model.serving_gpus(site, at_work[t])
        for t in range(n_rows):
            sun_kw = _expected(s, e, s.sun_kw, SUN, t, lead)
            green_kw = sun_kw + _expected(s, e, s.wind_kw, WIND, t, lead) + s.hydro_kw[t]
            awake = site_model.kept_awake_gpus(site, busy[t], in_order[t])
            load_kw = site_model.base_kw(site, slope[t], fixed_kw[t], in_order[t], awake, at_work[t])
            surplus = site_model.surplus_kw(green_kw, load_kw) * share_per_kw[t]
            price_sum[t] += weight * scaled[t + lead]
            surplus_sum[t] += weight * min(MOST.surplus_ahead, surplus)
            busy_sum[t] += weight_by_fleet * busy[t]
    for block in range(N_FORECASTS * n_blocks):
        for t in range(n_rows):
            columns[t, N_WORLD + block] = sums[block, t]
