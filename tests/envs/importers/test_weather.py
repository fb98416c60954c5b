from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.configs.loading.worlds import load_region
from wattward.envs.world.importers import weather
from wattward.envs.world.importers.options import Imported, Options
from wattward.envs.world.processes.wind import SPEED_GRID, power_curve

Write = Callable[..., Path]
THREE_DAYS = pd.date_range("2023-06-01", periods=72, freq="h")
MIDONG = Options("midong")


def values(imported: Imported, name: str) -> np.ndarray:
    return next(each.values for each in imported.measured if each.series == name)


def noon_h(imported: Imported, utc_offset_h: float) -> float:
    """Centroid of the mean day of sun, in hours of a fixed zone."""
    each = imported.measured[0]
    hour = (each.times.hour.to_numpy() + 0.5 + utc_offset_h) % 24
    return float((hour * each.values).sum() / each.values.sum())


def test_an_epw_file_becomes_sun_wind_and_air(epw: Write) -> None:
    found = weather.read([epw(THREE_DAYS)], MIDONG)
    assert [(each.series, each.unit) for each in found.measured] == [
        ("sun_cf", "1"),
        ("wind_cf", "1"),
        ("air_c", "degC"),
    ]
    assert found.measured[0].times[0] == pd.Timestamp("2023-05-31 16:00", tz="UTC")
    sun = values(found, "sun_cf")
    assert sun.min() == 0.0 and 0.5 < sun.max() <= 1.0
    assert noon_h(found, 8.0) == pytest.approx(12 + 8 - 87.6 / 15, abs=0.3)
    assert found.facts["typical_year_played_as"] is None and len(found.facts["sources"][0]["sha256"]) == 64


def test_wind_goes_through_the_regions_own_curve_at_the_hub(epw: Write) -> None:
    found = weather.read([epw(THREE_DAYS, change=lambda rows: rows.assign(w=5.0))], MIDONG)
    wind = load_region("midong").wind
    expected = np.interp(5.0 * 10 ** (1 / 7), SPEED_GRID, power_curve(wind.turbine, wind.curve_spread_m_per_s))
    np.testing.assert_allclose(values(found, "wind_cf"), expected)
    other = weather.read([epw(THREE_DAYS)], Options("midong", turbine="E-101/3050"))
    assert other.facts["turbine"] == "E-101/3050"


def test_tilt_matters_and_is_checked(epw: Write) -> None:
    path = epw(THREE_DAYS)
    flat, steep = (weather.read([path], Options("anywhere", tilt_deg=tilt)) for tilt in (0.0, 80.0))
    assert values(flat, "sun_cf").sum() > 1.2 * values(steep, "sun_cf").sum()
    with pytest.raises(ConfigError, match="--tilt = 100: must be from 0 to 90"):
        weather.read([path], Options("anywhere", tilt_deg=100.0))


def test_a_typical_year_of_months_from_several_years_becomes_one(epw: Write) -> None:
    months = [pd.date_range(f"{2010 - month}-{month:02d}-01", periods=24, freq="h") for month in (1, 2)]
    rest = pd.date_range("2007-01-02", periods=24 * 30, freq="h")
    hours = months[0].append(rest).append(months[1])
    found = weather.read([epw(hours, tz=0.0, lon=0.0)], Options("midong", year=2022))
    times = found.measured[0].times
    assert found.facts["typical_year_played_as"] == 2022
    assert (times[0], times[-1]) == tuple(pd.to_datetime(["2022-01-01 00:00", "2022-02-01 23:00"], utc=True))
    with pytest.raises(ConfigError, match="--year = 2020: is for typical years, these rows are of 2023"):
        weather.read([epw(THREE_DAYS)], Options("midong", year=2020))


def test_missing_values_are_gaps(epw: Write) -> None:
    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        rows.iloc[30:32, rows.columns.get_loc("t")] = 99.9
        return rows.drop(rows.index[50])

    path = epw(THREE_DAYS, change=spoil)
    with pytest.raises(ConfigError, match=r"2 gaps: 2 h from 2023-06-01T22:00:00\+00:00, 1 h from 2023-06-02T18:00"):
        weather.read([path], MIDONG)
    found = weather.read([path], Options("midong", fill="repeat-day"))
    air = values(found, "air_c")
    np.testing.assert_array_equal(air[30:32], air[6:8])
    assert len(air) == 72 and [gap["hours"] for gap in found.facts["gaps"]] == [2.0, 1.0]


def tmy3(folder: Path) -> Path:
    head = "Date (MM/DD/YYYY),Time (HH:MM),GHI (W/m^2),DNI (W/m^2),DHI (W/m^2),Dry-bulb (C),Wspd (m/s)"
    lines = ['723170,"SITE",NC,-5.0,36.1,-79.95,270', head]
    for day in (1, 2):
        for hour in range(1, 25):
            sun = round(600 * max(0.0, np.cos((hour - 12.8) * np.pi / 14)))
            lines.append(f"06/{day:02d}/1988,{hour:02d}:00,{sun},{sun},{sun // 3},20.0,5.0")
    path = folder / "site.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_tmy3_stamps_are_the_ends_of_hours(tmp_path: Path) -> None:
    found = weather.read([tmy3(tmp_path)], Options("somewhere"))
    assert found.facts["form"] == "TMY3" and len(found.measured[0].times) == 48
    assert found.measured[0].times[0] == pd.Timestamp("1988-06-01 05:00", tz="UTC")
    assert noon_h(found, -5.0) == pytest.approx(12.3, abs=0.2)


