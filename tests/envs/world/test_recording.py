from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wattward.configs import ConfigError, load_scenario
from wattward.envs.checks.worlds import arrays_of, climatology_of
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND
from wattward.envs.world.draw import draw, n_drawn
from wattward.envs.world.processes.calendar import minute_of
from wattward.envs.world.recording import Recording, load_recording, replay_interactive, replay_weather
from wattward.envs.world.series import Series, read_series, resample
from wattward.envs.world.splits import episode_seed

DATA = Path(os.environ.get("WATTWARD_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not (DATA / "china_2020").is_dir(), reason=f"no recorded data at {DATA}; set WATTWARD_DATA to their folder"
)
Lines = list[str]
PAIR = load_scenario("zhejiang-xinjiang")
LAYOUT = """
name: made-up
title: made up
source: made up
sun: {path: sun.csv}
wind: {path: wind.csv.gz}
requests: {paths: [requests.csv]}
"""


def weather_lines(year: int, seed: int) -> Lines:
    return list(_weather_lines(year, seed))


@cache
def _weather_lines(year: int, seed: int) -> tuple[str, ...]:
    """A year of hours; Zhejiang's and Xinjiang's columns in an order that is not the scenario's."""
    rng = np.random.default_rng(seed)
    hours = (date(year + 1, 1, 1) - date(year, 1, 1)).days * 24
    start = datetime(year, 1, 1)
    day = np.maximum(0.0, np.sin(np.pi * (np.arange(hours) % 24 - 6) / 12))
    values = np.clip(day[:, None] * rng.uniform(0.2, 0.9, (hours, 2)), 0.0, 1.0)
    rows = [f"{start + timedelta(hours=h)},{x:.4f},{z:.4f}" for h, (x, z) in enumerate(values.tolist())]
    return ("time,Xinjiang,Zhejiang", *rows)


def request_lines(days: int = 3) -> Lines:
    seconds = np.arange(days * 144) * 600
    rate = 10.0 + 4.0 * np.sin(2 * np.pi * seconds / 86400) + seconds / 86400
    return ["t_s,req_per_s", *(f"{t},{r:.3f}" for t, r in zip(seconds.tolist(), rate.tolist(), strict=True))]


def write_folder(folder: Path, year: int = 2021) -> Path:
    (folder / "recording.yaml").write_text(LAYOUT, encoding="utf-8")
    (folder / "sun.csv").write_text("\n".join(weather_lines(year, 1)) + "\n", encoding="utf-8")
    with gzip.open(folder / "wind.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(weather_lines(year, 2)) + "\n")
    (folder / "requests.csv").write_text("\n".join(request_lines()) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return load_recording(write_folder(tmp_path_factory.mktemp("made-up")), load_scenario("zhejiang-xinjiang"))


def at(day: date, hour: int = 0) -> int:
    return minute_of(day, hour)


def test_a_layouts_time_zone_is_turned_to_the_scenarios_clock(made_up: Recording, tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "recording.yaml").write_text(f"{LAYOUT}timezone: UTC\n", encoding="utf-8")
    scenario = load_scenario("zhejiang-xinjiang")
    turned = load_recording(folder, scenario)
    np.testing.assert_array_equal(turned.sun_cf, np.roll(made_up.sun_cf, 8 * 4, axis=0))
    (folder / "recording.yaml").write_text(f"{LAYOUT}timezone: Europe/Berlin\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"recording.yaml: timezone 'Europe/Berlin' changes its offset"):
        load_recording(folder, scenario)


def test_sums_survive_resampling_both_ways() -> None:
    rng = np.random.default_rng(0)
    hourly = Series(0.0, 60.0, rng.uniform(0.0, 1.0, (240, 2)))
    fine = resample(hourly, 15)
    assert fine.shape == (960, 2)
    np.testing.assert_allclose(fine.mean(axis=0), hourly.rows.mean(axis=0), rtol=1e-12)
    assert fine.min() >= hourly.rows.min() and fine.max() <= hourly.rows.max()
    np.testing.assert_allclose(resample(hourly, 60), hourly.rows, rtol=1e-12)
    ten_minutes = Series(0.0, 10.0, rng.uniform(0.0, 1.0, (288, 1)))
    quarters = resample(ten_minutes, 15)
    np.testing.assert_allclose(
        quarters[:2, 0],
        [(ten_minutes.rows[0, 0] * 2 + ten_minutes.rows[1, 0]) / 3] * 1
        + [(ten_minutes.rows[1, 0] + 2 * ten_minutes.rows[2, 0]) / 3],
    )
    np.testing.assert_allclose(quarters.mean(), ten_minutes.rows.mean())


def test_a_straight_line_is_read_between_the_middles_of_hours() -> None:
    rising = Series(0.0, 60.0, np.arange(24.0)[:, None])
    fine = resample(rising, 30)[:, 0]
    np.testing.assert_allclose(fine[2:6], [0.75, 1.25, 1.75, 2.25])


def test_columns_follow_the_scenarios_regions_whatever_their_order_in_the_file(made_up: Recording) -> None:
    zhejiang = np.array([float(line.split(",")[2]) for line in weather_lines(2021, 1)[1:]])
    assert made_up.year == 2021 and made_up.region_names == ("jinshuitan", "midong")
    np.testing.assert_allclose(made_up.sun_cf[:, 0].mean(), zhejiang.mean())
    assert made_up.sun_cf.shape == (365 * 96, 2)
    assert made_up.requests.shape == (3 * 96, 2)


def test_the_date_picks_the_recorded_day_and_the_years_end_wraps(made_up: Recording) -> None:
    sun, wind = replay_weather(made_up, PAIR, at(date(2026, 5, 3)), 8, np.random.default_rng(0))
    first = (date(2021, 5, 3) - date(2021, 1, 1)).days * 96
    np.testing.assert_array_equal(sun.truth, made_up.sun_cf[first : first + 8])
    np.testing.assert_array_equal(wind.truth, made_up.wind_cf[first : first + 8])
    late, _ = replay_weather(made_up, PAIR, at(date(2026, 12, 31)), 200, np.random.default_rng(0))
    np.testing.assert_array_equal(late.truth[96:], made_up.sun_cf[:104])


def test_29_february_becomes_1_march_unless_the_recorded_year_has_one(made_up: Recording, tmp_path: Path) -> None:
    march = (date(2021, 3, 1) - date(2021, 1, 1)).days * 96
    sun, _ = replay_weather(made_up, PAIR, at(date(2028, 2, 29), 6), 4, np.random.default_rng(0))
    np.testing.assert_array_equal(sun.truth, made_up.sun_cf[march + 24 : march + 28])
    leap = load_recording(write_folder(tmp_path, 2020), load_scenario("zhejiang-xinjiang"))
    assert len(leap.sun_cf) == 366 * 96
    february = (date(2020, 2, 29) - date(2020, 1, 1)).days * 96
    sun, _ = replay_weather(leap, PAIR, at(date(2028, 2, 29)), 4, np.random.default_rng(0))
    np.testing.assert_array_equal(sun.truth, leap.sun_cf[february : february + 4])
    onward, _ = replay_weather(leap, PAIR, at(date(2026, 2, 28)), 192, np.random.default_rng(0))
    np.testing.assert_array_equal(onward.truth, leap.sun_cf[february - 96 : february + 96])


def test_climatology_is_the_recordings_mean_by_month_and_hour(made_up: Recording) -> None:
    june = slice((date(2021, 6, 1) - date(2021, 1, 1)).days * 96, (date(2021, 7, 1) - date(2021, 1, 1)).days * 96)
    by_hour = made_up.sun_cf[june].reshape(30, 96, 2).mean(axis=0)
    sun, _ = replay_weather(made_up, PAIR, at(date(2026, 6, 1)), 30 * 96, np.random.default_rng(0))
    np.testing.assert_allclose(sun.climatology.reshape(30, 96, 2), np.broadcast_to(by_hour, (30, 96, 2)))


def test_a_recorded_latent_is_the_standardised_deviation(made_up: Recording) -> None:
    sun, wind = replay_weather(made_up, PAIR, at(date(2026, 6, 10)), 96 * 5, np.random.default_rng(3))
    load = replay_interactive(made_up, PAIR, at(date(2026, 6, 10)), 96 * 3, np.random.default_rng(3))
    for series in (sun, wind, load):
        latent, spread = series.known.slow + series.known.fast, series.known.response[:, 1]
        varies = spread > 0
        deviation = (series.truth - series.climatology).T
        np.testing.assert_allclose((latent * spread)[varies], deviation[varies], atol=1e-9)
        assert varies.mean() > 0.2


def test_requests_peak_when_the_regions_do_and_average_its_mean(made_up: Recording) -> None:
    regions = PAIR.regions
    load = replay_interactive(made_up, PAIR, at(date(2026, 1, 1)), 3 * 96, np.random.default_rng(0))
    np.testing.assert_allclose(load.truth.mean(axis=0), [region.interactive.mean_gpus for region in regions])
    peak_h = load.climatology[:96].argmax(axis=0) / 4
    for r, region in enumerate(regions):
        shape = np.convolve(np.tile(region.interactive.shape_by_hour, 3), np.ones(3), "same")[24:48]
        own_clock = (peak_h[r] + region.clock_offset_h) % 24
        assert own_clock == pytest.approx(shape.argmax() + 0.5, abs=1.0)


def test_a_recorded_world_fits_the_contract_and_keeps_what_is_drawn(made_up: Recording) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    drawn, recorded = (draw(scenario, episode_seed("test", 1), recording) for recording in (None, made_up))
    replaced = {"sun_kw", "wind_kw", "interactive_gpus", "carbon_kg_per_kwh"}
    theirs = arrays_of(drawn)
    for name, array in arrays_of(recorded).items():
        assert array.dtype == theirs[name].dtype and np.isfinite(array).all() and array.flags.c_contiguous, name
        if not name.startswith("signals."):
            assert array.shape == theirs[name].shape, name
            alike = array.shape == theirs[name].shape and np.allclose(array, theirs[name], 1e-9)
            assert alike == (name not in replaced), name
    assert (recorded.sun_kw <= [region.sun.capacity_kw for region in scenario.regions]).all()
    again = draw(scenario, episode_seed("test", 1), made_up)
    for name, array in arrays_of(recorded).items():
        np.testing.assert_array_equal(array, arrays_of(again)[name], err_msg=name)


def test_a_recorded_world_is_disturbed_as_a_drawn_one_is(made_up: Recording) -> None:
    plain, calm = (
        draw(load_scenario(name), episode_seed("test", 2), made_up)
        for name in ("zhejiang-xinjiang", "zhejiang-xinjiang+dark-calm")
    )
    when = slice(4 * 48, 4 * 120)
    np.testing.assert_allclose(calm.sun_kw[:, when], 0.3 * plain.sun_kw[:, when])
    np.testing.assert_allclose(calm.wind_kw[:, when], 0.2 * plain.wind_kw[:, when])
    assert (calm.carbon_kg_per_kwh >= plain.carbon_kg_per_kwh).all()
    np.testing.assert_array_equal(calm.wind_kw[:, when.stop :], plain.wind_kw[:, when.stop :])
    np.testing.assert_array_equal(climatology_of(calm), climatology_of(plain))


def test_recorded_carbon_averages_the_published_factor_over_the_year(made_up: Recording) -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    mean = np.mean([_carbon(scenario, made_up, month) for month in range(1, 13)], axis=0)
    np.testing.assert_allclose(mean, [region.carbon.mean_kg_per_kwh for region in scenario.regions], rtol=0.03)


def _carbon(scenario: object, recording: Recording, month: int) -> np.ndarray:
    month_long = load_scenario("zhejiang-xinjiang").model_copy(
        update={"start": f"2026-{month:02d}-01", "episode_days": 30}
    )
    world = draw(month_long, episode_seed("test", 0), recording)
    return world.carbon_kg_per_kwh[0, : month_long.n_steps].mean(axis=0)


def test_a_recording_for_another_scenario_is_refused(made_up: Recording) -> None:
    with pytest.raises(ConfigError, match="toy-east"):
        draw(load_scenario("toy"), episode_seed("test", 0), made_up)


def edit_sun(change: Callable[[Lines], object]) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        lines = weather_lines(2021, 1)
        change(lines)
        (folder / "sun.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return apply


def swap(lines: Lines) -> None:
    lines[40], lines[41] = lines[41], lines[40]


def replace_at(line: int, text: str) -> Callable[[Lines], None]:
    def apply(lines: Lines) -> None:
        lines[line - 1] = text

    return apply


FAULTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing file": (lambda folder: (folder / "wind.csv.gz").unlink(), ("wind.csv.gz", "no such file")),
    "gap": (edit_sun(lambda lines: lines.pop(100)), ("sun.csv", "line 101", "2021-01-05 04:00:00", "60 minutes apart")),
    "repeat": (
        edit_sun(lambda lines: lines.insert(50, lines[49])),
        ("sun.csv", "line 51", "repeats", "60 minutes apart"),
    ),
    "unsorted": (edit_sun(swap), ("sun.csv", "line 42", "is earlier than", "60 minutes apart")),
    "column": (
        edit_sun(replace_at(1, "time,Xinjiang,Zhejang")),
        ("sun.csv", "column 'Zhejiang'", "did you mean 'Zhejang'"),
    ),
    "no number": (
        edit_sun(replace_at(9, "2021-01-01 07:00:00,0.1,n/a")),
        ("sun.csv", "line 9", "Zhejiang = 'n/a'", "a number from 0 to 1"),
    ),
    "not a number at all": (edit_sun(replace_at(9, "2021-01-01 07:00:00,nan,0.1")), ("line 9", "Xinjiang = 'nan'")),
    "empty cell": (edit_sun(replace_at(9, "2021-01-01 07:00:00,0.1,")), ("line 9", "Zhejiang = ''")),
    "too high": (edit_sun(replace_at(9, "2021-01-01 07:00:00,0.1,1.2")), ("line 9", "Zhejiang = '1.2'", "from 0 to 1")),
    "bad time": (edit_sun(replace_at(9, "yesterday,0.1,0.1")), ("line 9", "time = 'yesterday'", "2020-01-31 00:00:00")),
    "blank line": (edit_sun(lambda lines: lines.insert(30, "")), ("sun.csv", "line 31")),
    "part of a year": (
        edit_sun(lambda lines: lines.__delitem__(slice(1, 25))),
        ("sun.csv", "must cover a calendar year"),
    ),
    "part of a day": (edit_sun(lambda lines: lines.pop()), ("sun.csv", "must cover whole days")),
    "too many cells": (
        edit_sun(replace_at(9, "2021-01-01 07:00:00,1,1,1,1")),
        ("sun.csv", "not readable as CSV", "line 9"),
    ),
    "too many cells everywhere": (
        edit_sun(lambda lines: lines.__setitem__(slice(1, None), [line + ",1" for line in lines[1:]])),
        ("sun.csv", "more cells than its header"),
    ),
    "header only": (edit_sun(lambda lines: lines.__delitem__(slice(1, None))), ("sun.csv", "0 rows")),
    "empty file": (lambda folder: (folder / "sun.csv").write_text(""), ("sun.csv", "not readable as CSV")),
    "another year": (edit_sun(lambda lines: lines.__setitem__(slice(None), weather_lines(2022, 1))), ("2021", "2022")),
    "cut-off gzip": (
        lambda folder: (folder / "wind.csv.gz").write_bytes((folder / "wind.csv.gz").read_bytes()[:500]),
        ("wind.csv.gz", "not readable as CSV"),
    ),
    "no requests": (
        lambda folder: (folder / "requests.csv").write_text(
            "\n".join(f"{h * 3600},0" for h in range(-1, 24)).replace("-3600,0", "t_s,req_per_s")
        ),
        ("requests.csv", "req_per_s", "must be positive"),
    ),
    "negative rate": (
        lambda folder: (folder / "requests.csv").write_text(
            "\n".join(request_lines()).replace(",10.000", ",-10.000", 1)
        ),
        ("requests.csv", "line 2", "-10.000", "not below 0"),
    ),
    "misspelt key": (
        lambda folder: (folder / "recording.yaml").write_text(LAYOUT.replace("path: sun.csv", "paht: sun.csv")),
        ("recording.yaml", "paht", "did you mean 'path'"),
    ),
    "way out": (
        lambda folder: (folder / "recording.yaml").write_text(LAYOUT.replace("sun.csv", "../sun.csv")),
        ("recording.yaml", "inside the recording's folder"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_message_that_names_place_and_remedy(fault: str, tmp_path: Path) -> None:
    spoil, expected = FAULTS[fault]
    spoil(write_folder(tmp_path))
    with pytest.raises(ConfigError) as caught:
        load_recording(tmp_path, load_scenario("zhejiang-xinjiang"))
    for words in expected:
        assert words in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        load_recording(tmp_path / "nowhere", load_scenario("zhejiang-xinjiang"))


def test_a_folder_without_a_layout_is_read_as_the_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"china_2020.*cf_solar_by_province_2020\.csv\.gz: no such file"):
        load_recording(tmp_path, load_scenario("zhejiang-xinjiang"))


def test_times_with_an_offset_are_turned_to_the_scenarios_clock(tmp_path: Path) -> None:
    path = tmp_path / "utc.csv"
    rows = [f"2021-01-01T{h:02d}:00:00Z,0.5" for h in range(24)]
    path.write_text("\n".join(["time,value", *rows]))
    for offset_h in (8, -6):
        series = read_series(path, "time", ["value"], utc_offset_minutes=60 * offset_h, high=1.0)
        assert series.start_minute == minute_of(date(2021, 1, 1), offset_h)


@needs_data
def test_the_recorded_sun_is_centred_on_solar_noon() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    day = load_recording(DATA, scenario).sun_cf.reshape(-1, 96, 2).mean(axis=0)
    centroid_h = (day * (np.arange(96)[:, None] + 0.5) / 4).sum(axis=0) / day.sum(axis=0)
    solar_noon_h = [12.0 + (120.0 - region.site.longitude_deg) / 15.0 for region in scenario.regions]
    np.testing.assert_allclose(centroid_h, solar_noon_h, atol=0.3)


@needs_data
def test_the_published_recordings() -> None:
    scenario = load_scenario("zhejiang-xinjiang")
    recording = load_recording(DATA, scenario)
    assert recording.year == 2020 and recording.name == "china-2020"
    np.testing.assert_allclose(recording.sun_cf.mean(axis=0), [0.119, 0.179], atol=0.002)
    np.testing.assert_allclose(recording.wind_cf.mean(axis=0), [0.178, 0.133], atol=0.002)
    assert len(recording.requests) == 14 * 96
    for start in ("2026-01-01", "2026-02-28", "2026-06-21", "2026-12-31"):
        world = draw(scenario.model_copy(update={"start": start}), episode_seed("test", 0), recording)
        assert world.sun_kw.shape == (1, n_drawn(scenario), 2)
        assert all(np.isfinite(array).all() for array in arrays_of(world).values())
        noon = world.sun_kw[0, :, 1].reshape(-1)[: 7 * 96].reshape(7, 96).mean(axis=0).argmax() / 4
        assert 13.0 <= noon <= 15.5, "Xinjiang's sun is highest two hours after Beijing's noon"
    assert climatology_of(world)[[SUN, WIND, INTERACTIVE, CARBON]].min() >= 0.0
