"""Sun, wind, requests, rivers and air of an episode, and what forecasts of them are made of."""

from __future__ import annotations

from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.model.layout import AIR_C, HYDRO_KW, INTERACTIVE_GPUS
from wattward.envs.model.types import INTERACTIVE, SUN, WIND, Floats, Ints
from wattward.envs.world.compiled.fields import ahead_of, course_of, law, look_up
from wattward.envs.world.compiled.memory import (
    AT,
    STEPS_OF_DAY,
    floats_1,
    floats_2,
    floats_3,
    floats_4,
    floats_5,
    ints_1,
    ints_2,
)
from wattward.envs.world.compiled.philox import Words, fill_normal
from wattward.envs.world.processes.gaussian import Z_GRID
from wattward.envs.world.processes.streams import stream_of
from wattward.envs.world.processes.wind import SCALE_GRID, SPEED_GRID

SUN_STREAM, WIND_STREAM, REQUESTS_STREAM = stream_of("sun"), stream_of("wind"), stream_of("interactive")
RIVER_STREAM, AIR_STREAM = stream_of("river"), stream_of("air")
Z_FIRST, Z_PER_UNIT = Z_GRID[0], (Z_GRID.size - 1) / (Z_GRID[-1] - Z_GRID[0])
SPEED_FIRST, SPEED_PER_UNIT = SPEED_GRID[0], (SPEED_GRID.size - 1) / (SPEED_GRID[-1] - SPEED_GRID[0])
SCALE_FIRST, SCALE_PER_UNIT = SCALE_GRID[0], (SCALE_GRID.size - 1) / (SCALE_GRID[-1] - SCALE_GRID[0])


@called
def draw_sun(a: Ints, key: Words, day: int) -> None:
    """Draws the capacity factors of sun; `day` is the day of the year on which the episode starts, from 0.

    `a` is the table of addresses, as in all functions below.
    """
    normals, course, daily, noise = (
        floats_1(a, AT.normals),
        floats_3(a, AT.course),
        floats_3(a, AT.daily),
        floats_3(a, AT.noise),
    )
    pieces, weights, of_days, within = (
        ints_1(a, AT.sun_pieces),
        floats_2(a, AT.sun_weights),
        law(a, AT.sun_days_innovation_root),
        law(a, AT.sun_within_innovation_root),
    )
    regions, n, n_days = course.shape[1], course.shape[2], daily.shape[2]
    fill_normal(key, SUN_STREAM, normals[: regions * ((n_days + n) * (1 + pieces.size) + 4)])
    at = course_of(normals, of_days, daily)
    at += course_of(normals[at:], within, course)
    at += ahead_of(normals[at:], within, weights, pieces, course[2], noise, floats_5(a, AT.signals_ahead)[0, SUN])
    daily_ahead = floats_3(a, AT.daily_ahead)
    ahead_of(normals[at:], of_days, weights, pieces, daily[2], floats_3(a, AT.daily_noise), daily_ahead)
    days = floats_4(a, AT.signals_days)[0]
    for r in range(regions):
        for d in range(n_days):
            days[r, 0, d] = daily[0, r, d]
            for level in range(daily_ahead.shape[1]):
                days[r, 1 + level, d] = of_days.memory[2, r] * daily_ahead[r, level, d]
    _fill_sun(a, day)


@called
def _fill_sun(a: Ints, day: int) -> None:
    """Fills the capacity factors of sun from the weather, and how they respond to it."""
    course, daily, factors = floats_3(a, AT.course), floats_3(a, AT.daily), floats_3(a, AT.factors)
    clear_skies, clear_of, local_day = floats_2(a, AT.clear), ints_1(a, AT.clear_of), ints_2(a, AT.local_day)
    tables, terms, response = (
        floats_2(a, AT.index_tables),
        floats_2(a, AT.index_terms),
        floats_5(a, AT.signals_response),
    )
    place = day * ints_1(a, AT.calendar)[STEPS_OF_DAY]
    for r in range(course.shape[1]):
        clear = clear_skies[clear_of[r]]
        for t in range(course.shape[2]):
            under_clear_sky = clear[(place + t) % clear.size]
            weather = daily[0, r, local_day[r, t]] + course[0, r, t] + course[1, r, t]
            factors[SUN, r, t] = under_clear_sky * look_up(weather, Z_FIRST, Z_PER_UNIT, tables[r])
            for order in range(terms.shape[1]):
                response[0, SUN, r, order, t] = terms[r, order] * under_clear_sky
    _keep_course(a, SUN)


@called
def _keep_course(a: Ints, signal: int) -> None:
    """Copies the course that was drawn last to the signals."""
    course, slow, fast = floats_3(a, AT.course), floats_4(a, AT.signals_slow), floats_4(a, AT.signals_fast)
    for r in range(course.shape[1]):
        for t in range(course.shape[2]):
            slow[0, signal, r, t], fast[0, signal, r, t] = course[0, r, t], course[1, r, t]


