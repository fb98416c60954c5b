"""Requests, carbon and prices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wattward.configs import ConfigError
from wattward.envs.world.importers import carbon, prices, requests
from wattward.envs.world.importers.options import Options

Write = Callable[..., Path]
GPU = Options("east", zone="UTC", tokens_per_gpu_h=1000.0)


def trace(first: str, hours: int, skip: tuple[int, ...] = ()) -> list[str]:
    """A request each half minute of the hour; the tokens of an hour sum to 1200 x (hour + 1)."""
    rows = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    for hour in range(hours):
        for half in range(120) if hour not in skip else ():
            time = pd.Timestamp(first) + pd.Timedelta(hours=hour, seconds=30 * half)
            rows.append(f"{time}.6805900,{6 * (hour + 1)},{4 * (hour + 1)}")
    return rows


def test_tokens_become_gpus_by_the_hour(text: Write) -> None:
    found = requests.read([text("t.csv", *trace("2024-05-01 10:00:00", 4))], GPU)
    each = found.measured[0]
    assert (each.series, each.unit) == ("interactive_gpus", "GPU")
    np.testing.assert_allclose(each.values, [1.2, 2.4, 3.6, 4.8])
    assert each.times[0] == pd.Timestamp("2024-05-01 10:00", tz="UTC")
    assert found.facts["requests"] == 480 and found.facts["columns"] == ["ContextTokens", "GeneratedTokens"]


def test_hours_that_the_trace_covers_in_part_are_left_out(text: Write) -> None:
    found = requests.read([text("t.csv", *trace("2024-05-01 10:20:00", 4))], GPU)
    assert found.measured[0].times[0] == pd.Timestamp("2024-05-01 11:00", tz="UTC")
    assert len(found.measured[0].times) == 3


def test_requests_keep_their_hours_through_both_changes_of_clocks(text: Write) -> None:
    utc = pd.date_range("2024-10-26 22:00", "2024-10-27 03:59:30", freq="30s", tz="UTC")
    for times in (utc, utc - pd.Timedelta(days=210)):  # 27 October and 31 March 2024
        local = times.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M:%S")
        path = text("t.csv", "timestamp,tokens", *(f"{time},10" for time in local))
        options = Options("east", zone="Europe/Berlin", tokens_per_gpu_h=1200.0)
        found = requests.read([path], options).measured[0]
        np.testing.assert_allclose(found.values, 1.0)
        assert len(found.times) == 6 and found.times[0] == times[0]


def test_a_trace_that_counts_needs_its_start(text: Write) -> None:
    rows = [f"{s * 1000},5,5" for s in range(0, 3 * 3600, 30)]
    path = text("t.csv", "timestamp_ms,input_tokens,output_tokens", *rows)
    with pytest.raises(ConfigError, match="counts from the trace's own start; --start must"):
        requests.read([path], GPU)
    found = requests.read([path], Options("east", start="2024-05-01T00:00+02:00", tokens_per_gpu_h=1200.0))
    np.testing.assert_allclose(found.measured[0].values, 1.0)
    assert found.measured[0].times[0] == pd.Timestamp("2024-04-30 22:00", tz="UTC")


def test_an_hour_without_requests_is_a_gap(text: Write) -> None:
    path = text("t.csv", *trace("2024-05-01 10:00:00", 6, skip=(2, 3)))
    with pytest.raises(ConfigError, match=r"1 gap: 2 h from 2024-05-01T12:00:00"):
        requests.read([path], GPU)
    options = Options("east", zone="UTC", tokens_per_gpu_h=1000.0, fill="interpolate")
    np.testing.assert_allclose(requests.read([path], options).measured[0].values, [1.2, 2.4, 3.6, 4.8, 6.0, 7.2])


def test_requests_that_cannot_be_used_are_named(text: Write) -> None:
    rows = trace("2024-05-01 10:00:00", 4)
    path = text("t.csv", *rows)
    with pytest.raises(ConfigError, match="--tokens-per-gpu-hour = None"):
        requests.read([path], Options("east", zone="UTC"))
    with pytest.raises(ConfigError, match="--value-column = 'Tokens': no such column; it has TIMESTAMP"):
        requests.read([path], Options("east", zone="UTC", tokens_per_gpu_h=1.0, value_columns=("Tokens",)))
    spoilt = text("s.csv", *rows[:3], rows[3].replace(",4", ",-4"), *rows[4:])
    with pytest.raises(ConfigError, match=r"s.csv, line 4: GeneratedTokens = '-4': must be a number from 0"):
        requests.read([spoilt], GPU)


def electricity_maps(hours: pd.DatetimeIndex, value: str = "{}") -> list[str]:
    head = "Datetime (UTC),Country,Zone Name,Carbon Intensity gCO₂eq/kWh (direct),Renewable Percentage"
    return [head, *(f"{t:%Y-%m-%d %H:%M:%S},DE,Germany,{value.format(100 + i)},{i}" for i, t in enumerate(hours))]


def test_carbon_is_read_as_kilograms(text: Write) -> None:
    hours = pd.date_range("2024-03-31", periods=48, freq="h", tz="UTC")
    days = [text(f"{i}.csv", *electricity_maps(part)) for i, part in enumerate((hours[24:], hours[:24]))]
    found = carbon.read(days, Options("DE"))
    assert [(each.series, each.unit) for each in found.measured] == [
        ("carbon_kg_per_kwh", "kg/kWh"),
        ("renewable_share", "1"),
    ]
    np.testing.assert_allclose(found.measured[0].values, np.tile(np.arange(100, 124) / 1000, 2))
    np.testing.assert_allclose(found.measured[1].values[:3], [0.0, 0.01, 0.02])
    assert found.facts["zone"] == "UTC"
    with pytest.raises(ConfigError, match=r"line 2: Carbon Intensity .* = 'x100': must be a number from 0 to 2500"):
        carbon.read([text("bad.csv", *electricity_maps(hours, "x{}"))], Options("DE"))
    with pytest.raises(ConfigError, match=r"24 h from 2024-04-01"):
        later = electricity_maps(hours[:24] + pd.Timedelta(days=2))
        carbon.read([days[1], text("later.csv", *later)], Options("DE"))


def test_prices_in_local_time_through_both_changes_of_clocks(text: Write) -> None:
    for day in ("2024-03-30", "2024-10-26"):
        local = pd.date_range(day, periods=72, freq="h", tz="Europe/Berlin")
        rows = [f"{t:%Y-%m-%d %H:%M},{i - 10}" for i, t in enumerate(local)]
        path = text("p.csv", "Date,Price [EUR/MWh]", *rows)
        found = prices.read([path], Options("DE", zone="Europe/Berlin", exchange_rate=8.0))
        each = found.measured[0]
        assert each.times.equals(local.tz_convert("UTC")) and each.unit == "CNY/kWh"
        np.testing.assert_allclose(each.values, (np.arange(72) - 10) * 0.008)
        assert found.facts["unit_in_file"] == "EUR/MWh" and len(found.facts["notes"]) == (day == "2024-10-26")


def test_prices_say_what_they_are_in(text: Write) -> None:
    path = text("p.csv", "utc,price,currency", "2024-01-01 00:00,0.5,cny", "2024-01-01 01:00,-0.1,cny")
    with pytest.raises(ConfigError, match="'price' does not say whether it is per kWh or MWh; --per must"):
        prices.read([path], Options("east"))
    np.testing.assert_allclose(prices.read([path], Options("east", per="kWh")).measured[0].values, [0.5, -0.1])
    with pytest.raises(ConfigError, match="--exchange-rate = None: must say how many CNY one USD is"):
        prices.read([path], Options("east", per="kWh", currency="USD"))
    plain = text("q.csv", "utc,price_usd_mwh", "2024-01-01 00:00,50", "2024-01-01 01:00,60")
    found = prices.read([plain], Options("east", exchange_rate=7.0))
    np.testing.assert_allclose(found.measured[0].values, [0.35, 0.42])
    own = prices.read([plain], Options("east", into="usd"))
    np.testing.assert_allclose(own.measured[0].values, [0.05, 0.06])
    assert own.measured[0].unit == "USD/kWh" and own.facts["currency"] == "USD"
    with pytest.raises(ConfigError, match="--into = 'DOLLARS': must be an ISO 4217 code"):
        prices.read([plain], Options("east", into="dollars"))
    commas = text("c.csv", "utc,price_eur_mwh", "2024-01-01 00:00,45,3", "2024-01-01 01:00,46,2")
    with pytest.raises(ConfigError, match=r"c.csv: not readable as CSV: its rows have more cells"):
        prices.read([commas], Options("east", exchange_rate=8.0))
    bare = text("r.csv", "utc,price_mwh", "2024-01-01 00:00,50", "2024-01-01 01:00,60")
    with pytest.raises(ConfigError, match="does not name its currency; --currency must"):
        prices.read([bare], Options("east"))
