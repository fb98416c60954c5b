"""Stores of a site: a battery on the power side, a tank of chilled water on the cooling side."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wattward.configs.schema.base import Config, NonNegative, Positive

Efficiency = Annotated[float, Field(gt=0, le=1)]
LossPerHour = Annotated[float, Field(ge=0, lt=1, description="share of the content lost in an hour")]


class Battery(Config):
    """A battery. Powers are on the AC side. It starts empty; energy left in it at the end has no value.

    Charging by c kW adds c x charge_efficiency, discharging by d kW takes d / discharge_efficiency out.
    `wear_cost_per_kwh` is paid for every kWh discharged.
    """

    capacity_kwh: Positive
    charge_kw: Positive
    discharge_kw: Positive
    charge_efficiency: Efficiency = 0.95
    discharge_efficiency: Efficiency = 0.95
    loss_per_h: LossPerHour = 0.0
    wear_cost_per_kwh: NonNegative = 0.0


class Tank(Config):
    """A tank of chilled water. Energies and powers are heat. It starts empty (warm).

    Charging at q kW takes q / charge_cop of electric power; discharging at q kW saves q / cop.
    """

    capacity_kwh: Positive
    charge_kw: Positive
    discharge_kw: Positive
    cop: Positive = 5.0
    charge_cop: Positive | None = Field(None, description="default: `cop`; higher in cool nights")
    loss_per_h: LossPerHour = 0.0
