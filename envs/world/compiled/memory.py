"""The arrays of a draw, and how kernels find them.

Python passes one table of addresses and sizes. Each kernel opens only the arrays that it needs. Named tuples of all
arrays would take several times as long to compile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.pointers import array_at
from wattward.envs.model.constants import named
from wattward.envs.model.layout import JOB, Rows
from wattward.envs.model.types import Floats, Ints

HOUR_MINUTES = 60
ANYWHERE = -1
"""The start of a disturbance that begins anywhere."""
NO_MARKET = -1
DISTURBANCES = (
    *("wind_drought", "dark_week", "heat_wave", "price_spike", "worse_forecasts"),
    *("new_tariff", "demand_surge", "wan_outage", "gpu_failures"),
)
WIND_DROUGHT, DARK_WEEK, HEAT_WAVE, PRICE_SPIKE, WORSE_FORECASTS = range(5)
NEW_TARIFF, DEMAND_SURGE, WAN_OUTAGE, FAILURES = range(5, 9)
"""Codes of the kinds of disturbances, whose names are in the same order in DISTURBANCES."""


class Calendar(NamedTuple):
    """Days and steps."""

    first_day: int  # the first day on which episodes may start, counted from 1970-01-01
    n_days: int  # days on which episodes may start
    year_day: int  # the first day of the year, counted from 1970-01-01
    steps_of_day: int
    step_minutes: int
    n_steps: int  # of an episode
    n: int  # steps drawn


FIRST_DAY, N_DAYS, YEAR_DAY, STEPS_OF_DAY, STEP_MINUTES, N_STEPS, N = range(len(Calendar._fields))


class CutTimes(NamedTuple):
    """Times of the grid's requests, in steps."""

    first: int  # of the day at which a cut may start
    room: int  # number of steps at which it may start
    length: int
    notice: int
    n_days: int


CUT_FIRST, CUT_ROOM, CUT_LENGTH, CUT_NOTICE, CUT_DAYS = range(len(CutTimes._fields))


MOST_AXES = 5
WIDTH = 1 + MOST_AXES
"""Columns of the table: the address, then the sizes of the axes."""
F8, I8, B1, U8 = np.dtype("f8"), np.dtype("i8"), np.dtype("?"), np.dtype("u8")

LAWS = ("sun_days", "sun_within", "wind", "requests", "river", "air")
"""Laws of fields."""
SEVERAL_LAWS = ("market_slow", "market_fast", "news")
"""Laws of several fields each, along one more axis in front: of markets, and of the false news of quantities."""
OF_LAW = {"innovation_root": 2, "start_root": 2, "unit_root": 2, "slow_per_x": 1, "scale": 1, "memory": 2}
OF_SIGNALS = {"response": 5, "slow": 4, "fast": 4, "ahead": 5, "days": 4, "mix": 4, "impact": 4, "false_news": 4}
FLOATS: dict[str, int] = {
    **{"clear": 2, "index_tables": 2, "index_terms": 2, "sun_weights": 2},
    **{"wind_season": 2, "wind_day": 2, "speed_m_per_s": 1, "speed_tables": 2, "power_tables": 2, "term_tables": 3},
    **{"wind_weights": 2, "river_share": 2, "river_spread": 1, "river_kw": 1},
    **{"air_season_c": 2, "air_day_c": 2, "air_spread_c": 1},
    **{"requests_mean": 2, "requests_spread": 1, "requests_weights": 2},
    **{"job_rate": 2, "job_quantities": 3, "job_gpus": 2, "job_estimate_sigma": 1},
    **{"price_by_step": 2, "strike": 1, "premium": 1},
    **{"market_mean": 2, "market_spread": 2, "market_wave": 3, "market_weights": 2, "market_map": 3},
    **{"factor": 1, "added": 1, "cut_kw": 1, "cut_chance": 1},
    **{"capacity_kw": 2, "direct_kw": 2, "contract_kw": 2, "carbon_by_factor": 2, "fleet_gpus": 1},
    **{"normals": 1, "course": 3, "noise": 3, "daily": 3, "daily_noise": 3, "daily_ahead": 3, "factors": 3},
    **{"by_tariff": 2, "job_normals": 1, "series": 3},
    **{f"{law}_{part}": axes for law in LAWS for part, axes in OF_LAW.items()},
    **{f"{laws}_{part}": 1 + axes for laws in SEVERAL_LAWS for part, axes in OF_LAW.items()},
    **{f"signals_{part}": axes for part, axes in OF_SIGNALS.items()},
}
INTS: dict[str, int] = {
    **{"calendar": 1, "day_of_year": 1, "clear_of": 1, "local_day": 2},
    **{"sun_pieces": 1, "wind_pieces": 1, "requests_pieces": 1, "job_origin": 1, "job_class": 1},
    **{"tariff_of": 1, "market_of": 1, "market_points": 1, "kind": 1, "first": 1, "length": 1, "room": 1, "tariff": 1},
    **{"cut_region": 1, "cut_times": 1, "start_minute": 1, "begins": 1, "notes": 2},
}
FLAGS: dict[str, int] = {"job_malleable": 1, "acts_in": 2, "acts_at": 2, "quantities": 2, "has_stores": 1}
WORDS: dict[str, int] = {"market_stream": 1}
JOBS: dict[str, int] = {"found": 1, "jobs": 1}
DTYPES = ((FLOATS, F8), (INTS, I8), (FLAGS, B1), (WORDS, U8), (JOBS, JOB))
NAMES = tuple(name for names, _ in DTYPES for name in names)
AT = named("AT", {name: row for row, name in enumerate(NAMES)})
"""The row of each array in the table of addresses."""


