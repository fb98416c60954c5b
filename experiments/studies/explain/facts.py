"""What an explanation holds: settings, what methods did in them, and what agents' fields are worth."""

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
"""Fields that a picture shows."""
MOST_LEVELS = 6
"""Up to this many prices in a region each is a band of its own; else the bands hold equal shares of the time."""
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
"""Fields that say much the same of one thing, and are therefore also exchanged at once."""

SPLIT = "validation"
BOUND = "bound's plan"
RANK_EDGES = (0.2, 0.4, 0.6, 0.8)
"""Between bins of the price's rank: the share of the coming day that is cheaper than now."""
SURPLUS_EDGES = (0.01, 0.25)
"""Between bins of surplus: GPUs that sun, wind and river could run beyond idle GPUs and requests / fleet."""


class Setting(NamedTuple):
    """What no policy changes in an episode of T steps in R regions."""

    hour: Ints  # (T,) of the day, by the scenario's clock
    price_per_kwh: Floats  # (T, R)
    price_rank: Floats  # (T, R) the observation's field
    surplus_share: Floats  # (T, R) of the fleet, as the observation's field where nothing is locked
    room_gpus: Floats  # (T, R) fleet in order less requests
    step_h: float


class Played(NamedTuple):
    """What one method did in an episode of T steps in R regions."""

    work_gpus: Floats  # (T, R) mean GPUs at deferrable work
    grid_kw: Floats  # (T, R)
    costs: dict[str, float]  # by COST_TERMS, all regions

    @property
    def total_cost(self) -> float:
        """All that the episode cost."""
        return sum(self.costs.values())


@dataclass(frozen=True)
class Shares:
    """Share of the room that deferrable work uses, over some episodes in R regions; NaN where there was hardly room."""

    by_kind: Floats  # (rank bins, surplus bins, R)
    by_hour: Floats  # (24, R)


@dataclass(frozen=True)
class Importance:
    """What a field, or a group of them, is worth to an agent: saving lost as a share of RunOnArrival's cost."""

    field: str
    same_step: Estimate
    """Lost where the field is that of another episode in the same step; such episodes share their time of day."""
    any_step: Estimate
    """Lost where it is besides that of another time of that episode."""

    @property
    def largest(self) -> float:
        """The larger of the two losses."""
        return max(self.same_step.value, self.any_step.value)


Runs = dict[str, list[list[Played]]]
"""By method: once a training seed, the episodes in their order."""


@dataclass(frozen=True)
class Agent:
    """A learned method: its training seeds, what it saves, and what its fields are worth to it."""

    name: str
    seeds: int
    saving: float
    fields: list[Importance]

    @property
    def top_fields(self) -> list[Importance]:
        """The most valuable single fields of the agent, at most `MOST_FIELDS`."""
        return [worth for worth in self.fields if worth.field not in GROUPS][:MOST_FIELDS]


@dataclass(frozen=True)
class Explanation:
    """All that pictures and tables show of a scenario."""

    scenario: str
    title: str
    currency: str  # of all costs and prices
    timezone: str  # of all hours
    regions: tuple[str, ...]  # (R,)
    drawn: tuple[int, ...]  # regions shown: those where most deferrable work runs on arrival
    episodes: int
    planned: int  # the first of them, also played by the planner
    agents: list[Agent]
    shares: dict[str, Shares]  # by method, over all episodes
    price_per_kwh: Floats  # (24, R) mean by hour
    settings: list[Setting]  # of the first `planned` episodes
    runs: Runs  # likewise


def bands(explanation: Explanation, region: int) -> Floats:
    """Upper ends of a region's price bands, ascending [currency/kWh]."""
    price = np.concatenate([setting.price_per_kwh[:, region] for setting in explanation.settings]).round(4)
    levels = np.unique(price)
    if levels.size > MOST_LEVELS:
        levels = np.unique(np.quantile(price, np.arange(1, MOST_LEVELS) / (MOST_LEVELS - 1)))
    return np.asarray(levels, dtype=np.float64)


def bought_kwh(explanation: Explanation, name: str, region: int) -> Floats:
    """Energy bought in each of a region's price bands, a mean of training seeds and episodes [kWh]."""
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
    """Where the two pictures of a scenario go: when agents run work, and what they look at."""
    return out / f"learned-{scenario}-when.png", out / f"learned-{scenario}-fields.png"
