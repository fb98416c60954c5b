"""A year drawn in weeks against the recorded capacity factors of 2020, province by province.

The record's solar hours are labelled with their end: its centroid lies half an hour after solar noon when labels are
read as instants. Drawn years are compared by moments that do not depend on labels.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wattward.configs import load_scenario
from wattward.envs.model.types import Floats
from wattward.envs.world.processes.calendar import minute_of
from wattward.envs.world.processes.gaussian import Drawn
from wattward.envs.world.processes.sun import draw_sun_factor
from wattward.envs.world.processes.wind import draw_wind_factor

SITES = ("Zhejiang", "Xinjiang")
WEEKS, YEARS = 52, 6
KINDS = ("sun", "wind")
FILES = {"sun": "cf_solar_by_province_2020.csv.gz", "wind": "cf_onwind_by_province_2020.csv.gz"}


@pytest.fixture(scope="module")
def recorded(data_dir: Path) -> dict[str, Floats]:
    """Hourly capacity factors by kind, shape (52, 168, 2)."""
    tables = {kind: pd.read_csv(data_dir / "china_2020" / name) for kind, name in FILES.items()}
    return {kind: table[list(SITES)].to_numpy()[: WEEKS * 168].reshape(WEEKS, 168, 2) for kind, table in tables.items()}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Floats]:
    """Hourly means of independent drawn weeks by kind, shape (6 x 52, 168, 2)."""
    scenario, rng = load_scenario("zhejiang-xinjiang"), np.random.default_rng(2020)
    draws: dict[str, Callable[..., Drawn]] = {"sun": draw_sun_factor, "wind": draw_wind_factor}
    starts = [minute_of(date(2020, 1, 1)) + 1440 * 7 * week for week in range(WEEKS)] * YEARS
    return {
        kind: np.array([draw(scenario, start, 672, rng).truth.reshape(168, 4, 2).mean(axis=1) for start in starts])
        for kind, draw in draws.items()
    }


def daily(weeks: Floats) -> Floats:
    result: Floats = weeks.reshape(-1, 24, 2).mean(axis=1)
    return result


def within_weeks(weeks: Floats, lag: int) -> Floats:
    """Correlation at a lag in hours of the raw hourly series, pairs within weeks only, shape (2,)."""
    centred = weeks - weeks.mean(axis=(0, 1))
    products = centred[:, :-lag] * centred[:, lag:]
    result: Floats = products.mean(axis=(0, 1)) / centred.var(axis=(0, 1))
    return result


def from_climatology(weeks: Floats) -> Floats:
    """Daily means less their mean over 5 weeks around, so that the season is out, shape (days, 2)."""
    days = daily(weeks).reshape(-1, WEEKS, 7, 2)
    by_week = days.mean(axis=(0, 2))
    season = np.mean([np.roll(by_week, shift, axis=0) for shift in range(-2, 3)], axis=0)
    result: Floats = (days - season[None, :, None]).reshape(-1, 2)
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_means(kind: str, recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    np.testing.assert_allclose(drawn[kind].mean(axis=(0, 1)), recorded[kind].mean(axis=(0, 1)), rtol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_spread_of_hours(kind: str, recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    np.testing.assert_allclose(drawn[kind].std(axis=(0, 1)), recorded[kind].std(axis=(0, 1)), rtol=0.06)


@pytest.mark.parametrize("kind", KINDS)
def test_spread_of_days(kind: str, recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    np.testing.assert_allclose(daily(drawn[kind]).std(axis=0), daily(recorded[kind]).std(axis=0), rtol=0.10)


@pytest.mark.parametrize(
    ("kind", "lag", "atol"), [("sun", 1, 0.02), ("sun", 24, 0.03), ("wind", 1, 0.02), ("wind", 24, 0.07)]
)
def test_autocorrelation_of_the_raw_series(
    kind: str, lag: int, atol: float, recorded: dict[str, Floats], drawn: dict[str, Floats]
) -> None:
    np.testing.assert_allclose(within_weeks(drawn[kind], lag), within_weeks(recorded[kind], lag), atol=atol)


def test_dark_days(recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    dark = {
        name: (daily(series["sun"]) < 0.03).mean(axis=0) for name, series in (("recorded", recorded), ("drawn", drawn))
    }
    np.testing.assert_allclose(dark["drawn"], dark["recorded"], atol=0.03)
    assert dark["recorded"][0] > 0.05
    assert dark["drawn"][1] < 0.003


@pytest.mark.parametrize("kind", KINDS)
def test_correlation_between_the_regions_day_by_day(
    kind: str, recorded: dict[str, Floats], drawn: dict[str, Floats]
) -> None:
    first, second = (
        float(np.corrcoef(from_climatology(series[kind]), rowvar=False).flat[1]) for series in (recorded, drawn)
    )
    assert second == pytest.approx(first, abs=0.15)
    assert abs(second) < 0.1


def test_wind_blows_by_night_and_in_spring_in_xinjiang(recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    for series in (recorded, drawn):
        xinjiang = series["wind"][..., 1]
        by_hour = xinjiang.reshape(-1, 24).mean(axis=0)
        by_week = xinjiang.reshape(-1, WEEKS, 168).mean(axis=(0, 2))
        assert by_hour[[22, 23, 0, 1]].mean() > 1.3 * by_hour[10:14].mean()
        assert by_week[16:28].mean() > 1.8 * np.concatenate([by_week[:6], by_week[-6:]]).mean()


def test_the_share_of_calm_and_of_strong_hours(recorded: dict[str, Floats], drawn: dict[str, Floats]) -> None:
    for low, high in ((0.0, 0.05), (0.5, 1.0)):
        shares = [((s["wind"] >= low) & (s["wind"] <= high)).mean(axis=(0, 1)) for s in (recorded, drawn)]
        np.testing.assert_allclose(shares[1], shares[0], atol=0.07)