def addresses_of(arrays: Mapping[str, NDArray[Any]]) -> Ints:
    """The table of addresses and sizes, shape (len(NAMES), WIDTH). The arrays must outlive every use of the table."""
    table = np.zeros((len(NAMES), WIDTH), np.int64)
    for names, kind in DTYPES:
        for name, axes in names.items():
            array = arrays[name]
            assert (array.dtype, array.ndim, array.flags.c_contiguous) == (kind, axes, True), name
            table[getattr(AT, name), : 1 + axes] = array.ctypes.data, *array.shape
    return table


@inlined
def floats_1(a: Ints, i: int) -> Floats:
    """Array of floats with one axis, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1],), F8)


@inlined
def floats_2(a: Ints, i: int) -> Floats:
    """Array of floats with two axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2]), F8)


@inlined
def floats_3(a: Ints, i: int) -> Floats:
    """Array of floats with three axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2], a[i, 3]), F8)


@inlined
def floats_4(a: Ints, i: int) -> Floats:
    """Array of floats with four axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2], a[i, 3], a[i, 4]), F8)


@inlined
def floats_5(a: Ints, i: int) -> Floats:
    """Array of floats with five axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2], a[i, 3], a[i, 4], a[i, 5]), F8)


@inlined
def ints_1(a: Ints, i: int) -> Ints:
    """Array of integers with one axis, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1],), I8)


@inlined
def ints_2(a: Ints, i: int) -> Ints:
    """Array of integers with two axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2]), I8)


@inlined
def flags_1(a: Ints, i: int) -> NDArray[np.bool_]:
    """Array of flags with one axis, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1],), B1)


@inlined
def flags_2(a: Ints, i: int) -> NDArray[np.bool_]:
    """Array of flags with two axes, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1], a[i, 2]), B1)


@inlined
def words_1(a: Ints, i: int) -> NDArray[np.uint64]:
    """Array of words with one axis, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1],), U8)


@inlined
def jobs_1(a: Ints, i: int) -> Rows:
    """Rows of JOB with one axis, at row `i` of the table."""
    return array_at(a[i, 0], (a[i, 1],), JOB)


@inlined
def span(a: Ints, i: int, r: int, n: int) -> tuple[int, int]:
    """The steps in which disturbance `i` acts in region `r`: the first one, and the one after the last."""
    if not flags_2(a, AT.acts_in)[i, r]:
        return 0, 0
    begin = ints_1(a, AT.begins)[i]
    return begin, min(n, begin + ints_1(a, AT.length)[i])
