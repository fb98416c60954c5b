"""Price by the step: months, weekdays, holidays, years, and the gaps between the two sites."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.configs import load_region, load_scenario, load_tariff
from wattward.configs.schema.tariff import Tariff
from wattward.envs.model.types import Floats
from wattward.envs.world.prices import price
from wattward.envs.world.processes.calendar import clock, minute_of, position_in_year, step_minutes, steps_in_year
from wattward.envs.world.processes.tariff import tariff_price

NAMES = ("zhejiang-2024", "zhejiang-2026", "xinjiang-2023")


def hourly(name: str, day: date) -> Floats:
    return tariff_price(load_tariff(name), minute_of(day), 24, 60)


def gap(zhejiang: str, hour: int) -> float:
    day = date(2026, 4, 14)
    return float(hourly(zhejiang, day)[hour] - hourly("xinjiang-2023", day)[hour])


@pytest.mark.parametrize(
    ("hours", "old", "new"),
    [
        (range(8, 11), 0.58, -0.03),
        (range(14, 16), 0.92, 0.31),
        (range(16, 17), 0.92, 0.76),
        (range(17, 19), 0.26, 0.61),
        (range(19, 23), 0.07, 0.42),
    ],
)
def test_april_gaps_are_the_published_ones(hours: range, old: float, new: float) -> None:
    for hour in hours:
        assert gap("zhejiang-2024", hour) == pytest.approx(old, abs=0.006)
        assert gap("zhejiang-2026", hour) == pytest.approx(new, abs=0.006)


def test_quarter_hours_have_the_price_of_their_hour() -> None:
    tariff, start = load_tariff("zhejiang-2026"), minute_of(date(2026, 7, 14))
    fine = tariff_price(tariff, start, 96 * 40, 15)
    np.testing.assert_array_equal(
        fine.reshape(-1, 4), np.repeat(tariff_price(tariff, start, 24 * 40, 60)[:, None], 4, 1)
    )


def test_prices_run_on_into_the_next_years() -> None:
    tariff = load_tariff("zhejiang-2026")
    eve = minute_of(date(2026, 12, 31))
    whole = tariff_price(tariff, eve, 24 * 400, 60)
    np.testing.assert_array_equal(whole[24:48], tariff_price(tariff, minute_of(date(2027, 1, 1)), 24, 60))
    np.testing.assert_array_equal(whole[-24:], tariff_price(tariff, eve + 399 * 1440, 24, 60))
    assert len(whole) == 24 * 400 and np.isfinite(whole).all()


def test_bands_change_with_the_month() -> None:
    tariff = load_tariff("zhejiang-2026")
    june_to_july = tariff_price(tariff, minute_of(date(2026, 6, 30)), 48, 60)
    assert june_to_july[18] == tariff.price_per_kwh["peak"]
    assert june_to_july[24 + 18] == tariff.price_per_kwh["sharp"]


def test_holidays_bring_valley_and_deep_hours() -> None:
    tariff = load_tariff("zhejiang-2026")
    spring_festival, after = hourly(tariff.name, date(2026, 2, 18)), hourly(tariff.name, date(2026, 2, 24))
    assert set(spring_festival[:9]) == {tariff.price_per_kwh["valley"]}
    assert set(spring_festival[9:15]) == {tariff.price_per_kwh["deep"]}
    np.testing.assert_array_equal(spring_festival[15:], after[15:])
    assert tariff.price_per_kwh["deep"] not in after


@pytest.mark.parametrize("year", [2020, 2026, 2031])
def test_may_day_and_national_day_come_back_every_year(year: int) -> None:
    deep = load_tariff("zhejiang-2026").price_per_kwh["deep"]
    days = {(m, d): deep in hourly("zhejiang-2026", date(year, m, d)) for m in (5, 10) for d in range(1, 8)}
    assert {day for day, has_deep in days.items() if has_deep} == {(m, d) for m in (5, 10) for d in (1, 2, 3)}
    old = load_tariff("zhejiang-2024").price_per_kwh["deep"]
    assert set(hourly("zhejiang-2024", date(year, 10, 7))[10:14]) == {old}


def test_xinjiang_has_no_holiday_bands() -> None:
    np.testing.assert_array_equal(
        hourly("xinjiang-2023", date(2026, 10, 1)), hourly("xinjiang-2023", date(2026, 10, 20))
    )


def test_negative_prices_are_kept() -> None:
    tariff = load_tariff("zhejiang-2026")
    data = tariff.model_dump() | {"price_per_kwh": {**tariff.price_per_kwh, "valley": -0.1}}
    assert tariff_price(Tariff.model_validate(data), minute_of(date(2026, 4, 14)), 24, 60).min() == -0.1


def test_each_region_pays_its_own_tariff() -> None:
    regions = (load_region("midong"), load_region("jinshuitan", {"tariff": "zhejiang-2024"}))
    tariffs = {name: load_tariff(name) for name in NAMES}
    scenario = load_scenario("zhejiang-xinjiang").model_copy(update={"regions": regions, "tariffs": tariffs})
    start = minute_of(date(2026, 4, 14))
    both = price(scenario, start, 96, np.random.SeedSequence(0))
    assert both.shape == (96, 2)
    np.testing.assert_array_equal(both[:, 0], tariff_price(tariffs["xinjiang-2023"], start, 96, 15))
    np.testing.assert_array_equal(both[:, 1], tariff_price(tariffs["zhejiang-2024"], start, 96, 15))


@settings(max_examples=40)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 30)), st.sampled_from([5, 15, 60]))
def test_the_calendar_agrees_with_datetime(start: datetime, step: int) -> None:
    minute = minute_of(start.date(), start.hour)
    when = clock(step_minutes(minute, 30, step))
    for n in (0, 11, 29):
        expected = datetime(start.year, start.month, start.day, start.hour) + timedelta(minutes=n * step)
        found = (when.year[n], when.month[n], when.weekday[n], when.day_of_year[n], when.month_day[n])
        day_of_year = expected.timetuple().tm_yday
        month_day = 100 * expected.month + expected.day
        assert found == (expected.year, expected.month, expected.weekday(), day_of_year, month_day)
        assert when.hour[n] == pytest.approx(expected.hour + expected.minute / 60)


def test_a_year_table_wraps_at_the_end_of_the_year() -> None:
    year, place = position_in_year(minute_of(date(2026, 12, 31), 23.5), 4, 15)
    assert (year, place.tolist()) == (2026, [35038, 35039, 0, 1])
    assert steps_in_year(2028, 60) == 8784
