"""Stores of a site: batteries and UPS on the power side, chilled water on the cooling side. Each kind has a model."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from wattward.configs.schema.base import Config, NonNegative, Positive

Efficiency = Annotated[float, Field(gt=0, le=1)]
LossPerHour = Annotated[float, Field(ge=0, lt=1, description="share of the content lost in an hour")]


class _Store(Config):
    """Fields of every kind of store. Powers and energies are electric on the power side, heat on the cooling side."""

    ordered_by_grid_events: ClassVar[bool] = False
    """Whether only grid events control the store. Other stores follow the price rule or, if configured, the agent."""
    capacity_kwh: Positive
    charge_kw: Positive
    discharge_kw: Positive


class Battery(_Store):
    """A battery. Powers are on the AC side. It starts empty; energy left in it at the end has no value.

    Charging at c kW adds c x charge_efficiency; discharging at d kW takes d / discharge_efficiency out.
    `wear_cost_per_kwh` is paid for every kWh discharged.
    """

    kind: Literal["battery"] = "battery"
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    loss_per_h: LossPerHour = 0.0
    wear_cost_per_kwh: NonNegative = 0.0


class ChilledWater(_Store):
    """A tank of chilled water. Energies and powers are heat. It starts empty (warm).

    Charging at q kW takes q / charge_cop of electric power; discharging at q kW saves q / cop.
    """

    kind: Literal["chilled_water"] = "chilled_water"
    cop: Positive = 5.0
    charge_cop: Positive | None = Field(None, description="default: `cop`; higher in cool nights")
    loss_per_h: LossPerHour = 0.0


class Ups(_Store):
    """Batteries of the uninterruptible power supply; powers are on the AC side. They start full.

    `reserve_kwh` stays in them for outages. Only grid events control them. While the grid asks for a cut, they supply
    the part of the cut that is still missing, from the energy above the reserve. Afterwards they charge again, but not
    at the peak prices of the price rule. They feed nothing into the grid. Their trickle charge is part of the site's
    PUE.
    """

    ordered_by_grid_events: ClassVar[bool] = True
    kind: Literal["ups"] = "ups"
    reserve_kwh: NonNegative
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    wear_cost_per_kwh: NonNegative = 0.0

    @model_validator(mode="after")
    def _reserve_fits(self) -> Ups:
        if self.reserve_kwh > self.capacity_kwh:
            raise ValueError(f"reserve_kwh {self.reserve_kwh:g} must be at most capacity_kwh {self.capacity_kwh:g}")
        return self


Store = Annotated[Battery | ChilledWater | Ups, Field(discriminator="kind")]
"""A store of any kind. The key `kind` in a file selects the kind."""