@called
def _draw_signal(
    a: Ints, stream: Words, key: Words, law_row: int, weights_row: int, pieces_row: int, signal: int
) -> None:
    """Draws the course of a signal and what is known ahead of it."""
    normals, course, pieces, of_field = (
        floats_1(a, AT.normals),
        floats_3(a, AT.course),
        ints_1(a, pieces_row),
        law(a, law_row),
    )
    regions, n = course.shape[1], course.shape[2]
    fill_normal(key, stream, normals[: regions * (n * (1 + pieces.size) + 2)])
    at = course_of(normals, of_field, course)
    ahead, noise = floats_5(a, AT.signals_ahead)[0, signal], floats_3(a, AT.noise)
    ahead_of(normals[at:], of_field, floats_2(a, weights_row), pieces, course[2], noise, ahead)
    _keep_course(a, signal)


@called
def draw_wind(a: Ints, key: Words, day: int) -> None:
    """Draws the capacity factors of wind, see `draw_sun`."""
    _draw_signal(a, WIND_STREAM, key, AT.wind_innovation_root, AT.wind_weights, AT.wind_pieces, WIND)
    course, factors, response = floats_3(a, AT.course), floats_3(a, AT.factors), floats_5(a, AT.signals_response)
    per_day, day_of_year = ints_1(a, AT.calendar)[STEPS_OF_DAY], ints_1(a, AT.day_of_year)
    season, daily, mean = floats_2(a, AT.wind_season), floats_2(a, AT.wind_day), floats_1(a, AT.speed_m_per_s)
    speeds, powers, terms = floats_2(a, AT.speed_tables), floats_2(a, AT.power_tables), floats_3(a, AT.term_tables)
    for r in range(course.shape[1]):
        for t in range(course.shape[2]):
            scale = season[r, day_of_year[day + t // per_day]] + daily[r, t % per_day]
            for order in range(terms.shape[0]):
                response[0, WIND, r, order, t] = look_up(scale, SCALE_FIRST, SCALE_PER_UNIT, terms[order, r])
            gust = look_up(course[0, r, t] + course[1, r, t], Z_FIRST, Z_PER_UNIT, speeds[r])
            factors[WIND, r, t] = look_up(mean[r] * scale * gust, SPEED_FIRST, SPEED_PER_UNIT, powers[r])


@called
def draw_requests(a: Ints, key: Words, week_step: int) -> None:
    """Draws the GPUs that requests need; `week_step` is the step of the week at which the episode starts."""
    rows = AT.requests_innovation_root, AT.requests_weights, AT.requests_pieces
    _draw_signal(a, REQUESTS_STREAM, key, rows[0], rows[1], rows[2], INTERACTIVE)
    course, gpus, response = floats_3(a, AT.course), floats_3(a, AT.series), floats_5(a, AT.signals_response)
    means, spread, fleet_gpus = (
        floats_2(a, AT.requests_mean),
        floats_1(a, AT.requests_spread),
        floats_1(a, AT.fleet_gpus),
    )
    for r in range(course.shape[1]):
        for t in range(course.shape[2]):
            mean = means[r, (week_step + t) % means.shape[1]]
            drawn = mean + spread[r] * mean * (course[0, r, t] + course[1, r, t])
            gpus[INTERACTIVE_GPUS, r, t] = min(max(drawn, 0.0), fleet_gpus[r])
            response[0, INTERACTIVE, r, 0, t] = mean
            response[0, INTERACTIVE, r, 1, t] = spread[r] * mean


@called
def draw_river(a: Ints, key: Words, day: int) -> None:
    """Draws the power of rivers, see `draw_sun`."""
    course = _draw_field(a, RIVER_STREAM, key, AT.river_innovation_root)
    series, per_day, day_of_year = (
        floats_3(a, AT.series),
        ints_1(a, AT.calendar)[STEPS_OF_DAY],
        ints_1(a, AT.day_of_year),
    )
    means, spread, most_kw = floats_2(a, AT.river_share), floats_1(a, AT.river_spread), floats_1(a, AT.river_kw)
    for r in range(course.shape[1]):
        for t in range(course.shape[2]):
            mean = means[r, day_of_year[day + t // per_day]]
            share = mean * (1.0 + spread[r] * (course[0, r, t] + course[1, r, t]))
            series[HYDRO_KW, r, t] = most_kw[r] * min(max(share, 0.0), 1.0)


@called
def draw_air(a: Ints, key: Words, day: int) -> None:
    """Draws the air temperature, see `draw_sun`."""
    course = _draw_field(a, AIR_STREAM, key, AT.air_innovation_root)
    series, per_day, day_of_year = (
        floats_3(a, AT.series),
        ints_1(a, AT.calendar)[STEPS_OF_DAY],
        ints_1(a, AT.day_of_year),
    )
    season_c, day_c, spread_c = floats_2(a, AT.air_season_c), floats_2(a, AT.air_day_c), floats_1(a, AT.air_spread_c)
    for r in range(course.shape[1]):
        for t in range(course.shape[2]):
            mean_c = season_c[r, day_of_year[day + t // per_day]] + day_c[r, t % per_day]
            series[AIR_C, r, t] = mean_c + spread_c[r] * (course[0, r, t] + course[1, r, t])


@inlined
def _draw_field(a: Ints, stream: Words, key: Words, law_row: int) -> Floats:
    """Draws a field and returns its course."""
    normals, course = floats_1(a, AT.normals), floats_3(a, AT.course)
    fill_normal(key, stream, normals[: course.shape[1] * (course.shape[2] + 2)])
    course_of(normals, law(a, law_row), course)
    return course
