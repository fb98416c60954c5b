"""All that the draw of an episode needs to know of its scenario, as arrays that are computed once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.disturbance import (
    Disturbance,
    GpuFailures,
    HeatWave,
    NewTariff,
    PriceSpike,
    WorseForecasts,
)
from wattward.configs.schema.market import Market
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.types import Floats, Ints
from wattward.envs.world.compiled.memory import (
    ANYWHERE,
    DISTURBANCES,
    HOUR_MINUTES,
    NO_MARKET,
    Calendar,
    CutTimes,
)
from wattward.envs.world.disturbances import ROWS, SIGNALS, length_and_room
from wattward.envs.world.processes.air import air_law
from wattward.envs.world.processes.calendar import (
    DAY_MINUTES,
    clock,
    days_of_start,
    minute_of,
    minutes_of_day,
    n_drawn,
    step_minutes,
    steps_in_year,
    year_of,
)
from wattward.envs.world.processes.carbon import by_factor
from wattward.envs.world.processes.forecast import Foresight
from wattward.envs.world.processes.gaussian import Law, field_law, persistence, shared_weather
from wattward.envs.world.processes.interactive import interactive_law
from wattward.envs.world.processes.jobs import job_law
from wattward.envs.world.processes.market import market_law, part_of
from wattward.envs.world.processes.river import river_law
from wattward.envs.world.processes.sun import clear_tables, day_starts, local_day, sun_factor, sun_law
from wattward.envs.world.processes.supply import contract_by_step_of_day_kw, direct_capacities_kw
from wattward.envs.world.processes.tariff import tariff_price
from wattward.envs.world.processes.wind import wind_law
from wattward.envs.world.signals import capacities_kw, drawn_grids, mix_of

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario


SATURDAY = 5


class SignalTables(NamedTuple):
    """Parts of `Signals` that are the same in all episodes."""

    orders: int  # of Hermite polynomials, the constant included
    memory: Floats  # (1, S, R, 4)
    day_start: Ints  # (1, R, D)
    days_kept: Floats  # (1, R)
    mix: Floats  # (1, 4, R, 1 + S)
    has_impact: bool
    has_false_news: bool


@cached_for_owner
def tables_of(scenario: Scenario) -> dict[str, NDArray[Any]]:
    """The tables of a scenario by name, but for `cut_tables`; raises ConfigError if its start is not a date."""
    names = _tariffs(scenario)
    tables = (
        _calendar(scenario)
        | _weather(scenario)
        | _demand(scenario)
        | _prices(scenario, names)
        | _markets(scenario, names)
        | _disturbances(scenario, names)
        | _sites(scenario)
    )
    return {name: np.ascontiguousarray(table) for name, table in tables.items()}


def _by_name(law: Law, name: str) -> dict[str, Floats]:
    """The arrays of a law under its name."""
    return {f"{name}_{part}": array for part, array in law._asdict().items()}


def _year(scenario: Scenario) -> int:
    return year_of(days_of_start(scenario)[0] * DAY_MINUTES)


def _first_minute(scenario: Scenario) -> int:
    return minute_of(date(_year(scenario), 1, 1))


def _calendar(scenario: Scenario) -> dict[str, NDArray[Any]]:
    first_day, n_days = days_of_start(scenario)
    n, step, new_year = n_drawn(scenario), scenario.step_minutes, _first_minute(scenario)
    per_day = DAY_MINUTES // step
    most_days = steps_in_year(_year(scenario), step) // per_day + n // per_day + 1
    numbers = Calendar(first_day, n_days, new_year // DAY_MINUTES, per_day, step, scenario.n_steps, n)
    days = clock(new_year + DAY_MINUTES * np.arange(most_days)).day_of_year
    return {"calendar": np.array(numbers, np.int64), "day_of_year": days}


def _weather(scenario: Scenario) -> dict[str, NDArray[Any]]:
    sun, wind, river, air = sun_law(scenario), wind_law(scenario), river_law(scenario), air_law(scenario)
    clear, clear_of = _clear_skies(scenario)
    return {
        "clear": clear,
        "clear_of": clear_of,
        "local_day": _local_day(scenario),
        "index_tables": sun.index_tables,
        "index_terms": sun.index_terms,
        "sun_weights": sun.foresight.weights,
        "sun_pieces": _pieces(sun.foresight),
        "wind_season": wind.season,
        "wind_day": wind.day,
        "speed_m_per_s": wind.speed_m_per_s,
        "speed_tables": wind.speed_tables,
        "power_tables": wind.power_tables,
        "term_tables": wind.term_tables,
        "wind_weights": wind.foresight.weights,
        "wind_pieces": _pieces(wind.foresight),
        "river_share": river.climatology_by_day_of_year,
        "river_spread": river.spread,
        "river_kw": river.capacity_kw,
        "air_season_c": air.by_day_of_year_c,
        "air_day_c": air.by_step_of_day_c,
        "air_spread_c": air.spread_c,
        **_by_name(sun.days, "sun_days"),
        **_by_name(sun.within, "sun_within"),
        **_by_name(wind.weather, "wind"),
        **_by_name(river.rain, "river"),
        **_by_name(air.weather, "air"),
    }


def _demand(scenario: Scenario) -> dict[str, NDArray[Any]]:
    requests, jobs = interactive_law(scenario), job_law(scenario)
    return {
        "requests_mean": requests.climatology_by_step_of_week_gpus,
        "requests_spread": requests.spread,
        "requests_weights": requests.foresight.weights,
        "requests_pieces": _pieces(requests.foresight),
        **_by_name(requests.deviation, "requests"),
        "job_rate": jobs.rate_by_step_of_week,
        "job_origin": jobs.origin,
        "job_class": jobs.job_class,
        "job_quantities": jobs.quantities,
        "job_malleable": jobs.malleable,
        "job_gpus": jobs.least_and_most,
        "job_estimate_sigma": jobs.estimate_sigma,
    }


def _pieces(foresight: Foresight) -> Ints:
    """The pieces of innovations that have a share of the variance somewhere, ascending."""
    return np.flatnonzero(foresight.weights[1:].any(axis=1))


def _clear_skies(scenario: Scenario) -> tuple[Floats, Ints]:
    """Capacity factors of sun under clear skies, shape (U, steps in the year), and the row of each region, (R,)."""
    tables = clear_tables(scenario, _year(scenario))
    keys = [(id(table), r.sun.performance_ratio) for table, r in zip(tables, scenario.regions, strict=True)]
    rows = {key: sun_factor(table, key[1]) for key, table in zip(keys, tables, strict=True)}
    places = {key: i for i, key in enumerate(rows)}
    return np.stack(list(rows.values())), np.array([places[key] for key in keys])


def _local_day(scenario: Scenario) -> Ints:
    """Number of the day at each step and region, shape (R, N), in an episode that starts at any midnight."""
    return local_day(sun_law(scenario).shift_minutes, step_minutes(0, n_drawn(scenario), scenario.step_minutes))


def _tariffs(scenario: Scenario) -> list[str]:
    """Names of the tariffs and markets that regions or disturbances use."""
    new = {each.tariff for each in scenario.disturbances if isinstance(each, NewTariff)}
    return sorted({region.tariff for region in scenario.regions} | new)


def _prices(scenario: Scenario, names: list[str]) -> dict[str, NDArray[Any]]:
    contracts = [region.cap_contract for region in scenario.regions]
    rules = [scenario.tariffs[name] for name in names]
    n_rows = steps_in_year(_year(scenario), scenario.step_minutes) + n_drawn(scenario)
    by_step, market_of, n_markets = np.zeros((len(names), n_rows)), np.full(len(names), NO_MARKET), 0
    for i, rule in enumerate(rules):
        if isinstance(rule, Market):
            market_of[i], n_markets = n_markets, n_markets + 1
        else:
            by_step[i] = tariff_price(rule, _first_minute(scenario), n_rows, scenario.step_minutes)
    return {
        "tariff_of": np.array([names.index(region.tariff) for region in scenario.regions]),
        "market_of": market_of,
        "price_by_step": by_step,
        "strike": np.array([np.inf if contract is None else contract.strike_price_per_kwh for contract in contracts]),
        "premium": np.array([0.0 if contract is None else contract.premium_per_kwh for contract in contracts]),
    }


def _markets(scenario: Scenario, names: list[str]) -> dict[str, NDArray[Any]]:
    markets = [rule for rule in (scenario.tariffs[name] for name in names) if isinstance(rule, Market)]
    laws = [market_law(market) for market in markets]
    per_hour = HOUR_MINUTES // scenario.step_minutes
    hours = (steps_in_year(_year(scenario), scenario.step_minutes) + n_drawn(scenario)) // per_hour + 1
    means, spreads, waves = np.zeros((len(laws), hours)), np.zeros((len(laws), hours)), np.zeros((len(laws), 2, hours))
    for i, (market, law) in enumerate(zip(markets, laws, strict=True)):
        first = _first_minute(scenario) + market.clock_offset_h * HOUR_MINUTES
        when = clock(step_minutes(first, hours, HOUR_MINUTES))
        month, hour = when.month - 1, when.hour.astype(np.int64)
        means[i] = law.climatology[month, (when.weekday >= SATURDAY).astype(np.int64), hour]
        spreads[i], phase = law.spread[month, hour], 2 * np.pi * when.hour / 24.0
        waves[i] = np.cos(phase), np.sin(phase)
    known = np.zeros((len(laws), 2, max((law.latent.size for law in laws), default=1)))
    for i, law in enumerate(laws):
        known[i, 0, : law.latent.size], known[i, 1, : law.latent.size] = law.latent, law.price_per_kwh
    return {
        "market_stream": np.array([part_of(market) for market in markets], np.uint64),
        "market_mean": means,
        "market_spread": spreads,
        "market_wave": waves,
        "market_weights": np.array([law.weights for law in laws]).reshape(len(laws), 3),
        "market_points": np.array([law.latent.size for law in laws], np.int64),
        "market_map": known,
        **_by_name(_stacked([law.slow for law in laws], 1), "market_slow"),
        **_by_name(_stacked([law.fast for law in laws], 1), "market_fast"),
    }


def _stacked(laws: list[Law], n_regions: int) -> Law:
    """Laws with a leading axis."""
    none = field_law((0.0,) * n_regions, np.eye(n_regions))
    return Law._make(np.stack([*parts, shape])[:-1] for *parts, shape in zip(*laws, none, strict=True))


def _disturbances(scenario: Scenario, names: list[str]) -> dict[str, NDArray[Any]]:
    happenings = scenario.disturbances
    size, n = len(happenings), n_drawn(scenario)
    length, room = np.array([length_and_room(scenario, each, n) for each in happenings], np.int64).reshape(size, 2).T
    acts_in = [[each.is_in(region.name) for region in scenario.regions] for each in happenings]
    return {
        "kind": np.array([DISTURBANCES.index(each.kind) for each in happenings], np.int64),
        "first": np.array([_first_step(scenario, each.start_h) for each in happenings], np.int64),
        "length": length,
        "room": room,
        "acts_in": np.array(acts_in, np.bool_).reshape(size, scenario.n_regions),
        "acts_at": _steps_of_spikes(scenario),
        "factor": np.array([_factor(each) for each in happenings]),
        "added": np.array([_added(each) for each in happenings]),
        "tariff": np.array([names.index(e.tariff) if isinstance(e, NewTariff) else 0 for e in happenings], np.int64),
        "quantities": _disturbed_quantities(scenario),
        **_by_name(_stacked(_news(scenario), scenario.n_regions), "news"),
    }


def _steps_of_spikes(scenario: Scenario) -> NDArray[np.bool_]:
    """Steps of the day in which each disturbance acts, shape (D, steps in a day); only spikes leave some out."""
    hour = minutes_of_day(scenario.step_minutes) / HOUR_MINUTES
    acts_at = np.ones((len(scenario.disturbances), hour.size), np.bool_)
    for i, each in enumerate(scenario.disturbances):
        if isinstance(each, PriceSpike):
            acts_at[i] = np.any([(hour >= first) & (hour < last) for first, last in each.hours_of_day], axis=0)
    return acts_at


def _disturbed_quantities(scenario: Scenario) -> NDArray[np.bool_]:
    """Quantities whose forecasts each disturbance makes worse, shape (D, 4)."""
    quantities = np.zeros((len(scenario.disturbances), len(ROWS)), np.bool_)
    for i, each in enumerate(scenario.disturbances):
        if isinstance(each, WorseForecasts):
            quantities[i, [ROWS[quantity] for quantity in each.quantities]] = True
    return quantities


def _news(scenario: Scenario) -> list[Law]:
    """Laws of the false news of each quantity; none where no disturbance makes forecasts worse."""
    if not any(isinstance(each, WorseForecasts) for each in scenario.disturbances):
        return []
    shared = shared_weather(scenario.places, scenario.weather_correlation_km)
    regions = scenario.n_regions
    return [field_law(persistence(scenario.step_h, (h,) * regions), shared) for h in scenario.forecast.memory_h]


def _first_step(scenario: Scenario, start_h: float | str) -> int:
    return ANYWHERE if isinstance(start_h, str) else round(start_h / scenario.step_h)


def _factor(disturbance: Disturbance) -> float:
    """The factor of a disturbance, for failures that of the fleet; 1 if it has none."""
    if isinstance(disturbance, GpuFailures):
        return 1.0 - disturbance.share
    return float(getattr(disturbance, "factor", 1.0))


def _added(disturbance: Disturbance) -> float:
    """What a disturbance adds: degrees for a heat wave, a price for a spike, else 0."""
    if isinstance(disturbance, HeatWave):
        return disturbance.add_c
    return disturbance.added_price_per_kwh if isinstance(disturbance, PriceSpike) else 0.0


@cached_for_owner
def signal_tables(scenario: Scenario) -> SignalTables:
    """The parts of forecasts' signals that are the same in all episodes."""
    sun, wind, interactive = sun_law(scenario), wind_law(scenario), interactive_law(scenario)
    memories = [sun.within.memory, wind.weather.memory, interactive.deviation.memory]
    kinds = {type(each) for each in scenario.disturbances}
    day = _local_day(scenario)
    return SignalTables(
        orders=max(sun.index_terms.shape[1], wind.term_tables.shape[0], 2),
        memory=np.stack([memory.T for memory in memories])[None],
        day_start=day_starts(day, int(day.max()) + 1)[None],
        days_kept=sun.days.memory[0][None],
        mix=mix_of(scenario, drawn_grids(scenario, _year(scenario)), carbon_is_measured=False)[None],
        has_impact=bool(kinds & SIGNALS.keys()),
        has_false_news=WorseForecasts in kinds,
    )


