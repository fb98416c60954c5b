"""From files to a recording to a world."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError, load_scenario
from wattward.envs.checks.worlds import arrays_of, forecasts_of
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND
from wattward.envs.simulator.source import EpisodeBank
from wattward.envs.world.draw import draw
from wattward.envs.world.importers import store
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.registry import import_files
from wattward.envs.world.processes.calendar import minute_of
from wattward.envs.world.recording import load_recording, replay_air, replay_interactive, replay_weather
from wattward.envs.world.splits import episode_seed

Write = Callable[..., Path]
YEAR = pd.date_range("2023-01-01", periods=8760, freq="h", tz="Asia/Shanghai").tz_convert("UTC")
REGIONS = ("jinshuitan", "midong")


def series(region: str, name: str, unit: str, values: np.ndarray, times: pd.DatetimeIndex = YEAR) -> Imported:
    facts = {"kind": name, "region": region, "gaps": [], "fill": None}
    return Imported(region, [Measured(name, unit, times[: len(values)], values)], facts)


def ramp(top: float) -> np.ndarray:
    return np.arange(8760) / 8760 * top


def test_an_epw_year_plays_by_date_in_every_region(tmp_path: Path, epw: Write) -> None:
    hours = pd.date_range("2023-01-01", periods=8760, freq="h")
    out = tmp_path / "out"
    for region, tz in zip(REGIONS, (8.0, 6.0), strict=True):
        import_files("weather", [epw(hours, f"{region}.epw", tz=tz)], out, Options(region))
    scenario = load_scenario("zhejiang-xinjiang")
    recording = load_recording(out, scenario)
    assert recording.year == 2023 and recording.has_weather and not recording.has_requests
    table = pd.read_parquet(next(out.glob("*.parquet")))
    midong = table[(table["region"] == "midong") & (table["series"] == "sun_cf")].set_index("time")["value"]
    sun, _ = replay_weather(recording, scenario, minute_of(date(2026, 6, 1)), 96, np.random.default_rng(0))
    expected = midong[pd.Timestamp("2023-06-01", tz="Asia/Shanghai").tz_convert("UTC") :].iloc[:24].mean()
    np.testing.assert_allclose(sun.truth[:, 1].mean(), expected, rtol=0.02)
    np.testing.assert_allclose(recording.sun_cf[:, 1].mean(), midong.mean())
    drawn, recorded = (draw(scenario, episode_seed("test", 1), each) for each in (None, recording))
    replaced = {"sun_kw", "wind_kw", "air_c", "carbon_kg_per_kwh"}
    for name, a, b in zip(drawn._fields, drawn, recorded, strict=True):
        if name != "signals":
            assert a.shape == b.shape and np.isfinite(b).all(), name
            assert np.allclose(a, b, 1e-9) == (name not in replaced), name
    assert all(np.isfinite(array).all() for array in arrays_of(recorded).values())


def test_what_is_recorded_replaces_what_is_drawn_and_nothing_else(tmp_path: Path) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    for region in REGIONS:
        store.add(tmp_path, series(region, "air_c", "degC", ramp(8.76) - 4))
        store.add(tmp_path, series(region, "carbon_kg_per_kwh", "kg/kWh", ramp(0.876)))
    recording = load_recording(tmp_path, scenario)
    may = minute_of(date(2026, 5, 1))
    place = (date(2023, 5, 1) - date(2023, 1, 1)).days * 24
    air = replay_air(recording, may, 96)
    np.testing.assert_allclose(air[:, 0], (place - 0.5 + (np.arange(96) + 0.5) / 4) / 1000 - 4)
    plain, world = (draw(scenario, episode_seed("test", 1), each) for each in (None, recording))
    for name in ("sun_kw", "wind_kw", "interactive_gpus"):
        np.testing.assert_allclose(getattr(plain, name), getattr(world, name), rtol=1e-9, atol=1e-9)
    carbon = world.carbon_kg_per_kwh[0, :, 0]
    np.testing.assert_allclose(np.diff(carbon)[:96], 0.0001 / 4, rtol=1e-6)
    ours, theirs = (forecasts_of(scenario, each, 0) for each in (world, plain))
    assert np.isfinite(ours).all() and not np.array_equal(ours[CARBON], theirs[CARBON])
    np.testing.assert_allclose(ours[[SUN, WIND, INTERACTIVE]], theirs[[SUN, WIND, INTERACTIVE]], atol=1e-9)


def test_series_that_vary_alike_are_forecast_alike(tmp_path: Path) -> None:
    """What is known ahead of recorded sun, wind and carbon goes together as far as they do."""
    scenario = load_scenario("zhejiang-xinjiang")
    recorded = np.random.default_rng(5).uniform(0.0, 1.0, 8760)
    for region in REGIONS:
        for name, unit in (("sun_cf", "1"), ("wind_cf", "1"), ("carbon_kg_per_kwh", "kg/kWh")):
            part = series(region, name, unit, recorded)
            store.add(tmp_path, part._replace(facts={**part.facts, "kind": name}))
    recording = load_recording(tmp_path, scenario)
    world = draw(scenario, episode_seed("test", 3), recording)
    assert scenario.forecast.wind_memory_h == scenario.forecast.carbon_memory_h
    wind, carbon = (forecasts_of(scenario, world, 5)[quantity, :, 1] for quantity in (WIND, CARBON))
    np.testing.assert_allclose(wind, carbon * scenario.regions[1].wind.capacity_kw, rtol=1e-6)
    assert np.ptp(carbon[1:]) > 0.01


def test_requests_play_by_the_clock_in_gpus_and_keep_weekdays(tmp_path: Path) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    times = pd.date_range("2024-05-06 03:00", periods=9 * 24, freq="h", tz="UTC")  # a Monday, 11:00 in Beijing
    gpus = np.arange(9 * 24) / 10.0
    for region in REGIONS:
        store.add(tmp_path, series(region, "interactive_gpus", "GPU", gpus, times))
    recording = load_recording(tmp_path, scenario)
    assert recording.requests.shape == (7 * 96, 2)
    monday = minute_of(date(2026, 6, 1), 11.0)
    load = replay_interactive(recording, scenario, monday, 96, np.random.default_rng(0))
    np.testing.assert_allclose(load.truth[2:80, 0], (np.arange(2, 80) - 1.5) / 40)
    np.testing.assert_allclose(recording.requests.mean(axis=0), gpus[: 7 * 24].mean())


def test_recorded_prices_hold_for_their_hour_and_settle_what_is_left(tmp_path: Path) -> None:
    scenario = load_scenario("zhejiang-xinjiang+price-spike")
    hourly = np.random.default_rng(7).normal(0.3, 0.5, 8760)
    for region, top in zip(REGIONS, (1.0, 2.0), strict=True):
        store.add(tmp_path, series(region, "price_per_kwh", "CNY/kWh", top * hourly))
    plain = load_scenario("zhejiang-xinjiang")
    recording = load_recording(tmp_path, plain)
    world = draw(plain, episode_seed("test", 1), recording)
    start = int(world.start_minute[0]) - minute_of(date(2026, 1, 1))
    played = np.roll(hourly, -start // 60)[:168]
    assert played.min() < -0.5
    np.testing.assert_allclose(world.price_per_kwh[0, : 168 * 4, 1], np.repeat(2.0 * played, 4))
    assert recording.max_price_per_kwh == pytest.approx((hourly.max(), 2.0 * hourly.max()))
    env = ClusterEnv(plain, recording=recording)
    assert env.params.terminal_cost_per_gpu_h[0, 1] > 2.0 * hourly.max() * plain.regions[1].fleet.gpu_busy_kw
    spiked = draw(scenario, episode_seed("test", 1), recording).price_per_kwh
    assert spiked.max() > world.price_per_kwh.max()
    bank = EpisodeBank.drawn(plain, range(2), split="test", recording=recording)
    bank.save(tmp_path / "bank")
    for held in (bank, EpisodeBank.loaded(tmp_path / "bank", plain)):
        for name, mine, banked in zip(env.params._fields, env.params, held.params, strict=True):
            np.testing.assert_array_equal(mine, banked, err_msg=name)
        settled = ClusterEnv(plain, bank=held).params.terminal_cost_per_gpu_h
        np.testing.assert_array_equal(settled, env.params.terminal_cost_per_gpu_h)


def test_prices_of_some_regions_only_are_refused_and_finer_ones_averaged(tmp_path: Path) -> None:
    scenario = load_scenario("toy")
    half_hours = pd.date_range("2023-01-01", periods=2 * 8760, freq="30min", tz="Asia/Shanghai").tz_convert("UTC")
    values = np.where(np.arange(2 * 8760) % 2, -0.6, 0.2)
    store.add(tmp_path, series("toy-east", "price_per_kwh", "CNY/kWh", values, half_hours))
    with pytest.raises(ConfigError, match="price_per_kwh is recorded for toy-east; lacks toy-west"):
        load_recording(tmp_path, scenario)
    store.add(tmp_path, series("toy-west", "price_per_kwh", "CNY/kWh", values, half_hours))
    np.testing.assert_allclose(load_recording(tmp_path, scenario).dated["price_per_kwh"], -0.2)


def test_recordings_play_in_the_scenarios_currency_and_by_its_clock(tmp_path: Path) -> None:
    toy = load_scenario("toy")
    values = np.arange(8760.0) % 24
    for region in ("toy-east", "toy-west"):
        store.add(tmp_path, series(region, "price_per_kwh", "USD/kWh", values))
    with pytest.raises(ConfigError, match=r"price_per_kwh in USD/kWh: must be in CNY/kWh, as scenario toy counts"):
        load_recording(tmp_path, toy)
    in_usd = [toy.model_copy(update={"currency": "USD", "timezone": zone}) for zone in ("Asia/Shanghai", "Asia/Tokyo")]
    at_8, at_9 = (load_recording(tmp_path, scenario).dated["price_per_kwh"] for scenario in in_usd)
    assert at_8[:24, 0].tolist() == list(range(24))
    np.testing.assert_array_equal(at_9[1:], at_8[:-1])


def test_a_province_stands_for_its_regions_and_others_are_missed(tmp_path: Path) -> None:
    store.add(tmp_path, series("Xinjiang", "air_c", "degC", ramp(10.0)))
    with pytest.raises(ConfigError, match="air_c is recorded for Xinjiang; lacks jinshuitan"):
        load_recording(tmp_path, load_scenario("zhejiang-xinjiang"))
    store.add(tmp_path, series("Zhejiang", "air_c", "degC", ramp(20.0)))
    recording = load_recording(tmp_path, load_scenario("zhejiang-xinjiang"))
    np.testing.assert_allclose(recording.dated["air_c"].mean(axis=0), [10.0, 5.0], rtol=1e-3)


def test_years_are_cut_joined_or_refused(tmp_path: Path) -> None:
    scenario = load_scenario("toy")
    names = [region.name for region in scenario.regions]
    two_years = pd.date_range("2021-11-01", "2023-02-01", freq="h", tz="UTC")
    for name in names:
        store.add(tmp_path, series(name, "air_c", "degC", np.asarray(two_years.year - 2000.0), two_years))
    recording = load_recording(tmp_path, scenario)
    assert recording.year == 2022 and recording.dated["air_c"][9:-40].min() == 22.0 == recording.dated["air_c"].max()
    store.add(tmp_path, series(names[0], "air_c", "degC", ramp(1.0)[:8000]))
    with pytest.raises(ConfigError, match=r"covers 333.3 days around 2023, must cover a calendar year"):
        load_recording(tmp_path, scenario)
    store.add(tmp_path, series(names[0], "air_c", "degC", ramp(1.0)))
    with pytest.raises(ConfigError, match="series are of the years 2022, 2023; must be of one"):
        load_recording(tmp_path, scenario)


def test_an_import_is_added_to_what_is_there_and_replaces_its_own(tmp_path: Path) -> None:
    store.add(tmp_path, series("a", "air_c", "degC", ramp(1.0)))
    store.add(tmp_path, series("b", "air_c", "degC", ramp(2.0)))
    facts = store.add(tmp_path, series("a", "air_c", "degC", ramp(3.0)))
    assert sorted(fact["region"] for fact in facts["imports"]) == ["a", "b"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [facts["table"], "recording.json"]
    table = pd.read_parquet(tmp_path / facts["table"])
    assert list(table.columns) == ["region", "series", "time", "value", "unit"]
    assert table.groupby("region")["value"].max().round(2).to_dict() == {"a": 3.0, "b": 2.0}
    assert str(table["time"].dt.tz) == "UTC"


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(tmp_path, series("a", "air_c", "degC", ramp(1.0)))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    full = OSError(28, "No space left on device")

    def fail(*_: object, **__: object) -> None:
        raise full

    for broken in ("pandas.DataFrame.to_parquet", "pathlib.Path.write_text"):
        with monkeypatch.context() as patch:
            patch.setattr(broken, fail)
            for folder in (tmp_path, tmp_path / "new"):
                with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
                    store.add(folder, series("b", "air_c", "degC", ramp(2.0)))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_recordings_are_refused(tmp_path: Path) -> None:
    facts = store.add(tmp_path, series("a", "renewable_share", "1", ramp(1.0)))
    scenario = load_scenario("toy")
    with pytest.raises(ConfigError, match="holds renewable_share; must hold one of sun_cf"):
        load_recording(tmp_path, scenario)
    (tmp_path / facts["table"]).write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"differs from what recording.json says"):
        load_recording(tmp_path, scenario)
    (tmp_path / "recording.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(ConfigError, match="format must be 'wattward-recording-2'"):
        load_recording(tmp_path, scenario)
    (tmp_path / "recording.json").write_text(json.dumps({"format": "wattward-recording-2", "imports": []}))
    with pytest.raises(ConfigError, match="key 'sha256' is missing"):
        load_recording(tmp_path, scenario)
    (tmp_path / "recording.yaml").write_text("name: x")
    with pytest.raises(ConfigError, match=r"holds a recording.yaml of another layout"):
        store.add(tmp_path, series("a", "air_c", "degC", ramp(1.0)))
    with pytest.raises(ConfigError, match="kind = 'tides': must be one of weather, requests, carbon, prices"):
        import_files("tides", [], tmp_path, Options("a"))
