"""Disturbances, requests of the grid and the price rule of stores, applied to the series of an episode."""

from __future__ import annotations

from math import floor, sqrt

import numpy as np

from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.model.layout import (
    AIR_C,
    ANNOUNCED_CUT_KW,
    ANNOUNCED_IN_H,
    CUT_KW,
    FLEET_GPUS,
    INTERACTIVE_GPUS,
    PRICE,
    STORE_ORDER,
    WAN_SHARE,
)
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Floats, Ints
from wattward.envs.world.compiled.fields import clear, course_of, law_of_several
from wattward.envs.world.compiled.memory import (
    ANYWHERE,
    AT,
    CUT_DAYS,
    CUT_FIRST,
    CUT_LENGTH,
    CUT_NOTICE,
    CUT_ROOM,
    DARK_WEEK,
    DEMAND_SURGE,
    FAILURES,
    HEAT_WAVE,
    HOUR_MINUTES,
    PRICE_SPIKE,
    STEP_MINUTES,
    STEPS_OF_DAY,
    WAN_OUTAGE,
    WIND_DROUGHT,
    WORSE_FORECASTS,
    flags_2,
    floats_1,
    floats_3,
    floats_4,
    floats_5,
    ints_1,
    span,
)
from wattward.envs.world.compiled.philox import Words, fill_normal, fill_uniform
from wattward.envs.world.processes.store_rule import APART, HOURS, VALLEY
from wattward.envs.world.processes.streams import stream_of

PLACES_STREAM, NEWS_STREAM, CUTS_STREAM = (
    stream_of("disturbances"),
    stream_of("disturbances", 1),
    stream_of("grid_events"),
)


@called
def place_disturbances(a: Ints, key: Words) -> None:
    """Fills the first step of each disturbance. `a` is the table of addresses, as in all functions below."""
    begins, first, room = ints_1(a, AT.begins), ints_1(a, AT.first), ints_1(a, AT.room)
    uniform, taken = np.empty(first.size), 0
    fill_uniform(key, PLACES_STREAM, 0, uniform)
    for i in range(first.size):
        begins[i] = first[i]
        if first[i] == ANYWHERE:
            begins[i] = int(uniform[taken] * room[i])
            taken += 1


@inlined
def _signal_of(kind: int) -> int:
    """The signal that a kind of disturbance multiplies by its factor, or -1."""
    if kind == DARK_WEEK:
        return SUN
    if kind == WIND_DROUGHT:
        return WIND
    return INTERACTIVE if kind == DEMAND_SURGE else -1


@called
def apply_droughts(a: Ints) -> None:
    """Applies droughts to the capacity factors of sun and wind."""
    factors, kind, factor = floats_3(a, AT.factors), ints_1(a, AT.kind), floats_1(a, AT.factor)
    for i in range(kind.size):
        source = _signal_of(kind[i])
        if source in (SUN, WIND):
            for r in range(factors.shape[1]):
                begin, end = span(a, i, r, factors.shape[2])
                for t in range(begin, end):
                    factors[source, r, t] *= factor[i]


@called
def apply_disturbances(a: Ints) -> None:
    """Applies disturbances to the series in their order, all but droughts and new tariffs."""
    series, kind = floats_3(a, AT.series), ints_1(a, AT.kind)
    for i in range(kind.size):
        for r in range(series.shape[1]):
            begin, end = span(a, i, r, series.shape[2])
            _change(a, i, r, begin, end)


@called
def _change(a: Ints, i: int, r: int, begin: int, end: int) -> None:
    """Applies disturbance `i` to the series of region `r`."""
    series, fleet_gpus, acts_at = floats_3(a, AT.series)[:, r], floats_1(a, AT.fleet_gpus)[r], flags_2(a, AT.acts_at)[i]
    kind, factor, added = ints_1(a, AT.kind)[i], floats_1(a, AT.factor)[i], floats_1(a, AT.added)[i]
    for t in range(begin, end):
        if kind == PRICE_SPIKE and acts_at[t % acts_at.size]:
            series[PRICE, t] = series[PRICE, t] * factor + added
        elif kind == HEAT_WAVE:
            series[AIR_C, t] += added
        elif kind == DEMAND_SURGE:
            series[INTERACTIVE_GPUS, t] = min(series[INTERACTIVE_GPUS, t] * factor, fleet_gpus)
        elif kind == WAN_OUTAGE:
            series[WAN_SHARE, t] *= factor
        elif kind == FAILURES:
            series[FLEET_GPUS, t] = floor(series[FLEET_GPUS, t] * factor)


@called
def disturb_signals(a: Ints, key: Words) -> None:
    """Applies disturbances to what forecasts are made of, if there are some that act on it."""
    if floats_4(a, AT.signals_impact).shape[1] > 0:
        _fill_impact(a)
    if floats_4(a, AT.signals_false_news).shape[1] > 0:
        _fill_worse_factors(a)
        _fill_false_news(a, key)


