"""Tables of a scenario and of one day of it, for the terminal and for its card."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from wattward.configs.schema.region import Region
from wattward.configs.schema.scenario import JobClass, LogNormal, Scenario
from wattward.configs.schema.storage import Store
from wattward.configs.schema.supply import Supply
from wattward.envs.model.stores import row_of
from wattward.envs.model.types import COOLING, Floats
from wattward.experiments.common.tables import MISSING, Column, Row, in_currency, text
from wattward.experiments.describe.names import leaves, number, short, shown, words
from wattward.experiments.describe.typical_day import MOST_REGIONS, Day, hourly

WIDTH = 100
HALF_DAY = 12
HEAT_C = 35.0
NAMED = ("name", "title", "source", "tariff")
WEATHER = ("site", "sun", "wind", "river", "air", "carbon", "interactive")
IN_TABLES = (
    *("fleet.gpus", "fleet.gpu_idle_kw", "fleet.gpu_busy_kw", "fleet.reserved_for_interactive_gpus"),
    *("cooling.kind", "cooling.pue_base", "cooling.pue_slope_per_c", "cooling.free_below_c"),
    "network.wan_gb_per_s",
    *("supply.direct.sun_kw", "supply.direct.wind_kw", "supply.direct.price_per_kwh"),
    *("supply.contract.kw", "supply.contract.price_per_kwh", "supply.feed_in.most_kw", "supply.feed_in.price_per_kwh"),
)
"""Fields of a region that have a column of their own."""
STORE_COLUMNS = ("kind", "capacity_kwh", "charge_kw", "discharge_kw", "cop", "reserve_kwh")
"""Fields of a store that have a column of their own."""
PROPORTIONAL = ("fleet.serving_exponent", 1.0)
"""The default serving exponent, which is not shown."""
OWN_TABLES = ("name", "title", "source", "regions", "tariffs", "job_classes", "storage_control")
"""Fields of a scenario that are not among its terms because they are shown elsewhere."""


class Sheet(NamedTuple):
    """A table with a title."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]


FLEETS: tuple[Column, ...] = (
    ("region", text("region")),
    ("GPUs", text("gpus")),
    ("reserved", text("kept")),
    ("kW idle-busy", text("power")),
    ("requests", text("requests")),
    ("cooling", text("cooling")),
    (f"PUE to {HEAT_C:.0f} °C", text("pue")),
)
PLANTS: tuple[Column, ...] = (
    ("region", text("region")),
    ("sun kW", text("sun")),
    ("wind kW", text("wind")),
    ("river kW", text("river")),
    ("grid kg/kWh", text("carbon")),
    ("WAN GB/s", text("wan")),
)
TARIFFS: tuple[Column, ...] = (
    ("region", text("region")),
    ("tariff", text("tariff")),
    ("{currency}/kWh", text("price")),
    ("{currency}/kW-month", text("demand")),
)
STORES: tuple[Column, ...] = (
    ("region", text("region")),
    ("store", text("store")),
    ("kWh", text("capacity")),
    ("kW in-out", text("power")),
    ("COP", text("cop")),
    ("kWh in reserve", text("reserve")),
    ("ordered by", text("control")),
)
CONTRACTS: tuple[Column, ...] = (
    ("region", text("region")),
    ("line sun kW", text("sun")),
    ("wind kW", text("wind")),
    ("{currency}/kWh", text("line")),
    ("contract kW", text("contract")),
    ("{currency}/kWh", text("contract_price")),
    ("sells to kW", text("sells")),
    ("{currency}/kWh", text("feed_in")),
)
JOBS: tuple[Column, ...] = (
    ("job class", text("job_class")),
    ("runs as", text("runs")),
    ("restart", text("restart")),
    ("a day", text("per_day")),
    ("GPUs", text("gpus")),
    ("run h", text("run")),
    ("slack h", text("slack")),
    ("data GB", text("data")),
)
DAY: tuple[Column, ...] = (
    ("region", text("region")),
    ("{currency}/kWh", text("price")),
    ("sun", text("sun")),
    ("wind", text("wind")),
    ("river", text("hydro")),
    ("line", text("direct")),
    ("contract", text("contract")),
    ("stores", text("discharge")),
    ("sold", text("sold")),
    ("load", text("load")),
    ("grid", text("grid")),
    ("used", text("busy")),
    ("peak", text("peak")),
    ("{currency}", text("cost")),
)
SELDOM = {"line": "direct_kw", "contract": "contract_kw", "stores": "discharge_kw", "sold": "sold_kw"}
"""Columns of a day that are shown only if a value is not zero."""
ALWAYS = ("{currency}/kWh", "load kW", "requests GPUs", "utilisation", "queue GPU-h", "of it waiting")
"""Rows of a region's hours that are shown even if all values are 0."""


