"""Disturbances: changes of a world during some hours and in some regions. See docs/disturbances.md.

Every kind has a start (`start_h`: hours into the episode, or "random" for a new start in each episode), a length
(`hours`; without it, to the end of the episode) and regions.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from wattward.configs.schema.base import Config, Hours, NonNegative, Positive, Share

RANDOM: Final = "random"
ALL: Final = "all"
Quantity = Literal["sun", "wind", "interactive", "carbon"]


class Happening(Config):
    """Time and place of a disturbance. If its start is random, it ends within the episode if it is short enough."""

    start_h: NonNegative | Literal["random"] = RANDOM
    hours: Positive | None = None
    regions: tuple[str, ...] | Literal["all"] = ALL

    @field_validator("start_h", mode="before")
    @classmethod
    def _start(cls, value: object) -> object:
        if value == RANDOM or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
            return value
        raise ValueError("must be hours into the episode, 0 or more, or 'random'")

    @field_validator("regions", mode="before")
    @classmethod
    def _places(cls, value: object) -> object:
        if value == ALL or (isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value)):
            return value
        raise ValueError("must be 'all' or a list of names of regions")

    def is_in(self, region: str) -> bool:
        """Whether the disturbance acts in this region."""
        return self.regions == ALL or region in self.regions


class Drought(Happening):
    """Power of one source x `factor`, on site and in the region's grid.

    The grid's carbon intensity changes accordingly.
    """

    kind: str  # its place here keeps the order of keys, on which digests of published scenarios depend
    factor: Share


class WindDrought(Drought):
    """A drought of wind power."""

    kind: Literal["wind_drought"] = "wind_drought"


class DarkWeek(Drought):
    """A drought of solar power."""

    kind: Literal["dark_week"] = "dark_week"


class HeatWave(Happening):
    """Air temperature rises by `add_c`."""

    kind: Literal["heat_wave"] = "heat_wave"
    add_c: Positive


class PriceSpike(Happening):
    """Price x `factor` + `added_price_per_kwh`, in some hours of the day or in all (the scenario's clock)."""

    kind: Literal["price_spike"] = "price_spike"
    factor: NonNegative = 1.0
    added_price_per_kwh: float = 0.0
    hours_of_day: tuple[Hours, ...] = ((0, 24),)

    @model_validator(mode="after")
    def _is_one(self) -> PriceSpike:
        if self.factor == 1.0 and self.added_price_per_kwh == 0.0:
            raise ValueError("factor or added_price_per_kwh must be given: this spike changes no price")
        for first, last in self.hours_of_day:
            if not 0 <= first < last <= 24:
                raise ValueError(f"hours_of_day: [{first}, {last}] must be [first, hour after the last) within 0-24")
        return self


class WorseForecasts(Happening):
    """The random error of all forecasts for these hours x `factor`."""

    kind: Literal["worse_forecasts"] = "worse_forecasts"
    factor: Annotated[float, Field(ge=1)]
    quantities: tuple[Quantity, ...] = ("sun", "wind", "interactive", "carbon")


class NewTariff(Happening):
    """Hourly prices of another tariff. The demand charge stays that of the original tariff."""

    kind: Literal["new_tariff"] = "new_tariff"
    tariff: str


class DemandSurge(Happening):
    """Interactive load x `factor`, limited to the fleet."""

    kind: Literal["demand_surge"] = "demand_surge"
    factor: NonNegative


class WanOutage(Happening):
    """WAN links of these regions have capacity x `factor`, 0 by default. Data in transit still arrive."""

    kind: Literal["wan_outage"] = "wan_outage"
    factor: Share = 0.0


class GpuFailures(Happening):
    """A `share` of the fleet fails.

    Rigid jobs that no longer fit stop, the last in the queue first. They must restart.
    """

    kind: Literal["gpu_failures"] = "gpu_failures"
    share: Share


Disturbance = Annotated[
    WindDrought | DarkWeek | HeatWave | PriceSpike | WorseForecasts | NewTariff | DemandSurge | WanOutage | GpuFailures,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Happening]] = {
    "wind_drought": WindDrought,
    "dark_week": DarkWeek,
    "heat_wave": HeatWave,
    "price_spike": PriceSpike,
    "worse_forecasts": WorseForecasts,
    "new_tariff": NewTariff,
    "demand_surge": DemandSurge,
    "wan_outage": WanOutage,
    "gpu_failures": GpuFailures,
}


class Preset(Config):
    """A file of disturbances. Its name may follow a scenario's, as in `zhejiang-xinjiang+heat-wave`."""

    title: str
    source: str
    disturbances: Annotated[tuple[Disturbance, ...], Field(min_length=1)]
