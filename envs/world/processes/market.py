"""Hourly prices of a power market: a latent process by month, hour and weekend, mapped to prices.

The map is the piecewise linear function of the market's file. It is fitted so that drawn prices have the recorded
quantiles: spikes and negative prices occur as often as recorded, and in the same months and hours. Markets are drawn
independently of each other and of the weather on site. Regions of the same market pay the same price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import clock, step_minutes
from wattward.envs.world.processes.gaussian import Law, field, field_law, persistence
from wattward.envs.world.processes.streams import generator_of

if TYPE_CHECKING:
    from wattward.configs.schema.market import Market
    from wattward.envs.model.types import Floats, Ints

HOUR_MINUTES = 60
SATURDAY = 5


class MarketLaw(NamedTuple):
    """Tables of a market."""

    climatology: Floats  # (12, 2, 24) latent by month, whether weekend, and hour
    spread: Floats  # (12, 24) of the latent by month and hour
    slow: Law
    fast: Law
    weights: tuple[float, float, float]  # of the slow part, the wave over the day, the fast part
    latent: Floats  # (K,) where the price is known
    price_per_kwh: Floats  # (K,)


@cached_for_owner
def market_law(market: Market) -> MarketLaw:
    """Tables that all draws of a market share."""
    season = np.arange(1, 13) % 12 // 3
    weekday = np.array(market.level_by_month)[:, None] + np.array(market.shape_by_season)[season]
    latent, price = np.array(market.price_by_latent).T
    alone: Floats = np.ones((1, 1))
    slow, fast, smooth = (
        persistence(1.0, (hours,)) for hours in (market.slow_memory_h, market.fast_memory_h, market.smoothing_h)
    )
    shares = np.array([market.slow_share, market.wave_share, 1.0 - market.slow_share - market.wave_share])
    return MarketLaw(
        np.stack([weekday, weekday + np.array(market.weekend_by_hour)], axis=1),
        np.array(market.spread_by_season)[season],
        field_law(slow, alone),
        field_law(fast, alone, smooth),
        tuple(np.sqrt(np.maximum(0.0, shares)).tolist()),
        latent,
        price,
    )


def stream_of(market: Market, seed: np.random.SeedSequence) -> np.random.Generator:
    """The market's own random stream, chosen by its name, so that other markets do not change its draws."""
    return generator_of(seed, "market", part_of(market))


def part_of(market: Market) -> int:
    """The number of a market's stream among those of all markets."""
    return crc32(market.name.encode())


def market_price(market: Market, start_minute: int, n: int, step: int, rng: np.random.Generator) -> Floats:
    """Price of each of `n` steps of `step` minutes, constant within an hour, shape (N,) [currency/kWh]."""
    hour: Ints = step_minutes(start_minute, n, step) // HOUR_MINUTES
    first = int(hour[0])
    price: Floats = _by_hour(market, first, int(hour[-1]) - first + 1, rng)[hour - first]
    return price


def _by_hour(market: Market, first_hour: int, hours: int, rng: np.random.Generator) -> Floats:
    law = market_law(market)
    local = step_minutes((first_hour + market.clock_offset_h) * HOUR_MINUTES, hours, HOUR_MINUTES)
    when = clock(local)
    month, hour = when.month - 1, when.hour.astype(np.int64)
    weekend = (when.weekday >= SATURDAY).astype(np.int64)
    latent = law.climatology[month, weekend, hour] + law.spread[month, hour] * _pushes(law, when.hour, rng)
    return np.interp(latent, law.latent, law.price_per_kwh)


def _pushes(law: MarketLaw, hour: Floats, rng: np.random.Generator) -> Floats:
    """A standard normal series over the hours of the day `hour`, shape (N,)."""
    slow, cosine, sine, fast = (field(hour.size, part, rng)[:, 0] for part in (law.slow, law.slow, law.slow, law.fast))
    phase = 2 * np.pi * hour / 24.0
    wave = cosine * np.cos(phase) + sine * np.sin(phase)
    result: Floats = law.weights[0] * slow + law.weights[1] * wave + law.weights[2] * fast
    return result