def scenario_sheets(scenario: Scenario) -> list[Sheet]:
    """Tables of regions, plants, tariffs, stores, contracts and job classes."""
    listed = scenario.regions[:MOST_REGIONS]
    return [
        Sheet(regions_title(scenario), FLEETS, [_fleet(region) for region in listed]),
        Sheet("plants on site, carbon of the grid, network", PLANTS, [_plants(region) for region in listed]),
        Sheet("tariffs", in_currency(TARIFFS, scenario.currency), [_tariff(region, scenario) for region in listed]),
        *_stores_and_contracts(scenario),
        Sheet("job classes: median (range)", JOBS, [_job_class(one) for one in scenario.job_classes]),
    ]


def _stores_and_contracts(scenario: Scenario) -> list[Sheet]:
    """Tables of stores and contracts, if a listed region has any; regions without them have no row."""
    listed = scenario.regions[:MOST_REGIONS]
    stores = [_store(region, store, scenario) for region in listed for store in region.stores]
    contracts = [_contracts(region) for region in listed if region.supply]
    sheets = (
        Sheet("stores", STORES, stores),
        Sheet("supply besides the tariff", in_currency(CONTRACTS, scenario.currency), contracts),
    )
    return [sheet for sheet in sheets if sheet.rows]


def regions_title(scenario: Scenario) -> str:
    """Number of regions, and how many of them are not listed."""
    left_out = scenario.n_regions - MOST_REGIONS
    regions = "1 region" if scenario.n_regions == 1 else f"{scenario.n_regions} regions"
    return regions + (f", {left_out:,} of them not listed" if left_out > 0 else "")


def terms(scenario: Scenario) -> dict[str, str]:
    """Fields of the scenario in words, one line for each group such as episode, forecast and contracts."""
    lines: dict[str, list[str]] = {}
    for name, value in leaves(scenario.model_copy(update={"regions": (), "tariffs": {}, "job_classes": ()})):
        if name in OWN_TABLES:
            continue
        group, _, rest = name.rpartition(".")
        label, unit = words(rest or name, scenario.currency)
        lines.setdefault(group or "episode", []).append(f"{label} {shown(value)} {unit}".rstrip())
    errors = [f"{one.name} {one.estimate_sigma:.0%}" for one in scenario.job_classes]
    return {group: "; ".join(said) for group, said in lines.items()} | {"estimates err": "; ".join(errors)}


def day_sheets(day: Day) -> list[Sheet]:
    """Hourly means of a day: two tables of twelve hours for each region."""
    return [sheet for r in range(min(MOST_REGIONS, day.scenario.n_regions)) for sheet in _hours(day, r)]


def day_summary(day: Day) -> Sheet:
    """Sums of the day, one row for each region."""
    rows = [_day_row(day, r) for r in range(min(MOST_REGIONS, day.scenario.n_regions))]
    absent = [heading for heading, name in SELDOM.items() if not getattr(day, name).any()]
    currency = day.scenario.currency
    columns = in_currency([column for column in DAY if column[0] not in absent], currency)
    return Sheet(f"the day: kWh, GPUs used on average and at most, {currency}", columns, rows)


def day_title(day: Day) -> str:
    """Date and origin of the day."""
    return f"{day.start:%A %Y-%m-%d} ({day.scenario.timezone}); {day.about}"


