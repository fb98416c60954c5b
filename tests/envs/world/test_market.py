"""Drawn market prices against the recorded year 2024 of the zones they were fitted to, and market files' own rules."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import rankdata

from wattward.configs import ConfigError, load_market, load_scenario
from wattward.configs.loading.worlds import load_grid_price
from wattward.configs.schema.disturbance import NewTariff
from wattward.configs.schema.market import Market
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.params import make_params
from wattward.envs.model.types import Floats
from wattward.envs.world.draw import draw
from wattward.envs.world.prices import grid_price, price
from wattward.envs.world.processes.calendar import Clock, clock, minute_of, step_minutes
from wattward.envs.world.processes.market import market_price, stream_of
from wattward.envs.world.splits import episode_seed
from wattward.experiments.data.fit_market import ZONES, Zone, as_yaml, fit, recorded

YEARS, HOURS = 20, 8784
IDS = [zone.name for zone in ZONES]
MONDAY = minute_of(date(2024, 4, 15))


@pytest.fixture(scope="module", params=ZONES, ids=IDS)
def zone(request: pytest.FixtureRequest) -> Zone:
    it: Zone = request.param
    return it


@pytest.fixture(scope="module")
def record(zone: Zone, data_dir: Path) -> tuple[Clock, Floats]:
    return recorded(zone, data_dir / "zones_2024")


@pytest.fixture(scope="module")
def drawn(zone: Zone) -> Floats:
    """Years of drawn hours, shape (20, 8784) [currency/kWh], from the zone's own 2024-01-01 00:00."""
    market = load_market(zone.name)
    start = minute_of(date(2024, 1, 1)) - 60 * market.clock_offset_h
    return np.stack([market_price(market, start, HOURS, 60, np.random.default_rng(year)) for year in range(YEARS)])


def correlation(series: Floats, lag: int) -> float:
    return float(np.corrcoef(series[:-lag], series[lag:])[0, 1])


def by_hour(price_paid: Floats, hour: Floats) -> Floats:
    return np.array([np.median(price_paid[hour == h]) for h in range(24)])


def test_mean_and_spread(record: tuple[Clock, Floats], drawn: Floats, zone: Zone) -> None:
    """Years differ: a few hours of shortage make much of a year's mean in New South Wales."""
    assert drawn.mean() == pytest.approx(record[1].mean(), rel=0.08)
    assert drawn.mean() == pytest.approx(load_market(zone.name).mean_price_per_kwh, rel=0.08)
    assert drawn.std() == pytest.approx(record[1].std(), rel=0.12)


def test_quantiles(record: tuple[Clock, Floats], drawn: Floats) -> None:
    one, other = (np.quantile(series, [0.05, 0.5, 0.95, 0.99]) for series in (record[1], drawn))
    np.testing.assert_allclose(other[:3], one[:3], rtol=0.06, atol=0.02)
    assert other[3] == pytest.approx(one[3], rel=0.25)


def test_negative_hours(record: tuple[Clock, Floats], drawn: Floats) -> None:
    assert (drawn < 0).mean() == pytest.approx((record[1] < 0).mean(), abs=0.006)


def test_the_mean_day(record: tuple[Clock, Floats], drawn: Floats) -> None:
    when, paid = record
    first = by_hour(paid, when.hour)
    second = by_hour(drawn.ravel(), np.tile(np.arange(HOURS) % 24, YEARS))
    assert np.corrcoef(first, second)[0, 1] > 0.98
    np.testing.assert_allclose(second, first, atol=0.12 * paid.mean())


@pytest.mark.parametrize("lag", [1, 24])
def test_autocorrelation(lag: int, record: tuple[Clock, Floats], drawn: Floats) -> None:
    """Of ranks closely; of prices as far as a few spikes a year let it be known."""
    ranks = np.mean([correlation(rankdata(year), lag) for year in drawn])
    assert ranks == pytest.approx(correlation(rankdata(record[1]), lag), abs=0.05)
    assert np.mean([correlation(year, lag) for year in drawn]) == pytest.approx(correlation(record[1], lag), abs=0.2)


