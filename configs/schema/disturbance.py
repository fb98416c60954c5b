"""Disturbances: what befalls a world in some hours and regions. docs/disturbances.md says who knows of it when.

Each kind says when it begins (`start_h`, hours into the episode, or "random": drawn anew for each episode), how long it
lasts (`hours`, or to the end), and in which regions.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from wattward.configs.schema.base import Config, Hours, NonNegative, Positive, Share

RANDOM: Final = "random"
ALL: Final = "all"
Quantity = Literal["sun", "wind", "interactive", "carbon"]


class Happening(Config):
    """When and where a disturbance acts. A random one lies wholly in the episode if it is no longer than that."""

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
        """Whether it acts in the region of that name."""
        return self.regions == ALL or region in self.regions


class WindDrought(Happening):
    """Wind power x `factor`, on site and in the region's grid, whose carbon intensity rises with it."""

    kind: Literal["wind_drought"] = "wind_drought"
    factor: Share


class DarkWeek(Happening):
    """Solar power x `factor`, on site and in the region's grid, whose carbon intensity rises with it."""

    kind: Literal["dark_week"] = "dark_week"
    factor: Share


class HeatWave(Happening):
    """Air warmer by `add_c`."""

    kind: Literal["heat_wave"] = "heat_wave"
    add_c: Positive


class PriceSpike(Happening):
    """Price x `factor` + `added_price_per_kwh`, in some hours of the day (Beijing time) or in all."""

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
    """The error that forecasts for these hours owe to chance x `factor`, whenever they are made."""

    kind: Literal["worse_forecasts"] = "worse_forecasts"
    factor: Annotated[float, Field(ge=1)]
    quantities: tuple[Quantity, ...] = ("sun", "wind", "interactive", "carbon")


class NewTariff(Happening):
    """Another tariff's prices by the hour; the demand charge stays that of the tariff the month began with."""

    kind: Literal["new_tariff"] = "new_tariff"
    tariff: str


class DemandSurge(Happening):
    """Interactive load x `factor`, at most the fleet."""

    kind: Literal["demand_surge"] = "demand_surge"
    factor: NonNegative


class WanOutage(Happening):
    """The links of these regions carry `factor` of what they can; nothing by default. What is under way arrives."""

    kind: Literal["wan_outage"] = "wan_outage"
    factor: Share = 0.0


class GpuFailures(Happening):
    """`share` of the fleet is off.

    Rigid jobs that no longer fit stop, the last in the queue first, and must restart.
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
    """A file of disturbances that a scenario's name may be followed by, as in `zhejiang-xinjiang+heat-wave`."""

    title: str
    source: str
    disturbances: Annotated[tuple[Disturbance, ...], Field(min_length=1)]
