"""One region: its site, fleet, cooling, plants, carbon, interactive load and network."""

from __future__ import annotations

import operator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, Name, NonNegative, PerHour, Positive, Share, is_one
from wattward.configs.schema.storage import Store
from wattward.configs.schema.supply import Supply

ABSENT = operator.not_
"""Leaves out a key without a value, so that hashes of older files stay the same when keys are added."""


class Site(Config):
    """Location of the region; `province` selects its column in recordings."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    longitude_deg: Annotated[float, Field(ge=-180, le=180)]
    altitude_m: float = 0.0
    province: str

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude [degrees]."""
        return self.latitude_deg, self.longitude_deg


class Sleep(Config):
    """Idle GPUs sleep. Waking them takes one step and energy.

    After each step the GPUs that stay awake are those that requests and running jobs hold, or those that present work
    could use in the next step where the region's mode lets it run, plus `headroom_gpus`.
    """

    gpu_sleep_kw: NonNegative
    wake_kwh: NonNegative = Field(description="of one GPU")
    headroom_gpus: NonNegative


class Fleet(Config):
    """GPUs of one kind. Powers include each GPU's share of its server.

    Requests that need x GPUs draw the power of G (x / G) ^ `serving_exponent` busy GPUs, where G is
    `reserved_for_interactive_gpus`. With an exponent below 1, a request takes more energy when the load is low.
    """

    gpus: Positive
    gpu_idle_kw: NonNegative
    gpu_busy_kw: Positive
    reserved_for_interactive_gpus: NonNegative
    serving_exponent: Annotated[float, Field(gt=0, le=1, exclude_if=is_one)] = 1.0
    sleep: Annotated[Sleep | None, Field(exclude_if=ABSENT)] = None

    @model_validator(mode="after")
    def _ordered(self) -> Fleet:
        if self.gpu_busy_kw < self.gpu_idle_kw:
            raise ValueError(f"gpu_busy_kw {self.gpu_busy_kw} must be at least gpu_idle_kw {self.gpu_idle_kw}")
        if self.reserved_for_interactive_gpus > self.gpus:
            raise ValueError(
                f"reserved_for_interactive_gpus {self.reserved_for_interactive_gpus} exceeds gpus {self.gpus}"
            )
        if self.sleep is not None and self.sleep.gpu_sleep_kw > self.gpu_idle_kw:
            raise ValueError(f"sleep.gpu_sleep_kw {self.sleep.gpu_sleep_kw} exceeds gpu_idle_kw {self.gpu_idle_kw}")
        return self


class Cooling(Config):
    """PUE = pue_base + pue_slope_per_c x max(0, air temperature - free_below_c), at full load.

    A `fixed_share` of the cooling power at full load is drawn at any load (pumps, fans); the rest is proportional to
    the load. So PUE is higher at low load. A turbine in the return water recovers `recovered_share` of the IT power.
    """

    kind: Literal["gravity_water", "immersion", "air"]
    pue_base: Annotated[float, Field(ge=1)]
    pue_slope_per_c: NonNegative = 0.0
    free_below_c: float = 15.0
    fixed_share: Annotated[Share, Field(exclude_if=ABSENT)] = 0.0
    recovered_share: Annotated[Share, Field(exclude_if=ABSENT)] = 0.0


class Sun(Config):
    """Solar plant under a stochastic clear-sky index.

    The index has a beta distribution with mean `index_mean` and standard deviation `index_spread`. Of the variance of
    the underlying Gaussian, `day_share` belongs to whole days; consecutive days correlate by `day_correlation`.
    """

    capacity_kw: NonNegative
    tilt_deg: Annotated[float, Field(ge=0, le=90, description="tilt of modules that face the equator")] = 0.0
    performance_ratio: Share = 0.82
    index_mean: Share = 0.6
    index_spread: NonNegative = 0.25
    day_share: Share = 0.7
    day_correlation: Annotated[float, Field(ge=0, lt=1)] = 0.3
    step_correlation_h: Positive = 3.0

    @model_validator(mode="after")
    def _spread_possible(self) -> Sun:
        most = (self.index_mean * (1 - self.index_mean)) ** 0.5
        if self.index_spread > 0 and self.index_spread >= most:
            raise ValueError(
                f"index_spread {self.index_spread} must be below {most:.3f} for index_mean {self.index_mean}"
            )
        return self