def test_the_shipped_file_is_the_fit(zone: Zone, record: tuple[Clock, Floats]) -> None:
    assert as_yaml(fit(zone, *record)) == as_yaml(load_market(zone.name))


def test_a_zone_names_its_column_currency_clock_and_record(tmp_path: Path) -> None:
    hours = pd.date_range("2023-01-01", periods=8760, freq="h", tz="UTC")
    paid = np.round(np.random.default_rng(0).normal(60.0, 30.0, 8760), 2)
    pd.DataFrame({"utc": hours, "price_eur_mwh": paid}).to_csv(tmp_path / "mine.csv", index=False)
    record = "prices of 2023 [EUR/MWh] (a made-up market) at 2 crowns a euro"
    mine = Zone("market-mine", "Mine, 2023", "mine.csv", 1, -2, 2.0, record, price_column="price_eur_mwh")
    when, price_per_kwh = recorded(mine, tmp_path)
    np.testing.assert_allclose(price_per_kwh, paid * 0.002)
    assert (when.hour[0], when.weekday[0], when.month[0]) == (1, 6, 1)
    market = fit(mine, when, price_per_kwh)
    assert market.clock_offset_h == 3 and f"fitted to {record};" in market.source
    assert market.cap_price_per_kwh == pytest.approx(paid.max() * 0.002, abs=1e-4)
    dollars = dataclasses.replace(mine, price_column="price_usd_mwh")
    with pytest.raises(ConfigError, match="column 'price_usd_mwh' is missing; the columns are utc, price_eur_mwh"):
        recorded(dollars, tmp_path)


@pytest.mark.parametrize("name", IDS)
def test_prices_hold_for_the_hour_and_stay_between_floor_and_cap(name: str) -> None:
    market = load_market(name)
    fine = market_price(market, MONDAY + 30, 4 * 24 * 60, 15, np.random.default_rng(1))
    assert fine.min() >= market.lowest_price_per_kwh and fine.max() <= market.highest_price_per_kwh
    assert fine[0] == fine[1]
    assert (np.diff(fine[2:-2].reshape(-1, 4)) == 0).all() and np.unique(fine).size > 1000
    assert market.lowest_price_per_kwh < market.mean_price_per_kwh < market.highest_price_per_kwh


def test_seasons_are_the_markets_own() -> None:
    """The evening peak of Texas is its own evening's, and dearest in its summer."""
    market = load_market("market-us-tex-erco")
    start = minute_of(date(2024, 1, 1))
    when = clock(step_minutes(start + 60 * market.clock_offset_h, HOURS, 60))
    years = np.stack([market_price(market, start, HOURS, 60, np.random.default_rng(k)) for k in range(8)])
    climatology = np.median(years, axis=0)
    assert 17 <= int(np.argmax(by_hour(climatology, when.hour))) <= 20


def with_markets(*names: str) -> Scenario:
    scenario = load_scenario("zhejiang-xinjiang")
    regions = tuple(r.model_copy(update={"tariff": n}) for r, n in zip(scenario.regions, names, strict=True))
    return scenario.model_copy(update={"regions": regions, "tariffs": {n: load_grid_price(n) for n in names}})


def test_regions_of_one_market_pay_one_price_and_other_markets_leave_it_alone() -> None:
    seed = np.random.SeedSequence(5)
    same = price(with_markets("market-de-lu", "market-de-lu"), MONDAY, 96, seed)
    np.testing.assert_array_equal(same[:, 0], same[:, 1])
    mixed = price(with_markets("market-sg", "market-de-lu"), MONDAY, 96, seed)
    np.testing.assert_array_equal(mixed[:, 1], same[:, 1])
    assert not np.array_equal(mixed[:, 0], mixed[:, 1])
    other = price(with_markets("market-de-lu", "market-de-lu"), MONDAY, 96, np.random.SeedSequence(6))
    assert not np.array_equal(same, other)
    ruled = price(with_markets("market-sg", "zhejiang-2026"), MONDAY, 96, seed)
    np.testing.assert_array_equal(ruled[:, 0], mixed[:, 0])
    market = load_market("market-sg")
    np.testing.assert_array_equal(
        grid_price(market, MONDAY, 96, 15, seed), market_price(market, MONDAY, 96, 15, stream_of(market, seed))
    )


