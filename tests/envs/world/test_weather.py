"""Sun, wind, river, air and carbon as drawn: physics, bounds, determinism, and the laws they claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import ConfigError, load_region, load_scenario
from wattward.configs.schema.region import Region, Sun
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.caching import cached_table
from wattward.envs.model.types import Floats
from wattward.envs.world.processes.air import draw_air
from wattward.envs.world.processes.calendar import clock, minute_of, step_minutes, year_of
from wattward.envs.world.processes.carbon import grids_of, intensity
from wattward.envs.world.processes.gaussian import Drawn, draw_course, field, field_law, persistence, shared_weather
from wattward.envs.world.processes.river import draw_river, mean_share
from wattward.envs.world.processes.sun import (
    clear_sky_index,
    clear_sky_w_per_m2,
    draw_sun_factor,
    mean_sun_factor,
)
from wattward.envs.world.processes.wind import (
    draw_wind_factor,
    mean_wind_factor,
    power_curve,
    published_curve,
)
from wattward.envs.world.signals import drawn_grids

REGIONS = (load_region("jinshuitan"), load_region("midong"))
STARTS = st.integers(minute_of(date(2026, 1, 1)) // 15, minute_of(date(2026, 12, 31)) // 15)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("zhejiang-xinjiang")


def day_of_clear_sky(region: Region, month: int, day: int) -> Floats:
    """Global horizontal irradiance of one day of 2026, shape (96,) [W/m2]."""
    first = (date(2026, month, day) - date(2026, 1, 1)).days * 96
    return clear_sky_w_per_m2(region.site, 0.0, 2026, 15, 480)[first : first + 96]


@pytest.mark.parametrize(
    ("r", "kwh_per_m2"),
    [(0, {(3, 20): 6.29, (6, 21): 7.53, (12, 21): 3.87}), (1, {(3, 20): 5.78, (6, 21): 8.54, (12, 21): 2.10})],
)
def test_clear_days_bring_the_known_energy(r: int, kwh_per_m2: dict[tuple[int, int], float]) -> None:
    for (month, day), expected in kwh_per_m2.items():
        assert day_of_clear_sky(REGIONS[r], month, day).sum() / 4000 == pytest.approx(expected, rel=0.015)


@pytest.mark.parametrize(("r", "noon_h"), [(0, 12.03), (1, 14.16)])
def test_solar_noon_is_the_sites_own(r: int, noon_h: float) -> None:
    middle_h = (np.arange(96) + 0.5) / 4
    for month in range(1, 13):
        clear = day_of_clear_sky(REGIONS[r], month, 15)
        assert float(clear @ middle_h / clear.sum()) == pytest.approx(noon_h, abs=0.35)
        assert middle_h[clear.argmax()] == pytest.approx(noon_h, abs=0.4)


def test_xinjiang_peaks_a_quarter_past_two_beijing_time() -> None:
    yearly = clear_sky_w_per_m2(REGIONS[1].site, 0.0, 2026, 15, 480).reshape(-1, 96).mean(axis=0)
    assert yearly.argmax() / 4 == pytest.approx(14.25, abs=0.25)


def test_the_sun_rises_by_the_scenarios_clock() -> None:
    at_8, at_9 = (clear_sky_w_per_m2(REGIONS[0].site, 0.0, 2026, 60, 60 * hours) for hours in (8, 9))
    np.testing.assert_allclose(at_9[1:], at_8[:-1], rtol=1e-3, atol=0.5)


def test_a_tilted_plane_wins_the_winter() -> None:
    site = REGIONS[1].site
    flat, tilted = (clear_sky_w_per_m2(site, tilt, 2026, 15, 480).reshape(-1, 96).mean(axis=1) for tilt in (0.0, 37.0))
    assert tilted[:31].mean() > 1.5 * flat[:31].mean()
    assert tilted[160:190].mean() < flat[160:190].mean()


def test_nights_are_dark(scenario: Scenario) -> None:
    start = minute_of(date(2026, 6, 18))
    drawn = draw_sun_factor(scenario, start, 96 * 7, np.random.default_rng(1))
    hour = clock(step_minutes(start, 96 * 7, 15)).hour
    for part in (drawn.truth, drawn.climatology):
        assert not part[(hour < 4) | (hour >= 21), 0].any()
        assert not part[(hour >= 0.5) & (hour < 6), 1].any()
        assert part[(hour > 11) & (hour < 13), 0].any()


def parts(drawn: Drawn) -> tuple[Floats, Floats]:
    return drawn.truth, drawn.climatology


@settings(max_examples=15)
@given(STARTS, st.integers(0, 2**32 - 1))
def test_draws_stay_within_their_bounds(quarter: int, seed: int) -> None:
    scenario, rng = load_scenario("zhejiang-xinjiang"), np.random.default_rng(seed)
    start, n = quarter * 15, 200
    sun, wind = (draw(scenario, start, n, rng) for draw in (draw_sun_factor, draw_wind_factor))
    grids = drawn_grids(scenario, year_of(start))
    carbon = [
        intensity(grids, sun_part, wind_part) for sun_part, wind_part in zip(parts(sun), parts(wind), strict=True)
    ]
    for quantity, most in ((parts(sun), 1.0), (parts(wind), 1.0), (carbon, 0.8273)):
        for part in quantity:
            assert part.shape == (n, 2)
            assert part.min() >= -1e-12
            assert part.max() <= most + 1e-12
    river_kw, air_c = (draw(scenario, start, n, rng) for draw in (draw_river, draw_air))
    assert 0 <= river_kw.min() <= river_kw.max() <= REGIONS[0].river.capacity_kw
    assert not river_kw[:, 1].any()
    assert -60 < air_c.min() <= air_c.max() < 60


@pytest.mark.parametrize("draw", [draw_sun_factor, draw_wind_factor, draw_river, draw_air])
def test_one_seed_gives_one_world(draw: Callable[..., Drawn | Floats], scenario: Scenario) -> None:
    def world(seed: int) -> Floats:
        drawn = draw(scenario, minute_of(date(2026, 4, 1)), 300, np.random.default_rng(seed))
        return drawn.truth if isinstance(drawn, Drawn) else drawn

    np.testing.assert_array_equal(world(5), world(5))
    assert not np.array_equal(world(5), world(6))


def test_usual_is_the_mean_of_many_draws(scenario: Scenario) -> None:
    rng, start = np.random.default_rng(3), minute_of(date(2026, 5, 10))
    for draw in (draw_sun_factor, draw_wind_factor):
        drawn = [draw(scenario, start, 96, rng) for _ in range(400)]
        truth = np.mean([d.truth for d in drawn], axis=0)
        np.testing.assert_allclose(truth.mean(axis=0), drawn[0].climatology.mean(axis=0), rtol=0.08)
        assert np.abs(truth - drawn[0].climatology).max() < 0.06


def test_an_episode_may_run_into_the_next_year(scenario: Scenario) -> None:
    drawn = draw_sun_factor(scenario, minute_of(date(2026, 12, 30)), 96 * 7, np.random.default_rng(7))
    per_day = drawn.climatology.reshape(7, 96, 2).sum(axis=1)
    assert (per_day > 0).all()
    np.testing.assert_allclose(per_day, per_day[:1].repeat(7, axis=0), rtol=0.06)


def test_carbon_holds_the_published_annual_factor(scenario: Scenario) -> None:
    rng = np.random.default_rng(8)
    grids, weeks = drawn_grids(scenario, 2026), []
    for start in (minute_of(date(2026, 1, 1)) + 1440 * day for day in range(0, 364, 7)):
        sun, wind = (draw(scenario, start, 672, rng) for draw in (draw_sun_factor, draw_wind_factor))
        weeks.append([intensity(grids, *pair) for pair in zip(parts(sun), parts(wind), strict=True)])
    truth, climatology = np.mean(weeks, axis=(0, 2))
    published = [region.carbon.mean_kg_per_kwh for region in REGIONS]
    assert published == [0.4974, 0.6021]
    np.testing.assert_allclose(climatology, published, rtol=0.002)
    np.testing.assert_allclose(truth, published, rtol=0.025)


def test_sunny_and_windy_hours_are_greener() -> None:
    grids = grids_of(REGIONS[1:], [(0.18, 0.13)])
    calm, sunny, windy = (
        float(intensity(grids, np.array([[s]]), np.array([[w]]))[0, 0]) for s, w in ((0, 0), (0.7, 0), (0, 0.6))
    )
    assert sunny < calm
    assert windy < calm
    assert intensity(grids, np.array([[5.0]]), np.array([[5.0]]))[0, 0] == 0.0


def test_a_grid_without_sun_or_wind_keeps_its_factor(scenario: Scenario) -> None:
    still = REGIONS[1].model_copy(
        update={
            "carbon": REGIONS[1].carbon.model_copy(update={"sun_share": 0.0, "wind_share": 0.0}),
            "sun": Sun(capacity_kw=0),
            "wind": REGIONS[1].wind.model_copy(update={"capacity_kw": 0.0}),
        }
    )
    start, rng = minute_of(date(2026, 4, 1)), np.random.default_rng(9)
    alone = scenario.model_copy(update={"regions": (still,)})
    sun, wind = (draw(alone, start, 96, rng) for draw in (draw_sun_factor, draw_wind_factor))
    assert not np.any(parts(sun)) and not np.any(parts(wind))
    carbon = intensity(drawn_grids(alone, 2026), sun.truth, wind.truth)
    np.testing.assert_array_equal(carbon, np.full((96, 1), still.carbon.mean_kg_per_kwh))
    assert mean_sun_factor(still, 2026, 15, 480) == mean_wind_factor(still) == 0.0


def test_air_is_warm_when_the_file_says(scenario: Scenario) -> None:
    rng = np.random.default_rng(10)
    months = {
        month: np.mean(
            [draw_air(scenario, minute_of(date(2026, month, 15)), 96, rng).mean(axis=0) for _ in range(60)],
            axis=0,
        )
        for month in (1, 7)
    }
    np.testing.assert_allclose(months[7], [29.0, 26.4], atol=1.5)
    np.testing.assert_allclose(months[1], [7.3, -11.4], atol=1.8)
    day = draw_air(scenario, minute_of(date(2026, 7, 1)), 96 * 60, rng).reshape(60, 96, 2).mean(axis=0)
    np.testing.assert_allclose(day.argmax(axis=0) / 4, [14.5, 17.0], atol=1.5)


def test_the_river_follows_its_year() -> None:
    share = mean_share(np.arange(1.0, 366.0), REGIONS[0].river.share_by_month)
    assert 150 < share.argmax() < 180
    assert np.abs(np.diff(share)).max() < 0.01
    assert share[0] == pytest.approx(share[-1], abs=0.005)


@settings(max_examples=20)
@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_the_clear_sky_index_has_its_mean_and_spread(mean: float, tightness: float, seed: int) -> None:
    spread = 0.9 * tightness * (mean * (1 - mean)) ** 0.5
    sun = Sun(capacity_kw=1, index_mean=mean, index_spread=spread)
    index = clear_sky_index(np.random.default_rng(seed).standard_normal(40_000), sun)
    assert index.min() >= 0
    assert index.max() <= 1
    assert index.mean() == pytest.approx(mean, abs=0.02)
    assert index.std() == pytest.approx(spread, abs=0.02)


def test_an_impossible_spread_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sun = .*index_spread 0\.5 must be below 0\.490"):
        load_region("midong", {"sun": {"index_mean": 0.6, "index_spread": 0.5}})


def test_an_unknown_turbine_names_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="V126/3300"):
        published_curve("V126/330")


def test_the_power_curve_cuts_in_and_out() -> None:
    curve = power_curve("V126/3300", 0.0)
    assert curve[:25].max() == 0.0
    assert curve[130] == pytest.approx(1.0, abs=0.01)
    assert curve[300:].max() == 0.0
    smooth = power_curve("V126/3300", 1.5)
    assert smooth.sum() == pytest.approx(curve.sum(), rel=0.02)
    assert np.abs(np.diff(smooth)).max() < np.abs(np.diff(curve)).max()


@pytest.mark.parametrize("b", [(0.0, 0.0), (0.9, 0.6), (0.95, 0.97)])
def test_a_field_is_the_recursion_in_two_parts(b: tuple[float, float]) -> None:
    law = field_law((0.97, 0.97), np.array([[1.0, 0.5], [0.5, 1.0]]), b, variance=np.array([1.0, 0.25]))
    course = draw_course(50, law, np.random.default_rng(3))
    x, y = np.zeros(2), np.zeros(2)
    for t in range(50):
        if t == 0:
            x, y = course.slow[:, 0] / law.slow_per_x, (course.slow[:, 0] + course.fast[:, 0]) / law.scale
        else:
            x = law.memory[0] * x + np.sqrt(1 - law.memory[0] ** 2) * course.innovations[:, t]
            y = law.memory[1] * y + x
        np.testing.assert_allclose(course.slow[:, t] + course.fast[:, t], law.scale * y, atol=1e-9)
    a, kept, alpha, beta = law.memory[:, :, None]
    for part, memory, push in ((course.slow, a, alpha), (course.fast, kept, beta)):
        expected = memory * part[:, :-1] + push * course.innovations[:, 1:]
        np.testing.assert_allclose(part[:, 1:], expected, atol=1e-9)


@pytest.mark.parametrize("b", [(0.0, 0.0), (0.9, 0.6)])
def test_a_field_is_stationary_from_its_first_step(b: tuple[float, float]) -> None:
    rng, shared = np.random.default_rng(12), np.array([[1.0, 0.7], [0.7, 1.0]])
    law = field_law((0.97, 0.97), shared, b)
    many = np.array([field(40, law, rng) for _ in range(4000)])
    np.testing.assert_allclose(many.std(axis=0), 1.0, atol=0.05)
    np.testing.assert_allclose(many.mean(axis=0), 0.0, atol=0.07)
    together = (many[..., 0] * many[..., 1]).mean(axis=0)
    assert np.ptp(together) < 0.12
    assert together.mean() == pytest.approx(0.7, abs=0.06)


def test_a_field_forgets_as_fast_as_asked() -> None:
    law = field_law(persistence(0.25, (5.0,)), np.eye(1))
    x = field(200_000, law, np.random.default_rng(13))[:, 0]
    for lag in (1, 8, 20):
        assert float(np.corrcoef(x[:-lag], x[lag:])[0, 1]) == pytest.approx(np.exp(-lag * 0.25 / 5.0), abs=0.03)


def test_near_regions_share_their_weather() -> None:
    here = REGIONS[0]
    near = here.model_copy(update={"site": here.site.model_copy(update={"latitude_deg": 29.0})})
    shared = shared_weather(tuple(each.site.place for each in (here, near, REGIONS[1])), 900.0)
    assert shared[0, 1] == pytest.approx(np.exp(-100 / 900), abs=0.01)
    assert shared[0, 2] == pytest.approx(np.exp(-3345 / 900), abs=0.005)
    assert np.linalg.eigvalsh(shared).min() > 0


def test_twins_on_one_spot_have_one_weather(scenario: Scenario) -> None:
    twins = scenario.model_copy(update={"regions": (REGIONS[1], REGIONS[1])})
    drawn = draw_wind_factor(twins, minute_of(date(2026, 4, 1)), 300, np.random.default_rng(14))
    np.testing.assert_allclose(drawn.truth[:, 0], drawn.truth[:, 1], atol=1e-6)


def test_tables_are_kept_and_damaged_ones_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls: list[int] = []

    def compute() -> Floats:
        calls.append(1)
        return np.arange(4.0)

    def table() -> Any:
        return cached_table("thing", "key", 4, compute)

    np.testing.assert_array_equal(table(), np.arange(4.0))
    np.testing.assert_array_equal(table(), np.arange(4.0))
    (kept,) = (tmp_path / "wattward").iterdir()
    assert len(calls) == 1
    kept.write_bytes(kept.read_bytes()[:40])
    np.testing.assert_array_equal(table(), np.arange(4.0))
    assert len(calls) == 2
    assert len(list((tmp_path / "wattward").iterdir())) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    np.testing.assert_array_equal(cached_table("thing", "key", 2, lambda: np.ones(2)), np.ones(2))