class Wind(Config):
    """Wind plant: a stochastic speed through a published power curve.

    Speed = `speed_mean_m_per_s` x (1 + a yearly wave + a daily wave by the scenario's clock) x a Weibull variable of
    mean 1. `curve_spread_m_per_s` smooths the curve, because turbines of a plant feel different winds.
    """

    capacity_kw: NonNegative
    turbine: str = "V126/3300"
    speed_mean_m_per_s: Positive = 6.0
    speed_shape: Positive = 2.0
    season_amplitude: Share = 0.0
    windiest_day_of_year: Annotated[int, Field(ge=1, le=366)] = 1
    day_amplitude: Share = 0.0
    windiest_hour: Annotated[float, Field(ge=0, lt=24)] = 0.0
    curve_spread_m_per_s: NonNegative = 0.0
    correlation_h: Positive = 14.0
    smoothing_h: NonNegative = 0.0

    @model_validator(mode="after")
    def _speed_not_negative(self) -> Wind:
        if self.season_amplitude + self.day_amplitude > 1:
            raise ValueError("season_amplitude and day_amplitude must not sum to more than 1")
        return self


class River(Config):
    """Run-of-river hydro: seasonal mean inflow with slow fluctuations."""

    capacity_kw: NonNegative
    share_by_month: Annotated[tuple[Share, ...], Field(min_length=12, max_length=12)]
    correlation_days: Positive = 10.0
    spread: NonNegative = 0.2


class Air(Config):
    """Air temperature: seasonal and daily waves plus weather."""

    mean_c: float
    season_amplitude_c: NonNegative
    day_amplitude_c: NonNegative
    weather_spread_c: NonNegative = 3.0
    correlation_h: Positive = 48.0
    warmest_day_of_year: Annotated[int, Field(ge=1, le=366)] = 200
    warmest_hour: Annotated[float, Field(ge=0, lt=24)] = 15.0


class Carbon(Config):
    """Grid carbon intensity: fossil x (1 - renewable share), with the annual mean `mean_kg_per_kwh`.

    `sun_share` and `wind_share` are the shares of sun and wind in the grid's annual energy. They vary with the weather.
    """

    mean_kg_per_kwh: NonNegative
    fossil_kg_per_kwh: Positive = 0.8273
    sun_share: Share = 0.1
    wind_share: Share = 0.1


class Interactive(Config):
    """GPUs that serve requests, by hour of the region's own clock."""

    mean_gpus: NonNegative
    shape_by_hour: PerHour
    weekend_factor: Positive = 1.0
    spread: NonNegative = 0.05
    correlation_h: Positive = 3.0


class Network(Config):
    """The region's WAN link; capacity is for each direction."""

    wan_gb_per_s: Positive
    wan_cost_per_gb: NonNegative
    wan_kwh_per_gb: NonNegative = 0.0


class CapContract(Config):
    """A bought ceiling on the price of grid energy: the region pays at most the strike, plus a premium on every kWh.

    It applies to prices of tariffs, markets and recordings. Price spikes of a scenario are added afterwards.
    """

    strike_price_per_kwh: NonNegative
    premium_per_kwh: NonNegative = 0.0


def _absent(value: object) -> bool:
    return value is None


class Region(Config):
    """One region file. The region's local time is the scenario's clock plus `clock_offset_h`."""

    replaced_keys: ClassVar[dict[str, str]] = {
        "battery": "write it as an entry of stores: [{kind: battery, ...}]",
        "tank": "write it as an entry of stores: [{kind: chilled_water, ...}]",
    }
    name: Name
    title: str
    source: str
    clock_offset_h: float = 0.0
    tariff: str
    cap_contract: Annotated[CapContract | None, Field(exclude_if=_absent)] = None
    site: Site
    fleet: Fleet
    cooling: Cooling
    sun: Sun
    wind: Wind
    river: River
    air: Air
    carbon: Carbon
    interactive: Interactive
    network: Network
    stores: Annotated[tuple[Store, ...], Field(exclude_if=ABSENT)] = ()
    supply: Annotated[Supply | None, Field(exclude_if=ABSENT)] = None