def made_up(**changes: Any) -> dict[str, Any]:
    flat = [0.0] * 24
    return {
        "kind": "market",
        "name": "made-up",
        "title": "made up",
        "document": "none",
        "source": "made up",
        "clock_offset_h": 0,
        "floor_price_per_kwh": -1.0,
        "cap_price_per_kwh": 2.0,
        "mean_price_per_kwh": 0.0,
        "level_by_month": [0.0] * 12,
        "shape_by_season": [flat] * 4,
        "weekend_by_hour": flat,
        "spread_by_season": [[1.0] * 24] * 4,
        "slow_share": 0.5,
        "wave_share": 0.1,
        "slow_memory_h": 48.0,
        "fast_memory_h": 3.0,
        "price_by_latent": [[-1.0, -1.0], [1.0, 1.0]],
    } | changes


def test_the_latent_is_a_standard_normal() -> None:
    market = Market.model_validate(
        made_up(price_by_latent=[[-9.0, -9.0], [9.0, 9.0]], floor_price_per_kwh=-9.0, cap_price_per_kwh=9.0)
    )
    latent = market_price(market, MONDAY, 200_000, 60, np.random.default_rng(0))
    assert latent.mean() == pytest.approx(0.0, abs=0.05) and latent.std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "auction"}, "kind = 'auction': must be 'market', or left out"),
        ({"price_by_latent": [[0.0, 0.0], [0.0, 1.0]]}, "first numbers of the pairs must ascend"),
        ({"price_by_latent": [[0.0, 1.0], [1.0, 0.5]]}, "the price falls at 1, must not"),
        (
            {"cap_price_per_kwh": 0.5},
            r"prices from -1 to 1 must lie within floor_price_per_kwh -1 and cap_price_per_kwh 0\.5",
        ),
        ({"mean_price_per_kwh": 3.0}, "mean_price_per_kwh 3 must lie between floor and cap"),
        ({"slow_share": 0.95}, "slow_share and wave_share must not sum to more than 1"),
        ({"clok_offset_h": 3}, "unknown key 'clok_offset_h'; did you mean 'clock_offset_h'"),
    ],
)
def test_a_wrong_market_file_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "made-up.yaml"
    path.write_text(yaml.safe_dump(made_up(**changes)), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_grid_price(path)
    assert str(path) in str(caught.value)


def test_a_market_may_take_a_tariffs_place_and_settles_with_it() -> None:
    disturbance = NewTariff(tariff="market-de-lu", start_h=24)
    base = load_scenario("zhejiang-xinjiang")
    market = load_market("market-de-lu")
    changes = {"tariffs": {**base.tariffs, "market-de-lu": market}, "disturbances": (disturbance,)}
    scenario = base.model_copy(update=changes)
    plain, changed = (draw(each, episode_seed("test", 2)).price_per_kwh[0] for each in (base, scenario))
    np.testing.assert_array_equal(plain[:96], changed[:96])
    np.testing.assert_array_equal(changed[96:, 0], changed[96:, 1])
    kw = base.regions[0].fleet.gpu_busy_kw * base.regions[0].cooling.pue_base
    assert make_params(scenario).terminal_cost_per_gpu_h[0, 0] >= market.cap_price_per_kwh * kw


def test_a_ceiling_cuts_prices_and_is_paid_for() -> None:
    sun = load_scenario("follow-the-sun")
    bare = sun.model_copy(update={"regions": tuple(r.model_copy(update={"cap_contract": None}) for r in sun.regions)})
    premium = np.array([r.cap_contract.premium_per_kwh for r in sun.regions if r.cap_contract])
    for episode in range(20):
        paid, spot = (draw(each, episode_seed("train", episode)).price_per_kwh[0] for each in (sun, bare))
        np.testing.assert_allclose(paid, np.minimum(spot, 2.13) + premium)
    assert "cap_contract" not in bare.model_dump(mode="json")["regions"][0]
    assert make_params(bare).terminal_cost_per_gpu_h[0, 0] > 60 > 3 > make_params(sun).terminal_cost_per_gpu_h.max()