def _sites(scenario: Scenario) -> dict[str, NDArray[Any]]:
    return {
        "capacity_kw": capacities_kw(scenario),
        "direct_kw": direct_capacities_kw(scenario),
        "contract_kw": contract_by_step_of_day_kw(scenario),
        "carbon_by_factor": by_factor(drawn_grids(scenario, _year(scenario))),
        "fleet_gpus": np.array([region.fleet.gpus for region in scenario.regions]),
        "has_stores": np.array([bool(region.stores) for region in scenario.regions]),
    }


def cut_tables(scenario: Scenario, baseline_kw: Floats) -> dict[str, NDArray[Any]]:
    """The tables of the grid's requests, by name; `baseline_kw` is what cuts are measured against, shape (R,)."""
    programme, step_h, n = scenario.grid_events, scenario.step_h, n_drawn(scenario)
    if programme is None:
        none = np.empty(0, np.int64)
        return {
            "cut_region": none,
            "cut_kw": np.empty(0),
            "cut_chance": np.zeros(1),
            "cut_times": np.zeros(5, np.int64),
        }
    names = [region.name for region in scenario.regions]
    region = np.array([names.index(name) for name in programme.regions])
    first, last = (round(hour / step_h) for hour in programme.between_hours)
    length, notice = max(1, round(programme.hours / step_h)), round(programme.notice_h / step_h)
    times = CutTimes(first, last - length + 1 - first, length, notice, int(np.ceil(n * step_h / 24)))
    return {
        "cut_region": region,
        "cut_kw": programme.cut_share * baseline_kw[region],
        "cut_chance": np.array([programme.chance_per_day]),
        "cut_times": np.array(times, np.int64),
    }
