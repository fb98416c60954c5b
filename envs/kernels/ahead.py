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
from wattward.envs.kernels.forecast import N_TRACKED, ForecastTables, expect, settle
from wattward.envs.model import site_model
from wattward.envs.model.observation import AT, HIGH, LOW, MOST, N_CLOCK, N_FORECASTS, N_WORLD
from wattward.envs.model.site_model import SitePower
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Exogenous, Floats, Ints, Params, Signals

SPAN, LEADS = 768, 8
"""Most steps and leads whose forecasts are made at once."""
SLOPE, FIXED, SHARE, N_POWERS = 0, 1, 2, 3
"""Rows of what the power of a region depends on."""


class Encoding(NamedTuple):
    """Scales and forecast tables of a scenario."""

    price_scale: float  # [currency/kWh]
    carbon_scale: float  # [kg/kWh]
    block_of_lead: Ints  # (L,) block of each lead; -1 for lead 0
    n_blocks: int
    lead_weight: Floats  # (L,) 1 / leads in its block
    forecast: ForecastTables


class Series(NamedTuple):
    """The world of one region by step, each (N,)."""

    price: Floats
    carbon: Floats
    interactive: Floats
    sun_kw: Floats
    wind_kw: Floats
    hydro_kw: Floats
    air_c: Floats
    in_order_gpus: Floats


class Sights(NamedTuple):
    """What the observation of one episode needs to look ahead: the sites, and the world that lies before them."""

    n_steps: int  # in the episode
    step_h: float
    start_minute: int  # local time of step 0 [minutes since 1970-01-01 00:00]
    price_per_kwh: Floats  # (N, R), as all that follow
    carbon_kg_per_kwh: Floats
    interactive_gpus: Floats
    sun_kw: Floats
    wind_kw: Floats
    hydro_kw: Floats
    air_c: Floats
    fleet_gpus: Floats  # GPUs in order
    signals: Signals  # B = 1
    sites: SitePower  # each (R,)


def sights_of(params: Params, world: Exogenous) -> Sights:
    """The part of a world and its parameters, B = 1 each, that `look_ahead` reads.

    A kernel is compiled for everything that it is given, read or not, so it is given no more.
    """
    about = int(params.n_steps[0]), float(params.step_h[0]), int(world.start_minute[0])
    return Sights(
        *about,
        world.price_per_kwh[0],
        world.carbon_kg_per_kwh[0],
        world.interactive_gpus[0],
        world.sun_kw[0],
        world.wind_kw[0],
        world.hydro_kw[0],
        world.air_c[0],
        world.fleet_gpus[0],
        world.signals,
        site_model.power_of(params, 0),
    )


@inlined
def _region_series(x: Sights, r: int) -> Series:
    return Series(
        x.price_per_kwh[:, r].copy(),
        x.carbon_kg_per_kwh[:, r].copy(),
        x.interactive_gpus[:, r].copy(),
        x.sun_kw[:, r].copy(),
        x.wind_kw[:, r].copy(),
        x.hydro_kw[:, r].copy(),
        x.air_c[:, r].copy(),
        x.fleet_gpus[:, r].copy(),
    )


@inlined
def _site(sites: SitePower, r: int) -> SitePower:
    return SitePower(
        sites.fleet_gpus[r],
        sites.gpu_idle_kw[r],
        sites.gpu_busy_kw[r],
        sites.gpu_sleep_kw[r],
        sites.wake_kwh[r],
        sites.headroom_gpus[r],
        sites.serving_exponent[r],
        sites.serving_gpus[r],
        sites.pue_base[r],
        sites.pue_slope_per_c[r],
        sites.pue_free_c[r],
        sites.cooling_fixed_share[r],
        sites.recovered_share[r],
    )


@inlined
def look_ahead(x: Sights, e: Encoding, out: NDArray[np.float32]) -> None:
    """Fills rows of one episode, shape (T, N_CLOCK + R * (N_WORLD + N_FORECASTS * blocks))."""
    width = N_WORLD + N_FORECASTS * e.n_blocks
    for t in range(out.shape[0]):
        _clock(x, t, out[t])
    for r in range(x.fleet_gpus.shape[1]):
        series = _region_series(x, r)
        columns = out[:, N_CLOCK + r * width : N_CLOCK + (r + 1) * width]
        _prices(series, e, columns)
        _blocks(_site(x.sites, r), x.signals, series, e, r, columns)
    for t in range(out.shape[0]):
        for i in range(N_CLOCK, out.shape[1]):
            out[t, i] = min(np.float32(HIGH), max(np.float32(LOW), out[t, i]))


@inlined
def _clock(x: Sights, t: int, row: NDArray[np.float32]) -> None:
    minute = x.start_minute + t * x.step_h * 60.0
    day = minute / 1440.0
    hour_angle, year_angle = 2.0 * pi * (day % 1.0), 2.0 * pi * ((day % 365.25) / 365.25)
    left = x.n_steps - t
    row[AT.hour], row[AT.hour + 1] = sin(hour_angle), cos(hour_angle)
    row[AT.season], row[AT.season + 1] = sin(year_angle), cos(year_angle)
    row[AT.weekend] = 1.0 if (int(day) + 3) % 7 >= 5 else 0.0
    row[AT.time_left] = left / x.n_steps
    row[AT.last_day] = min(MOST.last_day, left * x.step_h / 24.0)


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
def _forecast(
    x: Signals, e: Encoding, truth: Floats, quantity: int, r: int, first: int, lead: int, tracked: Floats, out: Floats
) -> None:
    """Fills the forecasts of a quantity that follows from one signal alone, shape (leads, steps of issue).

    If the first lead is not seen, no later one is.
    """
    gain = x.mix[0, quantity, r, 1 + quantity]
    if gain == 0.0:
        out[:] = 0.0
        return
    is_plain = x.false_news.shape[1] == 0
    expect(x, e.forecast, quantity, r, first, lead, gain, 0.0 if is_plain else -np.inf, tracked, out)
    if not is_plain or e.forecast.is_seen[quantity, lead]:
        settle(x, e.forecast, truth, quantity, r, first, lead, out)


