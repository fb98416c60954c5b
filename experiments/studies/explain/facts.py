"""Data of an explanation: settings, what methods did in them, and the importance of fields to agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from wattward.envs.model.types import Floats, Ints
from wattward.experiments.evaluation.statistics import Estimate

CLOCK, RULE, PLANNER = "PeakOffset", "Threshold-pull-0.5", "HindsightPlanner"
MOST_FIELDS = 12
"""Largest number of fields that a picture shows."""
MOST_LEVELS = 6
"""If a region has at most this many prices, each is a band. Otherwise bands have equal shares of the time."""
Tick = Callable[[str], None]
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all of the clock": ("hour", "season", "weekend", "time_left", "last_day"),
        "all of prices": ("price", "price_rank", "price_above_lowest", "price_ahead"),
        "all of sun and wind": ("surplus", "surplus_ahead", "base_load"),
        "all of requests": ("interactive", "interactive_ahead"),
        "all of its work": (
            "locked",
            "running",
            "locked_work",
            "rigid_work",
            "transit",
            "late",
            "queue",
            "wan_backlog",
        ),
    }
)
"""Groups of fields with similar information. The fields of a group are also exchanged together."""

SPLIT = "validation"
BOUND = "bound's plan"
RANK_EDGES = (0.2, 0.4, 0.6, 0.8)
"""Edges of the bins of price rank, which is the share of the coming day that is cheaper than now."""
SURPLUS_EDGES = (0.01, 0.25)
"""Edges of the bins of surplus.

Surplus is the number of GPUs that sun, wind and river could run after idle GPUs and requests are supplied, divided by
the fleet.
"""


class Setting(NamedTuple):
    """Facts of an episode of T steps in R regions that no policy can change."""

    hour: Ints  # (T,) hour of the day, by the scenario's clock
    price_per_kwh: Floats  # (T, R)
    price_rank: Floats  # (T, R) the field of the observation
    surplus_share: Floats  # (T, R) surplus / fleet, as in the observation if no GPU is locked
    room_gpus: Floats  # (T, R) GPUs in working order minus those that serve requests
    step_h: float


class Played(NamedTuple):
    """What one method did in an episode of T steps in R regions."""

    work_gpus: Floats  # (T, R) mean GPUs that run deferrable work
    grid_kw: Floats  # (T, R)
    costs: dict[str, float]  # by COST_TERMS, sums over all regions

    @property
    def total_cost(self) -> float:
        """Sum of all cost terms."""
        return sum(self.costs.values())


@dataclass(frozen=True)
class Shares:
    """Share of the room that deferrable work uses, over some episodes in R regions; NaN if there was hardly room."""

    by_kind: Floats  # (rank bins, surplus bins, R)
    by_hour: Floats  # (24, R)


@dataclass(frozen=True)
class Importance:
    """Importance of a field or group to an agent: lost saving as a share of RunOnArrival's cost."""

    field: str
    same_step: Estimate
    """Loss if the field comes from the same step of another episode, and so from the same time of day."""
    any_step: Estimate
    """Loss if the field comes from another step of another episode."""

    @property
    def largest(self) -> float:
        """The larger of the two losses."""
        return max(self.same_step.value, self.any_step.value)


Runs = dict[str, list[list[Played]]]
"""Played episodes by method: one list for each training seed, in the order of the episodes."""


@dataclass(frozen=True)
class Agent:
    """A learned method: number of training seeds, saving, and importance of fields."""

    name: str
    seeds: int
    saving: float
    fields: list[Importance]

    @property
    def top_fields(self) -> list[Importance]:
        """The most important single fields of the agent, at most `MOST_FIELDS`."""
        return [worth for worth in self.fields if worth.field not in GROUPS][:MOST_FIELDS]


@dataclass(frozen=True)
class Explanation:
    """All data that pictures and tables of a scenario show."""

    scenario: str
    title: str
    currency: str  # of all costs and prices
    timezone: str  # of all hours
    regions: tuple[str, ...]  # (R,)
    drawn: tuple[int, ...]  # indices of the shown regions: those where most deferrable work runs on arrival
    episodes: int
    planned: int  # number of first episodes that the planner also played
    agents: list[Agent]
    shares: dict[str, Shares]  # by method, over all episodes
    price_per_kwh: Floats  # (24, R) means by hour of day
    settings: list[Setting]  # of the first `planned` episodes
    runs: Runs  # of the same episodes


def bands(explanation: Explanation, region: int) -> Floats:
    """Upper ends of a region's price bands, ascending [currency/kWh]."""
    price = np.concatenate([setting.price_per_kwh[:, region] for setting in explanation.settings]).round(4)
    levels = np.unique(price)
    if levels.size > MOST_LEVELS:
        levels = np.unique(np.quantile(price, np.arange(1, MOST_LEVELS) / (MOST_LEVELS - 1)))
    return np.asarray(levels, dtype=np.float64)


def bought_kwh(explanation: Explanation, name: str, region: int) -> Floats:
    """Energy bought in each price band of a region, mean over training seeds and episodes [kWh]."""
    ends, runs = bands(explanation, region), explanation.runs[name]
    bought = np.zeros(ends.size)
    for run in runs:
        for setting, did in zip(explanation.settings, run, strict=True):
            price = setting.price_per_kwh[:, region].round(4)
            band = np.minimum(np.searchsorted(ends, price - 1e-9), ends.size - 1)
            np.add.at(bought, band, did.grid_kw[:, region] * setting.step_h)
    mean: Floats = bought / (len(runs) * len(explanation.settings))
    return mean


def picture_paths(scenario: str, out: Path) -> tuple[Path, Path]:
    """Paths of the two pictures of a scenario: when agents run work, and which fields they use."""
    return out / f"learned-{scenario}-when.png", out / f"learned-{scenario}-fields.png"