def pvgis_hourly(folder: Path, suffix: str, location: bool = True) -> Path:
    stamps = [f"201306{day:02d}:{hour:02d}10" for day in (1, 2) for hour in range(24)]
    sun = [round(800 * max(0.0, float(np.cos((h - 12) * np.pi / 12))), 1) for h in range(24)] * 2
    names = ("time", "G(i)", "H_sun", "T2m", "WS10m", "Int")
    rows = [dict(zip(names, (t, g, 0.0, 18.5, 4.5, 0), strict=True)) for t, g in zip(stamps, sun, strict=True)]
    path = folder / f"pvgis{suffix}"
    if suffix == ".json":
        place = {"location": {"latitude": 45.0, "longitude": 8.0, "elevation": 200.0}} if location else {}
        data = {"inputs": place, "outputs": {"hourly": rows}, "meta": {"inputs": {}}}
        path.write_text(json.dumps(data), encoding="utf-8")
        return path
    head = ["Latitude (decimal degrees):\t45.000", "Longitude (decimal degrees):\t8.000", "Elevation (m):\t200"]
    table = [",".join(names), *(",".join(str(v) for v in row.values()) for row in rows)]
    lines = [*head, "Radiation database:\tPVGIS-SARAH2", "", *table, "", "T2m: air (degree Celsius)"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_pvgis_hourly_files_carry_their_own_plane(tmp_path: Path, suffix: str) -> None:
    found = weather.read([pvgis_hourly(tmp_path, suffix)], Options("somewhere"))
    assert found.facts["form"] == "PVGIS hourly" and found.facts["tilt_deg"] is None
    assert found.facts["site"]["latitude_deg"] == 45.0
    assert found.measured[0].times[0] == pd.Timestamp("2013-06-01 00:00", tz="UTC")
    np.testing.assert_allclose(values(found, "sun_cf").max(), 0.82 * 0.8)
    assert set(values(found, "air_c")) == {18.5}


def test_pvgis_typical_years_are_read(tmp_path: Path) -> None:
    stamps = [f"2010060{day}:{hour:02d}00" for day in (1, 2) for hour in range(24)]
    row = {"T2m": 20.0, "G(h)": 300.0, "Gb(n)": 200.0, "Gd(h)": 150.0, "WS10m": 4.0}
    rows = [{"time(UTC)": stamp, **row} for stamp in stamps]
    place = {"latitude": 45.0, "longitude": 8.0, "elevation": 200.0, "irradiance_time_offset": 0.2}
    outputs = {"tmy_hourly": rows, "months_selected": []}
    path = tmp_path / "tmy.json"
    path.write_text(json.dumps({"inputs": {"location": place}, "outputs": outputs, "meta": {"inputs": {}}}))
    found = weather.read([path], Options("somewhere"))
    assert found.facts["form"] == "PVGIS TMY" and len(values(found, "sun_cf")) == 48
    assert 0.0 < values(found, "sun_cf")[12] < 1.0


def test_where_the_file_does_not_say_its_place_the_options_must(tmp_path: Path) -> None:
    path = pvgis_hourly(tmp_path, ".json", location=False)
    with pytest.raises(ConfigError, match="--latitude must"):
        weather.read([path], Options("somewhere"))
    found = weather.read([path], Options("somewhere", latitude_deg=45.0, longitude_deg=8.0))
    assert found.facts["site"]["longitude_deg"] == 8.0
    with pytest.raises(ConfigError, match="--latitude = 95: must be from -90 to 90"):
        weather.read([path], Options("somewhere", latitude_deg=95.0, longitude_deg=8.0))
    with pytest.raises(ConfigError, match="--latitude = 10: the file itself says 45"):
        weather.read([pvgis_hourly(tmp_path, ".csv")], Options("somewhere", latitude_deg=10.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.assign(t=75.0), "temp_air = 75 at 2023-06-01 00:00:00.*must be from -90 to 60 degC"),
        (lambda rows: rows.assign(ghi=-5.0), "ghi = -5 at .*must be from 0 to 1500 W/m2"),
        (lambda rows: rows.iloc[::2], "rows are 120 minutes apart, must be hourly"),
        (lambda rows: rows.iloc[:0], "EPW"),
    ],
)
def test_weather_that_cannot_be_is_named(epw: Write, change: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        weather.read([epw(THREE_DAYS, change=change)], MIDONG)


def test_a_file_of_another_form_is_refused(text: Write) -> None:
    with pytest.raises(ConfigError, match=r"weather.csv: must be an EPW .*, TMY3 .* or PVGIS"):
        weather.read([text("weather.csv", "a,b", "1,2")], MIDONG)
    with pytest.raises(ConfigError, match=r"broken.epw: not readable as EPW"):
        weather.read([text("broken.epw", "LOCATION,here")], MIDONG)
    with pytest.raises(ConfigError, match="--currency: import weather does not take it; it takes --fill"):
        weather.read([], Options("midong", currency="EUR"))
