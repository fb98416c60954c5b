"""The shipped tariffs against the published rules, and tariff files that must be refused."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from wattward.configs import ConfigError, load_tariff, names

DERIVED = {"zhejiang-2024": "Zhejiang_2024", "zhejiang-2026": "Zhejiang_2026", "xinjiang-2023": "Xinjiang"}
"""Tariffs whose sharp and deep prices are derived from published ratios."""
PUBLISHED = DERIVED | {
    "chongqing-2022": "Chongqing",
    "gansu-2024": "Gansu",
    "guangdong-north-2021": "Guangdong_PRD",
    "guizhou-2023": "Guizhou",
    "hebei-north-2023": "Hebei_North_Zhangjiakou",
    "inner-mongolia-west-2024": "InnerMongolia_West",
    "ningxia-2025": "Ningxia",
    "shanghai-2024": "Shanghai",
    "sichuan-2025": "Sichuan",
}
SAID_OTHERWISE = {
    "guangdong-north-2021": ("sharp", "peak", "flat", "valley"),
    "hebei-north-2023": ("deep",),
    "ningxia-2025": ("peak", "flat"),
}
"""Bands whose shipped price is not the printed one; the file's source says why."""
BANDS = ("deep", "valley", "flat", "peak", "sharp")


@pytest.fixture(scope="module")
def rules(data_dir: Path) -> dict[str, Any]:
    return dict(json.loads((data_dir / "cn_tariffs" / "cn_tou_tariffs.json").read_text(encoding="utf-8")))


def flat_tariff() -> dict[str, Any]:
    return {
        "name": "flat",
        "title": "one price",
        "document": "none",
        "source": "made up",
        "price_per_kwh": {"flat": 0.5},
        "seasons": [{"months": list(range(1, 13)), "hours_by_band": {"flat": [[0, 24]]}}],
    }


def refused(tmp_path: Path, data: dict[str, Any]) -> str:
    path = tmp_path / "flat.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_tariff(path)
    message = str(caught.value)
    assert str(path) in message
    return message