@inlined
def _blocks(site: SitePower, x: Signals, s: Series, e: Encoding, r: int, columns: NDArray[np.float32]) -> None:
    """Fills the means of price, surplus and interactive load over each block of leads.

    Steps and leads are taken some at a time, so that their forecasts stay in the processor's cache. The last span of
    steps may overlap the one before.
    """
    n_rows, n_leads = columns.shape[0], e.block_of_lead.size
    n_parts = (n_rows + SPAN - 1) // SPAN
    span = (n_rows + n_parts - 1) // n_parts
    tracked, foreseen = np.empty((3, N_TRACKED, span)), np.empty((3, LEADS, span))
    sums, power = np.empty((N_FORECASTS * e.n_blocks, span)), np.empty((N_POWERS, span))
    truths = (s.sun_kw, s.wind_kw, s.interactive)
    for part in range(n_parts):
        first = max(0, min(part * span, n_rows - span))
        _prepare(site, s, first, power)
        sums[:] = 0.0
        _add_prices(s, e, first, sums)
        for lead in range(1, n_leads, LEADS):
            taken = min(LEADS, n_leads - lead)
            for q in range(3):
                _forecast(x, e, truths[q], q, r, first, lead, tracked[q], foreseen[q, :taken])
            for place in range(taken):
                _add_to_blocks(site, s, e, foreseen, first, lead, place, power, sums)
        for block in range(sums.shape[0]):
            for t in range(span):
                columns[first + t, N_WORLD + block] = sums[block, t]


@inlined
def _prepare(site: SitePower, s: Series, first: int, power: Floats) -> None:
    """Fills what power depends on at each step: the cooling line and the inverse of a full fleet's power."""
    for t in range(power.shape[1]):
        power[SLOPE, t], power[FIXED, t] = site_model.cooling_line(site, s.air_c[first + t])
        kw_per_gpu = site_model.kw_per_rested_gpu(site, power[SLOPE, t])
        power[SHARE, t] = 1.0 / max(kw_per_gpu, 1e-6) / site.fleet_gpus


@inlined
def _add_to_blocks(
    site: SitePower,
    s: Series,
    e: Encoding,
    foreseen: Floats,
    first: int,
    lead: int,
    place: int,
    power: Floats,
    sums: Floats,
) -> None:
    """Adds the forecasts of one lead to its block.

    Surplus is the green power that remains after the load of requests, with unneeded GPUs asleep where GPUs can sleep.
    It assumes the present air temperature and the present number of GPUs in order. Each loop uses few arrays, so that
    it is vectorised.
    """
    span, weight, block = sums.shape[1], e.lead_weight[lead + place], e.block_of_lead[lead + place]
    weight_by_fleet, at = weight / site.fleet_gpus, max(0, first)
    surplus, busy = AT.surplus_ahead * e.n_blocks + block, AT.interactive_ahead * e.n_blocks + block
    for t in range(span):
        sums[busy, t] += weight_by_fleet * foreseen[INTERACTIVE, place, t]
    if site.serving_exponent == 1.0:
        for t in range(span):
            at_work = min(foreseen[INTERACTIVE, place, t], s.in_order_gpus[at + t])
            sums[surplus, t] += weight * _surplus(site, s, foreseen, at, place, power, t, at_work)
    else:  # loops with powers are not vectorised
        for t in range(span):
            at_work = min(foreseen[INTERACTIVE, place, t], s.in_order_gpus[at + t])
            at_work = site_model.serving_gpus(site, at_work)
            sums[surplus, t] += weight * _surplus(site, s, foreseen, at, place, power, t, at_work)


@inlined
def _surplus(
    site: SitePower, s: Series, foreseen: Floats, at: int, place: int, power: Floats, t: int, at_work_gpus: float
) -> float:
    """Surplus as a share of a full fleet's power, as far as it can be observed."""
    in_order = s.in_order_gpus[at + t]
    awake = site_model.kept_awake_gpus(site, foreseen[INTERACTIVE, place, t], in_order)
    load_kw = site_model.base_kw(site, power[SLOPE, t], power[FIXED, t], in_order, awake, at_work_gpus)
    green_kw = foreseen[SUN, place, t] + foreseen[WIND, place, t] + s.hydro_kw[at + t]
    return min(MOST.surplus_ahead, site_model.surplus_kw(green_kw, load_kw) * power[SHARE, t])


@inlined
def _add_prices(s: Series, e: Encoding, first: int, sums: Floats) -> None:
    """Adds the mean price of each block, from the running sum of prices."""
    n_leads, total = e.block_of_lead.size, np.empty(sums.shape[1] + e.block_of_lead.size)
    total[0] = 0.0
    for t in range(1, total.size):
        total[t] = total[t - 1] + s.price[first + t - 1] / e.price_scale - 1.0
    begin = 1
    for lead in range(1, n_leads):
        if lead == n_leads - 1 or e.block_of_lead[lead + 1] != e.block_of_lead[lead]:
            price, weight = AT.price_ahead * e.n_blocks + e.block_of_lead[lead], e.lead_weight[lead]
            for t in range(sums.shape[1]):
                sums[price, t] = weight * (total[t + lead + 1] - total[t + begin])
            begin = lead + 1