def paragraphs(pairs: dict[str, str]) -> str:
    """Named paragraphs, wrapped to the width of a terminal."""
    indent = max(map(len, pairs)) + 2
    filled = (
        textwrap.fill(f"{name:<{indent}}{said}", WIDTH, subsequent_indent=" " * indent) for name, said in pairs.items()
    )
    return "\n".join(filled) + "\n"


def _fleet(region: Region) -> Row:
    fleet, cooling, interactive = region.fleet, region.cooling, region.interactive
    at_heat = cooling.pue_base + cooling.pue_slope_per_c * max(0.0, HEAT_C - cooling.free_below_c)
    low, high = (interactive.mean_gpus * end(interactive.shape_by_hour) for end in (min, max))
    return {
        "region": region.name,
        "gpus": number(fleet.gpus),
        "kept": number(fleet.reserved_for_interactive_gpus),
        "power": f"{number(fleet.gpu_idle_kw)}-{number(fleet.gpu_busy_kw)}",
        "requests": _range(interactive.mean_gpus, low, high),
        "cooling": cooling.kind.replace("_", " "),
        "pue": number(cooling.pue_base) + (f" to {at_heat:.3g}" if cooling.pue_slope_per_c else ""),
    }


def _plants(region: Region) -> Row:
    return {
        "region": region.name,
        "sun": short(region.sun.capacity_kw),
        "wind": short(region.wind.capacity_kw),
        "river": short(region.river.capacity_kw),
        "carbon": short(region.carbon.mean_kg_per_kwh),
        "wan": short(region.network.wan_gb_per_s),
    }


def _tariff(region: Region, scenario: Scenario) -> Row:
    tariff = scenario.tariffs[region.tariff]
    return {
        "region": region.name,
        "tariff": tariff.name,
        "price": _span(tariff.lowest_price_per_kwh, tariff.highest_price_per_kwh),
        "demand": number(tariff.demand_charge_per_kw_month),
    }


def _store(region: Region, store: Store, scenario: Scenario) -> Row:
    row = row_of(store)
    control = "the price rule" if scenario.storage_control == "rule" else "the agent"
    return {
        "region": region.name,
        "store": store.kind.replace("_", " "),
        "capacity": short(store.capacity_kwh) + (" cold" if row["coupling"] == COOLING else ""),
        "power": f"{short(store.charge_kw)}-{short(store.discharge_kw)}",
        "cop": number(row["cop"]) if row["coupling"] == COOLING else MISSING,
        "reserve": short(row["reserve_kwh"]) if row["reserve_kwh"] else MISSING,
        "control": "grid events" if store.ordered_by_grid_events else control,
    }


def _contracts(region: Region) -> Row:
    supply = region.supply or Supply()
    line, contract, feed_in = supply.direct, supply.contract, supply.feed_in
    return {
        "region": region.name,
        "sun": MISSING if line is None else short(line.sun_kw),
        "wind": MISSING if line is None else short(line.wind_kw),
        "line": MISSING if line is None else number(line.price_per_kwh),
        "contract": MISSING if contract is None else short(contract.kw),
        "contract_price": MISSING if contract is None else number(contract.price_per_kwh),
        "sells": MISSING if feed_in is None else short(feed_in.most_kw),
        "feed_in": MISSING if feed_in is None else number(feed_in.price_per_kwh),
    }


def _job_class(one: JobClass) -> Row:
    return {
        "job_class": one.name,
        "runs": "malleable" if one.malleable else "pausable" if one.preemptible else "rigid job",
        "restart": number(one.restart_h) if one.preemptible and not one.malleable else MISSING,
        "per_day": short(sum(one.jobs_per_day)),
        "gpus": _lognormal(one.gpus),
        "run": _lognormal(one.run_h),
        "slack": _lognormal(one.slack_h),
        "data": _lognormal(one.data_gb),
    }


def _lognormal(law: LogNormal) -> str:
    return _range(law.median, law.low, law.high)


def _range(middle: float, low: float, high: float) -> str:
    return short(middle) if low == high else f"{short(middle)} ({short(low)}-{short(high)})"


