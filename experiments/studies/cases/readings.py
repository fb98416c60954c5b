"""Readings of the published saving of the Zhejiang–Xinjiang pair: what is counted, and with what it is compared.

The publication says that the electricity cost per token fell by 18 %. It says neither which cost is meant nor with what
it was compared. Here the clock rule is measured in every way that it could mean, under the tariff of that time and the
one that replaced it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wattward.baselines import registry
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import Floats
from wattward.envs.policy.episode import play_episode
from wattward.experiments.common import tables

SCENARIOS = {"2024": "zhejiang-xinjiang-2024", "2026": "zhejiang-xinjiang"}
"""The scenario of each tariff."""
ON_ARRIVAL, METHODS = "RunOnArrival", ("RunOnArrival", "PeakOffset", "PeakOffset-CoastHolds")
SPLIT = "validation"
COAST = 0
"""Index of Zhejiang's site in the scenarios."""
PUBLISHED, NEAR = 0.18, 0.02
"""The published saving, and how far from it a reading is called near."""
DRAWS = 2000
"""Number of bootstrap resamples of the episodes for an interval."""
ARRIVAL, ZHEJIANG = "work run on arrival", "all work in Zhejiang"
"""With what a reading compares."""
TEXT = """\
## What the published {published} may mean

The publication says that the electricity cost per token fell by {published}. It says neither which cost is meant nor
with what it was compared. Here are the readings under the tariff of that time (2024) and its successor (2026), on
{episodes} validation episodes. PeakOffset is the shipped clock rule. PeakOffset-CoastHolds follows the publication more
fully: the coast holds while the west absorbs, and work comes home from 0 to 8.

Tokens are counted in GPU-hours of work done. The energy of the work is that of GPUs at work and of their cooling, at
the hour's price; idle GPUs and the demand charge are left out. "{zhejiang}" means that Zhejiang does all of the work
of RunOnArrival in the same steps, at its own price and PUE. The column of RunOnArrival then shows what the second site
alone saves.

{table}
Against {arrival} the largest saving is {largest}. Within {points} points of {published} are: {near}.{so}
"""
Row = dict[str, Any]
Tick = Callable[[str], None]


class Spent(NamedTuple):
    """What a method spent on E episodes, shape (E,) each: costs in the scenario's currency, work in GPU-h."""

    total_cost: Floats
    energy_cost: Floats  # of energy from the grid
    bill_cost: Floats  # energy from the grid and demand charge
    work_cost: Floats  # energy of GPUs at work and their cooling, all bought at the hour's price
    deferrable_cost: Floats  # the part of `work_cost` that is due to deferrable work
    coast_work_cost: Floats  # as `work_cost`, if Zhejiang had done all of the work in the same steps
    coast_deferrable_cost: Floats
    work_gpu_h: Floats  # work done, requests included and restarts not
    deferrable_gpu_h: Floats


class Reading(NamedTuple):
    """One way to read the saving: 1 - (spent / amount) / (spent / amount of the comparison)."""

    name: str
    against: str  # ARRIVAL or ZHEJIANG
    spent: str  # fields of `Spent`
    amount: str | None  # None for a sum that is not divided
    compared: str  # what RunOnArrival spent, or would have spent


PER_TOKEN, DEFERRABLE = "energy of the work, per token", "energy of the work, per token, deferrable work only"
READINGS = (
    Reading("total cost", ARRIVAL, "total_cost", None, "total_cost"),
    Reading("electricity bill: energy and demand charge", ARRIVAL, "bill_cost", None, "bill_cost"),
    Reading("energy from the grid", ARRIVAL, "energy_cost", None, "energy_cost"),
    Reading("energy from the grid, per token", ARRIVAL, "energy_cost", "work_gpu_h", "energy_cost"),
    Reading(PER_TOKEN, ARRIVAL, "work_cost", "work_gpu_h", "work_cost"),
    Reading(DEFERRABLE, ARRIVAL, "deferrable_cost", "deferrable_gpu_h", "deferrable_cost"),
    Reading(PER_TOKEN, ZHEJIANG, "work_cost", "work_gpu_h", "coast_work_cost"),
    Reading(DEFERRABLE, ZHEJIANG, "deferrable_cost", "deferrable_gpu_h", "coast_deferrable_cost"),
)
"""All readings; each compares with RunOnArrival on the same episodes."""


def measure(episodes: int, tick: Tick = lambda _: None) -> list[Row]:
    """One row for each reading, tariff and method: the saving, and its 95 % interval over the episodes.

    Args:
        episodes: number of validation episodes, from 0.
        tick: called with the name of what is played next.
    """
    rows = []
    for tariff, scenario in SCENARIOS.items():
        spent = {}
        for name in METHODS:
            tick(f"{name} on {scenario}")
            spent[name] = play(scenario, name, episodes)
        rows += [
            {
                "reading": reading.name,
                "against": reading.against,
                "tariff": tariff,
                "method": name,
                "episodes": episodes,
            }
            | saving(reading, spent[name], spent[ON_ARRIVAL])
            for reading in READINGS
            for name in METHODS
        ]
    return rows


