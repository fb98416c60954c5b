"""Prices at each step from time-of-use tariffs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from wattward.configs.schema.tariff import Tariff
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import EPOCH, clock, minute_of, step_minutes, steps_in_year, year_of

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

HOUR_MINUTES = 60


def month_table(tariff: Tariff) -> Floats:
    """Price without holidays by month and hour, shape (12, 24) [currency/kWh]."""
    table = np.full((12, 24), np.nan)
    for season in tariff.seasons:
        for band, spans in season.hours_by_band.items():
            for first, last in spans:
                table[np.array(season.months) - 1, first:last] = tariff.price_per_kwh[band]
    return table


@cached_for_owner
def year_price(tariff: Tariff, year: int) -> Floats:
    """Price of each hour of a calendar year, shape (8760 or 8784,) [currency/kWh]."""
    hours = steps_in_year(year, HOUR_MINUTES)
    when = clock(step_minutes(minute_of(date(year, 1, 1)), hours, HOUR_MINUTES))
    hour = when.hour.astype(np.int64)
    price: Floats = month_table(tariff)[when.month - 1, hour]
    for holiday in tariff.holidays:
        days = np.array([(day - EPOCH).days for day in holiday.dates], dtype=np.int64)
        yearly = np.array([int(text.replace("-", "")) for text in holiday.every_year], dtype=np.int64)
        off = np.isin(when.day, days) | np.isin(when.month_day, yearly)
        for band, spans in holiday.hours_by_band.items():
            for first, last in spans:
                price[off & (hour >= first) & (hour < last)] = tariff.price_per_kwh[band]
    return price


def tariff_price(tariff: Tariff, start_minute: int, n: int, step: int) -> Floats:
    """Price of each of `n` steps of `step` minutes, shape (N,) [currency/kWh]; may be negative."""
    first, last = year_of(start_minute), year_of(start_minute + step * (n - 1))
    by_hour = np.concatenate([year_price(tariff, year) for year in range(first, last + 1)])
    hour = (step_minutes(start_minute, n, step) - minute_of(date(first, 1, 1))) // HOUR_MINUTES
    price: Floats = by_hour[hour]
    return price
