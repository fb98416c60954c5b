"""Prices of grid power by step, of tariffs and markets, before and after contracts and disturbances."""

from __future__ import annotations

import numpy as np

from wattward.envs.kernels.compiling import called
from wattward.envs.model.layout import PRICE
from wattward.envs.model.types import Floats, Ints
from wattward.envs.world.compiled.fields import course_of, law_of_several
from wattward.envs.world.compiled.memory import (
    AT,
    HOUR_MINUTES,
    NEW_TARIFF,
    NO_MARKET,
    STEP_MINUTES,
    STEPS_OF_DAY,
    floats_1,
    floats_2,
    floats_3,
    ints_1,
    span,
    words_1,
)
from wattward.envs.world.compiled.philox import Words, fill_normal
from wattward.envs.world.processes.streams import stream_of

MARKET = stream_of("market")[0]


@called
def draw_tariffs(a: Ints, key: Words, day: int) -> None:
    """Draws the price of each tariff and market at each step."""
    by_tariff, market_of, fixed = floats_2(a, AT.by_tariff), ints_1(a, AT.market_of), floats_2(a, AT.price_by_step)
    first = day * ints_1(a, AT.calendar)[STEPS_OF_DAY]
    for i in range(by_tariff.shape[0]):
        if market_of[i] == NO_MARKET:
            for t in range(by_tariff.shape[1]):
                by_tariff[i, t] = fixed[i, first + t]
        else:
            _draw_market(a, market_of[i], key, day, by_tariff[i])


@called
def _draw_market(a: Ints, m: int, key: Words, day: int, out: Floats) -> None:
    """Fills the price of market `m`, constant within an hour, at each step, shape (N,)."""
    per_hour = HOUR_MINUTES // ints_1(a, AT.calendar)[STEP_MINUTES]
    hours, first = (out.size - 1) // per_hour + 1, day * 24
    stream, normals, parts = np.empty(2, np.uint64), np.empty(4 * (hours + 2)), np.empty((4, 3, 1, hours))
    stream[0], stream[1] = MARKET, words_1(a, AT.market_stream)[m]
    fill_normal(key, stream, normals)
    at, pushes = 0, np.empty(4)
    for i in range(4):
        row = AT.market_slow_innovation_root if i < 3 else AT.market_fast_innovation_root
        at += course_of(normals[at:], law_of_several(a, row, m), parts[i])
    points, weights = ints_1(a, AT.market_points)[m], floats_2(a, AT.market_weights)[m]
    latent, price = floats_3(a, AT.market_map)[m, 0, :points], floats_3(a, AT.market_map)[m, 1, :points]
    mean, spread, wave = (
        floats_2(a, AT.market_mean)[m],
        floats_2(a, AT.market_spread)[m],
        floats_3(a, AT.market_wave)[m],
    )
    for hour in range(hours):
        for i in range(4):
            pushes[i] = parts[i, 0, 0, hour] + parts[i, 1, 0, hour]
        h = first + hour
        daily = pushes[1] * wave[0, h] + pushes[2] * wave[1, h]
        push = weights[0] * pushes[0] + weights[1] * daily + weights[2] * pushes[3]
        paid = _interpolate(mean[h] + spread[h] * push, latent, price)
        for t in range(hour * per_hour, min(out.size, (hour + 1) * per_hour)):
            out[t] = paid


@called
def _interpolate(x: float, at: Floats, values: Floats) -> float:
    """Interpolates between points in ascending order; beyond the ends, the values at the ends hold."""
    if x >= at[-1]:
        return values[-1]
    i = np.searchsorted(at, x, side="right") - 1
    if i < 0:
        return values[0]
    return (values[i + 1] - values[i]) / (at[i + 1] - at[i]) * (x - at[i]) + values[i]


@called
def fill_prices(a: Ints) -> None:
    """Fills the price of each region from those of all tariffs. New tariffs replace it, later ones earlier ones."""
    series, tariff_of = floats_3(a, AT.series), ints_1(a, AT.tariff_of)
    kind, tariff = ints_1(a, AT.kind), ints_1(a, AT.tariff)
    for r in range(series.shape[1]):
        _fill_price(a, r, tariff_of[r], 0, series.shape[2])
        for i in range(kind.size):
            if kind[i] == NEW_TARIFF:
                begin, end = span(a, i, r, series.shape[2])
                _fill_price(a, r, tariff[i], begin, end)


@called
def _fill_price(a: Ints, r: int, tariff: int, begin: int, end: int) -> None:
    """Fills what region `r` pays under a tariff, with the price ceiling that it has bought [currency/kWh]."""
    series, by_tariff = floats_3(a, AT.series), floats_2(a, AT.by_tariff)
    strike, premium = floats_1(a, AT.strike)[r], floats_1(a, AT.premium)[r]
    for t in range(begin, end):
        series[PRICE, r, t] = min(by_tariff[tariff, t], strike) + premium