def test_the_published_tariffs_are_shipped() -> None:
    assert set(PUBLISHED) <= set(names("tariffs"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_month_and_hour_has_the_published_band(name: str, rules: dict[str, Any]) -> None:
    bands = {
        (month, hour): segment["band"]
        for season in rules[PUBLISHED[name]]["seasons"]
        for month in season["months"]
        for segment in season["segments"]
        for hour in range(segment["start"], segment["end"])
    }
    shipped = {
        (month, hour): band
        for season in load_tariff(name).seasons
        for month in season.months
        for band, spans in season.hours_by_band.items()
        for first, last in spans
        for hour in range(first, last)
    }
    assert len(bands) == 288
    assert shipped == bands


@pytest.mark.parametrize("name", PUBLISHED)
def test_prices_and_documents_are_the_published_ones(name: str, rules: dict[str, Any]) -> None:
    rule, tariff = rules[PUBLISHED[name]], load_tariff(name)
    assert tariff.document in rule["doc"]
    for band, price in rule["prices_yuan_kwh"].items():
        if band not in SAID_OTHERWISE.get(name, ()):
            assert tariff.price_per_kwh[band] == pytest.approx(price)


def test_prices_that_are_not_the_printed_ones(rules: dict[str, Any]) -> None:
    ningxia = load_tariff("ningxia-2025").price_per_kwh
    printed = rules["Ningxia"]["prices_yuan_kwh"]
    assert (ningxia["peak"], ningxia["flat"]) == (printed["flat"], printed["peak"])
    guangdong = load_tariff("guangdong-north-2021").price_per_kwh
    north = "/".join(f"{guangdong[band]:.4f}".lstrip("0") for band in ("sharp", "peak", "flat", "valley"))
    assert north in rules["Guangdong_PRD"]["price_note"]


def test_deep_hours_of_shanghai_are_on_weekends_and_holidays() -> None:
    (deep,) = load_tariff("shanghai-2024").holidays
    year = [date(2026, 1, 1) + timedelta(days=i) for i in range(365)]
    weekends = {day for day in year if day.weekday() >= 5 and day.month in (2, 3, 4, 5, 6, 9, 10, 11)}
    assert weekends <= set(deep.dates) <= set(year)


@pytest.mark.parametrize("name", DERIVED)
def test_missing_prices_say_where_they_come_from(name: str) -> None:
    assert "Sharp and deep D" in load_tariff(name).source


@pytest.mark.parametrize("name", PUBLISHED)
def test_bands_are_ordered_and_used(name: str) -> None:
    tariff = load_tariff(name)
    prices = [tariff.price_per_kwh[band] for band in BANDS if band in tariff.price_per_kwh]
    assert prices == sorted(prices)
    assert len(prices) == len(tariff.price_per_kwh)
    assert "assumption" in tariff.source
    assert 25.6 <= tariff.demand_charge_per_kw_month <= 31.2


def test_derived_prices_follow_the_published_ratios() -> None:
    zhejiang, xinjiang = (load_tariff(name).price_per_kwh for name in ("zhejiang-2026", "xinjiang-2023"))
    base = (zhejiang["peak"] - zhejiang["flat"]) / 0.85
    assert zhejiang["sharp"] == pytest.approx(zhejiang["flat"] + 1.05 * base, abs=1e-3)
    assert zhejiang["deep"] == pytest.approx(zhejiang["flat"] - 0.8 * base, abs=1e-3)
    assert xinjiang["sharp"] == pytest.approx(xinjiang["flat"] + (xinjiang["peak"] - xinjiang["flat"]) / 0.75, abs=1e-3)
    assert xinjiang["deep"] == pytest.approx(
        xinjiang["flat"] - 0.9 * (xinjiang["flat"] - xinjiang["valley"]) / 0.75, abs=1e-3
    )


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flat.yaml"
    path.write_text(yaml.safe_dump(flat_tariff()), encoding="utf-8")
    assert load_tariff(path).demand_charge_per_kw_month == 0.0


def test_a_missing_hour_is_refused(tmp_path: Path) -> None:
    data = flat_tariff()
    data["seasons"][0]["hours_by_band"]["flat"] = [[0, 7], [8, 24]]
    assert "hour 7" in refused(tmp_path, data)


def test_an_hour_in_two_bands_is_refused(tmp_path: Path) -> None:
    data = flat_tariff()
    data["seasons"][0]["hours_by_band"]["flat"] = [[0, 24], [5, 6]]
    assert "hour 5" in refused(tmp_path, data)


def test_a_missing_month_is_refused(tmp_path: Path) -> None:
    data = flat_tariff()
    data["seasons"][0]["months"] = list(range(1, 12))
    assert "each month" in refused(tmp_path, data)


def test_a_band_without_a_price_is_refused(tmp_path: Path) -> None:
    data = flat_tariff()
    data["seasons"][0]["hours_by_band"] = {"flat": [[0, 12]], "peek": [[12, 24]]}
    assert "peek" in refused(tmp_path, data)


@pytest.mark.parametrize(
    ("holiday", "said"),
    [
        ({"every_year": ["13-01"], "hours_by_band": {"flat": [[0, 4]]}}, "13-01"),
        ({"every_year": ["05-01"], "hours_by_band": {"flat": [[20, 26]]}}, "hour 24"),
        ({"every_year": ["05-01"], "hours_by_band": {"flat": [[0, 4], [3, 5]]}}, "hour 3"),
        ({"dates": ["2026-02-30"], "hours_by_band": {"flat": [[0, 4]]}}, "2026-02-30"),
    ],
)
def test_wrong_holidays_are_refused(tmp_path: Path, holiday: dict[str, Any], said: str) -> None:
    assert said in refused(tmp_path, {**flat_tariff(), "holidays": [holiday]})


def test_a_misspelt_key_names_the_right_one(tmp_path: Path) -> None:
    message = refused(tmp_path, {**flat_tariff(), "demand_charge_per_kw_mnth": 1.0})
    assert "did you mean 'demand_charge_per_kw_month'" in message
