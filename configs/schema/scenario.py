"""A scenario: regions, tariffs, job classes, contracts, forecasts, and the length of episodes."""

from __future__ import annotations

import math
import operator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from wattward.configs.schema.base import Config, Name, NonNegative, PerHour, Positive, Share
from wattward.configs.schema.disturbance import ALL, Disturbance, NewTariff, WorseForecasts
from wattward.configs.schema.locale import CURRENCY, ISO_4217, TIME_ZONE, utc_offset_minutes
from wattward.configs.schema.market import Market
from wattward.configs.schema.programme import Constraints, GridEvents
from wattward.configs.schema.region import Region
from wattward.configs.schema.tariff import Tariff
from wattward.configs.schema.tokens import Tokens

GridPrice = Tariff | Market
"""How a region pays for grid power: by a published tariff or at the prices of a market."""


class RegionUse(Config):
    """A region of a scenario: the name of a region file, and keys to replace in it."""

    region: str
    override: dict[str, Any] = {}


class LogNormal(Config):
    """A heavy-tailed positive quantity: `median` x exp(`sigma` x N(0,1)), cut to [`low`, `high`]."""

    median: Positive
    sigma: NonNegative
    low: Positive
    high: Positive

    @property
    def mean(self) -> float:
        """Mean of the cut quantity."""
        if self.sigma == 0:
            return min(max(self.median, self.low), self.high)
        first, last = (math.log(end / self.median) / self.sigma for end in (self.low, self.high))
        between = self.median * math.exp(self.sigma**2 / 2) * (_normal(last - self.sigma) - _normal(first - self.sigma))
        return self.low * _normal(first) + between + self.high * (1.0 - _normal(last))


def _is_rule(value: str) -> bool:
    return value == "rule"


def _is_default_currency(value: str) -> bool:
    return value == CURRENCY


def _is_default_zone(value: str) -> bool:
    return value == TIME_ZONE


