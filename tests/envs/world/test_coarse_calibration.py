"""Regions fitted coarsely: their usual sun and wind have the mean, season and day of the recorded capacity factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wattward.configs.loading.worlds import load_region
from wattward.configs.schema.region import Region
from wattward.envs.model.types import Floats
from wattward.envs.world.processes.sun import mean_sun_factor
from wattward.envs.world.processes.wind import mean_factor, speed_scale

EAST = ("pinghu", "lingang", "qingpu", "danjiangkou", "shaoguan", "tianfu", "guian")
WEST = ("zhangjiakou", "horinger", "qingyang", "zhongwei")


def recorded(data_dir: Path, name: str, region: Region) -> Floats:
    """Hourly capacity factors of the region's province in 2020, shape (366, 24)."""
    table = pd.read_csv(data_dir / "china_2020" / f"cf_{name}_by_province_2020.csv.gz")
    return np.asarray(table[region.site.province], dtype=np.float64).reshape(366, 24)


def first_harmonic(values: Floats) -> complex:
    """Of values over one period, relative to their mean."""
    turns = np.arange(values.size) / values.size
    return complex(2.0 * (values * np.exp(-2j * np.pi * turns)).mean() / values.mean())


@pytest.mark.parametrize("name", [*EAST, *WEST])
def test_mean_sun_is_the_provinces(data_dir: Path, name: str) -> None:
    region = load_region(name)
    assert mean_sun_factor(region, 2020, 60, 480) == pytest.approx(recorded(data_dir, "solar", region).mean(), rel=0.01)


@pytest.mark.parametrize("name", [*EAST, *WEST])
def test_mean_wind_season_and_day_are_the_provinces(data_dir: Path, name: str) -> None:
    region = load_region(name)
    days, hours = np.arange(1.0, 367.0)[:, None], np.arange(24.0) + 0.5
    climatology = mean_factor(speed_scale(days, hours, region.wind), region.wind)
    blown = recorded(data_dir, "onwind", region)
    assert climatology.mean() == pytest.approx(blown.mean(), rel=0.02)
    for axis in (0, 1):
        fitted, found = (first_harmonic(series.mean(axis=axis)) for series in (climatology, blown))
        assert abs(fitted - found) < 0.06
