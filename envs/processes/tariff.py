"""Price by the step of a published time-of-use tariff."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wattward.configs.region_schema import Region
from wattward.configs.tariff_schema import Tariff
from wattward.envs.processes.calendar import EPOCH, clock, step_minutes
from wattward.envs.types import Floats


def month_table(tariff: Tariff) -> Floats:
    """Price without holidays by month and hour, shape (12, 24) [yuan/kWh]."""
    table = np.full((12, 24), np.nan)
    for season in tariff.seasons:
        for band, spans in season.hours_by_band.items():
            for first, last in spans:
                table[np.array(season.months) - 1, first:last] = tariff.price_yuan_per_kwh[band]
    return table


def tariff_price(tariff: Tariff, start_minute: int, n: int, step: int) -> Floats:
    """Price of each step of `step` minutes from a Beijing minute on, shape (N,) [yuan/kWh]; may be negative."""
    when = clock(step_minutes(start_minute, n, step))
    hour = when.hour.astype(np.int64)
    price: Floats = month_table(tariff)[when.month - 1, hour]
    for holiday in tariff.holidays:
        days = np.array([(day - EPOCH).days for day in holiday.dates], dtype=np.int64)
        yearly = np.array([int(text.replace("-", "")) for text in holiday.every_year], dtype=np.int64)
        off = np.isin(when.day, days) | np.isin(when.month_day, yearly)
        for band, spans in holiday.hours_by_band.items():
            for first, last in spans:
                price[off & (hour >= first) & (hour < last)] = tariff.price_yuan_per_kwh[band]
    return price


def price(regions: tuple[Region, ...], tariffs: Mapping[str, Tariff], start_minute: int, n: int, step: int) -> Floats:
    """Price in each region by its own tariff, shape (N, R) [yuan/kWh]."""
    by_name = {name: tariff_price(tariffs[name], start_minute, n, step) for name in {r.tariff for r in regions}}
    return np.stack([by_name[region.tariff] for region in regions], axis=1)
