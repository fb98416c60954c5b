"""Columns of the tables about a ledger."""

from __future__ import annotations

from wattward.experiments.common.tables import Column, number, text

MATCHING: tuple[Column, ...] = (
    ("region", text("region")),
    ("load kWh", number("load_kwh", ",.0f")),
    ("annual", number("annual", ".1%")),
    ("monthly", number("monthly", ".1%")),
    ("hourly", number("hourly", ".1%")),
    ("hour and place", number("hour_and_place", ".1%")),
)
"""Columns for rows of `wattward.envs.accounting.matching.matching_rows`."""

TOKENS: tuple[Column, ...] = (
    ("region", text("region")),
    ("consumer", text("consumer")),
    ("Mtok", number("mtok", ",.0f")),
    ("kWh", number("kwh", ",.0f")),
    ("kWh/Mtok", number("kwh_per_mtok", ".3f")),
    ("{currency}/Mtok", number("cost_per_mtok", ".3f")),
    ("gCO2/Mtok", number("carbon_g_per_mtok", ".1f")),
)
"""Columns for rows of `wattward.envs.accounting.economics.token_economics`. Costs are those of electricity."""

REVENUE: tuple[Column, ...] = (
    ("region", text("region")),
    ("consumer", text("consumer")),
    ("peak {currency}", number("peak_revenue", ",.0f")),
    ("off-peak {currency}", number("off_peak_revenue", ",.0f")),
    ("all {currency}", number("revenue", ",.0f")),
    ("electricity {currency}", number("electricity_cost", ",.0f")),
    ("{currency}/kWh", number("revenue_per_kwh", ".2f")),
)
"""Columns for the same rows: revenue from tokens, in total and per kWh."""