def _normal(z: float) -> float:
    """Standard normal distribution function at `z`."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


class JobClass(Config):
    """One class of deferrable work.

    A malleable job runs on any number of GPUs up to `gpus`; a rigid job runs on all of them or none.
    Work = GPUs x `run_h`. The owner's estimate is the work x a log-normal factor of `estimate_sigma`.
    """

    name: Name
    malleable: bool
    preemptible: bool
    restart_h: NonNegative
    jobs_per_day: Annotated[tuple[NonNegative, ...], Field(description="one rate a region, in the scenario's order")]
    shape_by_hour: PerHour
    weekend_factor: Positive = 1.0
    gpus: LogNormal
    run_h: LogNormal
    slack_h: LogNormal
    data_gb: LogNormal
    estimate_sigma: NonNegative = 0.0

    @model_validator(mode="after")
    def _malleable_is_preemptible(self) -> JobClass:
        if self.malleable and (not self.preemptible or self.restart_h > 0):
            raise ValueError("a malleable class must have preemptible: true and restart_h: 0")
        return self


class Forecast(Config):
    """Quality of forecasts.

    A forecast issued L hours ahead explains the share exp(-2 (1 - `skill`) L / memory) of the variance around the mean
    of the hour. It explains at least what follows from the present by persistence. At skill 1 forecasts are perfect. At
    skill 0 they know nothing of what is to come unless the memory is longer than that of the phenomenon.
    """

    skill: Share
    horizon_h: Positive = 24.0
    sun_memory_h: Positive = 4.0
    wind_memory_h: Positive = 10.0
    interactive_memory_h: Positive = 6.0
    carbon_memory_h: Annotated[
        Positive, Field(description="of recorded carbon intensity; else it follows from sun and wind")
    ] = 10.0

    @property
    def memory_h(self) -> tuple[float, float, float, float]:
        """Memories of sun, wind, interactive load and carbon [h]."""
        return self.sun_memory_h, self.wind_memory_h, self.interactive_memory_h, self.carbon_memory_h


class Contracts(Config):
    """Prices of everything except electricity."""

    carbon_price_per_tonne: NonNegative
    drop_cost_per_gpu_h: NonNegative
    late_cost_per_gpu_h_per_h: NonNegative
    terminal_late_h: NonNegative = 24.0


class Scenario(Config):
    """One scenario, resolved: it contains every region and tariff that it names.

    All prices and costs are in `currency`. All hours and dates are those of `timezone`, the scenario's clock.
    Optional keys that hold their default are left out when a scenario is written, so hashes of older scenarios stay.
    """

    name: Name
    title: str
    source: str
    currency: Annotated[
        str, Field(description="ISO 4217 code of all prices and costs", exclude_if=_is_default_currency)
    ] = CURRENCY
    timezone: Annotated[
        str, Field(description="IANA name of the scenario's clock; no daylight saving", exclude_if=_is_default_zone)
    ] = TIME_ZONE
    calendar_year: Annotated[int, Field(ge=1900, le=2200)]
    step_minutes: Annotated[int, Field(gt=0, le=60)]
    episode_days: Annotated[float, Field(gt=0, le=366)]
    start: Literal["any_day"] | str = "any_day"
    weather_correlation_km: Positive = 900.0
    band_low: Share = 0.6
    band_high: Share = 0.8
    regions: tuple[Region, ...]
    tariffs: dict[str, GridPrice]
    job_classes: tuple[JobClass, ...]
    forecast: Forecast
    contracts: Contracts
    tokens: Annotated[Tokens | None, Field(exclude_if=operator.not_)] = None
    disturbances: Annotated[tuple[Disturbance, ...], Field(exclude_if=operator.not_)] = ()
    storage_control: Annotated[
        Literal["rule", "agent"],
        Field(
            description="who controls the stores; with agent, an action has one more entry for each store",
            exclude_if=_is_rule,
        ),
    ] = "rule"
    grid_events: Annotated[GridEvents | None, Field(exclude_if=operator.not_)] = None
    constraints: Annotated[Constraints | None, Field(exclude_if=operator.not_)] = None

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        if code not in ISO_4217:
            raise ValueError(f"currency {code!r} must be an ISO 4217 code such as CNY, EUR or USD")
        return code

    @property
    def utc_offset_minutes(self) -> int:
        """Minutes by which the scenario's clock is ahead of UTC, the same in the whole year."""
        return utc_offset_minutes(self.timezone, self.calendar_year)

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.regions)

    @property
    def places(self) -> tuple[tuple[float, float], ...]:
        """Latitude and longitude of each region [degrees]."""
        return tuple(region.site.place for region in self.regions)

    @property
    def n_stores(self) -> int:
        """Number of stores that actions control. Stores that follow grid events do not count.

        It is 0 unless `storage_control` is "agent".
        """
        stores = [store for region in self.regions for store in region.stores if not store.ordered_by_grid_events]
        return len(stores) if self.storage_control == "agent" else 0

    @property
    def is_extended(self) -> bool:
        """Whether observations need the additional fields of stores, contracts, sleep, grid events or limits.

        Disturbances need none, so policies that were trained without disturbances can also play with them.
        """
        parts = [(r.stores, r.supply, r.fleet.sleep) for r in self.regions]
        return any(any(part) for part in parts) or any((self.grid_events, self.constraints))

    def with_lateness(self, times: float) -> Scenario:
        """A copy whose price of lateness is multiplied by `times`."""
        if times == 1:
            return self
        price = self.contracts.late_cost_per_gpu_h_per_h * times
        contracts = self.contracts.model_copy(update={"late_cost_per_gpu_h_per_h": price})
        return self.model_copy(update={"contracts": contracts})

    @property
    def step_h(self) -> float:
        """Length of a step [h]."""
        return self.step_minutes / 60

    @property
    def n_steps(self) -> int:
        """Steps in an episode."""
        return round(self.episode_days * 24 / self.step_h)

    @property
    def horizon(self) -> int:
        """Forecast horizon [steps]."""
        return round(self.forecast.horizon_h / self.step_h)

    @model_validator(mode="after")
    def _clock_is_fixed(self) -> Scenario:
        utc_offset_minutes(self.timezone, self.calendar_year)
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        for job_class in self.job_classes:
            if len(job_class.jobs_per_day) != self.n_regions:
                raise ValueError(
                    f"job_classes.{job_class.name}.jobs_per_day has {len(job_class.jobs_per_day)} rates, "
                    f"must have one for each of the {self.n_regions} regions"
                )
        for region in self.regions:
            if region.tariff not in self.tariffs:
                raise ValueError(f"regions.{region.name}.tariff {region.tariff!r} is not among {sorted(self.tariffs)}")
        if self.grid_events and not set(self.grid_events.regions) <= {region.name for region in self.regions}:
            known = ", ".join(region.name for region in self.regions)
            raise ValueError(f"grid_events.regions {list(self.grid_events.regions)}: must be among {known}")
        if 60 % self.step_minutes:
            raise ValueError(f"step_minutes {self.step_minutes} must divide 60")
        if self.n_steps < 1:
            raise ValueError(f"episode_days {self.episode_days:g} must hold a step of {self.step_minutes} minutes")
        return self

    @field_validator("start")
    @classmethod
    def _start_is_a_date(cls, value: str) -> str:
        try:
            return value if value == "any_day" else date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError("must be any_day or a date such as 2026-04-15") from None

    @model_validator(mode="after")
    def _tokens_fit(self) -> Scenario:
        known = ("interactive", *(job_class.name for job_class in self.job_classes))
        unknown = [name for name in (self.tokens.tokens_per_gpu_h if self.tokens else ()) if name not in known]
        if unknown:
            raise ValueError(f"tokens.tokens_per_gpu_h.{unknown[0]}: must be one of {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _disturbances_fit(self) -> Scenario:
        names = {region.name for region in self.regions}
        for i, disturbance in enumerate(self.disturbances):
            where = f"disturbances.{i} ({disturbance.kind})"
            unknown = sorted(set(disturbance.regions) - names) if disturbance.regions != ALL else []
            if unknown:
                raise ValueError(f"{where}: region {unknown[0]!r} is not among {', '.join(sorted(names))}")
            if not isinstance(disturbance.start_h, str) and disturbance.start_h >= self.episode_days * 24:
                last_h = self.episode_days * 24
                raise ValueError(
                    f"{where}: start_h {disturbance.start_h:g} must be before the episode's end, {last_h:g} h"
                )
            if isinstance(disturbance, NewTariff) and disturbance.tariff not in self.tariffs:
                raise ValueError(f"{where}: tariff {disturbance.tariff!r} is not among {sorted(self.tariffs)}")
            if isinstance(disturbance, WorseForecasts) and self.forecast.skill == 1.0:
                raise ValueError(f"{where}: forecast.skill is 1, so that forecasts have no error; must be below 1")
        return self