@called
def _fill_impact(a: Ints) -> None:
    """Fills the factors of disturbances on the signals; requests rise at most to the fleet."""
    impact, kind, factor = floats_4(a, AT.signals_impact)[0], ints_1(a, AT.kind), floats_1(a, AT.factor)
    mean, fleet_gpus = floats_5(a, AT.signals_response)[0, INTERACTIVE, :, 0], floats_1(a, AT.fleet_gpus)
    for signal in range(impact.shape[0]):
        for r in range(impact.shape[1]):
            for t in range(impact.shape[2]):
                impact[signal, r, t] = 1.0
    for i in range(kind.size):
        signal = _signal_of(kind[i])
        if signal >= 0:
            for r in range(impact.shape[1]):
                begin, end = span(a, i, r, impact.shape[2])
                for t in range(begin, end):
                    impact[signal, r, t] *= factor[i]
    for r in range(impact.shape[1]):
        for t in range(impact.shape[2]):
            most = max(1.0, fleet_gpus[r] / max(mean[r, t], 1e-9))
            impact[INTERACTIVE, r, t] = min(impact[INTERACTIVE, r, t], most)


@called
def _fill_worse_factors(a: Ints) -> None:
    """Fills the factors by which errors of forecasts grow, by quantity."""
    news, kind, factor = floats_4(a, AT.signals_false_news)[0], ints_1(a, AT.kind), floats_1(a, AT.factor)
    quantities = flags_2(a, AT.quantities)
    for quantity in range(news.shape[0]):
        for r in range(news.shape[1]):
            for t in range(news.shape[2]):
                news[quantity, r, t] = 1.0
            for i in range(kind.size):
                begin, end = span(a, i, r, news.shape[2])
                if kind[i] == WORSE_FORECASTS and quantities[i, quantity]:
                    for t in range(begin, end):
                        news[quantity, r, t] *= factor[i]


@called
def _fill_false_news(a: Ints, key: Words) -> None:
    """Turns the factors into errors that are added to the forecasts."""
    news, course, mix = floats_4(a, AT.signals_false_news)[0], floats_3(a, AT.course), floats_4(a, AT.signals_mix)[0]
    response, regions, n = floats_5(a, AT.signals_response)[0], news.shape[1], news.shape[2]
    size = regions * (n + 2)
    normals = np.empty(news.shape[0] * size)
    fill_normal(key, NEWS_STREAM, normals)
    for quantity in range(news.shape[0]):
        course_of(normals[quantity * size :], law_of_several(a, AT.news_innovation_root, quantity), course)
        for r in range(regions):
            for t in range(n):
                variance = 0.0
                for signal in range(response.shape[0]):
                    variance += (mix[quantity, r, 1 + signal] * response[signal, r, 1, t]) ** 2
                error = course[0, r, t] + course[1, r, t]
                news[quantity, r, t] = sqrt(news[quantity, r, t] ** 2 - 1.0) * sqrt(variance) * error


@called
def draw_cuts(a: Ints, key: Words) -> None:
    """Draws the grid's requests to cut power."""
    series, region, chance = floats_3(a, AT.series), ints_1(a, AT.cut_region), floats_1(a, AT.cut_chance)[0]
    times, cut_kw, per_day = ints_1(a, AT.cut_times), floats_1(a, AT.cut_kw), ints_1(a, AT.calendar)[STEPS_OF_DAY]
    clear(series[CUT_KW : ANNOUNCED_IN_H + 1])
    days = times[CUT_DAYS]
    uniform = np.empty(2 * days * region.size)
    fill_uniform(key, CUTS_STREAM, 0, uniform)
    for e in range(region.size):
        for day in range(days):
            if uniform[2 * days * e + day] < chance:
                place = uniform[2 * days * e + days + day]
                start = times[CUT_FIRST] + floor(place * times[CUT_ROOM]) + day * per_day
                _ask(a, cut_kw[e], start, series[:, region[e]])


@called
def _ask(a: Ints, cut_kw: float, start: int, series: Floats) -> None:
    """Writes one request. Its announcement begins at the earliest when the previous request has ended."""
    times, n = ints_1(a, AT.cut_times), series.shape[1]
    step_h = ints_1(a, AT.calendar)[STEP_MINUTES] / HOUR_MINUTES
    end, known = min(n, start + times[CUT_LENGTH]), max(0, start - times[CUT_NOTICE])
    while known < start and known < n and series[ANNOUNCED_CUT_KW, known] > 0.0:
        known += 1
    for t in range(start, end):
        series[CUT_KW, t] = cut_kw
    for t in range(known, end):
        series[ANNOUNCED_CUT_KW, t] = cut_kw
    for t in range(known, min(n, start)):
        series[ANNOUNCED_IN_H, t] = (start - t) * step_h


@called
def fill_store_orders(a: Ints, r: int) -> None:
    """Fills the orders of the price rule for the stores of region `r`, see `processes.store_rule`."""
    series = floats_3(a, AT.series)[:, r]
    price, n = series[PRICE], series.shape[1]
    per_hour, coming = HOUR_MINUTES // ints_1(a, AT.calendar)[STEP_MINUTES], np.empty(HOURS)
    for t in range(n):
        total = 0.0
        for hour in range(HOURS):
            value, place = price[min(t + hour * per_hour, n - 1)], hour
            total += value
            while place > 0 and coming[place - 1] > value:
                coming[place] = coming[place - 1]
                place -= 1
            coming[place] = value
        mean = total / HOURS
        apart = APART * abs(mean)
        charges = price[t] <= coming[VALLEY - 1] and price[t] < mean - apart
        discharges = price[t] >= coming[HOURS - VALLEY] and price[t] > mean + apart
        series[STORE_ORDER, t] = (1.0 if charges else 0.0) - (1.0 if discharges else 0.0)
