"""The part of observations that depends on the world alone: clock, prices, carbon and forecasts.

It does not depend on what a policy does. So it is computed for all steps when an episode is loaded, and copied into
the observation in every step.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.forecast import (
    N_TRACKED,
    ForecastTables,
    Latent,
    Outcome,
    expect,
    false_news_of,
    scaled_latent_of,
    settle,
)
from wattward.envs.model import site_model
from wattward.envs.model.layout import (
    AIR_C,
    CARBON_INTENSITY,
    FLEET_GPUS,
    HYDRO_KW,
    INTERACTIVE_GPUS,
    PRICE,
    SUN_KW,
    WIND_KW,
    Row,
    Rows,
)
from wattward.envs.model.observation import AT, HIGH, LOW, MOST, N_CLOCK, N_FORECASTS, N_WORLD
from wattward.envs.model.site_model import SitePower
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Floats, Ints, Signals

Singles = NDArray[np.float32]

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
    """The world of one region by step, each (N,), in single precision."""

    price: Singles
    interactive: Singles
    sun_kw: Singles
    wind_kw: Singles
    hydro_kw: Singles
    in_order_gpus: Singles


@inlined
def _region_series(series: Floats, r: int) -> Series:
    return Series(
        series[PRICE, r].astype(np.float32),
        series[INTERACTIVE_GPUS, r].astype(np.float32),
        series[SUN_KW, r].astype(np.float32),
        series[WIND_KW, r].astype(np.float32),
        series[HYDRO_KW, r].astype(np.float32),
        series[FLEET_GPUS, r].astype(np.float32),
    )


@inlined
def _site(row: Row) -> SitePower:
    """The site's parameters in single precision."""
    return SitePower(
        np.float32(row.fleet_gpus),
        np.float32(row.gpu_idle_kw),
        np.float32(row.gpu_busy_kw),
        np.float32(row.gpu_sleep_kw),
        np.float32(row.wake_kwh),
        np.float32(row.headroom_gpus),
        np.float32(row.serving_exponent),
        np.float32(row.serving_gpus),
        np.float32(row.pue_base),
        np.float32(row.pue_slope_per_c),
        np.float32(row.pue_free_c),
        np.float32(row.cooling_fixed_share),
        np.float32(row.recovered_share),
    )


@inlined
def look_ahead(
    scenario: Row, sites: Rows, start_minute: int, series: Floats, x: Signals, e: Encoding, out: Singles
) -> None:
    """Fills rows of one episode, shape (T, N_CLOCK + R * (N_WORLD + N_FORECASTS * blocks)).

    Args:
        scenario: the row of SCENARIO.
        sites: rows of SITE, shape (R,).
        start_minute: start of the episode.
        series: series of the world, shape (N_SERIES, R, N).
        x: what forecasts are made of (B = 1).
        e: scales and tables.
        out: receives the rows.
    """
    width = N_WORLD + N_FORECASTS * e.n_blocks
    _clock(scenario, start_minute, out)
    for r in range(sites.size):
        of_region = _region_series(series, r)
        columns = out[:, N_CLOCK + r * width : N_CLOCK + (r + 1) * width]
        _prices(of_region, series[CARBON_INTENSITY, r], e, columns)
        _blocks(_site(sites[r]), x, of_region, series[PRICE, r], series[AIR_C, r], e, r, columns)


@inlined
def _seen(value: Any) -> Any:  # noqa: ANN401 - of single precision
    """The value within the limits of every observation."""
    return min(np.float32(HIGH), max(np.float32(LOW), np.float32(value)))


@inlined
def _clock(scenario: Row, start_minute: int, out: Singles) -> None:
    per_day = round(24.0 / scenario.step_h)
    for t in range(out.shape[0]):
        row, left = out[t], scenario.n_steps - t
        day = (start_minute + t * scenario.step_h * 60.0) / 1440.0
        if t < per_day:
            hour_angle = 2.0 * pi * (day % 1.0)
            row[AT.hour], row[AT.hour + 1] = sin(hour_angle), cos(hour_angle)
        else:
            row[AT.hour], row[AT.hour + 1] = out[t - per_day, AT.hour], out[t - per_day, AT.hour + 1]
        year_angle = 2.0 * pi * ((day % 365.25) / 365.25)
        row[AT.season], row[AT.season + 1] = sin(year_angle), cos(year_angle)
        row[AT.weekend] = 1.0 if (int(day) + 3) % 7 >= 5 else 0.0
        row[AT.time_left] = left / scenario.n_steps
        row[AT.last_day] = min(MOST.last_day, left * scenario.step_h / 24.0)


@inlined
def _prices(s: Series, carbon: Floats, e: Encoding, columns: Singles) -> None:
    """Fills the price, its rank among the coming prices, its distance from the lowest, and the grid's carbon."""
    n_rows, n_leads = columns.shape[0], e.block_of_lead.size
    lowest, rank = s.price[:n_rows].copy(), np.zeros(n_rows, np.float32)
    none, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    for lead in range(1, n_leads):
        for t in range(n_rows):
            later = s.price[t + lead]
            lowest[t] = min(lowest[t], later)
            rank[t] += one if later < s.price[t] else (half if later == s.price[t] else none)
    for t in range(n_rows):
        columns[t, AT.price] = _seen(s.price[t] / e.price_scale - 1.0)
        columns[t, AT.price_rank] = _seen(rank[t] / max(1, n_leads - 1))
        columns[t, AT.price_above_lowest] = _seen((s.price[t] - lowest[t]) / e.price_scale)
        columns[t, AT.carbon] = _seen(carbon[t] / e.carbon_scale - 1.0)


