"""The observation: one float32 vector of named, hand-scaled fields.

The vector holds the clock, then the same block of fields for each region. This file's table is the only description of
the layout: the space, the named views and the table in the docs come from it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.layout import N_SLACK

BLOCK_EDGES_H = (0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24)
"""Forecasts are averaged over these spans of lead time; a lead belongs to the span it does not exceed."""
Views = MappingProxyType[str, NDArray[np.float32]]


class Field(NamedTuple):
    """One named field. `width` 0 means one a forecast block."""

    name: str
    width: int
    meaning: str


CLOCK_FIELDS = (
    Field("hour", 2, "sine and cosine of the hour of the day, Beijing time"),
    Field("season", 2, "sine and cosine of the day of the year"),
    Field("weekend", 1, "1 on Saturday and Sunday"),
    Field("time_left", 1, "share of the episode left"),
    Field("last_day", 1, "hours left / 24, at most 1"),
)
REGION_FIELDS = (
    Field("price", 1, "price now / the scenario's mean price - 1"),
    Field("price_rank", 1, "share of the coming leads that are cheaper than now, ties counted half"),
    Field("price_above_lowest", 1, "(price now - lowest coming price) / mean price"),
    Field("carbon", 1, "grid carbon intensity / the scenario's mean - 1"),
    Field("surplus", 1, "GPUs that surplus green power could run / fleet, at most 2"),
    Field("interactive", 1, "GPUs that requests need now / fleet"),
    Field("locked", 1, "GPUs of running rigid jobs that cannot be preempted / fleet"),
    Field("running", 1, "other deferrable GPUs of the last step / fleet"),
    Field("locked_work", 1, "log(1 + expected GPU-h left of locked rigid jobs / fleet)"),
    Field("rigid_work", 1, "log(1 + expected GPU-h of other rigid jobs / fleet)"),
    Field("transit", 1, "log(1 + expected GPU-h on its way here / fleet)"),
    Field("late", 1, "log(1 + expected GPU-h past its deadline / fleet)"),
    Field(
        "base_load", 1, "facility power of idle, interactive and locked GPUs less green power / full power, at least -2"
    ),
    Field("peak", 1, "highest grid power so far / full power"),
    Field("wan_backlog", 1, "data still to move / what the link moves in a step"),
    Field(
        "queue",
        N_SLACK,
        "log(1 + expected GPU-h / fleet) of unlocked work by slack: under 1/4, 1, 4, 12, 24 h, and more",
    ),
    Field("price_ahead", 0, "as price, mean by forecast block"),
    Field("surplus_ahead", 0, "as surplus (nothing locked, PUE as now), forecast, mean by block"),
    Field("interactive_ahead", 0, "as interactive, forecast, mean by block"),
)
EXTRA_FIELDS = (
    Field("battery", 1, "energy in the battery / its capacity"),
    Field("tank", 1, "cold in the tank / its capacity"),
    Field("store_rule", 1, "what the rule would order the stores: 1 charge, 0 neither, -1 discharge"),
    Field("awake", 1, "GPUs awake / fleet"),
    Field("in_order", 1, "GPUs in order / fleet"),
    Field("link", 1, "share of the link's capacity that is there"),
    Field("direct", 1, "what the direct line offers now / full power"),
    Field("contract", 1, "what the green contract delivers now / full power"),
    Field("cut", 1, "cut that the grid asks for now / full power"),
    Field("announced_cut", 1, "cut that it asks for now or has announced / full power"),
    Field("announced_in", 1, "hours until then / 24, at most 1"),
    Field("green_lead", 1, "green share of the site's energy so far less the least that is required"),
)
"""Further fields of each region, where a scenario has stores, contracts, sleep, grid events or constraints."""


def block_of_lead(scenario: Scenario) -> NDArray[np.int64]:
    """The forecast block of each lead, shape (L,); -1 for lead 0, which is the present."""
    lead_h = np.arange(scenario.horizon + 1) * scenario.step_h
    return np.searchsorted(BLOCK_EDGES_H, lead_h - 1e-9, side="left").astype(np.int64) - 1


def field_table() -> str:
    """The fields as a Markdown table, for the docs."""
    parts = {"clock": CLOCK_FIELDS, "each region": REGION_FIELDS, "each region, where there is such": EXTRA_FIELDS}
    rows = [(part, field) for part, fields in parts.items() for field in fields]
    lines = [f"| {part} | `{field.name}` | {field.width or 'one a block'} | {field.meaning} |" for part, field in rows]
    return "\n".join(["| of | field | numbers | meaning |", "|---|---|---|---|", *lines]) + "\n"
