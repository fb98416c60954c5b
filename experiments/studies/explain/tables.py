"""Shows an explanation as tables, in the terminal and between the markers of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattward.envs.model.types import COST_TERMS
from wattward.experiments.common import tables
from wattward.experiments.common.pages import read_between, rewrite_between
from wattward.experiments.common.tables import Column
from wattward.experiments.evaluation.playing import FLOOR
from wattward.experiments.evaluation.statistics import Estimate
from wattward.experiments.studies.explain.facts import (
    BOUND,
    GROUPS,
    PLANNER,
    RULE,
    SURPLUS_EDGES,
    Explanation,
    Importance,
    Shares,
    bands,
    bought_kwh,
)

Row = Mapping[str, Any]


def markers(scenario: str) -> tuple[str, str]:
    """The markers before and after the tables of a scenario on a page."""
    return f"<!-- explain:{scenario}:begin -->\n", f"<!-- explain:{scenario}:end -->"


def losers(told: Explanation) -> list[str]:
    """Methods whose costs are compared, the bound first."""
    return [BOUND, PLANNER, *(agent.name for agent in told.agents), RULE, FLOOR]


def cost_rows(told: Explanation) -> list[Row]:
    """One row for each method: mean cost of an episode by term, and energy bought."""
    rows: list[dict[str, Any]] = []
    for name in losers(told):
        played = [did for run in told.runs[name] for did in run]
        mean = {term: float(np.mean([did.costs[term] for did in played])) for term in COST_TERMS}
        kwh = float(np.mean([did.grid_kw.sum() for did in played])) * told.settings[0].step_h
        paid = mean["energy_cost"] / kwh if kwh else None
        rows.append({"method": name, "total_cost": sum(mean.values()), **mean, "kwh": kwh, "price_per_kwh": paid})
    least = rows[0]["total_cost"]
    return [{**row, "above": row["total_cost"] - least} for row in rows]


def cost_columns(rows: Sequence[Row], currency: str) -> tuple[Column, ...]:
    """Columns of `cost_rows`. Terms below half a unit of currency for all methods are left out."""
    terms = [term for term in COST_TERMS if any(abs(row[term]) >= 0.5 for row in rows)]
    return (
        (f"{currency} an episode", tables.text("method")),
        ("all", tables.number("total_cost", ",.0f")),
        ("above the plan", tables.number("above", "+,.0f")),
        *((term.removesuffix("_cost"), tables.number(term, ",.0f")) for term in terms),
        ("kWh bought", tables.number("kwh", ",.0f")),
        (f"energy {currency}/kWh", tables.number("price_per_kwh", ".3f")),
    )


def band_rows(told: Explanation) -> list[Row]:
    """Mean energy bought in an episode, one row for each price band of each drawn region."""
    rows: list[Row] = []
    for r in told.drawn:
        ends = bands(told, r)
        price = np.concatenate([setting.price_per_kwh[:, r] for setting in told.settings]).round(4)
        levels = np.unique(price).size == ends.size
        bought = {name: bought_kwh(told, name, r) for name in losers(told)}
        for band, end in enumerate(ends):
            label = f"{end:.3f}" if levels else f"to {end:.3f}"
            rows.append({"band": f"{told.regions[r]}, {label}", **{name: kwh[band] for name, kwh in bought.items()}})
    return rows


def band_columns(told: Explanation) -> tuple[Column, ...]:
    """Columns of `band_rows`, one for each method."""
    return (
        (f"kWh an episode at {told.currency}/kWh", tables.text("band")),
        *((name, tables.number(name, ",.0f")) for name in losers(told)),
    )


def field_rows(told: Explanation) -> list[Row]:
    """Importance of groups, then of the top single fields, each in the order of the first agent."""
    by_agent = [{worth.field: worth for worth in agent.fields} for agent in told.agents]
    shown = {worth.field for agent in told.agents for worth in agent.top_fields} | set(GROUPS)
    order = [worth.field for worth in told.agents[0].fields if worth.field in shown]
    return [
        {"field": f"`{name}`" if name not in GROUPS else name, **_worths([by[name] for by in by_agent])}
        for name in sorted(order, key=lambda name: name not in GROUPS)
    ]


def _worths(worths: Sequence[Importance]) -> Row:
    told: dict[str, str] = {}
    for number, worth in enumerate(worths):
        told |= {f"same-{number}": _points(worth.same_step), f"any-{number}": _points(worth.any_step)}
    return told


def _points(found: Estimate) -> str:
    return f"{100 * found.value:.2f} ({100 * found.low:.2f} to {100 * found.high:.2f})"


def field_columns(told: Explanation) -> tuple[Column, ...]:
    """Columns of `field_rows`: both losses of each agent."""
    columns: list[Column] = [("seen of another episode", tables.text("field"))]
    for number, agent in enumerate(told.agents):
        columns.append((f"{agent.name}, same hour", tables.text(f"same-{number}")))
        columns.append((f"{agent.name}, any hour", tables.text(f"any-{number}")))
    return tuple(columns)


def when_rows(told: Explanation) -> list[Row]:
    """Share of the room used in the cheapest and most expensive fifth of the coming day, with no or much surplus."""
    rows: list[Row] = []
    for r in told.drawn:
        for name, used in told.shares.items():
            rows.append({"region": told.regions[r], "method": name, **_extremes(used, r)})
    return rows


def _extremes(used: Shares, r: int) -> Row:
    kinds = {"cheap": (0, 0), "dear": (-1, 0), "cheap_sun": (0, -1), "dear_sun": (-1, -1)}
    shares = {kind: float(used.by_kind[rank, surplus, r]) for kind, (rank, surplus) in kinds.items()}
    return {kind: share if np.isfinite(share) else None for kind, share in shares.items()}


def when_columns() -> tuple[Column, ...]:
    """Columns of `when_rows`: the four corner squares of the picture."""
    return (
        ("region", tables.text("region")),
        ("method", tables.text("method")),
        ("cheapest", tables.number("cheap", ".0%")),
        ("most expensive", tables.number("dear", ".0%")),
        ("cheapest, green", tables.number("cheap_sun", ".0%")),
        ("most expensive, green", tables.number("dear_sun", ".0%")),
    )


def brief(told: Explanation) -> list[tuple[str, tuple[Column, ...], Sequence[Row]]]:
    """Tables for the terminal: title, columns and rows of each."""
    shown: list[tuple[str, tuple[Column, ...], Sequence[Row]]] = [
        ("share of the free GPUs that run deferrable work", when_columns(), when_rows(told))
    ]
    names, *fields = field_columns(told)
    for number, agent in enumerate(told.agents):
        title = f"saving lost by {agent.name}, percentage points"
        shown.append((title, (names, *fields[2 * number : 2 * number + 2]), field_rows(told)))
    costs = cost_rows(told)
    first, last = cost_columns(costs, told.currency)[:3], cost_columns(costs, told.currency)[-1]
    return [*shown, (f"cost, means of the first {told.planned} episodes", (*first, last), costs)]


def as_markdown(told: Explanation) -> str:
    """All tables of a scenario, with explanations of their numbers."""
    costs = cost_rows(told)
    seeds = ", ".join(f"{agent.name} of {agent.seeds} training seeds saves {agent.saving:.1%}" for agent in told.agents)
    return (
        f"{told.episodes} validation episodes of `{told.scenario}`. Against {FLOOR}, {seeds}.\n\n"
        "Share of the GPUs that requests leave free which run deferrable work, in steps whose price is among the "
        "cheapest and the most expensive fifth of the coming day; without surplus green power, and with surplus for "
        f"over {SURPLUS_EDGES[-1]:.0%} of the fleet (green). A dash: hardly ever met.\n\n"
        f"{tables.markdown(when_columns(), when_rows(told))}\n"
        f"Saving lost, in percentage points of {FLOOR}'s cost, with 95 % intervals over seeds and episodes:\n\n"
        f"{tables.markdown(field_columns(told), field_rows(told))}\n"
        f"Cost by term, means of the first {told.planned} of these episodes (all that the planner, which takes long, "
        f"has played):\n\n{tables.markdown(cost_columns(costs, told.currency), costs)}\n"
        f"Energy bought by its price, in the same {told.planned} episodes:\n\n"
        f"{tables.markdown(band_columns(told), band_rows(told))}"
    )


def check_page(page: Path, scenario: str) -> None:
    """Checks the markers of a page.

    Raises:
        ConfigError: the page cannot be read, or does not contain each marker of the scenario exactly once.
    """
    read_between(page, *markers(scenario))


def update_page(page: Path, told: Explanation) -> None:
    """Rewrites the tables of a scenario between their markers. The rest of the page does not change.

    Raises:
        ConfigError: as `check_page`.
    """
    rewrite_between(page, *markers(told.scenario), as_markdown(told))