class Foreseen(NamedTuple):
    """A quantity that follows from one signal alone, and how its forecasts are made."""

    latent: Latent
    outcome: Outcome


@inlined
def _foreseen(x: Signals, e: Encoding, truth: Singles, q: int, r: int) -> Foreseen:
    latent = scaled_latent_of(x, e.forecast, q, r, x.mix[0, q, r, 1 + q])
    news = false_news_of(x, q, r).astype(np.float32)
    return Foreseen(latent, Outcome(truth, e.forecast.is_seen[q], e.forecast.blur[q].astype(np.float32), news))


@inlined
def _forecast(f: Foreseen, level_of_lead: Ints, first: int, lead: int, tracked: Singles, out: Singles) -> None:
    """Fills the forecasts of a quantity, shape (leads, steps of issue). If the first lead is not seen, no later is."""
    least, is_plain = np.float32(0.0), f.outcome.false_news.size == 0
    expect(f.latent, level_of_lead, first, lead, least if is_plain else np.float32(-np.inf), tracked, out)
    if not is_plain or f.outcome.is_seen[lead]:
        settle(f.outcome, first, lead, least, out)


@inlined
def _blocks(
    site: SitePower, x: Signals, s: Series, price: Floats, air_c: Floats, e: Encoding, r: int, columns: Singles
) -> None:
    """Fills the means of price, surplus and interactive load over each block of leads.

    Steps and leads are taken some at a time, so that their forecasts stay in the processor's cache. The last span of
    steps may overlap the one before.
    """
    n_rows, n_leads = columns.shape[0], e.block_of_lead.size
    n_parts = (n_rows + SPAN - 1) // SPAN
    span = (n_rows + n_parts - 1) // n_parts
    tracked, foreseen = np.empty((3, N_TRACKED, span), np.float32), np.empty((3, LEADS, span), np.float32)
    sums, power = np.empty((N_FORECASTS * e.n_blocks, span), np.float32), np.empty((N_POWERS, span), np.float32)
    sun, wind = _foreseen(x, e, s.sun_kw, SUN, r), _foreseen(x, e, s.wind_kw, WIND, r)
    interactive = _foreseen(x, e, s.interactive, INTERACTIVE, r)
    for part in range(n_parts):
        first = max(0, min(part * span, n_rows - span))
        _prepare(site, air_c, first, power)
        sums[:] = 0.0
        _add_prices(price, e, first, sums)
        for lead in range(1, n_leads, LEADS):
            taken = min(LEADS, n_leads - lead)
            for q in range(3):
                known = sun if q == SUN else (wind if q == WIND else interactive)
                _forecast(known, e.forecast.level_of_lead, first, lead, tracked[q], foreseen[q, :taken])
            for place in range(taken):
                _add_to_blocks(site, s, e, foreseen, first, lead, place, power, sums)
        for t in range(span):
            for block in range(sums.shape[0]):
                columns[first + t, N_WORLD + block] = _seen(sums[block, t])


@inlined
def _prepare(site: SitePower, air_c: Floats, first: int, power: Singles) -> None:
    """Fills what power depends on at each step: the cooling line and the inverse of a full fleet's power."""
    for t in range(power.shape[1]):
        power[SLOPE, t], power[FIXED, t] = site_model.cooling_line(site, air_c[first + t])
        kw_per_gpu = site_model.kw_per_rested_gpu(site, power[SLOPE, t])
        power[SHARE, t] = 1.0 / max(kw_per_gpu, 1e-6) / site.fleet_gpus


@inlined
def _add_to_blocks(
    site: SitePower,
    s: Series,
    e: Encoding,
    foreseen: Singles,
    first: int,
    lead: int,
    place: int,
    power: Singles,
    sums: Singles,
) -> None:
    """Adds the forecasts of one lead to its block.

    Surplus is the green power that remains after the load of requests, with unneeded GPUs asleep where GPUs can sleep.
    It assumes the present air temperature and the present number of GPUs in order. Each loop uses few arrays, so that
    it is vectorised.
    """
    span, weight, block = sums.shape[1], np.float32(e.lead_weight[lead + place]), e.block_of_lead[lead + place]
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
    site: SitePower, s: Series, foreseen: Singles, at: int, place: int, power: Singles, t: int, at_work_gpus: float
) -> float:
    """Surplus as a share of a full fleet's power, as far as it can be observed."""
    in_order = s.in_order_gpus[at + t]
    awake = site_model.kept_awake_gpus(site, foreseen[INTERACTIVE, place, t], in_order)
    load_kw = site_model.base_kw(site, power[SLOPE, t], power[FIXED, t], in_order, awake, at_work_gpus)
    green_kw = foreseen[SUN, place, t] + foreseen[WIND, place, t] + s.hydro_kw[at + t]
    return min(np.float32(MOST.surplus_ahead), site_model.surplus_kw(green_kw, load_kw) * power[SHARE, t])


@inlined
def _add_prices(price: Floats, e: Encoding, first: int, sums: Singles) -> None:
    """Adds the mean price of each block, from the running sum of prices."""
    n_leads, total = e.block_of_lead.size, np.empty(sums.shape[1] + e.block_of_lead.size)
    total[0] = 0.0
    for t in range(1, total.size):
        total[t] = total[t - 1] + price[first + t - 1] / e.price_scale - 1.0
    begin = 1
    for lead in range(1, n_leads):
        if lead == n_leads - 1 or e.block_of_lead[lead + 1] != e.block_of_lead[lead]:
            row, weight = AT.price_ahead * e.n_blocks + e.block_of_lead[lead], e.lead_weight[lead]
            for t in range(sums.shape[1]):
                sums[row, t] = weight * (total[t + lead + 1] - total[t + begin])
            begin = lead + 1