def play(scenario: str, name: str, episodes: int) -> Spent:
    """Plays a method on validation episodes and sums up what it spent on each."""
    env = ClusterEnv(scenario)
    return Spent(*np.array([_spent(env, name, episode) for episode in range(episodes)]).T)


def _spent(env: ClusterEnv, name: str, episode: int) -> list[float]:
    """What the method spent on one episode, in the order of `Spent`."""
    rng = np.random.default_rng(episode)
    week = play_episode(registry.make(name), env, split=SPLIT, episode=episode, rng=rng, keep=("flows",))
    flows, step_h, price = week.flows, env.scenario.step_h, env.world.price_per_kwh[0, : week.n_steps]
    busy_kw = np.array([region.fleet.gpu_busy_kw for region in env.scenario.regions])
    pue = (flows.it_kw + flows.cooling_kw) / np.maximum(flows.it_kw, 1e-9)
    costs = {}
    for kind, gpus in (("work", flows.interactive_gpus + flows.busy_gpus), ("deferrable", flows.busy_gpus)):
        it_kwh = gpus * busy_kw * step_h
        costs[f"{kind}_cost"] = float((it_kwh * pue * price).sum())
        costs[f"coast_{kind}_cost"] = float((it_kwh.sum(axis=1) * pue[:, COAST] * price[:, COAST]).sum())
    energy_cost, demand_cost = float(flows.energy_cost.sum()), float(flows.demand_cost.sum())
    deferrable_gpu_h = float(flows.busy_gpus.sum() * step_h - flows.restart_gpu_h.sum())
    sums = costs | {
        "total_cost": week.total_cost,
        "energy_cost": energy_cost,
        "bill_cost": energy_cost + demand_cost,
        "work_gpu_h": deferrable_gpu_h + float(flows.interactive_gpus.sum() * step_h),
        "deferrable_gpu_h": deferrable_gpu_h,
    }
    return [sums[name] for name in Spent._fields]


def saving(reading: Reading, ours: Spent, on_arrival: Spent) -> dict[str, float]:
    """The saving by one reading with its 95 % bootstrap interval over episodes."""
    count = len(ours.total_cost)
    drawn = np.random.default_rng(0).integers(count, size=(DRAWS, count))
    resampled = _saving(reading, ours, on_arrival, drawn)
    low, high = np.quantile(resampled, (0.025, 0.975))
    value = _saving(reading, ours, on_arrival, np.arange(count)[None, :])[0]
    return {"saving": float(value), "saving_low": float(low), "saving_high": float(high)}


def _saving(reading: Reading, ours: Spent, on_arrival: Spent, drawn: np.ndarray[Any, Any]) -> Floats:
    """Savings from sums over drawn episodes (D, E), shape (D,)."""

    def price(spent: Spent, field: str) -> Floats:
        total = getattr(spent, field)[drawn].sum(axis=1)
        divisor = 1.0 if reading.amount is None else getattr(spent, reading.amount)[drawn].sum(axis=1)
        return np.asarray(total / divisor, dtype=np.float64)

    return 1.0 - price(ours, reading.spent) / price(on_arrival, reading.compared)


def section(rows: Sequence[Row]) -> str:
    """The readings as a section of the page of cases, in Markdown."""
    found = {(row["reading"], row["against"], row["tariff"], row["method"]): row for row in rows}
    heads = [(tariff, method) for tariff in SCENARIOS for method in METHODS]
    columns: list[tables.Column] = [("saving", tables.text("reading")), ("compared with", tables.text("against"))]
    columns += [(f"{method}, {tariff}", tables.text(f"{method}, {tariff}")) for tariff, method in heads]
    lines = [
        {"reading": reading.name, "against": reading.against}
        | {f"{m}, {t}": _percent(found[reading.name, reading.against, t, m]) for t, m in heads}
        for reading in READINGS
    ]
    near = [row for row in rows if abs(row["saving"] - PUBLISHED) <= NEAR]
    alone = near and all(row["against"] == ZHEJIANG for row in near)
    return TEXT.format(
        published=f"{PUBLISHED:.0%}",
        episodes=rows[0]["episodes"],
        zhejiang=f"{ZHEJIANG[0].upper()}{ZHEJIANG[1:]}",
        arrival=ARRIVAL,
        table=tables.markdown(columns, lines),
        points=f"{NEAR * 100:.0f}",
        largest=_told(max((row for row in rows if row["against"] == ARRIVAL), key=lambda row: row["saving"])),
        near="; ".join(f"{_told(row)}, against {row['against']}" for row in near) or "none",
        so=" So the published figure is plausible if it compares the pair with a single site in Zhejiang."
        if alone
        else "",
    )


def _percent(row: Row) -> str:
    """The saving; a dash where RunOnArrival would be compared with itself."""
    itself = row["method"] == ON_ARRIVAL and row["against"] == ARRIVAL
    return tables.MISSING if itself else f"{row['saving']:.1%}".replace("-", "−")


def _told(row: Row) -> str:
    limits = f"{row['saving_low']:.1%} to {row['saving_high']:.1%}"
    return f"{row['saving']:.1%} ({limits}) by {row['method']}, {row['reading']}, tariff of {row['tariff']}"
