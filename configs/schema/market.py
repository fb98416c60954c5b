"""The price of a power market: a latent hourly process and its map to prices."""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Name, NonNegative, Positive, Share

Hourly = Annotated[tuple[float, ...], Field(min_length=24, max_length=24)]
HourlySpread = Annotated[tuple[Positive, ...], Field(min_length=24, max_length=24)]
LEAST_POINTS = 2


class Market(Config):
    """One market file. Hourly prices are known as far ahead as forecasts reach, as in a day-ahead auction.

    latent = `level_by_month` + `shape_by_season` (+ `weekend_by_hour` on Saturday and Sunday) + `spread_by_season` x e,
    where e is standard normal, the sum of three parts: a slow autoregression with `slow_share` of the variance; a daily
    wave with `wave_share`, whose height and hour drift slowly; and a smoothed fast autoregression.
    price = linear interpolation through `price_by_latent`, constant beyond its ends.

    Month, weekday and hour are those of the market's clock, `clock_offset_h` ahead of the scenario's. Seasons are
    December-February, March-May, June-August and September-November in both hemispheres. `mean_price_per_kwh` is the
    expected price; it scales rewards.
    """

    kind: Literal["market"]
    name: Name
    title: str
    document: str
    source: str
    clock_offset_h: Annotated[int, Field(ge=-24, le=24)]
    floor_price_per_kwh: float
    cap_price_per_kwh: float
    mean_price_per_kwh: float
    demand_charge_per_kw_month: NonNegative = 0.0
    level_by_month: Annotated[tuple[float, ...], Field(min_length=12, max_length=12)]
    shape_by_season: Annotated[tuple[Hourly, ...], Field(min_length=4, max_length=4)]
    weekend_by_hour: Hourly
    spread_by_season: Annotated[tuple[HourlySpread, ...], Field(min_length=4, max_length=4)]
    slow_share: Share
    wave_share: Share
    slow_memory_h: Positive
    fast_memory_h: Positive
    smoothing_h: NonNegative = 0.0
    price_by_latent: Annotated[
        tuple[tuple[float, float], ...], Field(min_length=LEAST_POINTS, description="pairs of (latent, price per kWh)")
    ]

    @property
    def highest_price_per_kwh(self) -> float:
        """The highest possible price of an hour."""
        return self.cap_price_per_kwh

    @property
    def lowest_price_per_kwh(self) -> float:
        """The lowest possible price of an hour; may be negative."""
        return self.floor_price_per_kwh

    @model_validator(mode="after")
    def _ascends_between_floor_and_cap(self) -> Market:
        latent, price = zip(*self.price_by_latent, strict=True)
        if not all(map(operator.lt, latent, latent[1:])):
            raise ValueError("price_by_latent: the first numbers of the pairs must ascend")
        for (_, before), (at, after) in pairwise(self.price_by_latent):
            if after < before:
                raise ValueError(f"price_by_latent: the price falls at {at:g}, must not")
        if not self.floor_price_per_kwh <= price[0] or not price[-1] <= self.cap_price_per_kwh:
            raise ValueError(
                f"price_by_latent: prices from {price[0]:g} to {price[-1]:g} must lie within floor_price_per_kwh "
                f"{self.floor_price_per_kwh:g} and cap_price_per_kwh {self.cap_price_per_kwh:g}"
            )
        if self.slow_share + self.wave_share > 1:
            raise ValueError("slow_share and wave_share must not sum to more than 1")
        if not self.floor_price_per_kwh <= self.mean_price_per_kwh <= self.cap_price_per_kwh:
            raise ValueError(f"mean_price_per_kwh {self.mean_price_per_kwh:g} must lie between floor and cap")
        return self