def _span(low: float, high: float) -> str:
    return short(low) if low == high else f"{short(low)}{'-' if low >= 0 else ' to '}{short(high)}"


def region_terms(scenario: Scenario) -> dict[str, str]:
    """Further non-zero fields of the listed regions, so that new fields appear without a table of their own."""
    listed = scenario.regions[:MOST_REGIONS]
    by_name: dict[str, dict[str, str]] = {}
    for region in listed:
        for name, value in leaves(region):
            if name in (*NAMED, *IN_TABLES) or name.split(".")[0] in WEATHER or value in (0, False, ""):
                continue
            if name.startswith("stores.") and name.split(".")[-1] in STORE_COLUMNS:
                continue
            if (name, value) == PROPORTIONAL:
                continue
            by_name.setdefault(name, {})[region.name] = f"{shown(value)} {words(name, scenario.currency)[1]}".rstrip()
    lines: dict[str, list[str]] = {}
    for name, values in by_name.items():
        lines.setdefault(_spoken(name), []).append(_who_has(values, len(listed)))
    return {name: "; ".join(said) for name, said in lines.items()}


def _spoken(name: str) -> str:
    *parts, _ = name.split(".")
    return " ".join([*parts, words(name)[0]]).replace("_", " ")


def _who_has(values: dict[str, str], regions: int) -> str:
    if len(values) == regions and len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{region} {value}" for region, value in values.items())


def _hours(day: Day, r: int) -> list[Sheet]:
    """Tables of the hours of region `r`, twelve hours each. Plants without power have no row."""
    region, step_h = day.scenario.regions[r], day.scenario.step_h
    paid = day.price_per_kwh[:, r]
    price = "{:.3f}" if paid.min() >= 0 and paid.max() < 10 else "{:.2f}"
    told: tuple[tuple[str, Floats, Callable[[float], str]], ...] = (
        (f"{day.scenario.currency}/kWh", day.price_per_kwh, price.format),
        ("sun kW", day.sun_kw, _whole),
        ("wind kW", day.wind_kw, _whole),
        ("river kW", day.hydro_kw, _whole),
        ("direct line kW", day.direct_kw, _whole),
        ("contract kW", day.contract_kw, _whole),
        ("stores kW", day.discharge_kw - day.charge_kw, _whole),
        ("kWh cold", day.cold_kwh, _whole),
        ("load kW", day.load_kw, _whole),
        ("sold kW", day.sold_kw, _whole),
        ("cut to kW", np.nan_to_num(day.cut_limit_kw), _whole),
        ("requests GPUs", day.interactive_gpus, _whole),
        ("utilisation", day.utilisation, "{:.0%}".format),
        ("queue GPU-h", day.queue_gpu_h, _whole),
        ("of it waiting", day.waiting_gpu_h, _whole),
    )
    rows = [
        {"what": what} | {str(hour): spoken(value) for hour, value in enumerate(hourly(values[:, r], step_h).tolist())}
        for what, values, spoken in told
        if what in ALWAYS or values is day.price_per_kwh or values[:, r].any()
    ]
    hours = len(rows[0]) - 1
    halves = [range(first, min(first + HALF_DAY, hours)) for first in range(0, hours, HALF_DAY)]
    return [
        Sheet(region.name, (("hour", text("what")), *((f"{hour:02d}", text(str(hour))) for hour in half)), rows)
        for half in halves
    ]


def _whole(value: float) -> str:
    return short(round(value))


def _day_row(day: Day, r: int) -> Row:
    step_h = day.scenario.step_h
    kwh = {
        name: short(float(getattr(day, f"{name}_kw")[:, r].sum()) * step_h)
        for name in ("sun", "wind", "hydro", "direct", "contract", "discharge", "sold", "load", "grid")
    }
    price, used = day.price_per_kwh[:, r], day.utilisation[:, r]
    return {
        **kwh,
        "region": day.scenario.regions[r].name,
        "price": _span(float(price.min()), float(price.max())),
        "busy": f"{used.mean():.0%}",
        "peak": f"{used.max():.0%}",
        "cost": short(float(day.total_cost[:, r].sum())),
    }
